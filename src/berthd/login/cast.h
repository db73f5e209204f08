/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_CAST_H
#define BERTHD_LOGIN_CAST_H

/*
 * Writing a recording in asciinema's formats, asciicast v2 and v3.
 *
 * Each line is JSON, whatever the terminal showed: a character that was cut in
 * two by reading is put together again, and bytes that are no UTF-8 become
 * U+FFFD.  Times are since the start in v2, since the last event in v3.
 *
 * A recording has a largest size: behind it there is a marker that says so,
 * and nothing more.  A disk that is full ends a recording, not the session:
 * what was written stays, to its last whole line, with a marker if there is
 * space for one.  Either is told to the owner, once.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/* The recording ended before what it records did.  `why' names no file. */
typedef void cast_cut_fn(void *owner, const struct err *why);

struct cast_config {
	unsigned version; /* 2 or 3 */
	unsigned cols, rows;
	const char *term;  /* may be NULL */
	const char *title; /* may be NULL */
	uint64_t max_bytes;
	cast_cut_fn *on_cut; /* may be NULL; called out of what writes */
	void *owner;
};

struct cast {
	int fd; /* -1: ended */
	unsigned version;
	uint64_t start_ns, last_us, written, max;
	uint8_t held[4]; /* the head of a character of the output */
	size_t n_held;
	cast_cut_fn *on_cut;
	void *owner;
};

#define CAST_INIT                                                              \
	{                                                                      \
		.fd = -1                                                       \
	}

/* Make `path' (0600), which must not be there yet, nor is after a failure. */
int cast_open(struct cast *cast, const char *path,
	      const struct cast_config *config, struct err *err);

void cast_output(struct cast *cast, const void *bytes, size_t n);
void cast_input(struct cast *cast, const void *bytes, size_t n);
void cast_resize(struct cast *cast, unsigned cols, unsigned rows);

/* `status' is the exit status of what was recorded. */
void cast_close(struct cast *cast, int status);

#endif
