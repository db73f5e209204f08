/* SPDX-License-Identifier: ISC */

/*
 * Ending a session; see session_api.h.
 *
 * The agent is asked as a terminal that closes would ask, and with TERM; after
 * the grace everything that still belongs to its session (in the kernel's
 * sense) is killed.  Then tmux forgets it, and its record goes.
 */

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/reply.h"
#include "berthd/session/child.h"
#include "berthd/session/session_api.h"
#include "berthd/session/session_ask.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "http/server.h"

#define DEFAULT_GRACE_MS 5000

struct killing {
	uint64_t grace_ms;
	struct child child;
	uv_timer_t timer;
	unsigned n_handles;
	struct session_ask *ask;
};

static void
on_handle_closed(struct killing *k)
{
	if (--k->n_handles == 0)
		free(k);
}

static void
on_child_closed(struct child *child)
{
	on_handle_closed(container_of(child, struct killing, child));
}

static void
on_timer_closed(uv_handle_t *handle)
{
	on_handle_closed(
	    container_of((uv_timer_t *)handle, struct killing, timer));
}

static void
killing_free(struct session_ask *ask)
{
	struct killing *k = ask->own;

	child_close(&k->child);
	uv_close((uv_handle_t *)&k->timer, on_timer_closed);
}

/* Everything in the session of a keeper, which ends when its agent has. */
static void
signal_session(pid_t keeper, int sig)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;

	while (processes && (entry = readdir(processes)) != NULL) {
		uint64_t pid;

		if (parse_u64(entry->d_name, 2, INT32_MAX, &pid,
			      &(struct err)ERR_INIT) == 0 &&
		    (pid_t)pid != keeper && getsid((pid_t)pid) == keeper)
			(void)kill((pid_t)pid, sig);
	}
	if (processes)
		closedir(processes);
}

static void
on_forgotten(struct session_ask *ask)
{
	/* That it is gone already is what was wanted. */
	record_remove(ask->sessions->dir, ask->name);
	log_info("session", "ended", KV_STR("name", ask->name));
	session_ask_ok(ask);
}

static void
forget(struct session_ask *ask)
{
	AUTO_FREE char *target = xasprintf("=%s", ask->name);
	const char *const words[] = { "kill-session", "-t", target, NULL };
	AUTO_STRV char **argv = tmux_argv(&ask->sessions->tmux, words);

	session_ask_call(ask, argv, on_forgotten);
}

static void
on_agent_end(struct child *child)
{
	struct killing *k = container_of(child, struct killing, child);

	(void)uv_timer_stop(&k->timer);
	/* Its own children may have stayed. */
	signal_session(child->pid, SIGKILL);
	forget(k->ask);
}

static void
on_grace_over(uv_timer_t *timer)
{
	struct killing *k = container_of(timer, struct killing, timer);

	signal_session(k->child.pid, SIGKILL);
}

static void
on_looked(struct session_ask *ask)
{
	struct killing *k = ask->own;
	struct err err = ERR_INIT;

	if (session_ask_exists(ask, &err) < 0) {
		session_ask_fail(ask, &err);
		return;
	}
	if (ask->session.live == NULL) {
		on_forgotten(ask);
		return;
	}
	k->child.pid = (pid_t)ask->session.live->pid;
	if (ask->session.live->is_dead ||
	    !child_watch(&k->child, ask->sessions->loop)) {
		forget(ask);
		return;
	}
	k->n_handles++;
	child_kill(&k->child, SIGHUP);
	child_kill(&k->child, SIGCONT);
	signal_session(k->child.pid, SIGTERM);
	(void)uv_timer_start(&k->timer, on_grace_over, k->grace_ms, 0);
}

void
session_api_kill(struct daemon *daemon, struct http_exchange *x,
		 const char *name)
{
	AUTO_FREE char *grace = http_head_query(http_exchange_head(x), "grace");
	uint64_t grace_ms = DEFAULT_GRACE_MS;
	struct err err = ERR_INIT;
	struct session_ask *ask;
	struct killing *k;

	if (grace && parse_duration(grace, &grace_ms, &err) < 0) {
		err_wrap(&err, "grace");
		reply_error(x, &err);
		return;
	}
	ask = session_ask_new(daemon, x, name);
	if (ask == NULL)
		return;
	k = xcalloc(1, sizeof(*k));
	k->ask = ask;
	k->grace_ms = grace_ms;
	k->child = (struct child){ .pidfd = -1,
				   .on_end = on_agent_end,
				   .on_closed = on_child_closed };
	(void)uv_timer_init(ask->sessions->loop, &k->timer);
	k->n_handles = 1;
	ask->own = k;
	ask->fini = killing_free;
	session_ask_look(ask, on_looked);
}
