/* SPDX-License-Identifier: ISC */

/* How far a transfer is; see progress.h. */

#include <stdio.h>
#include <string.h>

#include "core/macros.h"
#include "berth/out/human.h"
#include "berth/out/progress.h"
#include "berth/out/style.h"

#define DRAW_EVERY_MS 100
#define MEASURE_EVERY_MS 500

/* Shorter transfers need no line. */
#define SILENT_MS 300

#define MAX_BAR 30

void
progress_init(struct progress *progress, bool quiet)
{
	*progress = (struct progress){ .began_ms = 0 };
	status_init(&progress->status, quiet);
}

static unsigned
percent(const struct progress_state *s)
{
	if (s->bytes_total == 0)
		return 100;
	return (unsigned)(MIN(s->bytes, s->bytes_total) * 100 / s->bytes_total);
}

const char *
progress_line(char *out, size_t size, unsigned columns,
	      const struct progress_state *s, uint64_t rate)
{
	char done[HUMAN_SIZE], total[HUMAN_SIZE], speed[HUMAN_SIZE],
	    left[HUMAN_SIZE] = "", files[64] = "", bar[MAX_BAR + 1];
	unsigned width = columns > 100 ? MAX_BAR : columns > 60 ? 12 : 0;
	unsigned filled = width * percent(s) / 100;

	memset(bar, '.', sizeof(bar));
	memset(bar, '#', filled);
	bar[width] = '\0';
	if (rate > 0 && s->bytes < s->bytes_total)
		human_duration(left, (s->bytes_total - s->bytes) * 1000 / rate);
	if (s->files_total > 0)
		snprintf(files, sizeof(files), "%llu of %llu files, ",
			 (unsigned long long)s->files,
			 (unsigned long long)s->files_total);
	snprintf(out, size, "%3u%% %s%s%s of %s, %s%s/s%s%s", percent(s), bar,
		 width ? " " : "", human_bytes(done, s->bytes),
		 human_bytes(total, s->bytes_total), files,
		 human_bytes(speed, rate), left[0] ? ", " : "", left);
	return out;
}

static void
measure(struct progress *p, const struct progress_state *state, uint64_t now_ms)
{
	uint64_t passed = now_ms - p->mark_ms, rate;

	if (passed < MEASURE_EVERY_MS)
		return;
	rate = (state->bytes - p->mark_bytes) * 1000 / passed;
	/* Smooth what jumps. */
	p->rate = p->rate ? (3 * p->rate + rate) / 4 : rate;
	p->mark_ms = now_ms;
	p->mark_bytes = state->bytes;
}

void
progress_show(struct progress *p, const struct progress_state *state,
	      uint64_t now_ms)
{
	char line[256];

	if (p->began_ms == 0) {
		p->began_ms = p->mark_ms = p->drawn_ms = now_ms;
		p->mark_bytes = state->bytes;
	}
	measure(p, state, now_ms);
	if (now_ms - p->began_ms < SILENT_MS ||
	    now_ms - p->drawn_ms < DRAW_EVERY_MS)
		return;
	p->drawn_ms = now_ms;
	status_show(&p->status, "%s",
		    progress_line(line, sizeof(line),
				  style_columns(STDERR_FILENO), state,
				  p->rate));
}

void
progress_clear(struct progress *p)
{
	status_clear(&p->status);
}
