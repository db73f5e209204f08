/* SPDX-License-Identifier: ISC */

/* The words of ssh; see openssh_argv.h. */

#include <stdarg.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"
#include "machine/machine.h"
#include "machine/resolve.h"
#include "link/openssh_argv.h"
#include "link/transport.h"

static void add_option(char ***argv, const char *fmt, ...) PRINTF(2, 3);

static void
add_option(char ***argv, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	strv_add(argv, "-o");
	strv_add(argv, text);
}

static void
add_auth(char ***argv, const struct machine *m)
{
	switch (m->auth) {
	case MACHINE_AUTH_AUTO:
		break;
	case MACHINE_AUTH_AGENT:
		add_option(argv, "PreferredAuthentications=publickey");
		break;
	case MACHINE_AUTH_KEY:
		add_option(argv, "PreferredAuthentications=publickey,"
				 "keyboard-interactive");
		break;
	case MACHINE_AUTH_PASSWORD:
		add_option(argv, "PubkeyAuthentication=no");
		add_option(argv, "PreferredAuthentications=password,"
				 "keyboard-interactive");
		break;
	case MACHINE_AUTH_KEYBOARD:
		add_option(argv, "PubkeyAuthentication=no");
		add_option(argv,
			   "PreferredAuthentications=keyboard-interactive");
		break;
	}
	if (m->key_file)
		add_option(argv, "IdentitiesOnly=yes");
}

/* Nothing but a connection: no forwarding, no command, nothing local. */
static void
add_master_options(char ***argv, const struct openssh_way *way)
{
	const struct machine *m = way->machine;
	uint64_t alive = (m->keep_alive + 999) / 1000;

	add_option(argv, "ControlMaster=yes");
	add_option(argv, "ControlPersist=no");
	add_option(argv, "ClearAllForwardings=yes");
	add_option(argv, "Tunnel=no");
	/* What is forwarded later, is for its user only. */
	add_option(argv, "StreamLocalBindMask=0177");
	add_option(argv, "ForwardAgent=%s", m->forward_agent ? "yes" : "no");
	add_option(argv, "ForwardX11=no");
	add_option(argv, "PermitLocalCommand=no");
	add_option(argv, "RemoteCommand=none");
	add_option(argv, "RequestTTY=no");
	if (way->resolved->can_fork)
		add_option(argv, "ForkAfterAuthentication=no");
	add_option(argv, "StrictHostKeyChecking=%s",
		   way->resolved->is_strict ? "yes" : "ask");
	add_option(argv, "NoHostAuthenticationForLocalhost=no");
	add_option(argv, "ConnectTimeout=%llu",
		   (unsigned long long)(way->timeout_ms + 999) / 1000);
	if (alive) {
		add_option(argv, "ServerAliveInterval=%llu",
			   (unsigned long long)alive);
		add_option(argv, "ServerAliveCountMax=%u",
			   transport_max_silent(alive * 1000));
	}
	if (way->compress)
		add_option(argv, "Compression=yes");
	else if (m->compression == MACHINE_COMPRESSION_OFF)
		add_option(argv, "Compression=no");
	/* Its stages are told there, and nowhere else. */
	add_option(argv, "LogLevel=DEBUG1");
}

/* A path as ssh reads it: it expands percent signs. */
static char *
escaped(const char *path)
{
	AUTO_BUF out = BUF_INIT(4096);

	for (; *path; path++)
		(void)buf_adds(&out,
			       *path == '%' ? "%%" : (char[]){ *path, '\0' });
	return buf_take(&out);
}

char **
openssh_argv(const struct openssh_way *way, struct err *err)
{
	char **argv = NULL;

	strv_add(&argv, "ssh");
	strv_add(&argv, "-M");
	strv_add(&argv, "-N");
	strv_add(&argv, "-S");
	strv_give(&argv, escaped(way->socket));
	add_master_options(&argv, way);
	add_auth(&argv, way->machine);
	if (resolve_add_destination(way->machine, &argv, err) == 0)
		return argv;
	strv_free(argv);
	return NULL;
}
