/* SPDX-License-Identifier: ISC */

/* Ways to a daemon; see reach.h. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/registry.h"
#include "secret/secret.h"
#include "secret/store.h"
#include "wire/link_places.h"
#include "wire/living.h"
#include "wire/places.h"
#include "client/link_control.h"
#include "client/reach.h"
#include "client/spawn.h"

#define MAX_TOKEN 4096

static int
read_token(const char *path, char **ret, struct err *err)
{
	AUTO_FREE char *full = path_expand(path, err);
	AUTO_BUF text = BUF_INIT(MAX_TOKEN);
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (full == NULL)
		return -1;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open token file %s", full);
	if (S_ISREG(st.st_mode) && (st.st_mode & 077)) {
		err_set(err, ERR_DENIED, "others can read the token in %s",
			full);
		return err_hint(err, "chmod 600 %s", full);
	}
	if (fs_read_fd(fd, &text, err) < 0)
		return err_wrap(err, "token file %s", full);
	while (text.len > 0 && strchr(" \t\r\n", buf_text(&text)[text.len - 1]))
		text.len--;
	if (text.len == 0)
		return err_set(err, ERR_CONFIG, "token file %s is empty", full);
	*ret = xstrndup(buf_text(&text), text.len);
	explicit_bzero(buf_bytes(&text), text.len);
	return 0;
}

/* "http://HOST:PORT/" or "HOST:PORT"; names are not resolved. */
static int
parse_addr(struct reach *reach, const char *addr, struct err *err)
{
	static const char scheme[] = "http://", name[] = "localhost:";
	const char *p = addr;
	size_t n;

	if (str_starts(p, scheme))
		p += strlen(scheme);
	n = strlen(p);
	if (n > 0 && p[n - 1] == '/')
		n--;
	if (n == 0 || memchr(p, '/', n) || strchr(p, ':') == NULL) {
		err_set(err, ERR_INVALID, "\"%.80s\" is no address of a daemon",
			addr);
		return err_hint(err, "write http://127.0.0.1:7337");
	}
	reach->host = xstrndup(p, n);
	reach->base_url = xasprintf("%s%s", scheme, reach->host);
	if (str_starts(reach->host, name))
		reach->address = xasprintf("127.0.0.1:%s",
					   reach->host + strlen(name));
	else
		reach->address = xstrdup(reach->host);
	return 0;
}

/* The token that the configuration has, or refers to. */
static int
find_token(struct reach *reach, const struct machine *machine, struct err *err)
{
	const char *name = machine->token_ref;
	AUTO_SECRET *secret = NULL;
	AUTO_STORE *store = NULL;

	if (machine->token && store_reference(machine->token) == NULL) {
		reach->token = xstrdup(machine->token);
		return 0;
	}
	if (machine->token)
		name = store_reference(machine->token);
	if (name == NULL)
		return 0;
	store = store_open(NULL, err);
	if (store == NULL || store_get(store, name, &secret, err) < 0)
		return err_wrap(err, "token of %s", reach->machine);
	reach->token = xstrdup(secret_reveal(secret));
	return 0;
}

static void
take_defaults(struct reach *reach, const struct machine *machine)
{
	reach->workdir = machine->default_workdir
			     ? xstrdup(machine->default_workdir)
			     : NULL;
	reach->shell = machine->default_shell ? xstrdup(machine->default_shell)
					      : NULL;
	reach->env = strv_copy(machine->env);
}

/* As it is configured: at an address, or behind a link. */
static int
find_machine(struct reach *reach, const struct reach_config *config,
	     struct err *err)
{
	const struct config_file_config usual = { .path = NULL };
	const struct machine *machine;
	AUTO_REGISTRY registry = { .n = 0 };

