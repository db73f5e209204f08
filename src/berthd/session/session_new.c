/* SPDX-License-Identifier: ISC */

/*
 * Having a session; see session_api.h.
 *
 * tmux decides who creates it: of any number of requests, here or by logins,
 * one gets a session and all others get "duplicate".  What the agent is to run
 * lies in a file by then (agent.h), one per attempt; those of the losers are
 * removed.  One that ended is replaced within one call, on the server's own
 * word that it is still the dead one.
 *
 * The answer to a creation waits a moment: an agent that cannot start ends at
 * once, and the answer then says so.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/config.h"
#include "berthd/daemon.h"
#include "berthd/exec/environment.h"
#include "berthd/reply.h"
#include "berthd/session/agent.h"
#include "berthd/session/child.h"
#include "berthd/session/profile.h"
#include "berthd/session/session_api.h"
#include "berthd/session/session_ask.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/server.h"

#define MAX_BODY (4u << 20)

/*
 * A program that is missing, or refuses its options, is gone within this; one
 * that is not costs a creation so much, once.
 */
#define START_WATCH_MS 250

/* tmux tells of an end a moment after the kernel did. */
#define TELL_MS 20
#define MAX_TELLS 50

/* By then whoever created a session has written its record, or cannot. */
#define NEW_S 2

struct request {
	char *name, *profile, *cwd, *key;
	char **argv, **env;
	int64_t cols, rows;
};

static const struct json_field fields[] = {
	JSON_F(struct request, name, STR, false),
	JSON_F(struct request, profile, STR, false),
	JSON_F(struct request, cwd, STR, false),
	JSON_F(struct request, key, STR, false),
	JSON_F(struct request, argv, STRS, false),
	JSON_F(struct request, env, MAP, false),
	{ .name = "cols",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct request, cols),
	  .min = 0,
	  .max = 10000 },
	{ .name = "rows",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct request, rows),
	  .min = 0,
	  .max = 10000 },
};

struct creation {
	struct request request;
	bool is_restricted;
	struct agent_order order;
	const char *profile; /* NULL: a command of its own */
	char *order_path;
	bool with_scope;
	struct child child; /* the agent, while its start is watched */
	uv_timer_t timer;
	unsigned n_handles, n_tells;
	bool has_died; /* says the kernel */
	struct session_ask *ask;
};

/* What runs */

static char *
find_shell(const struct config *config, char *const *env)
{
	const char *shell = strv_env_get(env, "SHELL");

	return xstrdup(shell && shell[0] == '/' ? shell
						: config->default_shell);
}

/* Environment of the profile, then what was asked; a few names are refused. */
static void
make_env(struct creation *c, const struct config *config,
	 const struct profile *profile)
{
	AUTO_STRV char **base = environment_base(environ);
	AUTO_STRV char **asked = strv_copy(profile->env);
	AUTO_STRV char **refused = NULL;

	for (char **pair = c->request.env; pair && *pair; pair++)
		strv_env_set(&asked, *pair);
	c->order.env = environment_make(base, config->env, asked,
					config->allow_env, &refused);
}

static int
make_cwd(struct creation *c, const struct profile *profile, struct err *err)
{
	const char *asked = c->request.cwd ? c->request.cwd : profile->cwd;
	AUTO_FREE char *full = path_expand(asked ? asked : "~", err);

	if (full == NULL)
		return -1;
	if (full[0] != '/') {
		AUTO_FREE char *home = path_home(err);

		if (home == NULL)
			return -1;
		c->order.cwd = path_join(home, full);
	} else {
		c->order.cwd = TAKE(full);
	}
	if (access(c->order.cwd, X_OK) < 0) {
		err_sys(err, "working directory %s", c->order.cwd);
		err->code = ERR_DENIED;
		return -1;
	}
	return 0;
}

static bool
is_in_roots(const char *path, char *const *roots)
{
	AUTO_FREE char *real = realpath(path, NULL);

	for (; real && roots && *roots; roots++) {
		AUTO_FREE char *root = realpath(*roots, NULL);

		if (root && path_is_within(root, real))
			return true;
	}
	return false;
}

static int
make_order(struct session_ask *ask, struct creation *c, struct err *err)
{
	const struct config *config = ask->sessions->config;
	const struct request *r = &c->request;
	struct profile profile = { .name = NULL };

	if (r->argv && r->profile)
		return err_set(err, ERR_INVALID,
			       "either argv or profile, not both");
	if (r->argv == NULL &&
	    profile_find(config, r->profile, &profile, err) < 0)
		return -1;
	c->profile = profile.name;
	if (make_cwd(c, &profile, err) < 0)
		return -1;
	make_env(c, config, &profile);
	if ((c->is_restricted || config->allowed_cwd_roots) &&
	    !is_in_roots(c->order.cwd, ask->sessions->roots))
		return err_set(err, ERR_DENIED,
			       "working directory not allowed: %s",
			       c->order.cwd);
	c->order.name = xstrdup(ask->name);
	c->order.argv = strv_copy(r->argv ? r->argv : profile.argv);
	if (c->order.argv == NULL) {
		strv_give(&c->order.argv, find_shell(config, c->order.env));
		strv_add(&c->order.argv, "-l");
	}
	return 0;
}

