/* SPDX-License-Identifier: ISC */

/* Output directories for tests; see log_fixture.h. */

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "tests/unit/unit.h"
#include "tests/unit/berthd/exec/log_fixture.h"

static const char *const names[] = { "out", "err" };

static void
must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static int
create(const struct log_fixture *f, const char *name)
{
	int fd = openat(f->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	must(fd >= 0, name);
	return fd;
}

void
log_fixture_init(struct log_fixture *f)
{
	*f = (struct log_fixture){ .now_ns = 1700000000000000000ull };
	snprintf(f->dir, sizeof(f->dir), "/tmp/berth-log-XXXXXX");
	must(mkdtemp(f->dir) != NULL, "mkdtemp");
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(f->dir_fd >= 0, "open");
	for (size_t s = 0; s < TIMELINE_STREAMS; s++)
		f->fd[s] = create(f, names[s]);
	f->timeline_fd = create(f, "timeline");
	f->drops_fd = -1;
}

void
log_fixture_fini(struct log_fixture *f)
{
	struct err err = ERR_INIT;

	for (size_t s = 0; s < TIMELINE_STREAMS; s++) {
		free(f->bytes[s]);
		close(f->fd[s]);
	}
	free(f->recs);
	close(f->timeline_fd);
	if (f->drops_fd >= 0)
		close(f->drops_fd);
	close(f->dir_fd);
	must(fs_remove_tree(AT_FDCWD, f->dir, &err) == 0, err.msg);
}

void
log_fixture_wait(struct log_fixture *f, uint64_t ns)
{
	f->now_ns += ns;
}

void
log_fixture_add(struct log_fixture *f, unsigned stream, const void *bytes,
		size_t n, enum log_fixture_kind kind)
{
	uint64_t offset = f->size[stream];
	struct timeline_rec rec = {
		.time_ns = f->now_ns,
		.offset = offset,
		.length = (uint32_t)n,
		.stream = (uint8_t)stream,
		.kind = kind == FIXTURE_LOST ? TIMELINE_LOST : TIMELINE_DATA,
	};

	f->bytes[stream] = xrealloc(f->bytes[stream], offset + n + 1);
	memcpy(f->bytes[stream] + offset, bytes, n);
	f->size[stream] += n;
	f->recs = xrealloc(f->recs, (f->n_recs + 1) * sizeof(*f->recs));
	f->recs[f->n_recs++] = (struct log_fixture_rec){ f->now_ns, offset, n,
							 stream, kind };
	if (kind == FIXTURE_LOST)
		must(ftruncate(f->fd[stream], (off_t)(offset + n)) == 0,
		     "truncate");
	else
		must(pwrite(f->fd[stream], bytes, n, (off_t)offset) ==
			 (ssize_t)n,
		     "write");
	if (kind != FIXTURE_UNCOVERED)
		must(write_full(f->timeline_fd, &rec, sizeof(rec)) == 0,
		     "timeline");
}

void
log_fixture_adds(struct log_fixture *f, unsigned stream, const char *text)
{
	log_fixture_add(f, stream, text, strlen(text), FIXTURE_DATA);
}

void
log_fixture_drop(struct log_fixture *f, unsigned stream, uint64_t from,
		 uint64_t to)
{
	struct timeline_drop drop = { from, to, (uint8_t)stream, { 0 } };
	AUTO_FREE uint8_t *zeros = xcalloc(1, to - from);

	if (f->drops_fd < 0)
		f->drops_fd = create(f, "drops");
	must(write_full(f->drops_fd, &drop, sizeof(drop)) == 0, "drops");
	must(pwrite(f->fd[stream], zeros, to - from, (off_t)from) ==
		 (ssize_t)(to - from),
	     "drop");
	f->drop[stream] = drop;
}

uint32_t
log_fixture_below(uint64_t n)
{
	return n ? (uint32_t)unit_below(n) : 0;
}

/* Up to `max' bytes of something that a program might say. */
static size_t
random_bytes(uint8_t *out, size_t max)
{
	static const char *const words[] = {
		"\n",
		"\n",
		"\r\n",
		"a",
		"error: ",
		"\033[31m",
		"\033[0m",
		"\xc3\xa9",
		"\xff",
		"warn ",
		"the quick ",
		"\n\n",
		"\t\"\\",
		"\xe2\x82\xac",
		"\r",
		"\xf0\x9f\x98\x80",
		"\033]0;title\007",
		"1234567890",
	};
	size_t n = 0;

	while (n < max && log_fixture_below(8) != 0) {
		const char *word = words[log_fixture_below(ARRAY_SIZE(words))];
		size_t len = MIN(strlen(word), max - n);

		memcpy(out + n, word, len);
		n += len;
	}
	return MAX(n, 1u);
}

static void
random_drop(struct log_fixture *f, unsigned stream)
{
	uint64_t size = f->size[stream];
	uint64_t from, to;

	if (size < 4)
		return;
	from = f->drop[stream].to ? f->drop[stream].from
				  : log_fixture_below((uint32_t)size / 2);
	to = MAX(f->drop[stream].to, from) + 1 +
	     log_fixture_below((uint32_t)size / 4 + 1);
	if (to < size)
		log_fixture_drop(f, stream, from, to);
}

void
log_fixture_fill(struct log_fixture *f, size_t n, enum log_fixture_gaps gaps)
{
	unsigned bias = log_fixture_below(5);

	for (size_t i = 0; i < n; i++) {
		uint8_t bytes[256] = "x";
		unsigned s = log_fixture_below(4) < bias;
		size_t len = random_bytes(bytes, sizeof(bytes));
		bool lost = gaps != FIXTURE_WHOLE && log_fixture_below(12) == 0;

		if (log_fixture_below(3) != 0)
			log_fixture_wait(f, log_fixture_below(5000));
		log_fixture_add(f, s, bytes, len,
				lost ? FIXTURE_LOST : FIXTURE_DATA);
		if (gaps == FIXTURE_DROPPING && log_fixture_below(20) == 0)
			random_drop(f, s);
	}
}
