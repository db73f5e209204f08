/* SPDX-License-Identifier: ISC */

/* Questions about a machine; see wizard.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/run.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/name.h"
#include "machine/registry.h"
#include "secret/ask.h"
#include "secret/secret.h"
#include "secret/store.h"
#include "berth/out/style.h"
#include "berth/wizard.h"

#define MAX_ANSWER 1024

#define TOOL_TIMEOUT_MS 10000
#define MAX_KEY_TEXT (1u << 20)

struct wizard {
	const struct registry *registry;
	char ***pairs;
	char *name;
};

typedef int judge_fn(const struct wizard *, const char *answer, struct err *);

static void
say(enum style style, const char *text, const char *end)
{
	bool colour = style_wanted(STDERR_FILENO);

	fprintf(stderr, "%s%s%s%s", style_begin(colour, style), text,
		style_end(colour, style), end);
}

/* A line of standard input without its newline; NULL at the end. */
static char *
read_answer(void)
{
	char line[MAX_ANSWER];
	size_t n;

	if (fgets(line, sizeof(line), stdin) == NULL)
		return NULL;
	n = strcspn(line, "\r\n");
	return xstrndup(line, n);
}

/* Ask until the answer will do; an empty one is `usual'. */
static int
ask(const struct wizard *wizard, const char *question, const char *usual,
    judge_fn *judge, char **ret, struct err *err)
{
	for (;;) {
		struct err why = ERR_INIT;
		AUTO_FREE char *answer = NULL;

		say(STYLE_BOLD, question, " ");
		if (usual && *usual)
			fprintf(stderr, "[%s] ", usual);
		answer = read_answer();
		if (answer == NULL)
			return err_set(err, ERR_DENIED,
				       "nothing was added: no answer");
		if (answer[0] == '\0' && usual) {
			free(answer);
			answer = xstrdup(usual);
		}
		if (judge == NULL || judge(wizard, answer, &why) == 0) {
			*ret = TAKE(answer);
			return 0;
		}
		say(STYLE_RED, why.msg, "\n");
		if (why.hint[0])
			say(STYLE_DIM, why.hint, "\n");
	}
}

static void
give(struct wizard *wizard, const char *key, const char *value)
{
	strv_give(wizard->pairs, xasprintf("%s=%s", key, value));
}

static int
judge_name(const struct wizard *wizard, const char *answer, struct err *err)
{
	const struct registry *registry = wizard->registry;

	for (size_t i = 0; i < registry->n_own; i++) {
		if (str_eq(registry->machines[i].name, answer))
			return err_set(err, ERR_CONFLICT,
				       "there is a machine \"%s\" already",
				       answer);
	}
	return name_check_machine(answer, err);
}

static int
judge_destination(const struct wizard *wizard UNUSED, const char *answer,
		  struct err *err)
{
	return name_check_destination(answer, err);
}

static int
judge_auth(const struct wizard *wizard, const char *answer, struct err *err)
{
	size_t i = 0;

	while (machine_auth_words[i] && !str_eq(machine_auth_words[i], answer))
		i++;
	if (machine_auth_words[i] == NULL)
		return err_set(err, ERR_INVALID,
			       "one of auto, agent, key, password, "
			       "keyboard-interactive");
	if (i == MACHINE_AUTH_PASSWORD &&
	    !registry_allows_password(wizard->registry))
		return err_set(err, ERR_DENIED,
			       "password authentication is switched off");
	return 0;
}

static int
judge_key(const struct wizard *wizard UNUSED, const char *answer,
	  struct err *err)
{
	AUTO_FREE char *path = path_expand(answer, err);

	if (path == NULL || access(path, R_OK) == 0)
		return path ? 0 : -1;
	return err_sys(err, "%s", path);
}

static int
judge_yes(const struct wizard *wizard UNUSED, const char *answer,
	  struct err *err)
{
	if (str_eq(answer, "y") || str_eq(answer, "n"))
		return 0;
	return err_set(err, ERR_INVALID, "y or n");
}

static bool
is_alias(const struct registry *registry, const char *name)
{
	for (size_t i = registry->n_own; i < registry->n; i++) {
		if (str_eq(registry->machines[i].name, name))
			return true;
	}
	return false;
}

