/* SPDX-License-Identifier: ISC */

/* Checking a table; see lint.h. */

#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "cli/each.h"
#include "cli/lint.h"

static const size_t member_size[] = {
	[CLI_FLAG] = sizeof(bool),	   [CLI_PICK] = sizeof(int),
	[CLI_TEXT] = sizeof(char *),	   [CLI_TEXTS] = sizeof(char **),
	[CLI_NUMBER] = sizeof(uint64_t),   [CLI_BYTES] = sizeof(uint64_t),
	[CLI_DURATION] = sizeof(uint64_t), [CLI_CHOICE] = sizeof(int),
};

struct lint {
	const struct cli_call *call;
	struct err *err;
};

static int
complain(struct lint *lint, const char *name, const char *what)
{
	AUTO_BUF title = BUF_INIT(256);

	(void)cli_call_title(lint->call, " ", &title);
	return err_set(lint->err, ERR_CONFIG, "%s: %s: %s", buf_text(&title),
		       name, what);
}

static bool
is_sentence(const char *text)
{
	return text && *text && !str_ends(text, ".") && *text != ' ';
}

static int
check_kind(struct lint *lint, const struct cli_option *o)
{
	if (!is_sentence(o->help))
		return complain(lint, o->name, "help is no sentence");
	if (!cli_is_bare(o) && o->arg == NULL)
		return complain(lint, o->name, "no placeholder");
	if (cli_is_bare(o) && o->arg)
		return complain(lint, o->name, "a placeholder for no value");
	if ((o->kind == CLI_CHOICE) != (o->choices != NULL))
		return complain(lint, o->name, "choices do not fit the kind");
	if ((o->flags & CLI_REQUIRED) && o->kind != CLI_TEXT &&
	    o->kind != CLI_TEXTS)
		return complain(lint, o->name, "cannot tell whether given");
	return 0;
}

static bool
clashes(const struct cli_option *a, const struct cli_option *b)
{
	if (a == b)
		return false;
	return str_eq(a->name, b->name) ||
	       (a->letter && a->letter == b->letter) ||
	       cli_is_word(a->aliases, b->name, strlen(b->name));
}

static int
check_unique(struct lint *lint, const struct cli_option *o)
{
	const struct cli_use *use = cli_call_command(lint->call)->groups;

	for (; use && use->group; use++) {
		const struct cli_option *other = use->group->options;

		for (; other->name; other++) {
			if (clashes(o, other))
				return complain(lint, o->name, "named twice");
		}
	}
	return 0;
}

static int
check_options(struct lint *lint)
{
	const struct cli_command *command = cli_call_command(lint->call);

	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			size_t end = use->offset + o->offset +
				     member_size[o->kind];

			if (check_kind(lint, o) < 0 ||
			    check_unique(lint, o) < 0)
				return -1;
			if (command->run && end > command->args_size)
				return complain(lint, o->name,
						"not a member of the args");
		}
	}
	return 0;
}

static int
check_operands(struct lint *lint)
{
	const struct cli_command *command = cli_call_command(lint->call);
	const struct cli_operand *o = command->operands;

	for (; o && o->name; o++) {
		if (!is_sentence(o->help))
			return complain(lint, o->name, "help is no sentence");
		if (o->kind != CLI_TEXT && o->kind != CLI_TEXTS)
			return complain(lint, o->name, "operands are texts");
		if (o->kind == CLI_TEXTS && o[1].name)
			return complain(lint, o->name, "takes all there is");
		if (o->offset + member_size[o->kind] > command->args_size)
			return complain(lint, o->name,
					"not a member of the args");
	}
	return 0;
}

static int
check_aliases(struct lint *lint)
{
	const struct cli_command *const *c =
	    cli_call_command(lint->call)->commands;

	for (; c && *c; c++) {
		const struct cli_command *at = lint->call->program->root;
		const char *p = (*c)->alias_of;

		while (at && p && *p) {
			char name[64] = "";
			size_t n = strcspn(p, " ");

			memcpy(name, p, MIN(n, sizeof(name) - 1));
			at = cli_find_command(at, name);
			p += n + (p[n] == ' ');
		}
		if (at == NULL)
			return complain(lint, (*c)->name, "alias of nothing");
	}
	return 0;
}

static int
check_command(const struct cli_call *call, void *owner)
{
	const struct cli_command *command = cli_call_command(call);
	struct lint lint = { .call = call, .err = owner };

	if (!is_sentence(command->summary))
		return complain(&lint, "summary", "no sentence");
	if ((command->run == NULL) != (command->commands != NULL))
		return complain(&lint, "run", "either run or commands");
	if (check_options(&lint) < 0 || check_operands(&lint) < 0)
		return -1;
	return check_aliases(&lint);
}

int
cli_lint(const struct cli_program *program, struct err *err)
{
	return cli_each(program, check_command, err);
}
