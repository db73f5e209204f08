/* SPDX-License-Identifier: ISC */

/* ssh -G; see resolve.h. */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/buf.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/run.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/machine.h"
#include "machine/name.h"
#include "machine/resolve.h"

/* `Match exec' may run programs, and they may look at a network. */
#define TIMEOUT_MS 10000

#define MAX_OUTPUT (1u << 20)
#define MAX_ERRORS 16384

static int
add_names(const struct machine *m, char ***argv, struct err *err)
{
	const char *place = m->ssh ? m->ssh : m->hostname;

	if (place == NULL)
		return err_set(err, ERR_INVALID,
			       "the machine \"%s\" is not reached by ssh",
			       m->name);
	if (m->user && name_check_user(m->user, err) < 0)
		return -1;
	if ((m->ssh ? name_check_destination : name_check_host)(place, err) < 0)
		return -1;
	if (m->user) {
		strv_add(argv, "-l");
		strv_add(argv, m->user);
	}
	if (m->key_file) {
		strv_add(argv, "-i");
		strv_add(argv, m->key_file);
	}
	strv_add(argv, "--");
	strv_add(argv, place);
	return 0;
}

int
resolve_add_destination(const struct machine *machine, char ***argv,
			struct err *err)
{
	const char *file = getenv("BERTH_SSH_CONFIG");

	if (file && *file) {
		strv_add(argv, "-F");
		strv_add(argv, file);
	}
	if (machine->port) {
		strv_add(argv, "-p");
		strv_give(argv, xasprintf("%lld", (long long)machine->port));
	}
	return add_names(machine, argv, err);
}

static void
set_text(char **at, const char *value)
{
	free(*at);
	*at = str_eq(value, "none") ? NULL : xstrdup(value);
}

/* Names of files, separated by spaces. */
static int
set_files(char ***files, const char *value, struct err *err)
{
	while (*value) {
		size_t n = strcspn(value, " ");
		AUTO_FREE char *name = xstrndup(value, n);
		char *path = path_expand(name, err);

		if (path == NULL)
			return -1;
		if (str_eq(path, "none"))
			free(path);
		else
			strv_give(files, path);
		value += n + strspn(value + n, " ");
	}
	return 0;
}

static bool
is_yes(const char *value)
{
	return str_eq(value, "yes") || str_eq(value, "true");
}

static bool
take_network_line(struct resolved *r, const char *key, const char *value)
{
	if (str_eq(key, "addressfamily"))
		r->address_family = str_eq(value, "inet")    ? AF_INET
				    : str_eq(value, "inet6") ? AF_INET6
							     : AF_UNSPEC;
	else if (str_eq(key, "bindaddress"))
		set_text(&r->bind_address, value);
	else if (str_eq(key, "bindinterface"))
		set_text(&r->bind_interface, value);
	else
		return false;
	return true;
}

/* How to know a machine, and what to show it. */
static int
take_trust_line(struct resolved *r, const char *key, const char *value,
		struct err *err)
{
	if (str_eq(key, "identityagent")) {
		r->has_no_agent = str_eq(value, "none");
		set_text(&r->identity_agent,
			 str_eq(value, "SSH_AUTH_SOCK") ? "none" : value);
	} else if (str_eq(key, "hostkeyalias")) {
		set_text(&r->host_key_alias, value);
	} else if (str_eq(key, "revokedhostkeys")) {
		set_text(&r->revoked_host_keys, value);
	} else if (str_eq(key, "userknownhostsfile")) {
		return set_files(&r->known_hosts, value, err);
	} else if (str_eq(key, "globalknownhostsfile")) {
		return set_files(&r->global_known_hosts, value, err);
	} else if (str_eq(key, "identitiesonly")) {
		r->identities_only = is_yes(value);
	} else if (str_eq(key, "stricthostkeychecking")) {
		r->is_strict = is_yes(value);
	} else if (str_eq(key, "hashknownhosts")) {
		r->hashes_names = is_yes(value);
	} else if (str_eq(key, "forkafterauthentication")) {
		r->can_fork = true;
	}
	return 0;
}

static int
take_line(struct resolved *r, const char *key, const char *value,
	  struct err *err)
{
	if (str_eq(key, "hostname"))
		set_text(&r->hostname, value);
	else if (str_eq(key, "user"))
		set_text(&r->user, value);
	else if (str_eq(key, "port"))
		return parse_i64(value, 1, 65535, &r->port, err);
	else if (str_eq(key, "identityfile"))
		strv_add(&r->identity_files, value);
	else if (str_eq(key, "proxyjump"))
		set_text(&r->proxy_jump, value);
	else if (str_eq(key, "proxycommand"))
		set_text(&r->proxy_command, value);
	else if (!take_network_line(r, key, value))
		return take_trust_line(r, key, value, err);
	return 0;
}

int
resolve_decode(const char *text, size_t n, struct resolved *ret,
	       struct err *err)
{
	AUTO_FREE char *copy = xstrndup(text, n);
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, ' ');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (take_line(ret, line, value, err) < 0)
			return err_wrap(err, "ssh -G: %s", line);
	}
	if (ret->hostname == NULL || ret->port == 0)
		return err_set(err, ERR_PROTO,
			       "ssh -G says neither host nor port");
	return 0;
}

/* Its last line says what is wrong. */
static int
fail_as_ssh(struct buf *errors, const char *name, struct err *err)
{
	char *text = (char *)buf_bytes(errors), *line;

	while (errors->len > 0 && strchr("\r\n", text[errors->len - 1]))
		text[--errors->len] = '\0';
	line = strrchr(text, '\n');
	return err_set(err, ERR_CONFIG, "ssh cannot make out \"%s\": %.300s",
		       name, line ? line + 1 : text);
}

int
resolve_machine(const struct machine *machine, struct resolved *ret,
		struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT), errors = BUF_INIT(MAX_ERRORS);
	AUTO_STRV char **argv = NULL;
	int status;

	*ret = (struct resolved){ .hostname = NULL };
	strv_add(&argv, "ssh");
	strv_add(&argv, "-G");
	if (resolve_add_destination(machine, &argv, err) < 0)
		return -1;
	if (run_program(argv, TIMEOUT_MS, &out, &errors, &status, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		err_set(err, ERR_UNSUPPORTED, "there is no ssh here");
		return err_hint(err, "install OpenSSH's client");
	}
	if (status != 0)
		return fail_as_ssh(&errors, machine->name, err);
	return resolve_decode(buf_text(&out), out.len, ret, err);
}

void
resolved_fini(struct resolved *resolved)
{
	free(resolved->hostname);
	free(resolved->user);
	strv_free(resolved->identity_files);
	free(resolved->proxy_jump);
	free(resolved->proxy_command);
	free(resolved->bind_address);
	free(resolved->bind_interface);
	free(resolved->identity_agent);
	free(resolved->host_key_alias);
	free(resolved->revoked_host_keys);
	strv_free(resolved->known_hosts);
	strv_free(resolved->global_known_hosts);
	*resolved = (struct resolved){ .hostname = NULL };
}
