/* SPDX-License-Identifier: ISC */

/*
 * A machine through libssh, in this process; see transport.h.
 *
 * For hosts without OpenSSH's client, or where its process is too much.  What
 * it cannot do is refused with a pointer to `transport: openssh': hosts on the
 * way, proxy commands, forwarded agents, RevokedHostKeys, BindInterface.
 *
 *	RESOLVING  `ssh -G', where there is an ssh, says what the user's
 *		   configuration comes to; libssh reads none itself
 *	LOOKING    `getent' looks the host up (lookup.c)
 *	DIALLING   one address beside the other (dial.c); the socket is ours
 *	SHAKING    libssh exchanges keys
 *	ASKING     the machine's key is not known (libssh_hostkey.c)
 *	ENTERING   libssh_auth.c
 *	UP	   channels (libssh_channel.c)
 *
 * libssh is loaded when the first such machine is used (libssh_load.c).  Its
 * session does not block; session_turn does whatever can be done and is called
 * when the socket is ready, when an answer has come, or when the owner asked
 * for something.
 *
 * libssh closes its socket whenever it likes, and the loop must not watch a
 * number that means another file by then: it watches a duplicate.  Nor does
 * libssh close it always: what is left of it when the session ends is ours.
 *
 * A sign of life is a request that every server answers, though with no: to
 * cancel a forwarding that there is not.  libssh's own keep-alive does not say
 * whether the answer came.
 */

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "link/dial.h"
#include "link/hostkey.h"
#include "link/lookup.h"
#include "link/ssh_config.h"
#include "machine/machine.h"

#include "link/libssh_parts.h"

#define DEFAULT_TIMEOUT_MS 30000

/* Packets are read in pieces of 4 KiB; then others have their turn. */
#define POLLS_PER_TURN 64

/* --- the end --- */

static const struct transport_events *
events_of(const struct session *s)
{
	return s->config.events;
}

void
session_wipe_answer(struct session *s)
{
	if (s->answer == NULL)
		return;
	explicit_bzero(s->answer, strlen(s->answer));
	free(TAKE(s->answer));
}

