/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_TREE_API_H
#define BERTHD_FILE_TREE_API_H

/*
 * /v1/file/stat, mkdir, remove, rename, link, set: names, not contents.  The
 * handlers answer every outcome themselves.
 */

struct file_policy;
struct http_exchange;

/* `policy' is borrowed until the exchange is gone. */
void tree_api_stat(struct http_exchange *x, const struct file_policy *policy);
void tree_api_mkdir(struct http_exchange *x, const struct file_policy *policy);
void tree_api_remove(struct http_exchange *x, const struct file_policy *policy);
void tree_api_rename(struct http_exchange *x, const struct file_policy *policy);
void tree_api_link(struct http_exchange *x, const struct file_policy *policy);
void tree_api_set(struct http_exchange *x, const struct file_policy *policy);

#endif
