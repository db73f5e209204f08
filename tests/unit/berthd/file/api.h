/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_FILE_API_H
#define BERTH_TESTS_FILE_API_H

/*
 * The file routes behind a real HTTP server on a socketpair, and a client to
 * call them, all in one loop.  The one root is a fresh directory.
 */

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "core/buf.h"
#include "core/json.h"
#include "berthd/file/policy.h"

struct api {
	uv_loop_t loop;
	struct file_policy policy;
	char *root;
	struct http_server *server;
	struct http_client *client;
	unsigned status; /* of the last answer; 0: the connection broke */
	struct buf body;
	bool is_over;
};

/* For cmocka's setup and teardown; teardown sees that the loop is empty. */
int api_setup(void **state);
int api_teardown(void **state);

/* POST in one piece; returns the status. */
unsigned api_post(struct api *api, const char *target, const void *body,
		  size_t n);

/* POST in pieces of `piece' bytes; the loop runs dry between them. */
unsigned api_post_slowly(struct api *api, const char *target, const void *body,
			 size_t n, size_t piece);

/* Send `n' bytes of a longer body, then break the connection. */
void api_post_cut(struct api *api, const char *target, const void *body,
		  size_t n);

/* The last answer as JSON; the caller frees. */
struct json_t *api_json(const struct api *api);

/* The last answer was this status with this message in an error body. */
void api_assert_error(const struct api *api, unsigned status,
		      const char *message);

/* "<root>/name"; the caller frees. */
char *api_path(const struct api *api, const char *name);

/* Have such a file there. */
void api_put_file(const struct api *api, const char *name, const void *bytes,
		  size_t n);

#endif
