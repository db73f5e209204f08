/* SPDX-License-Identifier: ISC */

/*
 * POST /v1/exec and /v1/exec/run; see exec_api.h.
 *
 * A start is answered when the exec's first state has come: then its spec is
 * durable and its holder lives.  A client that goes away before that changes
 * nothing; with a key it may ask again.
 */

#include <string.h>

#include "berthd/daemon.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/exec_api.h"
#include "berthd/exec/exec_json.h"
#include "berthd/exec/exec_log.h"
#include "berthd/exec/log_query.h"
#include "berthd/exec/spec.h"
#include "berthd/exec/store.h"
#include "berthd/reply.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/errors.h"

struct starting {
	struct exec_watch watch;
	struct daemon *daemon;
	struct http_exchange *x;
	struct exec *exec;
	bool is_run; /* stream the output */
	bool existing;
	uint64_t asked_ms;
};

/* Upper bounds in ms; the last bucket has none. */
static const uint64_t latency_bounds[LATENCY_BUCKETS] = {
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
};

static void
count_latency(struct daemon_stats *stats, uint64_t ms)
{
	unsigned i = 0;

	while (i < LATENCY_BUCKETS && ms > latency_bounds[i])
		i++;
	stats->start_ms[i]++;
	stats->start_ms_total += ms;
	stats->starts++;
}

static void
free_starting(struct starting *s)
{
	exec_watch_remove(&s->watch);
	free(s);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	free_starting(owner);
}

static void
reply_started(const struct starting *s)
{
	AUTO_BUF text = BUF_INIT(8192);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	exec_json_started(s->exec, &w);
	jsonw_bool(&w, "existing", s->existing);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	reply_json(s->x, &text);
}

/* The query of `run': everything of both streams, from the start to the end. */
static int
make_query(struct http_exchange *x, struct log_query *ret, struct err *err)
{
	const struct http_head *head = http_exchange_head(x);
	AUTO_FREE char *format = http_head_query(head, "format");

	log_query_init_run(ret);
	if (format == NULL || str_eq(format, "jsonl"))
		return 0;
	if (str_eq(format, "frames")) {
		ret->format = LOG_FRAMES;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		       "format: \"%.32s\" is neither jsonl nor frames", format);
}

static void
stream_output(struct starting *s)
{
	struct log_query query;
	struct err err = ERR_INIT;
	struct http_exchange *x = s->x;

	if (make_query(x, &query, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	http_exchange_own(x, NULL, NULL);
	exec_log_serve(s->daemon->loop, s->exec, x, &query);
	free_starting(s);
}

static void
on_change(struct exec_watch *watch, const struct err *why)
{
	struct starting *s = container_of(watch, struct starting, watch);

	if (why == NULL && !s->exec->is_acknowledged)
		return;
	exec_watch_remove(watch);
	if (why) {
		reply_error(s->x, why);
		return;
	}
	count_latency(&s->daemon->stats, clock_mono_ms() - s->asked_ms);
	if (s->is_run)
		stream_output(s);
	else
		reply_started(s);
}

static struct exec *
start(struct starting *s, const struct buf *body, struct err *err)
{
	struct spec spec = SPEC_INIT;
	struct exec_request request = {
		.spec = &spec,
		.restricted = http_exchange_guard(s->x)->tag == LISTENER_TCP,
	};
	struct exec *exec = NULL;

	if (s->daemon->has_successor) {
		/* Its index would not have what is started here. */
		err_set(err, ERR_UNREACHABLE,
			"another daemon has taken over; ask again");
		return NULL;
	}
	if (spec_decode(buf_bytes(body), body->len, &spec, err) == 0)
		exec = exec_store_start(s->daemon->store, &request,
					&s->existing, err);
	spec_fini(&spec);
	return exec;
}

static void
on_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct starting *s = owner;
	struct log_query query;
	struct err err = ERR_INIT;

	if (s->is_run && make_query(x, &query, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	s->exec = start(s, body, &err);
	if (s->exec == NULL) {
		reply_error(x, &err);
		return;
	}
	exec_watch_add(s->exec, &s->watch);
	if (s->exec->is_acknowledged)
		on_change(&s->watch, NULL);
}

static void
begin(struct daemon *daemon, struct http_exchange *x, bool is_run)
{
	struct starting *s = xcalloc(1, sizeof(*s));

	s->daemon = daemon;
	s->x = x;
	s->is_run = is_run;
	s->asked_ms = clock_mono_ms();
	s->watch.on_change = on_change;
	list_init(&s->watch.link);
	http_exchange_own(x, s, on_gone);
	http_exchange_collect(x, SPEC_MAX, on_body);
}

void
exec_api_start(struct daemon *daemon, struct http_exchange *x,
	       const char *id UNUSED)
{
	begin(daemon, x, false);
}

void
exec_api_run(struct daemon *daemon, struct http_exchange *x,
	     const char *id UNUSED)
{
	begin(daemon, x, true);
}
