/* SPDX-License-Identifier: ISC */

/* Steering execs: cancel, signal, resize, input; see exec_api.h. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "berthd/daemon.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/exec_api.h"
#include "berthd/exec/runner.h"
#include "berthd/exec/store.h"
#include "berthd/reply.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "http/server.h"

#define MAX_BODY 4096

/* Input that waits for the command to take it; then the client is paused. */
#define MAX_WAITING_INPUT (1u << 20)

/* Any of the four requests while it is answered. */
struct steering {
	struct exec_watch watch;
	struct daemon *daemon;
	struct http_exchange *x;
	struct exec *exec;
	/* input only: */
	struct buf waiting;
	uint64_t offset; /* of the first byte that waits */
	bool client_done, is_end, in_flight;
};

static struct steering *
new_steering(struct daemon *daemon, struct http_exchange *x, struct exec *exec)
{
	struct steering *s = xcalloc(1, sizeof(*s));

	s->daemon = daemon;
	s->x = x;
	s->exec = exec;
	list_init(&s->watch.link);
	buf_init(&s->waiting, MAX_WAITING_INPUT);
	return s;
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct steering *s = owner;

	exec_watch_remove(&s->watch);
	buf_fini(&s->waiting);
	free(s);
}

static void
reply_flag(struct http_exchange *x, const char *name, bool value,
	   const char *reason)
{
	AUTO_BUF text = BUF_INIT(512);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, name, value);
	if (reason)
		jsonw_str(&w, "reason", reason);
	jsonw_object_end(&w);
	reply_json(x, &text);
}

/* "INT", "SIGINT" or "2"; 0 if it is none. */
static int
signal_number(const char *text)
{
	uint64_t n;

	if (parse_u64(text, 1, NSIG - 1, &n, &(struct err)ERR_INIT) == 0)
		return (int)n;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *name = sigabbrev_np(sig);

		if (name && strcasecmp(name, text) == 0)
			return sig;
	}
	return 0;
}

static int
read_signal(const char *text, int *ret, struct err *err)
{
	*ret = signal_number(text);
	if (*ret == 0)
		return err_set(err, ERR_INVALID,
			       "signal: \"%.32s\" is not a signal such as INT "
			       "or 2",
			       text);
	return 0;
}

/* The exec with a run to talk to, or an answered error. */
static struct exec *
find_running(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(daemon->store, id, &err);

	if (exec && (exec->run == NULL || exec_is_ended(exec)))
		err_set(&err, ERR_CONFLICT, "exec %s is not running", exec->id);
	if (err.code == ERR_NONE)
		return exec;
	reply_error(x, &err);
	return NULL;
}

static void
reply_delivered(struct http_exchange *x, bool delivered)
{
	struct err err = ERR_INIT;

	if (delivered) {
		reply_flag(x, "ok", true, NULL);
		return;
	}
	err_set(&err, ERR_UNREACHABLE, "the exec's holder does not listen now");
	reply_error(x, &err);
}

/* Cancel */

struct cancel_body {
	uint64_t grace;
	char *signal;
};

static const struct json_field cancel_fields[] = {
	JSON_F(struct cancel_body, grace, DURATION, false),
	JSON_F(struct cancel_body, signal, STR, false),
};

static void
on_cancelled_change(struct exec_watch *watch, const struct err *why)
{
	struct steering *s = container_of(watch, struct steering, watch);

	if (why == NULL && !exec_is_ended(s->exec))
		return;
	exec_watch_remove(watch);
	reply_flag(s->x, "canceled", true, NULL);
}

static int
read_cancel(const struct buf *body, uint64_t *ret_grace, int *ret_sig,
	    struct err *err)
{
	struct cancel_body fields = { .grace = RUN_OWN_GRACE };
	int rc = 0;

