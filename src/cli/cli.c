/* SPDX-License-Identifier: ISC */

/*
 * Walking the table and doing what a parsed line asks for; see cli.h.
 *
 * A call is a path of commands from the root.  An alias row is replaced by the
 * path it names at once, so that nobody after cli_enter meets one.
 */

#include <assert.h>
#include <string.h>
#include <sysexits.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/text.h"
#include "cli/cli.h"
#include "cli/cli_value.h"
#include "cli/help.h"
#include "core/suggest.h"

#define MAX_HELP (1u << 20)

bool
cli_is_word(const char *list, const char *name, size_t n)
{
	while (list && *list) {
		size_t len = strcspn(list, " ");

		if (len == n && memcmp(list, name, n) == 0)
			return true;
		list += len;
		list += strspn(list, " ");
	}
	return false;
}

const struct cli_command *
cli_find_command(const struct cli_command *parent, const char *name)
{
	const struct cli_command *const *c = parent->commands;

	for (; c && *c; c++) {
		if (str_eq((*c)->name, name) ||
		    cli_is_word((*c)->aliases, name, strlen(name)))
			return *c;
	}
	return NULL;
}

int
cli_call_title(const struct cli_call *call, const char *separator,
	       struct buf *out)
{
	for (size_t i = 0; i < call->depth; i++) {
		if (buf_addf(out, "%s%s", i ? separator : "",
			     call->path[i]->name) < 0)
			return -1;
	}
	return 0;
}

int
cli_hint_usage(const struct cli_call *call, struct err *err)
{
	AUTO_BUF title = BUF_INIT(128);

	(void)cli_call_title(call, " ", &title);
	return err_hint(err, "'%s --help' shows the usage", buf_text(&title));
}

static int
unknown_command(const struct cli_call *call, const char *name, struct err *err)
{
	const struct cli_command *const *c = cli_call_command(call)->commands;
	AUTO_BUF title = BUF_INIT(128);
	char shown[64];
	struct suggest near;

	(void)cli_call_title(call, " ", &title);
	suggest_init(&near, name);
	for (; c && *c; c++) {
		if (!((*c)->flags & CLI_HIDDEN))
			suggest_offer(&near, (*c)->name);
	}
	err_set(err, ERR_INVALID, "%s has no command \"%s\"", buf_text(&title),
		vis(shown, sizeof(shown), name));
	if (near.best)
		return err_hint(err, "did you mean '%s %s'?", buf_text(&title),
				near.best);
	return err_hint(err, "'%s --help' lists the commands",
			buf_text(&title));
}

/* Append the command, or the path that an alias row stands for. */
static void
descend(struct cli_call *call, const struct cli_command *command)
{
	const char *names = command->alias_of;

	if (names == NULL) {
		assert(call->depth < CLI_MAX_DEPTH);
		call->path[call->depth++] = command;
		return;
	}
	call->depth = 1;
	while (*names) {
		size_t n = strcspn(names, " ");
		AUTO_FREE char *name = xstrndup(names, n);

		command = cli_find_command(cli_call_command(call), name);
		assert(command != NULL);
		descend(call, command);
		names += n;
		names += strspn(names, " ");
	}
}

int
cli_enter(struct cli_call *call, const char *name, struct err *err)
{
	const struct cli_command *found;

	found = cli_find_command(cli_call_command(call), name);
	if (found == NULL)
		return unknown_command(call, name, err);
	descend(call, found);
	return 0;
}

static int
show_help(const struct cli_call *call, int fd, int status, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_HELP);

	if (cli_help(call, cli_help_width(fd), &text) < 0)
		return err_set(err, ERR_LIMIT, "the help text is too long");
	if (write_full(fd, buf_bytes(&text), text.len) < 0)
		return err_sys(err, "write the help text");
	return status;
}

static int
show_version(const struct cli_call *call, struct err *err)
{
	AUTO_BUF text = BUF_INIT(256);

	(void)buf_addf(&text, "%s %s\n", call->program->root->name,
		       call->program->version);
	if (write_full(STDOUT_FILENO, buf_bytes(&text), text.len) < 0)
		return err_sys(err, "write the version");
	return 0;
}

int
cli_run(const struct cli_call *call, struct err *err)
{
	switch (call->want) {
	case CLI_WANT_HELP:
		return show_help(call, STDOUT_FILENO, 0, err);
	case CLI_WANT_COMMAND:
		return show_help(call, STDERR_FILENO, EX_USAGE, err);
	case CLI_WANT_VERSION:
		return show_version(call, err);
	case CLI_WANT_RUN:
		break;
	}
	return cli_call_command(call)->run(call, err);
}

void
cli_call_fini(struct cli_call *call)
{
	const struct cli_command *command;

	if (call->args == NULL)
		return;
	command = cli_call_command(call);
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++)
			cli_value_fini(o->kind, (char *)call->args +
						    use->offset + o->offset);
	}
	for (const struct cli_operand *o = command->operands; o && o->name; o++)
		cli_value_fini(o->kind, (char *)call->args + o->offset);
	free(call->args);
	call->args = NULL;
}