	if (registry_load(&registry, &usual, err) < 0)
		return -1;
	machine = registry_find(&registry, reach->machine, err);
	if (machine == NULL)
		return -1;
	take_defaults(reach, machine);
	reach->asker = config->asker;
	reach->is_tunnelled = machine->addr == NULL && machine->use_direct_addr;
	reach->is_linked = machine->addr == NULL && !reach->is_tunnelled;
	if (reach->is_linked)
		return 0;
	if (reach->is_tunnelled
		? tunnel_init(&reach->tunnel, machine, config->asker, err) < 0
		: parse_addr(reach, machine->addr, err) < 0)
		return err_wrap(err, "machine %s", reach->machine);
	return config->token_file ? 0 : find_token(reach, machine, err);
}

static int
name_machine(struct reach *reach, const struct reach_config *config,
	     struct err *err)
{
	const char *machine = config->machine ? config->machine : "local";

	reach->machine = xstrdup(machine);
	if (config->addr || str_eq(machine, "local"))
		return 0;
	return find_machine(reach, config, err);
}

static int
name_socket(struct reach *reach, struct err *err)
{
	AUTO_LINK_PLACES link = LINK_PLACES_INIT;
	AUTO_PLACES places = PLACES_INIT;

	if (reach->is_linked) {
		if (link_places_find(&link, reach->machine, err) < 0)
			return -1;
		reach->base_url = xasprintf("unix:%s", link.sock);
		return 0;
	}
	if (places_find(&places, err) < 0)
		return -1;
	reach->base_url = xasprintf("unix:%s", places.socket);
	return 0;
}

static char *
words_for(const struct reach_config *config)
{
	const char *machine = config->machine;

	if (config->addr)
		return xasprintf(" --addr %s", config->addr);
	if (machine && !str_eq(machine, "local"))
		return xasprintf(" -m %s", machine);
	return xstrdup("");
}

int
reach_init(struct reach *reach, const struct reach_config *config,
	   struct err *err)
{
	*reach = (struct reach)REACH_INIT;
	reach->no_start = config->no_start;
	reach->words = words_for(config);
	if (name_machine(reach, config, err) < 0)
		return -1;
	if (config->token_file &&
	    read_token(config->token_file, &reach->token, err) < 0)
		return -1;
	if (config->addr)
		return parse_addr(reach, config->addr, err);
	if (reach->address || reach->is_tunnelled)
		return 0;
	return name_socket(reach, err);
}

void
reach_fini(struct reach *reach)
{
	if (reach->token)
		explicit_bzero(reach->token, strlen(reach->token));
	free(reach->machine);
	free(reach->address);
	free(reach->host);
	free(reach->token);
	free(reach->base_url);
	free(reach->words);
	free(reach->workdir);
	free(reach->shell);
	strv_free(reach->env);
	tunnel_fini(&reach->tunnel);
	*reach = (struct reach)REACH_INIT;
}

/* The socket of the contract, or where the living daemon says it listens. */
static int
connect_socket(const struct places *places, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_LIVING living = { 0 };
	int fd = sock_connect_unix(places->socket, err);

	if (fd >= 0 ||
	    (err->code != ERR_NOT_FOUND && err->code != ERR_UNREACHABLE))
		return fd;
	if (living_read(places->state, &living, &ignored) < 0 ||
	    str_eq(living.socket, places->socket))
		return -1;
	return sock_connect_unix(living.socket, err);
}

/* Nobody answers there, rather than somebody refuses. */
static bool
is_absent(const struct err *err)
{
	return err->code == ERR_NOT_FOUND || err->code == ERR_UNREACHABLE;
}

/* A daemon that was started may be gone before we reach it; once is enough. */
#define MAX_STARTS 2

static int
connect_local(const struct reach *reach, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	int fd;

	if (places_find(&places, err) < 0)
		return -1;
	fd = connect_socket(&places, err);
	if (fd < 0 && is_absent(err) && reach->no_start) {
		err_set(err, ERR_UNREACHABLE, "no daemon is running");
		return err_hint(err, "'berthd serve --detach' starts one");
	}
	for (int i = 0; fd < 0 && is_absent(err) && i < MAX_STARTS; i++) {
		log_debug("client", "nobody answers; starting a daemon",
			  KV_STR("socket", places.socket));
		if (spawn_daemon(err) < 0)
			return -1;
		fd = connect_socket(&places, err);
	}
	return fd;
}

