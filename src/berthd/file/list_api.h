/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_LIST_API_H
#define BERTHD_FILE_LIST_API_H

/*
 * GET /v1/file/list: what is in a directory, one JSON object per line; and
 * GET /v1/sync/fetch: the same of a whole tree, and behind the last line an
 * archive of its files, for who has nothing of it yet.
 *
 * Both are streamed in slices that leave the loop to others in between; the
 * handlers answer every outcome themselves.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void list_api_list(struct http_exchange *x, const struct file_policy *policy);
void list_api_fetch(struct http_exchange *x, const struct file_policy *policy);

#endif
