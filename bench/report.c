/* SPDX-License-Identifier: ISC */

/* The table and the JSON; see report.h. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/report.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"

#define MAX_FIGURES 128
#define MAX_JSON (1u << 20)

static struct figure figures[MAX_FIGURES];
static size_t n_figures, n_printed;

void
report_add(const struct figure *figure)
{
	if (n_figures < MAX_FIGURES)
		figures[n_figures++] = *figure;
}

/* Three digits are what a measurement on a shared machine is worth. */
static const char *
number(char *out, size_t size, double n)
{
	int digits = n >= 100 ? 0 : n >= 10 ? 1 : n >= 1 ? 2 : 3;

	snprintf(out, size, "%.*f", digits, n);
	return out;
}

static double
ratio(const struct figure *f)
{
	return f->peer && f->peer_value > 0 ? f->value / f->peer_value : 0;
}

static void
print_row(const struct figure *f)
{
	char value[32], peer[32], times[32];

	number(value, sizeof(value), f->value);
	number(peer, sizeof(peer), f->peer_value);
	number(times, sizeof(times), ratio(f));
	printf("  %-38s %8s %-5s  %-28s %8s  %7s  %-9s %s\n", f->what, value,
	       f->unit, f->peer ? f->peer : "", f->peer ? peer : "",
	       f->peer ? times : "", f->goal ? f->goal : "",
	       f->before ? f->before : "");
}

void
report_print(const char *title)
{
	printf("\n%-40s %8s %-5s  %-28s %8s  %7s  %-9s %s\n", title, "berth",
	       "", "beside it", "", "ratio", "goal", "Go daemon");
	while (n_printed < n_figures)
		print_row(&figures[n_printed++]);
	fflush(stdout);
}

static void
add_number(struct jsonw *w, const char *key, double n)
{
	char text[40];

	snprintf(text, sizeof(text), "%.6g", n);
	jsonw_raw(w, key, text);
}

static void
add_figure(struct jsonw *w, const struct figure *f)
{
	jsonw_object(w, NULL);
	jsonw_str(w, "what", f->what);
	jsonw_str(w, "unit", f->unit);
	add_number(w, "value", f->value);
	jsonw_str(w, "peer", f->peer);
	if (f->peer) {
		add_number(w, "peer_value", f->peer_value);
		add_number(w, "ratio", ratio(f));
	}
	jsonw_str(w, "goal", f->goal);
	jsonw_str(w, "go_daemon", f->before);
	jsonw_object_end(w);
}

static void
add_machine(struct jsonw *w)
{
	struct utsname name;

	if (uname(&name) < 0)
		return;
	jsonw_object(w, "machine");
	jsonw_str(w, "kernel", name.release);
	jsonw_str(w, "architecture", name.machine);
	jsonw_int(w, "processors", sysconf(_SC_NPROCESSORS_ONLN));
	jsonw_object_end(w);
}

int
report_write(const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_JSON);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "version", BERTH_VERSION);
	jsonw_time(&w, "time", clock_wall_ns());
	add_machine(&w);
	jsonw_array(&w, "figures");
	for (size_t i = 0; i < n_figures; i++)
		add_figure(&w, &figures[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	(void)buf_addc(&text, '\n');
	return fs_write_atomic(AT_FDCWD, path, buf_bytes(&text), text.len, 0,
			       err);
}
