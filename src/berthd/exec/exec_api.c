/* SPDX-License-Identifier: ISC */

/* Looking at execs: list, result, logs, artifacts, removal; see exec_api.h. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/daemon.h"
#include "berthd/exec/artifacts.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/exec_api.h"
#include "berthd/exec/exec_json.h"
#include "berthd/exec/exec_log.h"
#include "berthd/exec/log_query.h"
#include "berthd/exec/store.h"
#include "berthd/reply.h"
#include "core/buf.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/errors.h"

/* A list of all of 100,000 execs with their labels stays below this. */
#define MAX_LIST (128u << 20)
#define DEFAULT_LIMIT 100
#define MAX_WAIT_S 3600

/* The list */

struct list_query {
	char *state, *before, *label, *text;
	uint64_t limit; /* 0: all */
};

static void
list_query_fini(struct list_query *q)
{
	free(q->state);
	free(q->before);
	free(q->label);
	free(q->text);
}

static int
read_list_query(const struct http_head *head, struct list_query *q,
		struct err *err)
{
	AUTO_FREE char *limit = http_head_query(head, "limit");

	q->state = http_head_query(head, "state");
	q->before = http_head_query(head, "before");
	q->label = http_head_query(head, "label");
	q->text = http_head_query(head, "q");
	q->limit = DEFAULT_LIMIT;
	if (limit && parse_u64(limit, 0, UINT32_MAX, &q->limit, err) < 0)
		return err_wrap(err, "limit");
	if (q->state && !str_eq(q->state, "running") &&
	    !str_eq(q->state, "finished"))
		return err_set(err, ERR_INVALID,
			       "state: \"%.32s\" is neither running nor "
			       "finished",
			       q->state);
	return 0;
}

static bool
has_label(const struct exec *exec, const char *label)
{
	size_t n = strlen(label);

	for (char *const *l = exec->labels; l && *l; l++) {
		if (strncmp(*l, label, n) == 0 &&
		    (strchr(label, '=') ? (*l)[n] == '\0' : (*l)[n] == '='))
			return true;
	}
	return false;
}

static bool
is_listed(const struct exec *exec, const struct list_query *q)
{
	if (!exec->is_acknowledged)
		return false;
	if (q->state && exec_is_ended(exec) != str_eq(q->state, "finished"))
		return false;
	if (q->label && !has_label(exec, q->label))
		return false;
	return q->text == NULL || strcasestr(exec->summary, q->text) != NULL;
}

static void
write_list(const struct exec_store *store, const struct list_query *q,
	   struct jsonw *w)
{
	size_t i = q->before ? exec_store_position(store, q->before) :
			       exec_store_len(store);
	uint64_t left = q->limit ? q->limit : UINT64_MAX;

	jsonw_object(w, NULL);
	jsonw_array(w, "execs");
	while (i > 0 && left > 0) {
		const struct exec *exec = exec_store_at(store, --i);

		if (!is_listed(exec, q))
			continue;
		jsonw_object(w, NULL);
		exec_json_summary(exec, w);
		jsonw_object_end(w);
		left--;
	}
	jsonw_array_end(w);
	jsonw_u64(w, "total", exec_store_len(store));
	jsonw_int(w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(w);
}

void
exec_api_list(struct daemon *daemon, struct http_exchange *x,
	      const char *id UNUSED)
{
	AUTO_BUF text = BUF_INIT(MAX_LIST);
	struct jsonw w = JSONW_INIT(&text);
	struct list_query q = { .limit = 0 };
	struct err err = ERR_INIT;

	if (read_list_query(http_exchange_head(x), &q, &err) == 0) {
		write_list(daemon->store, &q, &w);
		if (jsonw_done(&w) < 0)
			err_set(&err, ERR_LIMIT,
				"the list is too long; ask with limit=");
	}
	list_query_fini(&q);
	if (err.code != ERR_NONE)
		reply_error(x, &err);
	else
		reply_json(x, &text);
}

/* The result, perhaps after a wait */

struct waiting {
	struct exec_watch watch;
	uv_timer_t deadline;
	struct http_exchange *x; /* NULL: answered or gone */
	struct exec *exec;
};

static void
reply_result(const struct exec *exec, struct http_exchange *x)
{
	AUTO_BUF text = BUF_INIT(EXEC_JSON_MAX);
	struct jsonw w = JSONW_INIT(&text);
	struct err err = ERR_INIT;

	jsonw_object(&w, NULL);
	if (exec_json_result(exec, &w, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	jsonw_object_end(&w);
	reply_json(x, &text);
}

static void
on_deadline_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct waiting, deadline));
}

