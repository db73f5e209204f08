/* SPDX-License-Identifier: ISC */

/*
 * A machine through libssh, in this process; see transport.h.
 *
 * For hosts without OpenSSH's client, or where its process is too much.  What
 * it cannot do is refused with a pointer to `transport: openssh': hosts on the
 * way, proxy commands, forwarded agents, RevokedHostKeys.
 *
 *	RESOLVING  `ssh -G', where there is an ssh, says what the user's
 *		   configuration comes to; libssh reads none itself
 *	LOOKING    `getent' looks the host up: the resolver of libc waits, so
 *		   it may do that in another process only
 *	DIALLING   one address after the other; the socket is ours
 *	SHAKING    libssh exchanges keys
 *	ASKING     the machine's key is not known (libssh_hostkey.c)
 *	ENTERING   libssh_auth.c
 *	UP	   channels (libssh_channel.c)
 *
 * libssh is loaded when the first such machine is used.  Its session does not
 * block; session_turn does whatever can be done and is called when the socket
 * is ready, when an answer has come, or when the owner asked for something.
 *
 * libssh closes its socket whenever it likes, and the loop must not watch a
 * number that means another file by then: it watches a duplicate.  Nor does
 * libssh close it always: what is left of it when the session ends is ours.
 *
 * A sign of life is a request that every server answers, though with no: to
 * cancel a forwarding that there is not.  libssh's own keep-alive does not say
 * whether the answer came.
 */

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "link/child.h"
#include "link/hostkey.h"
#include "link/ssh_config.h"
#include "machine/machine.h"

#include "link/libssh_parts.h"

#define DEFAULT_TIMEOUT_MS 30000
#define ALIVE_COUNT 3 /* unanswered signs of life */
#define MAX_ADDRESSES 16

/* Packets are read in pieces of 4 KiB; then others have their turn. */
#define POLLS_PER_TURN 64

struct libssh libssh;

/* --- loading --- */

static int
not_installed(struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "libssh is not installed");
	return err_hint(err, "install the package libssh-4 (libssh on Fedora), "
			     "or set 'transport: openssh' for the machine");
}

