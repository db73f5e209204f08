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

/*
 * Any of the four requests while it is answered.  An exec can be removed while
 * the body of a request for it is still coming: who does not watch it looks for
 * it again when the body is there.
 */
struct steering {
	struct exec_watch watch;
	struct daemon *daemon;
	struct http_exchange *x;
	char id[ID_SIZE];
	struct exec *exec; /* while watched; else NULL */
	/* input only: */
	struct buf waiting;
	uint64_t offset; /* of the first byte that waits */
	bool client_done, is_end;
	bool in_flight; /* so many bytes, to be acknowledged: */
	size_t n_flying;
	uint64_t n_acks; /* of the exec, when they were sent */
};

static struct steering *
new_steering(struct daemon *daemon, struct http_exchange *x, struct exec *exec)
{
	struct steering *s = xcalloc(1, sizeof(*s));

	s->daemon = daemon;
	s->x = x;
	memcpy(s->id, exec->id, sizeof(s->id));
	list_init(&s->watch.link);
	buf_init(&s->waiting, MAX_WAITING_INPUT);
	return s;
}

static void
watch(struct steering *s, struct exec *exec,
      void (*on_change)(struct exec_watch *, const struct err *why))
{
	s->exec = exec;
	s->watch.on_change = on_change;
	exec_watch_add(exec, &s->watch);
}

static void
unwatch(struct steering *s)
{
	if (s->exec && s->exec->input == s)
		s->exec->input = NULL;
	s->exec = NULL;
	exec_watch_remove(&s->watch);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct steering *s = owner;

	unwatch(s);
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
	unwatch(s);
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
cancel(struct steering *s, struct exec *exec, uint64_t grace, int sig)
{
	/* A holder outlives the end a little, also when nothing is left. */
	if (exec->run == NULL || (exec_is_ended(exec) && !exec->output_open)) {
		reply_flag(s->x, "canceled", false, "not running");
	} else if (!exec->runner->cancel(exec->run, grace, sig)) {
		reply_delivered(s->x, false);
	} else if (exec_is_ended(exec)) {
		/* What it left in the background is being killed. */
		reply_flag(s->x, "canceled", true, "its background children");
	} else {
		watch(s, exec, on_cancelled_change);
	}
}

static void
on_cancel_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct steering *s = owner;
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(s->daemon->store, s->id, &err);
	uint64_t grace;
	int sig;

	if (exec == NULL || read_cancel(body, &grace, &sig, &err) < 0)
		reply_error(x, &err);
	else
		cancel(s, exec, grace, sig);
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
	struct exec *exec = exec_store_find(s->daemon->store, s->id, &err);
	int sig = 0, rc = exec ? 0 : -1;

	if (rc == 0)
		rc = json_decode_text(buf_bytes(body), body->len, signal_fields,
				      ARRAY_SIZE(signal_fields), 0, &fields,
				      &err);
	if (rc == 0)
		rc = read_signal(fields.signal, &sig, &err);
	json_fields_fini(signal_fields, ARRAY_SIZE(signal_fields), &fields);
	if (rc < 0)
		reply_error(x, &err);
	else
		reply_delivered(x, exec->run &&
				       exec->runner->signal(exec->run, sig));
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
	struct exec *exec = exec_store_find(s->daemon->store, s->id, &err);

	if (exec == NULL ||
	    json_decode_text(buf_bytes(body), body->len, resize_fields,
			     ARRAY_SIZE(resize_fields), 0, &fields, &err) < 0)
		reply_error(x, &err);
	else
		reply_delivered(x, exec->run &&
				       exec->runner->resize(
					   exec->run, (unsigned)fields.cols,
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

	jsonw_object(&w, NULL);
	jsonw_u64(&w, "offset", s->exec->in_taken);
	jsonw_bool(&w, "closed", s->exec->in_closed);
	jsonw_object_end(&w);
	unwatch(s);
	reply_json(s->x, &text);
}

static void
fail_input(struct steering *s, const char *what)
{
	struct err err = ERR_INIT;

	unwatch(s);
	err_set(&err, ERR_CONFLICT, "exec %s %s", s->id, what);
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
	s->n_flying = n;
	s->n_acks = exec->n_acks;
}

/*
 * The holder answers each piece once, with all that it has taken.  Other news
 * are no answer; one that falls short says that there was no room.
 */
static void
on_input_change(struct exec_watch *watch, const struct err *why)
{
	struct steering *s = container_of(watch, struct steering, watch);
	uint64_t taken = s->exec->in_taken;

	if (why || exec_is_ended(s->exec)) {
		fail_input(s, "ended before it read its input");
		return;
	}
	if (!s->in_flight || s->n_acks == s->exec->n_acks)
		return;
	s->in_flight = false;
	if (taken >= s->offset + s->n_flying && s->client_done &&
	    s->n_flying == s->waiting.len)
		s->is_end = false;
	/* Of an earlier request there may be more than has come by this one. */
	if (taken > s->offset) {
		size_t n = (size_t)MIN(taken - s->offset,
				       (uint64_t)s->waiting.len);

		buf_consume(&s->waiting, n);
		s->offset += n;
	}
	pump_input(s);
}

static void
on_input(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct steering *s = owner;

	if (s->exec == NULL)
		return;
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
read_input_query(struct steering *s, const struct exec *exec, struct err *err)
{
	const struct http_head *head = http_exchange_head(s->x);
	AUTO_FREE char *offset = http_head_query(head, "offset");
	AUTO_FREE char *eof = http_head_query(head, "eof");

	s->is_end = eof && (eof[0] == '\0' || str_eq(eof, "true"));
	s->offset = exec->in_taken;
	if (offset && parse_u64(offset, 0, INT64_MAX, &s->offset, err) < 0)
		return err_wrap(err, "offset");
	if (s->offset > exec->in_taken)
		return err_set(err, ERR_CONFLICT,
			       "offset: input up to %llu is here, not up to "
			       "%llu",
			       (unsigned long long)exec->in_taken,
			       (unsigned long long)s->offset);
	return 0;
}

/* Two at once would count from the same byte: the later one is right. */
static void
take_turn(struct steering *s, struct exec *exec)
{
	if (exec->input)
		fail_input(exec->input, "gets other input now");
	exec->input = s;
	watch(s, exec, on_input_change);
}

void
exec_api_stdin(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct exec *exec = find_running(daemon, x, id);
	struct err err = ERR_INIT;
	struct steering *s;

	if (exec == NULL)
		return;
	if (!exec->is_input_known) {
		/* Found again a moment ago, it has not said what it took. */
		err_set(&err, ERR_UNREACHABLE, "exec %s has not spoken yet",
			exec->id);
		reply_error(x, &err);
		return;
	}
	if (!exec->has_stdin) {
		err_set(&err, ERR_CONFLICT, "exec %s was started without input",
			exec->id);
		err_hint(&err, "start it with --stdin");
		reply_error(x, &err);
		return;
	}
	s = new_steering(daemon, x, exec);
	http_exchange_own(x, s, on_gone);
	if (read_input_query(s, exec, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	take_turn(s, exec);
	http_exchange_read(x, on_input);
}
