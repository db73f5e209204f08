/* SPDX-License-Identifier: ISC */
#ifndef TESTS_LOG_FIXTURE_H
#define TESTS_LOG_FIXTURE_H

/*
 * An exec's output directory, written as a holder writes it, and remembered
 * byte by byte.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "berthd/exec/timeline.h"

enum log_fixture_kind {
	FIXTURE_DATA,
	FIXTURE_LOST,
	FIXTURE_UNCOVERED, /* bytes without a record */
};

struct log_fixture_rec {
	uint64_t time_ns;
	uint64_t offset, length;
	unsigned stream;
	enum log_fixture_kind kind;
};

struct log_fixture {
	char dir[64];
	int dir_fd;
	int fd[TIMELINE_STREAMS], timeline_fd, drops_fd;
	uint8_t *bytes[TIMELINE_STREAMS]; /* what was produced */
	uint64_t size[TIMELINE_STREAMS];
	struct timeline_drop drop[TIMELINE_STREAMS];
	struct log_fixture_rec *recs;
	size_t n_recs;
	uint64_t now_ns;
};

void log_fixture_init(struct log_fixture *f);
void log_fixture_fini(struct log_fixture *f);

/* Time passes. */
void log_fixture_wait(struct log_fixture *f, uint64_t ns);

/* `n' bytes of `stream' arrive now. */
void log_fixture_add(struct log_fixture *f, unsigned stream, const void *bytes,
		     size_t n, enum log_fixture_kind kind);
void log_fixture_adds(struct log_fixture *f, unsigned stream, const char *text);

/* Stored bytes go away, leaving a hole. */
void log_fixture_drop(struct log_fixture *f, unsigned stream, uint64_t from,
		      uint64_t to);

/* A random number below `n'; 0 if there is none. */
uint32_t log_fixture_below(uint64_t n);

enum log_fixture_gaps { FIXTURE_WHOLE, FIXTURE_LOSING, FIXTURE_DROPPING };

/* `n' records of random lines; among them lost ones, and drops. */
void log_fixture_fill(struct log_fixture *f, size_t n,
		      enum log_fixture_gaps gaps);

#endif