/* Teardown */

static void
on_handle_closed(struct creation *c)
{
	if (--c->n_handles > 0)
		return;
	agent_order_fini(&c->order);
	json_fields_fini(fields, ARRAY_SIZE(fields), &c->request);
	free(c->order_path);
	free(c);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	on_handle_closed(
	    container_of((uv_timer_t *)handle, struct creation, timer));
}

static void
on_child_closed(struct child *child)
{
	on_handle_closed(container_of(child, struct creation, child));
}

static void
creation_free(struct session_ask *ask)
{
	struct creation *c = ask->own;

	/* The agent has removed it, if it came so far. */
	if (c->order_path)
		(void)unlink(c->order_path);
	child_close(&c->child);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

/* The answer */

static void on_tell(uv_timer_t *timer);

static void
fail_as_gone(struct session_ask *ask)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_REMOTE, "session %s was gone as soon as it was there",
		ask->name);
	session_ask_fail(ask, &err);
}

static void
answer(struct session_ask *ask)
{
	struct creation *c = ask->own;

	if (ask->session.live == NULL) {
		fail_as_gone(ask);
		return;
	}
	/* The agent ended, and tmux is about to say how. */
	if ((c->has_died || ask->session.live->is_dead) &&
	    !tmux_session_is_told(ask->session.live) &&
	    c->n_tells++ < MAX_TELLS) {
		(void)uv_timer_start(&c->timer, on_tell, TELL_MS, 0);
		return;
	}
	session_ask_show(ask, "existing", false);
}

static void
on_tell(uv_timer_t *timer)
{
	struct creation *c = container_of(timer, struct creation, timer);

	session_ask_look(c->ask, answer);
}

static void
on_agent_end(struct child *child)
{
	struct creation *c = container_of(child, struct creation, child);

	c->has_died = true;
	/* Otherwise tmux is being asked just now. */
	if (uv_is_active((uv_handle_t *)&c->timer))
		(void)uv_timer_start(&c->timer, on_tell, TELL_MS, 0);
}

static void
write_record(struct session_ask *ask)
{
	struct creation *c = ask->own;
	struct record asked = {
		.name = ask->name,
		.key = c->request.key,
		.profile = (char *)(uintptr_t)c->profile,
		.argv = c->order.argv,
		.cwd = c->order.cwd,
		.agent = ask->session.live->pid,
	};
	struct err err = ERR_INIT;

	/* A full disk does not stop anybody from working. */
	if (record_write_start(ask->sessions->dir, &asked,
			       ask->session.live->server, &err) < 0)
		log_warn("session", "not recorded", KV_STR("name", ask->name),
			 KV_ERR(&err));
	session_ask_read_record(ask);
}

static void
on_created_looked(struct session_ask *ask)
{
	struct creation *c = ask->own;

	if (ask->session.live == NULL || ask->session.live->is_dead) {
		if (ask->session.live)
			write_record(ask);
		answer(ask);
		return;
	}
	write_record(ask);
	log_info("session", "started", KV_STR("name", ask->name),
		 KV_STR("profile", c->profile));
	c->child.pid = (pid_t)ask->session.live->pid;
	if (child_watch(&c->child, ask->sessions->loop))
		c->n_handles++;
	(void)uv_timer_start(&c->timer, on_tell, START_WATCH_MS, 0);
}

static bool
is_same_command(char *const *a, char *const *b)
{
	while (*a && *b && str_eq(*a, *b))
		a++, b++;
	return *a == NULL && *b == NULL;
}

static void on_record(uv_timer_t *timer);

/* Who made it just now is about to write what it was made for. */
static bool
awaits_record(struct session_ask *ask)
{
	struct creation *c = ask->own;
	const struct tmux_session *live = ask->session.live;
	int64_t age = (int64_t)(clock_wall_ns() / NS_PER_S) -
		      (live ? live->created : 0);

	if (live == NULL || ask->session.record || age > NEW_S ||
	    c->n_tells++ >= MAX_TELLS)
		return false;
	(void)uv_timer_start(&c->timer, on_record, TELL_MS, 0);
	return true;
}

/* Another was first, or it runs already. */
static void
answer_existing(struct session_ask *ask)
{
	const struct creation *c = ask->own;
	const struct record *record;
	struct err err = ERR_INIT;
	bool is_any = c->request.argv == NULL && c->request.profile == NULL;

	if (ask->session.live == NULL) {
		fail_as_gone(ask);
		return;
	}
	if (!is_any && awaits_record(ask))
		return;
	record = ask->session.record;
	if (is_any || record == NULL || record->argv == NULL ||
	    is_same_command(record->argv, c->order.argv)) {
		session_ask_show(ask, "existing", true);
		return;
	}
	err_set(&err, ERR_CONFLICT, "session %s runs something else: %.100s",
		ask->name, record->profile ? record->profile : record->argv[0]);
	err_hint(&err, "give the new one another name");
	session_ask_fail(ask, &err);
}