	*ret_sig = SIGTERM;
	if (body->len > 0)
		rc = json_decode_text(buf_bytes(body), body->len, cancel_fields,
				      ARRAY_SIZE(cancel_fields), 0, &fields,
				      err);
	if (rc == 0 && fields.signal)
		rc = read_signal(fields.signal, ret_sig, err);
	*ret_grace = fields.grace;
	json_fields_fini(cancel_fields, ARRAY_SIZE(cancel_fields), &fields);
	return rc;
}

static void
on_cancel_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct steering *s = owner;
	struct err err = ERR_INIT;
	uint64_t grace;
	int sig;

	if (read_cancel(body, &grace, &sig, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	/* A holder outlives the end a little, also when nothing is left. */
	if (s->exec->run == NULL ||
	    (exec_is_ended(s->exec) && !s->exec->output_open)) {
		reply_flag(x, "canceled", false, "not running");
		return;
	}
	if (!s->exec->runner->cancel(s->exec->run, grace, sig)) {
		reply_delivered(x, false);
		return;
	}
	if (exec_is_ended(s->exec)) {
		/* What it left in the background is being killed. */
		reply_flag(x, "canceled", true, "its background children");
		return;
	}
	s->watch.on_change = on_cancelled_change;
	exec_watch_add(s->exec, &s->watch);
}

void
exec_api_cancel(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(daemon->store, id, &err);

	if (exec == NULL) {
		reply_error(x, &err);
		return;
	}
	http_exchange_own(x, new_steering(daemon, x, exec), on_gone);
	http_exchange_collect(x, MAX_BODY, on_cancel_body);
}

/* Signal */

struct signal_body {
	char *signal;
};

static const struct json_field signal_fields[] = {
	JSON_F(struct signal_body, signal, STR, true),
};

static void
on_signal_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct steering *s = owner;
	struct signal_body fields = { 0 };
	struct err err = ERR_INIT;
	int sig = 0, rc;

	rc = json_decode_text(buf_bytes(body), body->len, signal_fields,
			      ARRAY_SIZE(signal_fields), 0, &fields, &err);
	if (rc == 0)
		rc = read_signal(fields.signal, &sig, &err);
	json_fields_fini(signal_fields, ARRAY_SIZE(signal_fields), &fields);
	if (rc < 0)
		reply_error(x, &err);
	else
		reply_delivered(x, s->exec->run && s->exec->runner->signal(
						       s->exec->run, sig));
}

void
exec_api_signal(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct exec *exec = find_running(daemon, x, id);

	if (exec == NULL)
		return;
	http_exchange_own(x, new_steering(daemon, x, exec), on_gone);
	http_exchange_collect(x, MAX_BODY, on_signal_body);
}

/* Resize */

struct resize_body {
	int64_t cols, rows;
};

static const struct json_field resize_fields[] = {
	{ .name = "cols",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct resize_body, cols),
	  .required = true,
	  .min = 1,
	  .max = 10000 },
	{ .name = "rows",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct resize_body, rows),
	  .required = true,
	  .min = 1,
	  .max = 10000 },
};

static void
on_resize_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct steering *s = owner;
	struct resize_body fields = { 0 };
	struct err err = ERR_INIT;

	if (json_decode_text(buf_bytes(body), body->len, resize_fields,
			     ARRAY_SIZE(resize_fields), 0, &fields, &err) < 0)
		reply_error(x, &err);
	else
		reply_delivered(x, s->exec->run &&
				       s->exec->runner->resize(
					   s->exec->run, (unsigned)fields.cols,
					   (unsigned)fields.rows));
}

void
exec_api_resize(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct exec *exec = find_running(daemon, x, id);
	struct err err = ERR_INIT;

	if (exec == NULL)
		return;
	if (!exec->has_tty) {
		err_set(&err, ERR_CONFLICT, "exec %s has no terminal",
			exec->id);
		reply_error(x, &err);
		return;
	}
	http_exchange_own(x, new_steering(daemon, x, exec), on_gone);
	http_exchange_collect(x, MAX_BODY, on_resize_body);
}

/* Input */

