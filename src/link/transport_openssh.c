/* SPDX-License-Identifier: ISC */

/*
 * A machine through the system's ssh; see transport.h.
 *
 * ssh connects: its configuration, keys, agents, hardware, hosts on the way
 * and host keys are honoured because it is ssh that uses them.  It runs as the
 * master of a control socket in our private directory, and we open channels
 * through it by its multiplexing protocol (mux.h).
 *
 *	RESOLVING  ssh -G says what the configuration comes to
 *	STARTING   ssh -M connects; the control socket is not there yet
 *	GREETING   it is (told by inotify); the master has not answered yet
 *	UP	   channels
 *	ENDING	   the control connection is gone; why, ssh's end will say, and
 *		   the channels are told then
 *	DOWN	   told; good for freeing only
 *
 * `ssh -G' says how strict the user is about host keys, and how known_hosts
 * names the host, as a message about its key must.
 *
 * Questions come by the askpass broker.  Nobody to answer ends the attempt at
 * once: an empty password would be tried, and counted, by the machine.
 */

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/sha1.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"
#include "link/askpass.h"
#include "link/child.h"
#include "link/hostkey.h"
#include "link/mux.h"
#include "link/mux_forward.h"
#include "link/openssh_argv.h"
#include "link/ssh_config.h"
#include "link/ssh_report.h"
#include "machine/machine.h"
#include "machine/resolve.h"

#include "link/transport.h"

/* ssh binds a name with a dot and these more bytes first; sun_path has 108. */
#define DRAFT_RANDOM 16
#define MAX_SOCKET_PATH 90
#define MAX_NAME 24 /* of a socket, before ".mux" */

#define DEFAULT_TIMEOUT_MS 30000
/* For ssh to say why, after its connection ended. */
#define LAST_WORDS_MS 2000

enum openssh_state { RESOLVING, STARTING, GREETING, UP, ENDING, DOWN };

struct openssh {
	struct transport base;
	struct transport_config config;
	enum openssh_state state;
	enum ssh_stage stage; /* the last that was told */
	struct ssh_report report;
	struct err why;	   /* of ENDING: if ssh says nothing */
	bool is_cancelled; /* nobody answers */
	bool is_freed;

	char *socket;	   /* of the master */
	char *socket_name; /* its last part */

	struct resolved resolved;
	char *host; /* as known_hosts has it */

	struct ssh_config *asked; /* of RESOLVING */
	struct child *child;	  /* the master */
	struct askpass *askpass;
	struct mux *mux;

	struct mux_forward *forward; /* is asked for */
	void (*on_forwarded)(const struct err *err, void *owner);

	uv_timer_t timer;
	uv_poll_t notify; /* the directory */
	int notify_fd;
	unsigned n_handles;
};

static struct openssh *
openssh_of(struct transport *t)
{
	return container_of(t, struct openssh, base);
}

static const struct transport_events *
events_of(const struct openssh *o)
{
	return o->config.events;
}

/* Is it the name that ssh binds before it takes that of our socket? */
static bool
is_draft(const struct openssh *o, const char *name)
{
	size_t n = strlen(o->socket_name);

	return strncmp(name, o->socket_name, n) == 0 && name[n] == '.' &&
	       strlen(name + n + 1) == DRAFT_RANDOM &&
	       strchr(name + n + 1, '.') == NULL;
}

