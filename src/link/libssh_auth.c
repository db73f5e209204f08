/* SPDX-License-Identifier: ISC */

/*
 * The way in, for a libssh session.
 *
 * Methods are tried in the order of the machine's `auth', of those that the
 * machine takes.  auth_step does one thing and is called again when bytes or an
 * answer have come; libssh remembers what it is waiting for, so the same call
 * is made again until it does not say "again".  A method that was right but not
 * enough begins the order anew with what the machine takes then.
 *
 * A key is offered before it is opened: nobody is asked for the passphrase of
 * one that the machine does not want.
 *
 * An agent is asked by libssh while we wait: it is a process of this host.  One
 * that asks its user first (a touch, a confirmation) holds up this link.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "machine/machine.h"

#include "link/libssh_parts.h"

#define MAX_TRIES 3

static const char *const default_keys[] = {
	"~/.ssh/id_ed25519",
	"~/.ssh/id_ecdsa",
	"~/.ssh/id_rsa",
};

static const enum ssh_auth_step orders[][AUTH_STEP_LAST + 1] = {
	[MACHINE_AUTH_AUTO] = { AUTH_STEP_NONE, AUTH_STEP_AGENT, AUTH_STEP_KEYS,
				AUTH_STEP_CODES, AUTH_STEP_PASSWORD,
				AUTH_STEP_LAST },
	[MACHINE_AUTH_AGENT] = { AUTH_STEP_NONE, AUTH_STEP_AGENT,
				 AUTH_STEP_LAST },
	[MACHINE_AUTH_KEY] = { AUTH_STEP_NONE, AUTH_STEP_KEYS, AUTH_STEP_CODES,
			       AUTH_STEP_LAST },
	[MACHINE_AUTH_PASSWORD] = { AUTH_STEP_NONE, AUTH_STEP_PASSWORD,
				    AUTH_STEP_CODES, AUTH_STEP_LAST },
	[MACHINE_AUTH_KEYBOARD] = { AUTH_STEP_NONE, AUTH_STEP_CODES,
				    AUTH_STEP_LAST },
};

static const int method_of[] = {
	[AUTH_STEP_NONE] = SSH_AUTH_METHOD_NONE,
	[AUTH_STEP_AGENT] = SSH_AUTH_METHOD_PUBLICKEY,
	[AUTH_STEP_KEYS] = SSH_AUTH_METHOD_PUBLICKEY,
	[AUTH_STEP_CODES] = SSH_AUTH_METHOD_INTERACTIVE,
	[AUTH_STEP_PASSWORD] = SSH_AUTH_METHOD_PASSWORD,
};

static void
add_key(struct session *s, const char *path)
{
	if (s->auth.n_keys < MAX_KEYS)
		s->auth.keys[s->auth.n_keys++].path = session_path(s, path);
}

void
auth_init(struct session *s)
{
	const struct machine *m = s->config.machine;
	struct ssh_auth *a = &s->auth;
	char **files = s->resolved.identity_files;

	memcpy(a->order, orders[m->auth], sizeof(a->order));
	a->prompt = -1;
	if (m->key_file) {
		add_key(s, m->key_file);
		return;
	}
	for (char **p = files; p && *p; p++)
		add_key(s, *p);
	for (size_t i = 0; files == NULL && i < ARRAY_SIZE(default_keys); i++)
		add_key(s, default_keys[i]);
}

static void
drop_key(ssh_key *key)
{
	if (*key)
		libssh.ssh_key_free(TAKE(*key));
}

void
auth_fini(struct session *s)
{
	struct ssh_auth *a = &s->auth;

	for (size_t i = 0; i < a->n_keys; i++) {
		drop_key(&a->keys[i].key);
		drop_key(&a->keys[i].certified);
		free(a->keys[i].path);
		a->keys[i] = (struct ssh_way){ .path = NULL };
	}
	a->n_keys = 0;
}

/* --- questions --- */

/* 0; `answer' is there when the step is done again. */
static int
ask(struct session *s, const char *text, enum prompt_kind kind, bool echo)
{
	struct err nobody = ERR_INIT;
	char shown[4096];
	const struct prompt prompt = {
		.kind = kind,
		.text = vis(shown, sizeof(shown), text),
		.echo = echo,
	};

	err_set(&nobody, ERR_AUTH, "nobody answered: %s", shown);
	err_hint(&nobody, "connect from a terminal, or give the machine a key "
			  "or a secret");
	session_ask(s, &prompt, &nobody);
	return 0;
}

/* --- an agent --- */

static int
try_agent(struct session *s)
{
	const struct resolved *r = &s->resolved;
	const struct machine *m = s->config.machine;
	const char *env = getenv("SSH_AUTH_SOCK");

	if (r->has_no_agent || (r->identity_agent == NULL && env == NULL) ||
	    (m->auth != MACHINE_AUTH_AGENT &&
	     (r->identities_only || m->key_file)))
		return SSH_AUTH_DENIED;
	return libssh.ssh_userauth_agent(s->ssh, NULL);
}

