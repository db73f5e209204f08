/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_SHOW_H
#define BERTH_BERTH_SHOW_H

/*
 * A stream of output on our own descriptors: stdout to standard output, stderr
 * to standard error, or events as lines of JSON to standard output.
 *
 *	show_init(&show, &config);
 *	rc = show_run(&show, &stream, err);
 *	... show.result ...
 *	show_fini(&show);
 */

#include <stdbool.h>

#include <uv.h>

#include "client/exec_json.h"
#include "client/exec_stream.h"
#include "berth/common.h"
#include "berth/loss.h"
#include "berth/out/status.h"
#include "berth/sink.h"

enum show_form { SHOW_BYTES, SHOW_EVENTS };

struct show_config {
	struct client *client;
	const struct output_args *output;
	enum show_form form;
	bool is_live;	 /* colours may pass to a terminal */
	bool is_raw;	 /* nothing is filtered */
	bool merges;	 /* stderr goes to standard output, too */
	bool hides_ends; /* events: neither started nor finished */
	/* May be NULL. */
	void (*on_started)(const char *id, void *owner);
	void *owner;
};

struct show {
	struct show_config config;
	struct exec_stream *stream;
	struct loss loss;
	struct sink sinks[2];
	unsigned last; /* the sink written to last */
	struct status status;
	uv_prepare_t before_wait;
	bool is_open;

	/* After show_run: how it ended. */
	const struct exec_result *result; /* NULL: not known */
	struct err err;
	bool is_cut;  /* standard output is closed; the stream was left */
	bool is_left; /* by show_leave */
};

void show_init(struct show *show, const struct show_config *config);
void show_fini(struct show *show);

/*
 * Show the stream to its end; `stream' says what to start or read, its client,
 * events and owner are filled in here.  0: it ended, was cut or left; -1.
 */
int show_run(struct show *show, struct exec_stream_config *stream,
	     struct err *err);

/* From within the loop: stop showing. */
void show_leave(struct show *show);

/* Do this to write something else to the terminal. */
void show_flush(struct show *show);

#endif
