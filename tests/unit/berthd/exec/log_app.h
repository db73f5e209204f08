/* SPDX-License-Identifier: ISC */
#ifndef TESTS_LOG_APP_H
#define TESTS_LOG_APP_H

/*
 * A server that serves the log of a fixture, and clients of it, in one loop.
 */

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "core/buf.h"
#include "berthd/exec/log_query.h"
#include "berthd/exec/log_source.h"
#include "tests/unit/berthd/exec/log_fixture.h"

struct http_call;
struct http_client;
struct http_server;

struct log_app {
	uv_loop_t loop;
	struct log_fixture f;
	struct log_source src;
	struct http_server *server;
	const struct log_query *query; /* instead of what the client says */
	unsigned n_idle;	       /* how often the source fell idle */
};

/* One client with one call at a time. */
struct log_client {
	struct log_app *app;
	struct http_client *http;
	struct http_call *call; /* NULL: over */
	unsigned status;
	char *length, *size, *range, *gaps, *state, *type;
	struct buf body;
	size_t n_total; /* also of bodies that are not kept */
	bool is_discarding;
	bool is_broken;
};

void log_app_init(struct log_app *app);
void log_app_fini(struct log_app *app);

/* The exec has ended. */
void log_app_end(struct log_app *app);

/* Turn the loop until nothing happens at once. */
void log_app_settle(struct log_app *app);

void log_client_init(struct log_client *c, struct log_app *app);
void log_client_fini(struct log_client *c);

/* Ask for `query', the text behind the '?'. */
void log_client_start(struct log_client *c, const char *query);

/* Turn the loop until the answer has ended, or `n' bytes of it are there. */
void log_client_wait(struct log_client *c);
void log_client_wait_bytes(struct log_client *c, size_t n);

/* Both. */
void log_client_get(struct log_client *c, const char *query);

#endif
