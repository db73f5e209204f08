/* SPDX-License-Identifier: ISC */

/*
 * The keys of a machine; see keys.h.
 *
 * A key that can be judged alone is judged by the check in its row, where its
 * line is still known.  What stands for a secret is never quoted in a message.
 */

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/suggest.h"
#include "core/text.h"
#include "machine/keys.h"
#include "machine/machine.h"
#include "machine/name.h"
#include "secret/store.h"

static int
check_machine_name(void *at, struct err *err)
{
	return name_check_machine(*(char **)at, err);
}

static int
check_host(void *at, struct err *err)
{
	return name_check_host(*(char **)at, err);
}

static int
check_user(void *at, struct err *err)
{
	return name_check_user(*(char **)at, err);
}

static int
check_destination(void *at, struct err *err)
{
	return name_check_destination(*(char **)at, err);
}

/* "secret:NAME" becomes NAME; the text itself may be a secret: not shown. */
static int
check_reference(void *at, struct err *err)
{
	char **text = at;
	const char *name = store_reference(*text);
	char *copy;

	if (name == NULL) {
		err_set(err, ERR_CONFIG,
			"stands here in clear; secret:NAME refers to one that "
			"is kept safely");
		return err_hint(err, "berth secret set NAME");
	}
	if (store_check_name(name, err) < 0)
		return -1;
	copy = xstrdup(name);
	free(*text);
	*text = copy;
	return 0;
}

/* It travels in a header. */
static int
check_token(void *at, struct err *err)
{
	const char *token = *(char **)at;
	const char *name = store_reference(token);

	if (name)
		return store_check_name(name, err);
	if (!str_is_visible(token))
		return err_set(err, ERR_CONFIG,
			       "has a character that is not visible ASCII");
	return 0;
}

static int
check_path(void *at, struct err *err)
{
	return path_settle(at, err);
}

/* A text that must not be empty. */
static int
check_text(void *at, struct err *err)
{
	const char *text = *(char **)at;

	if (text[0] && strpbrk(text, "\r\n") == NULL)
		return 0;
	return err_set(err, ERR_CONFIG, "is not one line of text");
}

static int
check_one_of(const char *word, const char *const *words, struct err *err)
{
	struct suggest near;
	size_t i;

	suggest_init(&near, word);
	for (i = 0; words[i]; i++) {
		if (str_eq(words[i], word))
			return 0;
		suggest_offer(&near, words[i]);
	}
	err_set(err, ERR_CONFIG, "\"%.64s\" is not known", word);
	if (near.best)
		return err_hint(err, "did you mean \"%s\"?", near.best);
	return err_hint(err, "the first of its words is \"%s\"", words[0]);
}

static int
check_runner(void *at, struct err *err)
{
	static const char *const words[] = { "process", "slurm", NULL };

	return check_one_of(*(char **)at, words, err);
}

static int
check_sandbox(void *at, struct err *err)
{
	static const char *const words[] = { "read-only", "workspace-write",
					     "full-access", NULL };

	return check_one_of(*(char **)at, words, err);
}

static int
check_approval(void *at, struct err *err)
{
	static const char *const words[] = { "never", "on-request", "always",
					     NULL };

	return check_one_of(*(char **)at, words, err);
}

/* The struct holds the opposite, so that all zero is the usual. */
static int
check_install(void *at, struct err *err UNUSED)
{
	bool *value = at;

	*value = !*value;
	return 0;
}

#define F(key, member, kind, judge)                                            \
	{                                                                      \
		.name = (key), .type = JSON_##kind##_T,                        \
		.offset = offsetof(struct machine, member), .check = (judge)   \
	}

#define PORT_F(key, member)                                                    \
	{                                                                      \
		.name = (key), .type = JSON_INT_T,                             \
		.offset = offsetof(struct machine, member), .min = 1,          \
		.max = 65535                                                   \
	}

#define WORD_F(key, member, list)                                              \
	{                                                                      \
		.name = (key), .type = JSON_WORD_T,                            \
		.offset = offsetof(struct machine, member), .words = (list)    \
	}

_Static_assert(sizeof(enum machine_auth) == sizeof(int), "JSON_WORD_T");

static const struct json_field retry_fields[] = {
	{ .name = "limit",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct machine_retry, limit),
	  .min = 0,
	  .max = 1000000 },
	JSON_F(struct machine_retry, first, DURATION, false),
	JSON_F(struct machine_retry, max, DURATION, false),
};

