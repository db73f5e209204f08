/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_SFTP_H
#define BERTH_CLIENT_SFTP_H

/*
 * An SFTP client on any stream: requests go out at once, as many as one likes,
 * and answers are matched to them by number.
 *
 * Requests made before the server has said its version wait for it.  When the
 * stream breaks every request still open gets its answer: an error.
 */

#include "client/sftp_packet.h"

struct sftp;
struct stream;

/*
 * The answer, borrowed for the call, or NULL and an error: ERR_UNREACHABLE the
 * stream broke, ERR_PROTO the server does not speak SFTP.
 */
typedef void sftp_reply_fn(struct sftp_reply *reply, const struct err *err,
			   void *owner);

/* `stream' is taken. */
struct sftp *sftp_new(struct stream *stream);

/* Requests still open are forgotten.  NULL is allowed. */
void sftp_free(struct sftp *sftp);

/* Is it of no more use, and why? */
const struct err *sftp_broken(const struct sftp *sftp);

/*
 * A request: begin it, put what it needs into sftp_body, send it.  `bytes' are
 * appended to the last string of the body without being copied twice; NULL
 * for none.  `fn' may be NULL: the answer is of no interest.
 */
struct buf *sftp_body(struct sftp *sftp, enum sftp_type type);
void sftp_send(struct sftp *sftp, const void *bytes, size_t n,
	       sftp_reply_fn *fn, void *owner);

/* The answers for `owner' are of no interest any more. */
void sftp_forget(struct sftp *sftp, const void *owner);

/* What the server offers; known with the first answer. */
enum sftp_extension {
	SFTP_POSIX_RENAME = 1u << 0,
	SFTP_FSYNC = 1u << 1,
	SFTP_STATVFS = 1u << 2,
	SFTP_LIMITS = 1u << 3,
	SFTP_COPY_DATA = 1u << 4,
	SFTP_LSETSTAT = 1u << 5,
};
unsigned sftp_extensions(const struct sftp *sftp);

/* Bytes of one read or write. */
size_t sftp_chunk(const struct sftp *sftp);

/* Raise what a status that is not SFTP_OK means for `path'. */
int sftp_status_err(const struct sftp_reply *reply, const char *path,
		    struct err *err);

#endif
