/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BERTHD_APP_H
#define TESTS_BERTHD_APP_H

/*
 * All routes of a daemon behind a real server, with real holders, in one loop;
 * what makes it a process of its own (lock, listeners, signals) is not there.
 */

#include <stdbool.h>
#include <stddef.h>

#include "berthd/daemon.h"
#include "core/buf.h"
#include "core/json.h"
#include "http/client.h"
#include "tests/unit/berthd/exec/rig.h"

struct app {
	struct rig rig;
	struct config config;
	struct daemon daemon;
};

/* One connection with one call at a time. */
struct caller {
	struct app *app;
	struct http_client *http;
	struct http_call *call; /* NULL: over */
	unsigned status;	/* 0: the connection broke */
	struct buf body;
	char *type;
};

/* Setup and teardown of one test, whose state is an app. */
int app_setup(void **state);
int app_teardown(void **state);
#define app_test(name)                                                         \
	cmocka_unit_test_setup_teardown(name, app_setup, app_teardown)

/* Change `config' before; app_setup has called it once. */
void app_open_store(struct app *app);
void app_close_store(struct app *app);

/* The test process itself is at the other end, on this kind of listener. */
void caller_init(struct caller *c, struct app *app, enum listener listener);
void caller_fini(struct caller *c);

/* `method' is "GET", or "GET token" to send it as Authorization. */
void caller_begin(struct caller *c, const char *method, const char *target,
		  const char *body);

/* A body that comes in pieces: then http_call_write, http_call_write_end. */
void caller_begin_body(struct caller *c, const char *target);
void caller_finish(struct caller *c);

/* Begin and finish on a connection of its own, as one's own user. */
unsigned app_call(struct app *app, const char *method, const char *target,
		  const char *body, struct buf *ret);

/* The same; the answer is 200 and JSON, which the caller frees. */
struct json_t *app_json(struct app *app, const char *method, const char *target,
			const char *body);

/* The answer is an error with this code, and its message has this part. */
void app_assert_error(struct app *app, const char *method, const char *target,
		      const char *body, unsigned status, const char *part);

/* Start `body' and return the exec's id, in storage of the app. */
const char *app_start(struct app *app, const char *body);

/* Until it has ended. */
void app_await(struct app *app, const char *id);

#endif