/* Our end of the tunnel has the port that was free. */
static int
open_tunnel(struct reach *reach, struct err *err)
{
	AUTO_FREE char *addr = NULL;

	if (reach->no_start)
		return err_set(err, ERR_UNREACHABLE, "there is no tunnel");
	if (tunnel_open(&reach->tunnel, err) < 0)
		return -1;
	free(TAKE(reach->address));
	free(TAKE(reach->host));
	free(TAKE(reach->base_url));
	addr = xasprintf("http://127.0.0.1:%u", reach->tunnel.port);
	return parse_addr(reach, addr, err);
}

int
reach_prepare(struct reach *reach, struct err *err)
{
	unsigned flags = reach->no_start ? LINK_NO_START : 0;

	if (reach->is_tunnelled)
		return open_tunnel(reach, err);
	if (!reach->is_linked || reach->is_up)
		return 0;
	if (link_control_connect(reach->machine, flags, reach->asker, err) < 0)
		return -1;
	reach->is_up = reach->is_fresh = true;
	return 0;
}

/*
 * A stream by the link.  One that has died since is started again, and the
 * stream waits within it until it is active: this call must not.  A link that
 * was active a moment ago is not asked again: that would be one wait more in
 * each command.
 */
static int
connect_link(struct reach *reach, struct err *err)
{
	unsigned flags = LINK_NO_WAIT | LINK_AGAIN |
			 (reach->no_start ? LINK_NO_START : 0);
	int fd;

	if (!reach->is_up && reach_prepare(reach, err) < 0)
		return -1;
	if (!reach->is_fresh &&
	    link_control_connect(reach->machine, flags, NULL, err) < 0)
		return -1;
	reach->is_fresh = false;
	fd = link_control_stream(reach->machine, err);
	if (fd >= 0 || err->code != ERR_NOT_FOUND || reach->no_start)
		return fd;
	if (link_control_connect(reach->machine, flags, NULL, err) < 0)
		return -1;
	fd = link_control_stream(reach->machine, err);
	if (fd < 0 && err->code == ERR_NOT_FOUND)
		err->code = ERR_UNREACHABLE;
	return fd;
}

int
reach_connect(struct reach *reach, struct err *err)
{
	int fd;

	if (reach->is_tunnelled && open_tunnel(reach, err) < 0)
		return -1;
	log_debug("client", "connecting", KV_STR("to", reach->base_url));
	if (reach->is_linked)
		return connect_link(reach, err);
	if (reach->address == NULL)
		return connect_local(reach, err);
	fd = sock_connect_tcp(reach->address, err);
	if (fd < 0 && err->code == ERR_UNREACHABLE)
		err_hint(err, "is the daemon running, and the port forwarded?");
	return fd;
}

bool
reach_is_near(const struct reach *reach)
{
	return reach->is_linked && reach->is_up &&
	       link_control_is_near(reach->machine);
}

int
reach_connect_near(struct reach *reach, int *ret_lease)
{
	struct err err = ERR_INIT;
	int fd;

	if (!reach_is_near(reach))
		return -1;
	fd = link_control_near(reach->machine, ret_lease, &err);
	if (fd < 0)
		log_debug("client", "no near way", KV_ERR(&err));
	return fd;
}

void
reach_hint(const struct reach *reach, struct err *err)
{
	AUTO_FREE char *hint = xstrdup(err->hint);
	const char *end = str_starts(hint, "'berth ") ? strchr(hint + 1, '\'')
						      : NULL;

	if (end == NULL)
		return;
	err_hint(err, "%.*s%s%s", (int)(end - hint), hint, reach->words, end);
}
