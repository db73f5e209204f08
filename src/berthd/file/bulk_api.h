/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_BULK_API_H
#define BERTHD_FILE_BULK_API_H

/*
 * POST /v1/sync/pack, /v1/sync/unpack and /v1/file/copy: many files at once.
 *
 * pack takes names and answers with a tar archive of them; unpack takes an
 * archive.  Both stream, keep modes, times and links, and work in slices that
 * leave the loop to others in between.  copy works on this machine alone.  The
 * handlers answer every outcome themselves.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void bulk_api_pack(struct http_exchange *x, const struct file_policy *policy);
void bulk_api_unpack(struct http_exchange *x, const struct file_policy *policy);
void bulk_api_copy(struct http_exchange *x, const struct file_policy *policy);

#endif