static void
reply_offset(struct steering *s)
{
	AUTO_BUF text = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&text);

	exec_watch_remove(&s->watch);
	jsonw_object(&w, NULL);
	jsonw_u64(&w, "offset", s->exec->in_taken);
	jsonw_bool(&w, "closed", s->exec->in_closed);
	jsonw_object_end(&w);
	reply_json(s->x, &text);
}

static void
fail_input(struct steering *s, const char *what)
{
	struct err err = ERR_INIT;

	exec_watch_remove(&s->watch);
	err_set(&err, ERR_CONFLICT, "exec %s %s", s->exec->id, what);
	reply_error(s->x, &err);
}

/* One piece at a time is on its way to the holder. */
static void
pump_input(struct steering *s)
{
	struct exec *exec = s->exec;
	size_t n = MIN(s->waiting.len, (size_t)RUN_MAX_INPUT);
	bool is_last = s->client_done && n == s->waiting.len;

	if (exec->in_closed && (n > 0 || !s->client_done)) {
		fail_input(s, "reads no more input");
		return;
	}
	if (s->in_flight)
		return;
	if (n == 0 && !(is_last && s->is_end && !exec->in_closed)) {
		if (s->client_done)
			reply_offset(s);
		else
			http_exchange_resume(s->x);
		return;
	}
	if (exec->run == NULL ||
	    !exec->runner->input(exec->run, s->offset, buf_bytes(&s->waiting),
				 n, is_last && s->is_end)) {
		fail_input(s, "does not listen now");
		return;
	}
	s->in_flight = true;
	if (is_last && s->is_end)
		s->is_end = false;
}

/* The holder took what was on its way; drop it and go on. */
static void
on_input_change(struct exec_watch *watch, const struct err *why)
{
	struct steering *s = container_of(watch, struct steering, watch);
	uint64_t taken = s->exec->in_taken;

	if (why || exec_is_ended(s->exec)) {
		fail_input(s, "ended before it read its input");
		return;
	}
	if (!s->in_flight || (taken < s->offset && !s->exec->in_closed))
		return;
	s->in_flight = false;
	if (taken > s->offset) {
		buf_consume(&s->waiting,
			    MIN(taken - s->offset, (uint64_t)s->waiting.len));
		s->offset = taken;
	}
	pump_input(s);
}

static void
on_input(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct steering *s = owner;

	if (n == 0)
		s->client_done = true;
	else if (buf_add(&s->waiting, bytes, n) < 0)
		abort();
	/* Resumed when all of this has been taken. */
	if (n > 0)
		http_exchange_pause(x);
	pump_input(s);
}

/* Where the request begins: at its offset, or after all earlier input. */
static int
read_input_query(struct steering *s, struct err *err)
{
	const struct http_head *head = http_exchange_head(s->x);
	AUTO_FREE char *offset = http_head_query(head, "offset");
	AUTO_FREE char *eof = http_head_query(head, "eof");

	s->is_end = eof && (eof[0] == '\0' || str_eq(eof, "true"));
	s->offset = s->exec->in_taken;
	if (offset && parse_u64(offset, 0, INT64_MAX, &s->offset, err) < 0)
		return err_wrap(err, "offset");
	if (s->offset > s->exec->in_taken)
		return err_set(err, ERR_CONFLICT,
			       "offset: input up to %llu is here, not up to "
			       "%llu",
			       (unsigned long long)s->exec->in_taken,
			       (unsigned long long)s->offset);
	return 0;
}

void
exec_api_stdin(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct exec *exec = find_running(daemon, x, id);
	struct err err = ERR_INIT;
	struct steering *s;

	if (exec == NULL)
		return;
	if (!exec->has_stdin) {
		err_set(&err, ERR_CONFLICT, "exec %s was started without input",
			exec->id);
		err_hint(&err, "start it with --stdin");
		reply_error(x, &err);
		return;
	}
	s = new_steering(daemon, x, exec);
	http_exchange_own(x, s, on_gone);
	if (read_input_query(s, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	s->watch.on_change = on_input_change;
	exec_watch_add(exec, &s->watch);
	http_exchange_read(x, on_input);
}
