/* SPDX-License-Identifier: ISC */

/*
 * The way to a machine, for the libssh transport: what the configuration says,
 * the addresses of its host, a connected socket.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/fs.h"
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

#define MAX_ADDRESSES 16

/* --- dialling --- */

static void dial_next(struct session *s);

void
way_drop_socket(struct session *s)
{
	fd_close(&s->fd);
}

static void
on_poll_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	s->has_poll = false;
	way_drop_socket(s);
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
		session_shake_hands(s);
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
		way_drop_socket(s);
	}
	session_fail(s, &s->why);
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
	session_fail(s, &err);
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
		session_fail(s, &err);
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

void
way_go(struct session *s)
{
	struct resolved *r = &s->resolved;
	struct err err = ERR_INIT;

	if (r->host_key_alias)
		s->host = xstrdup(r->host_key_alias);
	else
		s->host = hostkey_name(r->hostname, r->port);
	if (refuse_what_is_not_ours(s, &err) < 0)
		session_fail(s, &err);
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

	ssh_config_free(TAKE(s->asked));
	if (why) {
		session_fail(s, why);
		return;
	}
	s->resolved = *resolved;
	*resolved = (struct resolved){ .hostname = NULL };
	way_go(s);
}

int
way_ask(struct session *s, struct err *err)
{
	s->asked = ssh_config_ask(s->config.loop, s->config.machine, on_config,
				  s, err);
	if (s->asked)
		return 1;
	if (err->code != ERR_NOT_FOUND)
		return -1;
	resolve_alone(s);
	return 0;
}
