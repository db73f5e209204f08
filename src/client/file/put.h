/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_PUT_H
#define BERTH_CLIENT_FILE_PUT_H

/*
 * A local file as the content of a FILE_WRITE: fed as the call takes it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/file/file.h"

struct put {
	int fd; /* borrowed */
	uint64_t at, size;
	bool is_over; /* all was written, or nothing more can be */
	int error;    /* errno of reading; ENODATA: the file shrank */
};

/* Write until the call says stop; from on_ready (put_begin) and on_drain. */
void put_begin(struct put *put, struct file_call *call, uint64_t offset);
void put_feed(struct put *put, struct file_call *call);

/* Why it could not be read, as an errno; after the call's end. 0: it could. */
int put_error(const struct put *put);

/*
 * Bytes that come from `fd', whatever it is, as a regular file of known size:
 * `fd' itself if it is one, else a nameless copy.  The caller closes it.
 * `lf': line ends become "\n".
 */
int put_spool(int fd, bool lf, uint64_t *ret_size, struct err *err);

/* "\r\n" becomes "\n", in a stream of pieces. */
struct lf_filter {
	bool has_cr; /* the last piece ended with one */
};

/* Into `out', which has room for `n' + 1; returns how many. */
size_t lf_filter(struct lf_filter *filter, const char *bytes, size_t n,
		 char *out);
/* The end: a last '\r' stands for itself. */
size_t lf_filter_end(struct lf_filter *filter, char *out);

#endif