/* Of a master that has ended; killed in the middle, it leaves both. */
static void
remove_sockets(struct openssh *o)
{
	DIR *dir = opendir(o->config.directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (is_draft(o, entry->d_name))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
	(void)unlink(o->socket);
}

/* The last callback; it may free us. */
static void
go_down(struct openssh *o, const struct err *why)
{
	struct err err = *why;

	if (o->state == DOWN)
		return;
	o->state = DOWN;
	uv_timer_stop(&o->timer);
	ssh_config_free(TAKE(o->asked));
	child_free(TAKE(o->child));
	mux_forward_free(TAKE(o->forward));
	remove_sockets(o);
	log_info("ssh", "down", KV_STR("machine", o->config.machine->name),
		 KV_ERR(&err));
	mux_end(TAKE(o->mux), &err);
	if (!o->is_freed)
		events_of(o)->on_down(&o->base, &err, o->config.owner);
}

/* ssh ended, and its words say why. */
static void
go_down_by_report(struct openssh *o)
{
	struct err err = ERR_INIT;
	bool was_up = o->state == ENDING || o->state == UP;

	ssh_report_error(&o->report, o->config.machine->name, o->host, &err);
	/* What had been let in once will be let in again. */
	if (was_up && err.code != ERR_UNREACHABLE)
		err = o->why;
	go_down(o, &err);
}

/* Tell a stage, and those that were passed on the way to it. */
static void
tell_stage(struct openssh *o, enum ssh_stage stage)
{
	while (o->stage < stage) {
		o->stage++;
		if (events_of(o)->on_stage)
			events_of(o)->on_stage(&o->base,
					       ssh_stage_name(o->stage),
					       o->config.owner);
	}
}

/* --- the way up ------------------------------------------------------------
 */

static void set_deadline(struct openssh *o);

static void
on_mux_up(struct mux *mux, uint32_t pid, void *owner)
{
	struct openssh *o = owner;

	tell_stage(o, SSH_STAGE_SHELL);
	o->state = UP;
	uv_timer_stop(&o->timer);
	log_debug("ssh", "up", KV_STR("machine", o->config.machine->name),
		  KV_INT("pid", pid));
	events_of(o)->on_up(&o->base, o->config.owner);
}

static void
on_last_words_late(uv_timer_t *timer)
{
	struct openssh *o = container_of(timer, struct openssh, timer);

	go_down(o, &o->why);
}

/* ssh is about to say why, unless it is us who broke off. */
static void
on_mux_down(struct mux *mux, const struct err *why, void *owner)
{
	struct openssh *o = owner;

	o->why = *why;
	if (why->code != ERR_UNREACHABLE) {
		go_down(o, why);
		return;
	}
	o->state = ENDING;
	if (o->child == NULL) {
		go_down_by_report(o);
		return;
	}
	uv_timer_start(&o->timer, on_last_words_late, LAST_WORDS_MS, 0);
	if (events_of(o)->on_lost)
		events_of(o)->on_lost(&o->base, o->config.owner);
}

static const struct mux_events mux_events = {
	.on_up = on_mux_up,
	.on_down = on_mux_down,
};

/* The control socket has appeared. */
static void
greet(struct openssh *o)
{
	struct err err = ERR_INIT;
	int fd = sock_connect_unix(o->socket, &err);

	if (fd >= 0)
		o->mux = mux_new(o->config.loop, fd, o->base.ops, &mux_events,
				 o, &err);
	if (o->mux) {
		o->state = GREETING;
	} else {
		/* It was killed just when it had made it. */
		if (err.code == ERR_NOT_FOUND)
			err.code = ERR_UNREACHABLE;
		go_down(o, &err);
	}
}

static void
on_notify(uv_poll_t *poll, int status, int events)
{
	struct openssh *o = container_of(poll, struct openssh, notify);
	_Alignas(struct inotify_event) char room[4096];
	bool is_there = false;
	ssize_t n;

	while ((n = read(o->notify_fd, room, sizeof(room))) > 0) {
		for (char *p = room; p < room + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			if (e->mask & IN_Q_OVERFLOW)
				is_there = access(o->socket, F_OK) == 0;
			else if (e->len && str_eq(e->name, o->socket_name))
				is_there = true;
			p += sizeof(*e) + e->len;
		}
	}
	if (is_there && o->state == STARTING) {
		uv_poll_stop(poll);
		greet(o);
	}
}

static void
on_master_line(struct child *child, int fd, const char *line, size_t n,
	       void *owner)
{
	struct openssh *o = owner;
	char text[1024], shown[2048];

	ssh_report_add(&o->report, line, n);
	snprintf(text, sizeof(text), "%.*s", (int)MIN(n, 1023), line);
	log_debug("ssh", "says",
		  KV_STR("line", vis(shown, sizeof(shown), text)));
	if (o->state < UP)
		tell_stage(o, o->report.stage);
}

static void
on_master_exit(struct child *child, int status, void *owner)
{
	struct openssh *o = owner;

	child_free(TAKE(o->child));
	if (WIFSIGNALED(status))
		o->report.signal = WTERMSIG(status);
	/* What it has sent to us is still read before that is the end. */
	if (o->mux == NULL || o->state == ENDING)
		go_down_by_report(o);
}

static const struct child_events master_events = {
	.on_line = on_master_line,
	.on_exit = on_master_exit,
};

/* --- the beginning ---------------------------------------------------------
 */

static uint64_t
timeout_ms(const struct openssh *o)
{
	uint64_t ms = o->config.machine->connect_timeout;

	return ms ? ms : DEFAULT_TIMEOUT_MS;
}

static void
start_master(struct openssh *o)
{
	const struct openssh_way way = { .machine = o->config.machine,
					 .resolved = &o->resolved,
					 .socket = o->socket,
					 .timeout_ms = timeout_ms(o),
					 .compress = o->config.compress };
	struct err err = ERR_INIT;
	AUTO_STRV char **argv = openssh_argv(&way, &err);
	AUTO_STRV char **env = strv_copy(environ);

	askpass_environ(o->askpass, &env);
	ssh_report_init(&o->report);
	o->state = STARTING;
	if (argv)
		o->child = child_new(o->config.loop, argv, env, &master_events,
				     o, &err);
	if (o->child == NULL)
		go_down(o, &err);
}

static void
on_config(struct resolved *resolved, const struct err *err, void *owner)
{
	struct openssh *o = owner;
	struct resolved *r = &o->resolved;

	ssh_config_free(TAKE(o->asked));
	if (err) {
		go_down(o, err);
		return;
	}
	*r = *resolved;
	*resolved = (struct resolved){ .hostname = NULL };
	o->host = r->host_key_alias ? xstrdup(r->host_key_alias)
				    : hostkey_name(r->hostname, r->port);
	start_master(o);
}

static int
start_resolving(struct openssh *o, struct err *err)
{
	o->asked = ssh_config_ask(o->config.loop, o->config.machine, on_config,
				  o, err);
	if (o->asked)
		return 0;
	if (err->code == ERR_NOT_FOUND) {
		err_set(err, ERR_UNSUPPORTED, "ssh is not installed");
		err_hint(err, "install OpenSSH's client, or set 'transport: "
			      "libssh' for the machine");
	}
	return -1;
}

/* --- questions -------------------------------------------------------------
 */

static void
on_deadline(uv_timer_t *timer)
{
	struct openssh *o = container_of(timer, struct openssh, timer);
	struct err err = ERR_INIT;

	if (o->is_cancelled) {
		go_down(o, &o->why);
		return;
	}
	err_set(&err, ERR_UNREACHABLE, "no connection in %llu s (stage: %s)",
		(unsigned long long)timeout_ms(o) / 1000,
		ssh_stage_name(o->stage));
	err_hint(&err, "check the network, or raise connect_timeout of the "
		       "machine");
	go_down(o, &err);
}

static void
set_deadline(struct openssh *o)
{
	uv_timer_start(&o->timer, on_deadline, timeout_ms(o), 0);
}

/* Kept until the answer: what it means if there is none. */
static void
remember_question(struct openssh *o, const struct prompt *p)
{
	const struct hostkey_facts facts = {
		.machine = o->config.machine->name,
		.host = o->host,
		.fingerprint = p->fingerprint,
	};

	if (p->kind == PROMPT_HOST_KEY) {
		hostkey_error(ssh_report_certificate(&o->report)
				  ? HOSTKEY_INVALID
				  : HOSTKEY_UNKNOWN,
			      &facts, &o->why);
		return;
	}
	err_set(&o->why, ERR_AUTH, "nobody answered: %s", p->text);
	err_hint(&o->why, "connect from a terminal, or give the machine a key "
			  "or a secret");
}

/*
 * A certificate that does not hold makes ssh ask about the key, as if there
 * were none; that there is one it has said before, on a terminal.
 */
static void
on_prompt(struct askpass *askpass, const struct prompt *p, void *owner)
{
	struct openssh *o = owner;
	const char *certificate = ssh_report_certificate(&o->report);
	AUTO_FREE char *text = NULL;
	struct prompt asked = *p;

	if (o->state == DOWN)
		return;
	if (!p->is_notice)
		remember_question(o, p);
	if (p->kind == PROMPT_HOST_KEY && certificate)
		asked.text = text = xasprintf("%s\n%s", certificate, p->text);
	/* People take their time. */
	uv_timer_stop(&o->timer);
	events_of(o)->on_prompt(&o->base, &asked, o->config.owner);
}

static const struct askpass_events askpass_events = {
	.on_prompt = on_prompt,
};

static void
openssh_answer(struct transport *t, const char *text)
{
	struct openssh *o = openssh_of(t);

	if (o->state >= UP)
		return;
	if (text) {
		askpass_answer(o->askpass, text);
		set_deadline(o);
		return;
	}
	o->is_cancelled = true;
	uv_timer_start(&o->timer, on_deadline, 0, 0);
}

/* --- making and unmaking ---------------------------------------------------
 */

/* A name for sockets that is short enough whatever the machine is called. */
static char *
socket_stem(const char *name)
{
	uint8_t hash[SHA1_SIZE];
	char hex[2 * SHA1_SIZE + 1];

	if (strlen(name) <= MAX_NAME)
		return xstrdup(name);
	sha1(name, strlen(name), hash);
	hex_encode(hex, hash, sizeof(hash));
	hex[16] = '\0';
	return xstrdup(hex);
}

static int
name_sockets(struct openssh *o, char **ret_askpass, struct err *err)
{
	const char *name = o->config.name ? o->config.name
					  : o->config.machine->name;
	AUTO_FREE char *stem = socket_stem(name);

	o->socket_name = xasprintf("%s.mux", stem);
	o->socket = path_join(o->config.directory, o->socket_name);
	*ret_askpass = xasprintf("%s.askpass", stem);
	if (strlen(o->socket) <= MAX_SOCKET_PATH &&
	    strstr(o->socket, "${") == NULL)
		return 0;
	err_set(err, ERR_CONFIG, "ssh cannot have a socket named %s",
		o->socket);
	return err_hint(err, "set XDG_RUNTIME_DIR or BERTH_HOME to a shorter "
			     "and plainer directory");
}

static int
watch_directory(struct openssh *o, struct err *err)
{
	o->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (o->notify_fd < 0 ||
	    inotify_add_watch(o->notify_fd, o->config.directory,
			      IN_CREATE | IN_MOVED_TO) < 0)
		return err_sys(err, "watch %s", o->config.directory);
	uv_poll_init(o->config.loop, &o->notify, o->notify_fd);
	o->n_handles++;
	uv_poll_start(&o->notify, UV_READABLE, on_notify);
	return 0;
}

static int
begin(struct openssh *o, struct err *err)
{
	AUTO_FREE char *askpass = NULL;

	if (name_sockets(o, &askpass, err) < 0)
		return -1;
	remove_sockets(o);
	if (watch_directory(o, err) < 0)
		return -1;
	o->askpass = askpass_new(o->config.loop, o->config.directory, askpass,
				 &askpass_events, o, err);
	if (o->askpass == NULL)
		return -1;
	return start_resolving(o, err);
}

static void
on_closed(uv_handle_t *h)
{
	struct openssh *o = h->data;

	if (--o->n_handles > 0)
		return;
	if (o->notify_fd >= 0)
		close(o->notify_fd);
	free(o->socket);
	free(o->socket_name);
	free(o->host);
	resolved_fini(&o->resolved);
	free(o);
}

static void
openssh_free(struct transport *t)
{
	struct openssh *o = openssh_of(t);

	o->state = DOWN;
	o->is_freed = true;
	mux_free(TAKE(o->mux));
	mux_forward_free(TAKE(o->forward));
	ssh_config_free(TAKE(o->asked));
	child_free(TAKE(o->child));
	askpass_free(TAKE(o->askpass));
	if (o->socket)
		remove_sockets(o);
	o->timer.data = o->notify.data = o;
	if (o->notify.loop)
		uv_close((uv_handle_t *)&o->notify, on_closed);
	uv_close((uv_handle_t *)&o->timer, on_closed);
}

static struct transport *
openssh_new(const struct transport_config *config, struct err *err)
{
	struct openssh *o = xcalloc(1, sizeof(*o));

	o->base.ops = &transport_openssh;
	o->config = *config;
	o->notify_fd = -1;
	ssh_report_init(&o->report);
	uv_timer_init(config->loop, &o->timer);
	o->n_handles = 1;
	if (begin(o, err) < 0) {
		openssh_free(&o->base);
		return NULL;
	}
	set_deadline(o);
	return &o->base;
}

static struct channel *
openssh_open(struct transport *t, const struct channel_spec *spec,
	     const struct channel_events *events, void *owner, struct err *err)
{
	struct openssh *o = openssh_of(t);

	if (o->mux)
		return mux_open(o->mux, spec, events, owner, err);
	err_set(err, ERR_UNREACHABLE, "the SSH connection is not up");
	return NULL;
}

static void
openssh_facts(struct transport *t, struct transport_facts *facts)
{
	const struct openssh *o = openssh_of(t);

	if (o->report.fingerprint[0])
		facts->host_key = o->report.fingerprint;
	if (o->state == UP)
		facts->socket = o->socket;
}

static void
openssh_ping(struct transport *t, void (*on_pong)(void *owner, uint64_t us))
{
	struct openssh *o = openssh_of(t);

	if (o->mux)
		mux_ping(o->mux, on_pong, o->config.owner);
}

static void
on_forward_done(const struct err *err, void *owner)
{
	struct openssh *o = owner;

	o->forward = NULL;
	o->on_forwarded(err, o->config.owner);
}

static int
openssh_forward(struct transport *t, const char *path, const char *remote,
		void (*done)(const struct err *err, void *owner),
		struct err *err)
{
	struct openssh *o = openssh_of(t);
	int fd;

	if (o->state != UP || o->forward)
		return err_set(err, ERR_UNREACHABLE,
			       "the SSH connection is not up");
	fd = sock_connect_unix(o->socket, err);
	if (fd < 0)
		return -1;
	o->on_forwarded = done;
	o->forward = mux_forward_start(o->config.loop, fd, path, remote,
				       on_forward_done, o, err);
	return o->forward ? 0 : -1;
}

const struct transport_ops transport_openssh = {
	.name = "openssh",
	.new = openssh_new,
	.free = openssh_free,
	.answer = openssh_answer,
	.open = openssh_open,
	.write = mux_write,
	.write_end = mux_write_end,
	.pause = mux_pause,
	.resume = mux_resume,
	.resize = mux_resize,
	.signal = mux_signal,
	.close = mux_close,
	.facts = openssh_facts,
	.forward = openssh_forward,
	.ping = openssh_ping,
};