/* --- keys --- */

/* Called where a passphrase is needed; libcrypto would ask the terminal. */
static int
on_locked(const char *prompt UNUSED, char *out UNUSED, size_t n UNUSED,
	  int echo UNUSED, int verify UNUSED, void *owner)
{
	*(bool *)owner = true;
	return -1;
}

static bool
has_file(const char *path, const char *suffix)
{
	AUTO_FREE char *name = xasprintf("%s%s", path, suffix);

	return access(name, R_OK) == 0;
}

/* A key that carries a certificate cannot be shown without it. */
static void
open_certified(struct session *s, struct ssh_way *way)
{
	AUTO_FREE char *path = xasprintf("%s-cert.pub", way->path);
	ssh_key cert = NULL;

	if (libssh.ssh_pki_import_cert_file(path, &cert) != SSH_OK)
		return;
	if (libssh.ssh_pki_import_privkey_file(way->path, s->answer, NULL, NULL,
					       &way->certified) != SSH_OK ||
	    libssh.ssh_pki_copy_cert_to_privkey(cert, way->certified) != SSH_OK)
		drop_key(&way->certified);
	libssh.ssh_key_free(cert);
}

/* 1: it is there; 0: somebody is asked; -1: it cannot be used. */
static int
open_key(struct session *s, struct ssh_way *way)
{
	bool is_locked = false;
	int rc = libssh.ssh_pki_import_privkey_file(
	    way->path, s->answer, on_locked, &is_locked, &way->key);
	bool was_answered = s->answer != NULL;

	if (rc == SSH_OK)
		open_certified(s, way);
	session_wipe_answer(s);
	if (rc == SSH_OK)
		return 1;
	way->key = NULL;
	if (was_answered && ++way->n_passphrases >= MAX_TRIES)
		return -1;
	if (is_locked || was_answered) {
		AUTO_FREE char *text = xasprintf(
		    "Enter passphrase for key '%s': ", way->path);

		return ask(s, text, PROMPT_PASSPHRASE, false);
	}
	return -1;
}

/* Would the machine take it?  What cannot be asked may be so. */
static int
offer(struct session *s, struct ssh_way *way)
{
	AUTO_FREE char *path = xasprintf("%s.pub", way->path);
	ssh_key key = NULL;
	int rc;

	if (has_file(way->path, "-cert.pub") ||
	    libssh.ssh_pki_import_pubkey_file(path, &key) != SSH_OK)
		return SSH_AUTH_SUCCESS;
	rc = libssh.ssh_userauth_try_publickey(s->ssh, NULL, key);
	libssh.ssh_key_free(key);
	return rc;
}

/* SSH_AUTH_INFO: somebody is asked. */
static int
try_key(struct session *s, struct ssh_way *way)
{
	int rc;

	if (!way->is_tried) {
		if (!has_file(way->path, ""))
			return SSH_AUTH_DENIED;
		rc = offer(s, way);
		if (rc != SSH_AUTH_SUCCESS)
			return rc;
		way->is_tried = true;
	}
	if (way->key == NULL) {
		rc = open_key(s, way);
		if (rc <= 0)
			return rc < 0 ? SSH_AUTH_DENIED : SSH_AUTH_INFO;
	}
	if (way->certified) {
		rc = libssh.ssh_userauth_publickey(s->ssh, NULL,
						   way->certified);
		if (rc != SSH_AUTH_DENIED)
			return rc;
		drop_key(&way->certified);
	}
	return libssh.ssh_userauth_publickey(s->ssh, NULL, way->key);
}

static int
try_keys(struct session *s)
{
	struct ssh_auth *a = &s->auth;

	while (a->key < a->n_keys) {
		int rc = try_key(s, &a->keys[a->key]);

		/* An error may be one of this key alone: of its kind, say. */
		if (rc != SSH_AUTH_DENIED &&
		    (rc != SSH_AUTH_ERROR || !libssh.ssh_is_connected(s->ssh)))
			return rc;
		a->key++;
	}
	return SSH_AUTH_DENIED;
}

/* --- passwords and codes --- */

static const char *
user_of(const struct session *s)
{
	return s->resolved.user ? s->resolved.user : "you";
}

static int
try_password(struct session *s)
{
	int rc;

	if (s->answer == NULL) {
		AUTO_FREE char *text = xasprintf(
		    "%s@%s's password: ", user_of(s), s->resolved.hostname);

		ask(s, text, PROMPT_PASSWORD, false);
		return SSH_AUTH_INFO;
	}
	rc = libssh.ssh_userauth_password(s->ssh, NULL, s->answer);
	if (rc == SSH_AUTH_AGAIN)
		return rc;
	session_wipe_answer(s);
	if (rc == SSH_AUTH_DENIED && ++s->auth.n_failed < MAX_TRIES)
		return try_password(s);
	return rc;
}

