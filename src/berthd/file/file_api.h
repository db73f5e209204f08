/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_FILE_API_H
#define BERTHD_FILE_FILE_API_H

/*
 * POST /v1/file/read and /v1/file/write: one file in one request, its content
 * as base64 inside JSON.
 *
 * Both stream: the content passes through in slices and is never whole in
 * memory, unless a request to write names the path after the content.  The
 * handlers answer every outcome themselves.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void file_api_read(struct http_exchange *x, const struct file_policy *policy);
void file_api_write(struct http_exchange *x, const struct file_policy *policy);

#endif