static void
free_waiting(struct waiting *waiting)
{
	exec_watch_remove(&waiting->watch);
	uv_close((uv_handle_t *)&waiting->deadline, on_deadline_closed);
}

static void
on_waiter_gone(struct http_exchange *x UNUSED, void *owner)
{
	free_waiting(owner);
}

/* The answer ends the exchange, and that ends the wait. */
static void
answer_wait(struct waiting *waiting)
{
	exec_watch_remove(&waiting->watch);
	(void)uv_timer_stop(&waiting->deadline);
	reply_result(waiting->exec, waiting->x);
}

static void
on_wait_over(uv_timer_t *timer)
{
	answer_wait(container_of(timer, struct waiting, deadline));
}

static void
on_awaited_change(struct exec_watch *watch, const struct err *why)
{
	struct waiting *waiting = container_of(watch, struct waiting, watch);

	if (why) {
		exec_watch_remove(watch);
		(void)uv_timer_stop(&waiting->deadline);
		reply_error(waiting->x, why);
	} else if (exec_is_ended(waiting->exec)) {
		answer_wait(waiting);
	}
}

static void
wait_for_end(struct daemon *daemon, struct exec *exec, struct http_exchange *x,
	     uint64_t seconds)
{
	struct waiting *waiting = xcalloc(1, sizeof(*waiting));

	waiting->x = x;
	waiting->exec = exec;
	waiting->watch.on_change = on_awaited_change;
	exec_watch_add(exec, &waiting->watch);
	(void)uv_timer_init(daemon->loop, &waiting->deadline);
	(void)uv_timer_start(&waiting->deadline, on_wait_over, seconds * 1000,
			     0);
	http_exchange_own(x, waiting, on_waiter_gone);
}

void
exec_api_get(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	AUTO_FREE char *wait = http_head_query(http_exchange_head(x), "wait");
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(daemon->store, id, &err);
	uint64_t seconds = 0;

	if (exec && wait && *wait &&
	    parse_u64(wait, 0, MAX_WAIT_S, &seconds, &err) < 0)
		err_wrap(&err, "wait");
	if (err.code != ERR_NONE)
		reply_error(x, &err);
	else if (seconds == 0 || exec_is_ended(exec))
		reply_result(exec, x);
	else
		wait_for_end(daemon, exec, x, seconds);
}

/* Removal, logs, artifacts */

void
exec_api_remove(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	AUTO_BUF text = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&text);
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(daemon->store, id, &err);

	if (exec == NULL || exec_store_remove(daemon->store, exec, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "removed", true);
	jsonw_str(&w, "exec_id", exec->id);
	jsonw_object_end(&w);
	reply_json(x, &text);
}

void
exec_api_logs(struct daemon *daemon, struct http_exchange *x, const char *id)
{
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(daemon->store, id, &err);
	struct log_query query;

	if (exec == NULL ||
	    log_query_parse(http_exchange_head(x), &query, &err) < 0)
		reply_error(x, &err);
	else
		exec_log_serve(daemon->loop, exec, x, &query);
}

void
exec_api_forget(struct exec *exec, void *owner UNUSED)
{
	exec_log_forget(exec);
}

/* The artifact's file, which lies below the exec's own directory. */
static int
open_artifact(const struct exec *exec, const char *path, struct stat *st,
	      struct err *err)
{
	AUTO_CLOSE int dir = exec_open_dir(exec, err);
	AUTO_FREE char *below = NULL;
	AUTO_CLOSE int fd = -1;

	if (dir < 0)
		return -1;
	if (path[0] == '/' || str_eq(path, "..") || str_starts(path, "../") ||
	    strstr(path, "/../") || str_ends(path, "/.."))
		return err_set(err, ERR_DENIED, "path not allowed");
	below = xasprintf(ARTIFACTS_DIR "/%s", path);
	/* Nothing but plain files and directories of ours is in there. */
	fd = openat(dir, below, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		return err_set(err, ERR_NOT_FOUND, "no such artifact: %.200s",
			       path);
	return TAKE_FD(fd);
}

void
exec_api_artifact(struct daemon *daemon, struct http_exchange *x,
		  const char *id)
{
	AUTO_FREE char *path = http_head_query(http_exchange_head(x), "path");
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(daemon->store, id, &err);
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (exec && path == NULL)
		err_set(&err, ERR_INVALID, "path: is required");
	if (err.code == ERR_NONE)
		fd = open_artifact(exec, path, &st, &err);
	if (fd < 0) {
		reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, "application/octet-stream", st.st_size);
	if (st.st_size > 0)
		(void)http_reply_file(x, fd, 0, (uint64_t)st.st_size);
	http_reply_end(x);
}
