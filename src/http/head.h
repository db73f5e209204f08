/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_HEAD_H
#define BERTH_HTTP_HEAD_H

/*
 * The head of a request or a response: what stands before the body.
 *
 * Names are found without regard to case.  A head lives in its exchange or
 * call and dies with it; texts are borrowed from it.
 */

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct http_header {
	const char *name;
	const char *value;
};

struct http_head {
	const char *method; /* requests: "GET" */
	const char *target; /* requests: as it came */
	const char *path;   /* requests: decoded, no "." or ".." left in it */
	const char *query;  /* requests: as it came, without the '?'; or "" */
	unsigned status;    /* responses */
	struct http_header *headers;
	size_t n_headers;
	bool keep_alive;
};

/* The first value, or NULL. */
const char *http_head_find(const struct http_head *head, const char *name);

/* Is `token' in the comma-separated lists of all headers of that name? */
bool http_head_has_token(const struct http_head *head, const char *name,
			 const char *token);

/*
 * The decoded value of a query parameter, owned by the caller; NULL if it is
 * absent.  "?full" and "?full=" both give "".
 */
char *http_head_query(const struct http_head *head, const char *name);

/*
 * The first query parameter whose name is not in the NULL-terminated list,
 * owned by the caller; NULL if all are known.
 */
char *http_head_unknown_query(const struct http_head *head,
			      const char *const *known);

/* Append `text' with all but unreserved characters percent-encoded. */
int http_encode(struct buf *out, const char *text);

/*
 * Undo it: `n' bytes of text into `out' (room for n + 1), or nowhere if it is
 * NULL.  `plus': a '+' is a space, as in queries.  -1 if an escape is malformed
 * or stands for a NUL.
 */
int http_decode(char *out, const char *text, size_t n, bool plus);

#endif