static void
on_record(uv_timer_t *timer)
{
	struct creation *c = container_of(timer, struct creation, timer);

	session_ask_look(c->ask, answer_existing);
}

static void create(struct session_ask *ask);

static void
on_created(struct session_ask *ask)
{
	struct creation *c = ask->own;
	struct err err = ask->failed;

	if (err.code == ERR_NONE) {
		session_ask_look(ask, on_created_looked);
	} else if (tmux_is_duplicate(err.msg)) {
		session_ask_look(ask, answer_existing);
	} else if (c->with_scope) {
		/* The manager would not; a server without a scope is one. */
		c->with_scope = false;
		create(ask);
	} else {
		err_wrap(&err, "tmux");
		session_ask_fail(ask, &err);
	}
}

static char **
make_argv(struct session_ask *ask, struct creation *c, char *const *command)
{
	const struct tmux *tmux = &ask->sessions->tmux;
	struct tmux_create create = { .name = ask->name,
				      .command = command,
				      .cols = (uint64_t)c->request.cols,
				      .rows = (uint64_t)c->request.rows,
				      .replaces_dead = ask->session.live !=
						       NULL };
	AUTO_STRV char **words = tmux_create_argv(tmux, &create);
	char **argv = c->with_scope ? tmux_scope_argv(tmux) : NULL;

	if (argv == NULL) {
		c->with_scope = false;
		return TAKE(words);
	}
	for (char **word = words; *word; word++)
		strv_add(&argv, *word);
	return argv;
}

static void
create(struct session_ask *ask)
{
	struct creation *c = ask->own;
	AUTO_STRV char **command = NULL;
	AUTO_STRV char **argv = NULL;
	struct err err = ERR_INIT;

	if ((c->order_path == NULL &&
	     agent_write(ask->sessions->tmux.dir, &c->order, &c->order_path,
			 &err) < 0) ||
	    (command = agent_words(c->order_path, &err)) == NULL) {
		session_ask_fail(ask, &err);
		return;
	}
	argv = make_argv(ask, c, command);
	session_ask_call(ask, argv, on_created);
}

static void
on_looked(struct session_ask *ask)
{
	struct creation *c = ask->own;
	const struct session *s = &ask->session;
	bool is_same_request = s->live && s->record && c->request.key &&
			       s->record->key &&
			       str_eq(s->record->key, c->request.key);

	if (s->live && (!s->live->is_dead || is_same_request)) {
		answer_existing(ask);
		return;
	}
	c->with_scope = !tmux_is_up(&ask->sessions->tmux);
	create(ask);
}

/* The request */

static int
name_it(struct session_ask *ask, const struct request *r, struct err *err)
{
	const char *name = r->name ? r->name : r->profile;
	struct profile profile;

	if (name == NULL && r->argv)
		name = path_base(r->argv[0]);
	if (name == NULL) {
		if (profile_find(ask->sessions->config, NULL, &profile, err) <
		    0)
			return -1;
		name = profile.name;
	}
	if (tmux_name_check(name, err) < 0)
		return -1;
	snprintf(ask->name, sizeof(ask->name), "%s", name);
	return 0;
}

static int
read_request(struct session_ask *ask, struct creation *c,
	     const struct buf *body, struct err *err)
{
	if (body->len > 0 &&
	    json_decode_text(buf_bytes(body), body->len, fields,
			     ARRAY_SIZE(fields), 0, &c->request, err) < 0)
		return -1;
	if (c->request.argv && c->request.argv[0][0] == '\0')
		return err_set(err, ERR_INVALID, "argv: is empty");
	if (name_it(ask, &c->request, err) < 0)
		return -1;
	return make_order(ask, c, err);
}

static void
on_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct session_ask *ask = owner;
	struct creation *c = xcalloc(1, sizeof(*c));
	struct err err = ERR_INIT;

	c->ask = ask;
	c->is_restricted = http_exchange_guard(x)->tag == LISTENER_TCP;
	c->child = (struct child){ .pidfd = -1,
				   .on_end = on_agent_end,
				   .on_closed = on_child_closed };
	(void)uv_timer_init(ask->sessions->loop, &c->timer);
	c->n_handles = 1;
	ask->own = c;
	ask->fini = creation_free;
	if (read_request(ask, c, body, &err) < 0)
		session_ask_fail(ask, &err);
	else
		session_ask_look(ask, on_looked);
}

void
session_api_new(struct daemon *daemon, struct http_exchange *x,
		const char *name UNUSED)
{
	struct session_ask *ask = session_ask_new(daemon, x, NULL);

	if (ask)
		http_exchange_collect(x, MAX_BODY, on_body);
}