int
libssh_load(struct err *err)
{
	static const char *const names[] = {
#define LIBSSH_NAME(name) #name,
		LIBSSH_FUNCTIONS(LIBSSH_NAME)
#undef LIBSSH_NAME
	};
	void *functions[ARRAY_SIZE(names)];
	void *library;

	_Static_assert(sizeof(functions) == sizeof(libssh), "all of them");
	if (libssh.ssh_new)
		return 0;
	library = dlopen("libssh.so.4", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return not_installed(err);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		functions[i] = dlsym(library, names[i]);
		if (functions[i] == NULL)
			return err_set(err, ERR_UNSUPPORTED,
				       "this libssh is too old: it has no %s",
				       names[i]);
	}
	memcpy(&libssh, functions, sizeof(libssh));
	return 0;
}

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
	child_free(TAKE(s->child));
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
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNREACHABLE, "no connection in %llu s (stage: %s)",
		(unsigned long long)timeout_ms(s) / 1000,
		ssh_stage_name(s->stage));
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

	if (++s->n_silent > ALIVE_COUNT) {
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
fail_with(struct session *s, struct err *err)
{
	session_fail(s, err);
}

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
static void
shake_hands(struct session *s)
{
	int on = 1;

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

static void dial_next(struct session *s);

static void
drop_socket(struct session *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void
on_poll_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	s->has_poll = false;
	drop_socket(s);
	if (!s->is_freed && s->state == SESSION_DIALLING)
		dial_next(s);
}

static void
not_connected(struct session *s, int error)
{
	err_set(&s->why, ERR_UNREACHABLE, "connect to %s port %lld: %s",
		s->addresses[s->address - 1], (long long)s->resolved.port,
		strerror(error));
	err_hint(&s->why, "check that the machine is on, and its hostname and "
			  "port");
}

static void
on_dialled(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	struct session *s = container_of(poll, struct session, poll);
	int error = 0;
	socklen_t size = sizeof(error);

	(void)uv_poll_stop(poll);
	(void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error == 0) {
		shake_hands(s);
		return;
	}
	not_connected(s, error);
	poll->data = s;
	uv_close((uv_handle_t *)poll, on_poll_closed);
}

/* 0, or an errno. */
static int
dial(struct session *s, const char *address)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(
				       (uint16_t)s->resolved.port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(
				      (uint16_t)s->resolved.port) };
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	const struct sockaddr *addr = is_v4 ? (const struct sockaddr *)&v4
					    : (const struct sockaddr *)&v6;
	int rc;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return EAFNOSUPPORT;
	s->fd = socket(addr->sa_family,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return errno;
	rc = connect(s->fd, addr, is_v4 ? sizeof(v4) : sizeof(v6));
	return rc == 0 || errno == EINPROGRESS ? 0 : errno;
}

static void
dial_next(struct session *s)
{
	while (s->addresses && s->addresses[s->address]) {
		int error = dial(s, s->addresses[s->address++]);

		if (error == 0) {
			uv_poll_init(s->config.loop, &s->poll, s->fd);
			s->has_poll = true;
			(void)uv_poll_start(&s->poll, UV_WRITABLE, on_dialled);
			return;
		}
		not_connected(s, error);
		drop_socket(s);
	}
	fail_with(s, &s->why);
}

static void
start_dialling(struct session *s)
{
	s->state = SESSION_DIALLING;
	session_stage(s, SSH_STAGE_RESOLVE);
	if (!s->is_freed)
		dial_next(s);
}

/* --- addresses --- */

/* "192.0.2.1      STREAM name" */
static void
on_address_line(struct child *child UNUSED, int fd, const char *line, size_t n,
		void *owner)
{
	struct session *s = owner;
	AUTO_FREE char *text = xstrndup(line, n);

	if (fd != STDOUT_FILENO || strstr(text, "STREAM") == NULL ||
	    strv_len(s->addresses) >= MAX_ADDRESSES)
		return;
	text[strcspn(text, " \t")] = '\0';
	strv_add(&s->addresses, text);
}

static void
on_addresses_end(struct child *child UNUSED, int status UNUSED, void *owner)
{
	struct session *s = owner;
	struct err err = ERR_INIT;

	child_free(TAKE(s->child));
	if (s->addresses) {
		start_dialling(s);
		return;
	}
	err_set(&err, ERR_UNREACHABLE, "Could not resolve hostname %s",
		s->resolved.hostname);
	err_hint(&err, "check the hostname of machine %s, and the network",
		 s->config.machine->name);
	fail_with(s, &err);
}

static const struct child_events address_events = {
	.on_line = on_address_line,
	.on_exit = on_addresses_end,
};

static bool
is_numeric(const char *host)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, host, &addr) == 1 ||
	       inet_pton(AF_INET6, host, &addr) == 1;
}

static void
look_up(struct session *s)
{
	const char *host = s->resolved.hostname;
	AUTO_STRV char **argv = NULL;
	struct err err = ERR_INIT;

	if (is_numeric(host)) {
		strv_add(&s->addresses, host);
		start_dialling(s);
		return;
	}
	strv_add(&argv, "getent");
	strv_add(&argv, "ahosts");
	strv_add(&argv, host);
	s->state = SESSION_LOOKING;
	s->child = child_new(s->config.loop, argv, environ, &address_events, s,
			     &err);
	if (s->child == NULL)
		fail_with(s, &err);
}

/* --- configuration --- */

char *
session_path(const struct session *s, const char *path)
{
	AUTO_BUF out = BUF_INIT(8192);
	AUTO_FREE char *home = NULL;
	struct err err = ERR_INIT;

	home = path_home(&err);
	if (home && str_starts(path, "~/")) {
		(void)buf_adds(&out, home);
		path++;
	}
	for (; *path; path++) {
		if (*path != '%' || path[1] == '\0') {
			(void)buf_addc(&out, *path);
			continue;
		}
		switch (*++path) {
		case 'd':
			(void)buf_adds(&out, home ? home : "");
			break;
		case 'h':
			(void)buf_adds(&out, s->resolved.hostname);
			break;
		case 'p':
			(void)buf_addf(&out, "%lld",
				       (long long)s->resolved.port);
			break;
		case 'r':
			(void)buf_adds(&out, s->resolved.user ? s->resolved.user
							      : "");
			break;
		default:
			(void)buf_addc(&out, *path);
		}
	}
	return buf_take(&out);
}

