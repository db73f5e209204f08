/* SPDX-License-Identifier: ISC */

/* What is done about what was asked; see routing.h. */

#include <string.h>

#include "berthd/login/policy.h"
#include "berthd/login/routing.h"
#include "berthd/login/transfer.h"
#include "berthd/login/words.h"
#include "core/buf.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"

static const char *const kind_words[] = {
	[ROUTING_ATTACH] = "attach",	 [ROUTING_MENU] = "menu",
	[ROUTING_RUN] = "run",		 [ROUTING_STDIO] = "stdio",
	[ROUTING_TRANSFER] = "transfer",
};
_Static_assert(ARRAY_SIZE(kind_words) == ROUTING_KINDS, "a word per kind");

const char *
routing_word(enum routing_kind kind)
{
	return kind_words[kind];
}

void
routing_fini(struct routing *route)
{
	strv_free(route->argv);
	*route = (struct routing)ROUTING_INIT;
}

/* Without a command */

static int
routing_plain(const struct policy *policy, const struct policy_role *role,
	      struct routing *ret, struct err *err)
{
	switch (role->kind) {
	case ROLE_OPERATOR:
	case ROLE_VIEWER:
		ret->kind = ROUTING_ATTACH;
		/* One project that it may choose is its session. */
		if (role->session == NULL && strv_len(role->projects) == 1)
			ret->project = policy_find_project(policy, role,
							   role->projects[0]);
		return 0;
	case ROLE_MENU:
		ret->kind = ROUTING_MENU;
		return 0;
	case ROLE_RUNNER:
		err_set(err, ERR_DENIED, "this key runs commands only");
		return err_hint(err, "ssh HOST COMMAND...");
	case ROLE_EXEC:
		err_set(err, ERR_DENIED, "this key is for berth only");
		return err_hint(err, "ssh HOST berthd stdio");
	case ROLE_FILES:
	default:
		return err_set(err, ERR_DENIED,
			       "this key transfers files below %s only",
			       role->root);
	}
}

/* Listed commands */

/* "..." stands for any words but options: those are listed, or not taken. */
static bool
rest_fits(char *const *words)
{
	for (; *words; words++) {
		if (words[0][0] == '-')
			return false;
	}
	return true;
}

static bool
command_fits(const struct policy_command *command, char *const *words)
{
	char *const *pattern = command->argv;

	for (; *pattern && *words; pattern++, words++) {
		if (str_eq(*pattern, "...") && !pattern[1])
			return rest_fits(words);
		if (!policy_word_fits(*pattern, *words))
			return false;
	}
	return *words == NULL && (*pattern == NULL || str_eq(*pattern, "..."));
}

static const struct policy_command *
find_command(const struct policy_role *role, char *const *words)
{
	const struct policy_command *commands = role->commands.items;

	for (size_t i = 0; i < role->commands.n; i++) {
		if (command_fits(&commands[i], words))
			return &commands[i];
	}
	return NULL;
}

static bool
is_stdio(char *const *words)
{
	return str_eq(path_base(words[0]), "berthd") && words[1] &&
	       str_eq(words[1], "stdio") && words[2] == NULL;
}

/* A sentence that names what was asked, and no more of it than fits. */
static int
refuse(const struct policy_role *role, char *const *words, struct err *err)
{
	AUTO_BUF asked = BUF_INIT(128u << 10);
	char shown[160];

	(void)words_show(words, &asked);
	return err_set(err, ERR_DENIED, "the role \"%s\" may not run: %s",
		       role->name, vis(shown, sizeof(shown), buf_text(&asked)));
}

static int
routing_words(const struct policy *policy, const struct policy_role *role,
	      char **words, struct routing *ret, struct err *err)
{
	const struct policy_command *command;
	bool attaches = role->kind == ROLE_OPERATOR ||
			role->kind == ROLE_VIEWER || role->kind == ROLE_MENU;

	if (attaches && words[1] == NULL) {
		ret->project = policy_find_project(policy, role, words[0]);
		if (ret->project) {
			ret->kind = ROUTING_ATTACH;
			return 0;
		}
	}
	if (role->kind == ROLE_EXEC && is_stdio(words)) {
		ret->kind = ROUTING_STDIO;
		return 0;
	}
	command = find_command(role, words);
	if (command) {
		ret->kind = ROUTING_RUN;
		ret->argv = strv_copy(words);
		ret->cwd = command->cwd;
		return 0;
	}
	if (role->verbs && transfer_is(words)) {
		ret->kind = ROUTING_TRANSFER;
		ret->cwd = role->root;
		ret->argv = transfer_argv(role, words, err);
		return ret->argv ? 0 : -1;
	}
	return refuse(role, words, err);
}

int
routing_find(const struct policy *policy, const struct policy_role *role,
	     const char *command, struct routing *ret, struct err *err)
{
	AUTO_STRV char **words = NULL;

	if (command && words_split(command, &words, err) < 0)
		return -1;
	if (words == NULL)
		return routing_plain(policy, role, ret, err);
	return routing_words(policy, role, words, ret, err);
}
