/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_LIST_API_H
#define BERTHD_FILE_LIST_API_H

/*
 * GET /v1/file/list: what is in a directory.
 *
 * A list is streamed, one JSON object per line, in slices that leave the loop
 * to others in between; the handler answers every outcome itself.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void list_api_list(struct http_exchange *x, const struct file_policy *policy);

#endif
