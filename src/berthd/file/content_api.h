/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_CONTENT_API_H
#define BERTHD_FILE_CONTENT_API_H

/*
 * GET and PUT /v1/file/content: the bytes of one file, as they are.
 *
 * Reading is by sendfile, whole or a range.  Writing streams into a file that
 * takes its name when the body is complete; with a key, what came before the
 * connection broke is kept, and GET /v1/file/upload says how much that is.
 *
 * A file's ETag changes when the file does: If-Match makes a request fail with
 * ERR_CONFLICT when somebody else was there in between, If-None-Match: * when
 * the file exists.  The handlers answer every outcome themselves.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void content_api_get(struct http_exchange *x, const struct file_policy *policy);
void content_api_put(struct http_exchange *x, const struct file_policy *policy);
void content_api_upload(struct http_exchange *x,
			const struct file_policy *policy);

#endif
