/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_TAR_HEADER_H
#define BERTH_ARCHIVE_TAR_HEADER_H

/*
 * The block before each entry of an archive; for tar.c and tar_write.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/tar.h"

/* A record for all entries to come, in a header of type 'g'. */
#define TAR_SPOILT "18 BERTH.spoilt=1\n"

/* In seconds, before 1970 or after; others do not fit as nanoseconds. */
#define MAX_MTIME 9000000000
#define NS_PER_S 1000000000u

struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[8]; /* with the version */
	char uname[32];
	char gname[32];
	char dev_major[8];
	char dev_minor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is a block");

/* Octal digits with spaces before, spaces or NULs after; or GNU's bytes. */
bool tar_number_parse(const char *field, size_t size, uint64_t *ret);

/* Octal if it fits with its NUL, GNU's binary form otherwise. */
void tar_number_put(char *field, size_t size, uint64_t n);

/* The same for a time, which may be before 1970: GNU's bytes have a sign. */
bool tar_time_parse(const char *field, size_t size, int64_t *ret);
void tar_time_put(char *field, size_t size, int64_t s);

/*
 * The fraction of a time that is told in brief: "n123456789" in what is unused
 * of the block, where nobody else looks.  0: there is none.
 */
void tar_brief_put(struct tar_header *h, long nsec);
long tar_brief_parse(const struct tar_header *h);

bool tar_is_zero_block(const struct tar_header *h);

/* The sum of all bytes, with spaces for its own field. */
unsigned tar_header_sum(const struct tar_header *h);
bool tar_sum_is_right(const struct tar_header *h);

/* What fills the last block behind `size' bytes. */
size_t tar_padding_of(uint64_t size);

#endif