const struct json_field keys_fields[] = {
	F("name", name, STR, check_machine_name),
	F("label", label, STR, check_text),
	F("ssh", ssh, STR, check_destination),
	F("hostname", hostname, STR, check_host),
	PORT_F("port", port),
	F("user", user, STR, check_user),
	WORD_F("auth", auth, machine_auth_words),
	F("key_file", key_file, STR, check_path),
	F("passphrase", passphrase_ref, STR, check_reference),
	F("password", password_ref, STR, check_reference),
	F("forward_agent", forward_agent, BOOL, NULL),
	WORD_F("compression", compression, machine_compression_words),
	WORD_F("transport", transport, machine_transport_words),
	F("addr", addr, STR, check_text),
	F("use_direct_addr", use_direct_addr, BOOL, NULL),
	PORT_F("daemon_port", daemon_port),
	F("token", token, STR, check_token),
	F("daemon_cmd", daemon_cmd, STR, NULL),
	F("install", no_install, BOOL, check_install),
	F("default_workdir", default_workdir, STR, check_text),
	F("default_shell", default_shell, STR, check_text),
	F("runner", runner, STR, check_runner),
	F("sandbox", sandbox, STR, check_sandbox),
	F("approval", approval, STR, check_approval),
	F("env", env, MAP, NULL),
	{ .name = "retry",
	  .type = JSON_OBJECT_T,
	  .offset = offsetof(struct machine, retry),
	  .item = retry_fields,
	  .n_item = ARRAY_SIZE(retry_fields) },
	F("connect_timeout", connect_timeout, DURATION, NULL),
	F("keep_alive", keep_alive, DURATION, NULL),
	F("idle", idle, DURATION, NULL),
};
const size_t keys_n_fields = ARRAY_SIZE(keys_fields);

const struct keys_row keys_rows[] = {
	{ "name", "NAME", NULL,
	  "Its id: letters, digits, \".\", \"_\" and \"-\"" },
	{ "label", "TEXT", NULL, "What people call it" },
	{ "ssh", "DESTINATION", NULL,
	  "Where ssh goes: an alias, a host, USER@HOST or "
	  "ssh://USER@HOST:PORT" },
	{ "hostname", "HOST", NULL, "Instead of ssh: the host alone" },
	{ "port", "PORT", "as ssh decides", "The port of its ssh server" },
	{ "user", "USER", "as ssh decides", "Who to be there" },
	{ "auth", "auto|agent|key|password|keyboard-interactive", "auto",
	  "How to log in; auto is what OpenSSH does" },
	{ "key_file", "FILE", "as ssh decides", "The private key" },
	{ "passphrase", "secret:NAME", NULL, "What unlocks the key" },
	{ "password", "secret:NAME", NULL, "The password" },
	{ "forward_agent", "true|false", "false",
	  "Let the machine use the keys of the agent here" },
	{ "compression", "auto|on|off", "auto",
	  "Compress; auto is what OpenSSH does" },
	{ "transport", "openssh|libssh|local", "openssh",
	  "What carries the bytes" },
	{ "addr", "URL", NULL,
	  "A daemon that can be reached without ssh, as "
	  "http://127.0.0.1:7337" },
	{ "use_direct_addr", "true|false", "false",
	  "Open a tunnel by ssh to daemon_port and use it as addr" },
	{ "daemon_port", "PORT", "7337", "The daemon's TCP port there" },
	{ "token", "secret:NAME", NULL, "What that daemon wants to be shown" },
	{ "daemon_cmd", "COMMAND", NULL,
	  "What starts the daemon there; without it, berth knows how" },
	{ "install", "true|false", "true",
	  "Put the daemon there when it is missing or old" },
	{ "default_workdir", "DIR", "the home", "Where commands run" },
	{ "default_shell", "SHELL", "as the daemon decides",
	  "What runs command lines" },
	{ "runner", "process|slurm", "process", "What runs commands" },
	{ "sandbox", "read-only|workspace-write|full-access", NULL,
	  "What commands may do, unless they say otherwise" },
	{ "approval", "never|on-request|always", "never",
	  "Whether a person confirms each command" },
	{ "env", "map", NULL, "Variables for every command" },
	{ "retry.limit", "N", "10",
	  "Failed attempts after which it counts as disconnected" },
	{ "retry.first", "TIME", "500ms", "The wait before the second" },
	{ "retry.max", "TIME", "60s", "The longest wait" },
	{ "connect_timeout", "TIME", "30s", "How long a connection may take" },
	{ "keep_alive", "TIME", "15s",
	  "Between two signs of life; 0: only when an answer is overdue" },
	{ "idle", "TIME", "10m", "After which an unused link ends" },
};
const size_t keys_n_rows = ARRAY_SIZE(keys_rows);

