/* SPDX-License-Identifier: ISC */

/*
 * The output of an exec as an answer; see exec_log.h.
 *
 * exec->log is a struct exec_log while somebody reads, NULL otherwise.
 */

#include <unistd.h>

#include "berthd/exec/exec.h"
#include "berthd/exec/exec_json.h"
#include "berthd/exec/exec_log.h"
#include "berthd/exec/log_query.h"
#include "berthd/exec/log_stream.h"
#include "berthd/reply.h"
#include "core/jsonw.h"
#include "core/mem.h"

struct exec_log {
	struct log_source source;
	struct exec_watch watch;
	struct exec *exec;
	int dir_fd;
};

static void
describe_started(void *owner, struct jsonw *w)
{
	struct exec_log *log = owner;

	exec_json_started(log->exec, w);
}

static void
describe_finished(void *owner, struct jsonw *w)
{
	struct exec_log *log = owner;

	exec_json_finished(log->exec, w);
}

static void
describe_result(void *owner, struct jsonw *w)
{
	struct exec_log *log = owner;
	struct err err = ERR_INIT;

	/* A directory that went away leaves what the index knows. */
	if (exec_json_result(log->exec, w, &err) < 0)
		exec_json_summary(log->exec, w);
}

static void
free_log(struct exec_log *log)
{
	log->exec->log = NULL;
	exec_watch_remove(&log->watch);
	log_source_fini(&log->source);
	close(log->dir_fd);
	free(log);
}

static void
on_idle(void *owner)
{
	free_log(owner);
}

static void
on_change(struct exec_watch *watch, const struct err *why UNUSED)
{
	struct exec_log *log = container_of(watch, struct exec_log, watch);

	log->source.is_ended = exec_is_ended(log->exec);
	log->source.is_capped = log->exec->run != NULL;
	log_source_changed(&log->source);
}

static struct exec_log *
get_log(struct exec *exec, struct err *err)
{
	struct exec_log *log = exec->log;
	int dir_fd;

	if (log)
		return log;
	dir_fd = exec_open_dir(exec, err);
	if (dir_fd < 0)
		return NULL;
	log = xcalloc(1, sizeof(*log));
	log->exec = exec;
	log->dir_fd = dir_fd;
	log->source = (struct log_source){
		.dir_fd = dir_fd,
		.exec_id = exec->id,
		.is_ended = exec_is_ended(exec),
		.is_capped = exec->run != NULL,
		.exec = log,
		.describe_started = describe_started,
		.describe_finished = describe_finished,
		.describe_result = describe_result,
		.on_idle = on_idle,
	};
	log->watch.on_change = on_change;
	exec_watch_add(exec, &log->watch);
	exec->log = log;
	return log;
}

void
exec_log_serve(struct uv_loop_s *loop, struct exec *exec,
	       struct http_exchange *x, const struct log_query *query)
{
	struct err err = ERR_INIT;
	struct exec_log *log = get_log(exec, &err);

	if (log == NULL)
		reply_error(x, &err);
	else
		log_stream_start(x, &log->source, query, loop);
}

void
exec_log_forget(struct exec *exec)
{
	if (exec->log)
		free_log(exec->log);
}