/* Keep what is typed as secret "NAME-WHAT", and refer to it. */
static int
keep_secret(struct wizard *wizard, const char *key, struct err *err)
{
	AUTO_FREE char *name = xasprintf("%s-%s", wizard->name, key);
	AUTO_FREE char *prompt = xasprintf("The %s", key);
	AUTO_FREE char *reference = xasprintf("secret:%s", name);
	AUTO_SECRET *value = NULL;
	AUTO_STORE *store = NULL;

	if (ask_terminal(prompt, ASK_TWICE, &value, NULL, err) < 0)
		return -1;
	store = store_open(NULL, err);
	if (store == NULL || store_set(store, name, value, err) < 0)
		return -1;
	fprintf(stderr, "(kept as %s in %s)\n", name, store->where);
	give(wizard, key, reference);
	return 0;
}

static int
ask_place(struct wizard *wizard, struct err *err)
{
	AUTO_FREE char *destination = NULL;
	bool known;

	if (ask(wizard, "A name for the machine:", NULL, judge_name,
		&wizard->name, err) < 0)
		return -1;
	known = is_alias(wizard->registry, wizard->name);
	if (ask(wizard, "Where ssh goes (user@host, or an alias):",
		known ? wizard->name : NULL, judge_destination, &destination,
		err) < 0)
		return -1;
	give(wizard, "name", wizard->name);
	give(wizard, "ssh", destination);
	return 0;
}

/* True unless it opens without a passphrase. */
static bool
is_locked(const char *key_file)
{
	AUTO_BUF out = BUF_INIT(MAX_KEY_TEXT), errors = BUF_INIT(MAX_KEY_TEXT);
	struct err ignored = ERR_INIT;
	AUTO_FREE char *path = path_expand(key_file, &ignored);
	char *argv[] = { (char *)(uintptr_t) "ssh-keygen",
			 (char *)(uintptr_t) "-y",
			 (char *)(uintptr_t) "-P",
			 (char *)(uintptr_t) "",
			 (char *)(uintptr_t) "-f",
			 path,
			 NULL };
	int status;

	return path == NULL ||
	       run_program(argv, TOOL_TIMEOUT_MS, &out, &errors, &status,
			   &ignored) < 0 ||
	       status != 0;
}

static int
ask_key(struct wizard *wizard, struct err *err)
{
	AUTO_FREE char *file = NULL, *keeps = NULL;

	if (ask(wizard, "Private key:", "~/.ssh/id_ed25519", judge_key, &file,
		err) < 0)
		return -1;
	give(wizard, "key_file", file);
	if (!is_locked(file))
		return 0;
	if (ask(wizard, "Keep its passphrase, so that nobody is asked? (y/n)",
		"n", judge_yes, &keeps, err) < 0)
		return -1;
	return str_eq(keeps, "y") ? keep_secret(wizard, "passphrase", err) : 0;
}

static int
ask_login(struct wizard *wizard, struct err *err)
{
	AUTO_FREE char *auth = NULL;

	if (ask(wizard,
		"Log in by (auto, agent, key, password, "
		"keyboard-interactive):",
		"auto", judge_auth, &auth, err) < 0)
		return -1;
	if (!str_eq(auth, "auto"))
		give(wizard, "auth", auth);
	if (str_eq(auth, "key"))
		return ask_key(wizard, err);
	if (str_eq(auth, "password"))
		return keep_secret(wizard, "password", err);
	return 0;
}

static int
ask_rest(struct wizard *wizard, struct err *err)
{
	AUTO_FREE char *dir = NULL, *sure = NULL;

	if (ask(wizard, "Directory in which commands run (empty: the home):",
		"", NULL, &dir, err) < 0)
		return -1;
	if (dir[0])
		give(wizard, "default_workdir", dir);
	if (ask(wizard, "Add it? (y/n)", "y", judge_yes, &sure, err) < 0)
		return -1;
	return str_eq(sure, "y")
		   ? 0
		   : err_set(err, ERR_DENIED, "nothing was added");
}

int
wizard_run(const struct registry *registry, char ***ret, struct err *err)
{
	struct wizard wizard = { .registry = registry, .pairs = ret };
	int rc;

	rc = ask_place(&wizard, err) < 0 || ask_login(&wizard, err) < 0 ||
		     ask_rest(&wizard, err) < 0
		 ? -1
		 : 0;
	free(wizard.name);
	return rc;
}
