/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_CONTROL_PARTS_H
#define BERTH_LINK_CONTROL_PARTS_H

/*
 * What the parts of the control API share: its routes (control.c), what they
 * show (control_show.c), and how it is made to connect (control_connect.c).
 * Nobody else includes this.
 */

#include "http/server.h"
#include "link/control.h"

struct buf;
struct err;
struct jsonw;
struct link;

#define CONTROL_NDJSON "application/x-ndjson; charset=utf-8"
#define CONTROL_PROMPTS "/v1/link/prompts/"

/* Room of what the machine says of itself. */
#define CONTROL_MAX_TEXT (128u << 10)

struct control {
	struct control_config config;
	struct http_server *server;
};

/* --- control.c --- */

void control_reply_error(struct http_exchange *x, const struct err *err);

/* 200, and `json', which gets its end of line. */
void control_reply_json(struct http_exchange *x, struct buf *json);

/* The body of a request goes to `done'. */
void control_collect(struct control *control, struct http_exchange *x,
		     http_body_fn *done);

/* --- control_show.c --- */

/* "error": what it is, or null. */
void control_add_error(struct jsonw *w, const struct err *err);

/* "hello" and "daemon": what is at the other end. */
void control_add_there(struct jsonw *w, struct link *link);

void control_show_link(struct control *control, struct http_exchange *x);
void control_show_metrics(struct control *control, struct http_exchange *x);

/* --- control_connect.c --- */

void control_connect(struct control *control, struct http_exchange *x);
void control_up(struct control *control, struct http_exchange *x);
void control_down(struct control *control, struct http_exchange *x);
void control_answer(struct control *control, struct http_exchange *x);

#endif
