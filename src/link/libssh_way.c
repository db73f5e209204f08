/* SPDX-License-Identifier: ISC */

/*
 * The way to a machine, for the libssh transport: what the configuration says,
 * the addresses of its host, a connected socket.
 */

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"
#include "link/dial.h"
#include "link/hostkey.h"
#include "link/lookup.h"
#include "link/ssh_config.h"
#include "machine/machine.h"

#include "link/libssh_parts.h"

/* --- a socket --- */

static void
on_dialled(int fd, const struct err *why, void *owner)
{
	struct session *s = owner;
	struct err err = ERR_INIT;

	dial_free(TAKE(s->dial));
	if (why) {
		err = *why;
		err_hint(&err, "check that the machine is on, and its hostname "
			       "and port");
		session_fail(s, &err);
		return;
	}
	s->fd = fd;
	session_shake_hands(s);
}

static void
start_dialling(struct session *s, char *const *addresses)
{
	const struct dial_config config = {
		.loop = s->config.loop,
		.addresses = addresses,
		.port = (uint16_t)s->resolved.port,
		.family = s->resolved.address_family,
		.from = s->resolved.bind_address,
	};

	s->state = SESSION_DIALLING;
	s->dial = dial_new(&config, on_dialled, s);
	session_stage(s, SSH_STAGE_RESOLVE);
}

static void
on_addresses(char *const *addresses, const struct err *why, void *owner)
{
	struct session *s = owner;
	struct lookup *lookup = TAKE(s->lookup);
	struct err err = ERR_INIT;

	if (why) {
		err = *why;
		err_hint(&err,
			 "check the hostname of machine %s, and the network",
			 s->config.machine->name);
		session_fail(s, &err);
	} else {
		start_dialling(s, addresses);
	}
	lookup_free(lookup);
}

static void
look_up(struct session *s)
{
	char *host = s->resolved.hostname;
	struct sockaddr_storage addr;
	struct err err = ERR_INIT;
	socklen_t len;

	if (sock_address(host, 0, &addr, &len)) {
		start_dialling(s, (char *[]){ host, NULL });
		return;
	}
	s->state = SESSION_LOOKING;
	s->lookup = lookup_new(s->config.loop, host, on_addresses, s, &err);
	if (s->lookup == NULL)
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
	struct sockaddr_storage addr;
	socklen_t len;
	bool has_name = r->bind_address &&
			!sock_address(r->bind_address, 0, &addr, &len);
	const char *what = r->proxy_jump	  ? "ProxyJump"
			   : r->proxy_command	  ? "ProxyCommand"
			   : r->revoked_host_keys ? "RevokedHostKeys"
			   : r->bind_interface	  ? "BindInterface"
			   : has_name	      ? "a BindAddress that is a name"
			   : m->forward_agent ? "forwarding an agent"
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