/* The next question of the machine; false: all are answered. */
static bool
ask_next_code(struct session *s)
{
	struct ssh_auth *a = &s->auth;
	struct askpass_question q;
	AUTO_FREE char *text = NULL;
	const char *words;
	char echo = 0;

	if (s->answer) {
		(void)libssh.ssh_userauth_kbdint_setanswer(
		    s->ssh, (unsigned)a->prompt, s->answer);
		session_wipe_answer(s);
		a->prompt++;
	}
	if (a->prompt >= libssh.ssh_userauth_kbdint_getnprompts(s->ssh))
		return false;
	words = libssh.ssh_userauth_kbdint_getprompt(
	    s->ssh, (unsigned)a->prompt, &echo);
	text = xasprintf("(%s@%s) %s", user_of(s), s->resolved.hostname,
			 words ? words : "");
	askpass_read(text, NULL, &q);
	ask(s, text,
	    q.prompt.kind == PROMPT_PASSWORD ? PROMPT_PASSWORD : PROMPT_CODE,
	    echo != 0);
	return true;
}

static int
try_codes(struct session *s)
{
	struct ssh_auth *a = &s->auth;

	for (;;) {
		int rc;

		if (a->prompt >= 0 && ask_next_code(s))
			return SSH_AUTH_INFO;
		rc = libssh.ssh_userauth_kbdint(s->ssh, NULL, NULL);
		if (rc == SSH_AUTH_AGAIN) {
			a->prompt = -1;
			return rc;
		}
		a->prompt = rc == SSH_AUTH_INFO ? 0 : -1;
		if (rc == SSH_AUTH_DENIED && ++a->n_failed < MAX_TRIES)
			continue;
		if (rc != SSH_AUTH_INFO)
			return rc;
	}
}

/* --- all of them --- */

static int
try_step(struct session *s, enum ssh_auth_step step)
{
	switch (step) {
	case AUTH_STEP_NONE:
		return libssh.ssh_userauth_none(s->ssh, NULL);
	case AUTH_STEP_AGENT:
		return try_agent(s);
	case AUTH_STEP_KEYS:
		return try_keys(s);
	case AUTH_STEP_CODES:
		return try_codes(s);
	case AUTH_STEP_PASSWORD:
		return try_password(s);
	case AUTH_STEP_LAST:
		break;
	}
	return SSH_AUTH_DENIED;
}

static int
refused(struct session *s, struct err *err)
{
	static const struct {
		int method;
		const char *word;
	} words[] = {
		{ SSH_AUTH_METHOD_PUBLICKEY, "publickey" },
		{ SSH_AUTH_METHOD_PASSWORD, "password" },
		{ SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive" },
		{ SSH_AUTH_METHOD_HOSTBASED, "hostbased" },
		{ SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic" },
	};
	AUTO_BUF takes = BUF_INIT(256);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (s->auth.methods & words[i].method)
			(void)buf_addf(&takes, "%s%s", takes.len ? "," : "",
				       words[i].word);
	}
	err_set(err, ERR_AUTH, "the machine did not let us in (it takes: %s)",
		buf_text(&takes));
	return err_hint(err, "check user, key_file and auth of machine %s",
			s->config.machine->name);
}

/* What the machine takes now; true if the order was begun anew. */
static bool
learn_methods(struct session *s, int rc)
{
	struct ssh_auth *a = &s->auth;
	bool is_first = a->order[a->at] == AUTH_STEP_NONE;

	if (rc != SSH_AUTH_PARTIAL && !is_first)
		return false;
	a->methods = libssh.ssh_userauth_list(s->ssh, NULL);
	if (rc == SSH_AUTH_PARTIAL && a->order[a->at] == AUTH_STEP_KEYS)
		a->key++; /* the next one, if a second key is wanted */
	a->at = 1;
	a->n_failed = 0;
	return true;
}

static bool
is_taken(const struct ssh_auth *a)
{
	enum ssh_auth_step step = a->order[a->at];

	return step == AUTH_STEP_NONE || (a->methods & method_of[step]);
}

int
auth_step(struct session *s, struct err *err)
{
	struct ssh_auth *a = &s->auth;

	while (a->order[a->at] != AUTH_STEP_LAST) {
		int rc = is_taken(a) ? try_step(s, a->order[a->at])
				     : SSH_AUTH_DENIED;

		if (rc == SSH_AUTH_SUCCESS)
			return 1;
		if (rc == SSH_AUTH_AGAIN || rc == SSH_AUTH_INFO)
			return 0;
		if (!libssh.ssh_is_connected(s->ssh)) {
			session_broken(s, err);
			return -1;
		}
		if (learn_methods(s, rc))
			continue;
		a->at++;
		a->n_failed = 0;
	}
	return refused(s, err);
}