int
session_hint_openssh(const struct session *s, struct err *err)
{
	return err_hint(err,
			"OpenSSH can: berth machine edit %s --set "
			"transport=openssh",
			s->config.machine->name);
}

static int
refuse_what_is_not_ours(const struct session *s, struct err *err)
{
	const struct resolved *r = &s->resolved;
	const struct machine *m = s->config.machine;
	const char *what = r->proxy_jump	  ? "ProxyJump"
			   : r->proxy_command	  ? "ProxyCommand"
			   : r->revoked_host_keys ? "RevokedHostKeys"
			   : m->forward_agent	  ? "forwarding an agent"
						  : NULL;

	if (what == NULL)
		return 0;
	err_set(err, ERR_UNSUPPORTED, "%s is not for transport libssh", what);
	return session_hint_openssh(s, err);
}

static void
resolved_now(struct session *s)
{
	struct resolved *r = &s->resolved;
	struct err err = ERR_INIT;

	if (r->host_key_alias)
		s->host = xstrdup(r->host_key_alias);
	else
		s->host = hostkey_name(r->hostname, r->port);
	if (refuse_what_is_not_ours(s, &err) < 0)
		fail_with(s, &err);
	else
		look_up(s);
}

/* Without an ssh there is what the machine's own row says. */
static void
resolve_alone(struct session *s)
{
	const struct machine *m = s->config.machine;
	const char *place = m->ssh ? m->ssh : m->hostname;
	bool is_url = str_starts(place, "ssh://");
	const char *start = is_url ? place + strlen("ssh://") : place;
	const char *at = strrchr(start, '@');
	const char *host = at ? at + 1 : start;
	const char *colon = is_url ? strrchr(host, ':') : NULL;
	struct resolved *r = &s->resolved;

	if (m->user)
		r->user = xstrdup(m->user);
	else if (at)
		r->user = xstrndup(start, (size_t)(at - start));
	r->hostname = xstrndup(host,
			       colon ? (size_t)(colon - host) : strlen(host));
	r->port = m->port ? m->port : colon ? strtol(colon + 1, NULL, 10) : 22;
	strv_add(&r->known_hosts, "~/.ssh/known_hosts");
	strv_add(&r->known_hosts, "~/.ssh/known_hosts2");
	strv_add(&r->global_known_hosts, "/etc/ssh/ssh_known_hosts");
	strv_add(&r->global_known_hosts, "/etc/ssh/ssh_known_hosts2");
}

static void
on_config(struct resolved *resolved, const struct err *why, void *owner)
{
	struct session *s = owner;
	struct err err = ERR_INIT;

	ssh_config_free(TAKE(s->asked));
	if (why) {
		err = *why;
		fail_with(s, &err);
		return;
	}
	s->resolved = *resolved;
	*resolved = (struct resolved){ .hostname = NULL };
	resolved_now(s);
}

/* --- making and unmaking --- */

static void
on_start_alone(uv_timer_t *timer)
{
	struct session *s = container_of(timer, struct session, timer);

	(void)uv_timer_start(timer, on_deadline, timeout_ms(s), 0);
	resolved_now(s);
}

static int
begin(struct session *s, struct err *err)
{
	const struct machine *m = s->config.machine;

	if (libssh_load(err) < 0)
		return -1;
	s->asked = ssh_config_ask(s->config.loop, m, on_config, s, err);
	(void)uv_timer_start(&s->timer, on_deadline, timeout_ms(s), 0);
	if (s->asked)
		return 0;
	if (err->code != ERR_NOT_FOUND)
		return -1;
	resolve_alone(s);
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
	drop_socket(s);
	resolved_fini(&s->resolved);
	strv_free(s->addresses);
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
	/* One that is closing already counts itself. */
	if (s->has_poll && !uv_is_closing((uv_handle_t *)&s->poll))
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