static int
check_ways(const struct machine *machine, struct err *err)
{
	if (machine->ssh && machine->hostname)
		return err_set(err, ERR_CONFIG,
			       "ssh and hostname both say where it is");
	if (machine->ssh == NULL && machine->hostname == NULL &&
	    machine->addr == NULL &&
	    machine->transport != MACHINE_TRANSPORT_LOCAL) {
		err_set(err, ERR_CONFIG, "nothing says where it is");
		return err_hint(err, "add ssh: USER@HOST");
	}
	return 0;
}

int
keys_finish(struct machine *machine, struct err *err)
{
	const char *name = machine->token ? store_reference(machine->token)
					  : NULL;

	if (name) {
		free(machine->token_ref);
		machine->token_ref = xstrdup(name);
	}
	if (name || (machine->token && machine->token[0] == '\0')) {
		free(machine->token);
		machine->token = NULL;
	}
	if (machine->passphrase_ref && machine->auth != MACHINE_AUTH_KEY &&
	    machine->auth != MACHINE_AUTH_AUTO)
		return err_set(err, ERR_CONFIG,
			       "passphrase goes with auth: key");
	return check_ways(machine, err);
}

static void
add_reference(struct jsonw *w, const char *key, const char *name)
{
	AUTO_FREE char *text = name ? xasprintf("secret:%s", name) : NULL;

	jsonw_str(w, key, text);
}

static void
add_way(struct jsonw *w, const struct machine *m)
{
	jsonw_str(w, "ssh", m->ssh);
	jsonw_str(w, "hostname", m->hostname);
	if (m->port)
		jsonw_int(w, "port", m->port);
	else
		jsonw_null(w, "port");
	jsonw_str(w, "user", m->user);
	jsonw_str(w, "auth", machine_auth_words[m->auth]);
	jsonw_str(w, "key_file", m->key_file);
	add_reference(w, "passphrase", m->passphrase_ref);
	add_reference(w, "password", m->password_ref);
	jsonw_bool(w, "forward_agent", m->forward_agent);
	jsonw_str(w, "compression", machine_compression_words[m->compression]);
	jsonw_str(w, "transport", machine_transport_words[m->transport]);
}

static void
add_daemon(struct jsonw *w, const struct machine *m)
{
	jsonw_str(w, "addr", m->addr);
	jsonw_bool(w, "use_direct_addr", m->use_direct_addr);
	jsonw_int(w, "daemon_port", m->daemon_port);
	if (m->token)
		jsonw_str(w, "token", "***");
	else
		add_reference(w, "token", m->token_ref);
	jsonw_str(w, "daemon_cmd", m->daemon_cmd);
	jsonw_bool(w, "install", !m->no_install);
}

static void
add_place(struct jsonw *w, const struct machine *m)
{
	jsonw_str(w, "default_workdir", m->default_workdir);
	jsonw_str(w, "default_shell", m->default_shell);
	jsonw_str(w, "runner", m->runner ? m->runner : "process");
	jsonw_str(w, "sandbox", m->sandbox);
	jsonw_str(w, "approval", m->approval ? m->approval : "never");
	jsonw_env(w, "env", m->env);
}

void
keys_add_json(struct jsonw *w, const char *key, const struct machine *m)
{
	jsonw_object(w, key);
	jsonw_str(w, "name", m->name);
	jsonw_str(w, "label", m->label);
	jsonw_str(w, "source", m->is_alias ? "ssh" : "config");
	add_way(w, m);
	add_daemon(w, m);
	add_place(w, m);
	jsonw_object(w, "retry");
	jsonw_int(w, "limit", m->retry.limit);
	jsonw_seconds(w, "first", m->retry.first);
	jsonw_seconds(w, "max", m->retry.max);
	jsonw_object_end(w);
	jsonw_seconds(w, "connect_timeout", m->connect_timeout);
	jsonw_seconds(w, "keep_alive", m->keep_alive);
	jsonw_seconds(w, "idle", m->idle);
	jsonw_object_end(w);
}