/* The number may belong to another file already. */
static void
close_their_fd(struct session *s)
{
	struct stat ours, theirs;

	if (s->their_fd >= 0 && fstat(s->fd, &ours) == 0 &&
	    fstat(s->their_fd, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	    ours.st_ino == theirs.st_ino)
		close(s->their_fd);
	s->their_fd = -1;
}

/* Channels are closed already. */
static void
drop_connection(struct session *s)
{
	ssh_config_free(TAKE(s->asked));
	lookup_free(TAKE(s->lookup));
	dial_free(TAKE(s->dial));
	if (s->has_poll)
		(void)uv_poll_stop(&s->poll);
	auth_fini(s);
	session_wipe_answer(s);
	if (s->event) {
		(void)libssh.ssh_event_remove_session(s->event, s->ssh);
		libssh.ssh_event_free(TAKE(s->event));
	}
	if (s->ssh) {
		if (libssh.ssh_is_connected(s->ssh))
			libssh.ssh_disconnect(s->ssh);
		libssh.ssh_free(TAKE(s->ssh));
		close_their_fd(s);
	}
}

void
session_fail(struct session *s, const struct err *why)
{
	struct err err = *why;

	if (s->state == SESSION_DOWN)
		return;
	s->state = SESSION_DOWN;
	(void)uv_timer_stop(&s->timer);
	(void)uv_timer_stop(&s->alive);
	(void)uv_idle_stop(&s->later);
	channels_end(s, &err);
	if (s->is_freed)
		return;
	drop_connection(s);
	log_info("libssh", "down", KV_STR("machine", s->config.machine->name),
		 KV_ERR(&err));
	events_of(s)->on_down(&s->base, &err, s->config.owner);
}

void
session_broken(struct session *s, struct err *err)
{
	const char *words = libssh.ssh_get_error(s->ssh);
	char shown[300];

	vis(shown, sizeof(shown), words && *words ? words : "it was closed");
	if (s->state == SESSION_ENTERING &&
	    strstr(shown, "Too many authentication failures"))
		err_set(err, ERR_AUTH, "the machine did not let us in: %s",
			shown);
	else
		err_set(err, ERR_UNREACHABLE, "the connection was lost: %s",
			shown);
}

void
session_stage(struct session *s, enum ssh_stage stage)
{
	while (s->stage < stage && !s->is_freed) {
		s->stage++;
		if (events_of(s)->on_stage)
			events_of(s)->on_stage(&s->base,
					       ssh_stage_name(s->stage),
					       s->config.owner);
	}
}

static uint64_t
timeout_ms(const struct session *s)
{
	uint64_t ms = s->config.machine->connect_timeout;

	return ms ? ms : DEFAULT_TIMEOUT_MS;
}

static void
on_deadline(uv_timer_t *timer)
{
	struct session *s = container_of(timer, struct session, timer);
	AUTO_FREE char *report = s->dial ? dial_describe(s->dial) : NULL;
	struct err err = ERR_INIT;

	err_set(
	    &err, ERR_UNREACHABLE, "no connection in %llu s (stage: %s)%s%s",
	    (unsigned long long)timeout_ms(s) / 1000, ssh_stage_name(s->stage),
	    report ? ": " : "", report ? report : "");
	err_hint(&err, "check the network, or raise connect_timeout of the "
		       "machine");
	session_fail(s, &err);
}

/* --- turning --- */

static void session_turn(struct session *s);

static void
on_later(uv_idle_t *later)
{
	struct session *s = container_of(later, struct session, later);

	(void)uv_idle_stop(later);
	session_turn(s);
}

void
session_kick(struct session *s)
{
	if (s->state != SESSION_DOWN && !s->is_freed)
		(void)uv_idle_start(&s->later, on_later);
}

static void
on_ready(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	session_turn(container_of(poll, struct session, poll));
}

/* libssh knows whether it waits for the socket to take bytes. */
static void
watch(struct session *s)
{
	bool writes = libssh.ssh_get_poll_flags(s->ssh) & SSH_WRITE_PENDING;

	(void)uv_poll_start(&s->poll, UV_READABLE | (writes ? UV_WRITABLE : 0),
			    on_ready);
}

static void
tell_pong(struct session *s)
{
	void (*on_pong)(void *, uint64_t) = TAKE(s->on_pong);
	uint64_t us = (clock_boot_ns() - s->pinged_ns) / 1000;

	s->is_pinging = false;
	s->n_silent = 0;
	if (on_pong)
		on_pong(s->config.owner, us);
}

static void
turn_ping(struct session *s)
{
	int rc;

	if (!s->is_pinging)
		return;
	rc = libssh.ssh_channel_cancel_forward(s->ssh, "localhost", 1);
	if (rc != SSH_AGAIN && libssh.ssh_is_connected(s->ssh))
		tell_pong(s);
}

static void
turn_up(struct session *s)
{
	for (int i = 0; i < POLLS_PER_TURN; i++) {
		if (libssh.ssh_event_dopoll(s->event, 0) != SSH_OK)
			break;
	}
	turn_ping(s);
	if (!s->is_freed && s->state == SESSION_UP)
		channels_turn(s);
}

static void
on_alive(uv_timer_t *timer)
{
	struct session *s = container_of(timer, struct session, alive);
	struct err err = ERR_INIT;

	if (++s->n_silent >
	    transport_max_silent(s->config.machine->keep_alive)) {
		err_set(&err, ERR_UNREACHABLE,
			"the machine does not answer any more");
		session_fail(s, &err);
		return;
	}
	if (!s->is_pinging) {
		s->is_pinging = true;
		s->pinged_ns = clock_boot_ns();
	}
	session_kick(s);
}

static int
turn_entering(struct session *s, struct err *err)
{
	uint64_t ms = s->config.machine->keep_alive;
	int rc = auth_step(s, err);

	if (rc <= 0)
		return rc;
	auth_fini(s);
	session_wipe_answer(s);
	s->event = libssh.ssh_event_new();
	if (s->event == NULL ||
	    libssh.ssh_event_add_session(s->event, s->ssh) != SSH_OK)
		return err_set(err, ERR_SYSTEM, "libssh has no event loop");
	s->state = SESSION_UP;
	(void)uv_timer_stop(&s->timer);
	if (ms)
		(void)uv_timer_start(&s->alive, on_alive, ms, ms);
	session_stage(s, SSH_STAGE_SHELL);
	if (!s->is_freed)
		events_of(s)->on_up(&s->base, s->config.owner);
	return 1;
}

static int
enter(struct session *s, struct err *err)
{
	s->state = SESSION_ENTERING;
	session_stage(s, SSH_STAGE_AUTH);
	if (s->is_freed)
		return 0;
	auth_init(s);
	return turn_entering(s, err);
}

static int
turn_shaking(struct session *s, struct err *err)
{
	int rc = libssh.ssh_connect(s->ssh);

	if (rc == SSH_AGAIN)
		return 0;
	if (rc != SSH_OK) {
		session_broken(s, err);
		return -1;
	}
	session_stage(s, SSH_STAGE_HOST_KEY);
	if (s->is_freed)
		return 0;
	s->state = SESSION_ASKING;
	rc = hostkey_check(s, err);
	return rc > 0 ? enter(s, err) : rc;
}

static int
turn_asking(struct session *s, struct err *err)
{
	int rc;

	if (s->answer == NULL)
		return 0;
	s->auth.is_asking = false;
	rc = hostkey_answered(s, err);
	return rc > 0 ? enter(s, err) : rc;
}

static int
turn_by_state(struct session *s, struct err *err)
{
	if (s->is_cancelled) {
		*err = s->why;
		return -1;
	}
	switch (s->state) {
	case SESSION_SHAKING:
		return turn_shaking(s, err);
	case SESSION_ASKING:
		return turn_asking(s, err);
	case SESSION_ENTERING:
		/* An open question is answered first. */
		if (s->auth.is_asking && s->answer == NULL)
			return 0;
		s->auth.is_asking = false;
		return turn_entering(s, err);
	case SESSION_UP:
		turn_up(s);
		return 1;
	case SESSION_RESOLVING:
	case SESSION_LOOKING:
	case SESSION_DIALLING:
	case SESSION_DOWN:
		break;
	}
	return 0;
}

static void
session_turn(struct session *s)
{
	struct err err = ERR_INIT;
	int rc;

	rc = turn_by_state(s, &err);
	channels_bury(s);
	if (s->is_freed || s->state == SESSION_DOWN)
		return;
	if (rc < 0) {
		session_fail(s, &err);
		return;
	}
	if (s->ssh && s->state >= SESSION_ASKING &&
	    !libssh.ssh_is_connected(s->ssh)) {
		session_broken(s, &err);
		session_fail(s, &err);
		return;
	}
	if (s->ssh)
		watch(s);
}

/* --- questions --- */

void
session_ask(struct session *s, const struct prompt *prompt,
	    const struct err *if_nobody)
{
	s->why = *if_nobody;
	s->auth.is_asking = true;
	(void)uv_timer_stop(&s->timer); /* people take their time */
	events_of(s)->on_prompt(&s->base, prompt, s->config.owner);
}

static void
libssh_answer(struct transport *t, const char *text)
{
	struct session *s = container_of(t, struct session, base);

	if (s->state >= SESSION_UP || !s->auth.is_asking)
		return;
	session_wipe_answer(s);
	if (text) {
		s->answer = xstrdup(text);
		(void)uv_timer_start(&s->timer, on_deadline, timeout_ms(s), 0);
	} else {
		s->is_cancelled = true;
	}
	session_kick(s);
}

/* --- connecting --- */

static void
set_option(struct session *s, enum ssh_options_e option, const void *value)
{
	if (libssh.ssh_options_set(s->ssh, option, value) != SSH_OK)
		log_warn("libssh", "option refused", KV_INT("option", option));
}

static void
set_options(struct session *s)
{
	const struct machine *m = s->config.machine;
	const struct resolved *r = &s->resolved;
	bool compress = s->config.compress ||
			m->compression == MACHINE_COMPRESSION_ON;
	bool no = false;

	set_option(s, SSH_OPTIONS_PROCESS_CONFIG, &no);
	set_option(s, SSH_OPTIONS_HOST, r->hostname);
	if (r->user)
		set_option(s, SSH_OPTIONS_USER, r->user);
	/* It must not decide about keys: it has none to compare with. */
	set_option(s, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
	set_option(s, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
	set_option(s, SSH_OPTIONS_COMPRESSION, compress ? "yes" : "no");
	if (r->identity_agent) {
		AUTO_FREE char *path = session_path(s, r->identity_agent);

		set_option(s, SSH_OPTIONS_IDENTITY_AGENT, path);
	}
	hostkey_prefer_known(s);
}

/* The socket is connected. */
void
session_shake_hands(struct session *s)
{
	int on = 1;

	uv_poll_init(s->config.loop, &s->poll, s->fd);
	s->has_poll = true;
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->ssh = libssh.ssh_new();
	if (s->ssh == NULL)
		abort(); /* out of memory */
	libssh.ssh_set_blocking(s->ssh, 0);
	set_options(s);
	s->their_fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	set_option(s, SSH_OPTIONS_FD, &s->their_fd);
	s->state = SESSION_SHAKING;
	session_stage(s, SSH_STAGE_CONNECT);
	if (!s->is_freed)
		session_turn(s);
}

/* --- making and unmaking --- */

static void
on_start_alone(uv_timer_t *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	(void)uv_timer_start(timer, on_deadline, timeout_ms(s), 0);
	way_go(s);
}

static int
begin(struct session *s, struct err *err)
{
	int rc = libssh_load(err) < 0 ? -1 : way_ask(s, err);

	if (rc < 0)
		return -1;
	if (rc > 0)
		(void)uv_timer_start(&s->timer, on_deadline, timeout_ms(s), 0);
	else
		(void)uv_timer_start(&s->timer, on_start_alone, 0, 0);
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	if (--s->n_handles > 0)
		return;
	channels_bury(s);
	fd_close(&s->fd);
	resolved_fini(&s->resolved);
	free(s->host);
	free(s->key_type);
	free(s->key);
	free(s);
}

static void
close_handle(struct session *s, uv_handle_t *handle)
{
	handle->data = s;
	s->n_handles++;
	uv_close(handle, on_closed);
}

static void
libssh_free(struct transport *t)
{
	struct session *s = container_of(t, struct session, base);

	s->state = SESSION_DOWN;
	s->is_freed = true;
	channels_end(s, NULL);
	drop_connection(s);
	if (s->has_poll)
		close_handle(s, (uv_handle_t *)&s->poll);
	close_handle(s, (uv_handle_t *)&s->alive);
	close_handle(s, (uv_handle_t *)&s->later);
	close_handle(s, (uv_handle_t *)&s->timer);
}

static struct transport *
libssh_new(const struct transport_config *config, struct err *err)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->base.ops = &transport_libssh;
	s->config = *config;
	s->fd = s->their_fd = -1;
	list_init(&s->channels);
	list_init(&s->ready);
	list_init(&s->opening);
	list_init(&s->writers);
	list_init(&s->dead);
	uv_timer_init(config->loop, &s->timer);
	uv_timer_init(config->loop, &s->alive);
	uv_idle_init(config->loop, &s->later);
	if (begin(s, err) < 0) {
		libssh_free(&s->base);
		return NULL;
	}
	return &s->base;
}

static void
libssh_ping(struct transport *t, void (*on_pong)(void *owner, uint64_t us))
{
	struct session *s = container_of(t, struct session, base);

	if (s->state != SESSION_UP)
		return;
	s->on_pong = on_pong;
	if (!s->is_pinging)
		s->pinged_ns = clock_boot_ns();
	s->is_pinging = true;
	session_kick(s);
}

const struct transport_ops transport_libssh = {
	.name = "libssh",
	.new = libssh_new,
	.free = libssh_free,
	.answer = libssh_answer,
	.open = libssh_open,
	.write = libssh_write,
	.write_end = libssh_write_end,
	.pause = libssh_pause,
	.resume = libssh_resume,
	.resize = libssh_resize,
	.signal = libssh_signal,
	.close = libssh_close,
	.ping = libssh_ping,
};
