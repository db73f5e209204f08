/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_SYNC_API_H
#define BERTHD_FILE_SYNC_API_H

/*
 * POST /v1/sync/upload and /v1/sync/download: a directory tree as tar.gz.
 *
 * Bodies are streamed, with back-pressure, in slices that leave the loop to
 * others in between.  A file appears under its name when it is complete; one
 * that is cut off leaves nothing.  The handlers answer every outcome
 * themselves.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void sync_api_upload(struct http_exchange *x, const struct file_policy *policy);
void sync_api_download(struct http_exchange *x,
		       const struct file_policy *policy);

#endif
