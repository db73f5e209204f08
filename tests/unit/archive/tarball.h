/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_TARBALL_H
#define BERTH_TESTS_TARBALL_H

/*
 * Archives as a stranger would write them: field by field, without the care
 * that the product's own writer takes; and what is in one that must be whole.
 */

#include <stddef.h>

#include "core/buf.h"

struct tar_event;

/* Header fields; the rest is what most archives have there. */
struct tarball_entry {
	char type;
	const char *name;
	const char *link;    /* may be NULL */
	const char *prefix;  /* may be NULL */
	const char *magic;   /* NULL: "ustar", and version "00" */
	const char *mode;    /* octal; NULL: 0644 */
	const char *size;    /* octal; NULL: of the content */
	const char *content; /* may be NULL */
	size_t content_len;  /* 0: up to the NUL */
};

/* Append header, content and padding. */
void tarball_add(struct buf *out, const struct tarball_entry *entry);

/* A plain file, directory ('5') or link ('1', '2'). */
void tarball_file(struct buf *out, const char *name, const char *content);
void tarball_other(struct buf *out, char type, const char *name,
		   const char *link);

/* A pax header for the next entry, of one record. */
void tarball_pax(struct buf *out, const char *key, const char *value);

/* The two zero blocks. */
void tarball_end(struct buf *out);

/* Make the header at `block' valid again after it was changed. */
void tarball_sum(uint8_t *block);

/* Read an archive that is whole: each event up to its end, which is none. */
typedef void tarball_event_fn(const struct tar_event *event, void *owner);
void tarball_read(const struct buf *archive, tarball_event_fn *on_event,
		  void *owner);

/* Unpack it, times and all; how many files there were. */
uint64_t tarball_unpack(const struct buf *archive, const char *dir);

/* A tarball_event_fn whose owner is a size_t: count the entries. */
tarball_event_fn tarball_count;

#endif
