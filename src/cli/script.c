/* SPDX-License-Identifier: ISC */

/* The table as functions of a shell; see script.h. */

#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "cli/each.h"
#include "cli/script.h"

#define MAX_PATH 256

void
script_put(struct script *s, const char *text)
{
	s->failed |= buf_adds(s->out, text) < 0;
}

void
script_body(struct script *s, const char *text)
{
	static const char mark[] = "PROGRAM";
	const char *found;

	while ((found = strstr(text, mark)) != NULL) {
		s->failed |= buf_add(s->out, text, (size_t)(found - text)) < 0;
		script_put(s, s->program->root->name);
		text = found + strlen(mark);
	}
	script_put(s, text);
}

/* In single quotes; no name or help text contains one that must survive. */
static void
put_quoted(struct script *s, const char *text)
{
	script_put(s, "'");
	for (; *text; text++) {
		if (*text == '\'')
			script_put(s, "\"");
		else
			s->failed |= buf_addc(s->out, *text) < 0;
	}
	script_put(s, "'");
}

/* A template of the syntax, %s being `name'. */
static void
put_with(struct script *s, const char *template, const char *name)
{
	const char *mark = strstr(template, "%s");

	s->failed |= buf_add(s->out, template, (size_t)(mark - template)) < 0;
	script_put(s, name);
	script_put(s, mark + 2);
}

static void
begin_function(struct script *s, const char *name, const char *subject)
{
	AUTO_BUF full = BUF_INIT(MAX_PATH);

	(void)buf_addf(&full, "_%s_%s", s->program->root->name, name);
	put_with(s, s->syntax->function, buf_text(&full));
	script_put(s, subject);
}

static void
end_function(struct script *s, bool fails)
{
	if (fails) {
		script_put(s, s->syntax->otherwise);
		script_put(s, s->syntax->fail);
		script_put(s, s->syntax->branch_end);
	}
	script_put(s, s->syntax->switch_end);
	script_put(s, s->syntax->function_end);
}

static void
begin_branch(struct script *s, const char *pattern)
{
	AUTO_BUF quoted = BUF_INIT(2 * MAX_PATH);

	(void)buf_addf(&quoted, "'%s'", pattern);
	put_with(s, s->syntax->pattern, buf_text(&quoted));
}

/* A branch that sets one variable. */
static void
put_branch(struct script *s, const char *pattern, const char *variable,
	   const char *value)
{
	begin_branch(s, pattern);
	put_with(s, s->syntax->set, variable);
	put_quoted(s, value);
	script_put(s, s->syntax->branch_end);
}

/* "exec run"; "" for the root. */
static void
add_path(const struct cli_call *call, struct buf *out)
{
	for (size_t i = 1; i < call->depth; i++)
		(void)buf_addf(out, "%s%s", i > 1 ? " " : "",
			       call->path[i]->name);
}

static void
put_enter_branch(struct script *s, const struct cli_call *call,
		 const struct cli_command *command, const char *name, size_t n)
{
	AUTO_BUF pattern = BUF_INIT(MAX_PATH);
	AUTO_BUF target = BUF_INIT(MAX_PATH);

	add_path(call, &pattern);
	(void)buf_addf(&pattern, " %.*s", (int)n, name);
	s->failed |= cli_each_target(call, command, &target) < 0;
	put_branch(s, buf_text(&pattern), "at", buf_text(&target));
}

static int
enter_rows(const struct cli_call *call, void *owner)
{
	const struct cli_command *const *c = cli_call_command(call)->commands;
	struct script *s = owner;

	for (; c && *c; c++) {
		const char *p = (*c)->aliases;

		put_enter_branch(s, call, *c, (*c)->name, strlen((*c)->name));
		while (p && *p) {
			size_t n = strcspn(p, " ");

			put_enter_branch(s, call, *c, p, n);
			p += n + (p[n] == ' ');
		}
	}
	return 0;
}

/* What completes a value or an operand. */
static void
add_place(const char *const *choices, const char *complete, struct buf *out)
{
	if (choices) {
		(void)buf_adds(out, "words");
		for (; *choices; choices++)
			(void)buf_addf(out, " %s", *choices);
	} else if (complete == NULL) {
		(void)buf_adds(out, "none");
	} else if (str_eq(complete, CLI_FILES) || str_eq(complete, CLI_DIRS) ||
		   str_eq(complete, CLI_COMMANDS)) {
		(void)buf_adds(out, complete);
	} else {
		(void)buf_addf(out, "ask %s", complete);
	}
}

static void
put_value_branch(struct script *s, const struct cli_call *call,
		 const struct cli_option *o)
{
	AUTO_BUF pattern = BUF_INIT(MAX_PATH);
	AUTO_BUF place = BUF_INIT(1024);
	size_t start;

	add_path(call, &pattern);
	start = pattern.len;
	add_place(o->choices, o->complete, &place);
	(void)buf_addf(&pattern, " --%s", o->name);
	put_branch(s, buf_text(&pattern), "place", buf_text(&place));
	if (o->letter == 0)
		return;
	pattern.len = start;
	(void)buf_addf(&pattern, " -%c", o->letter);
	put_branch(s, buf_text(&pattern), "place", buf_text(&place));
}

static int
value_rows(const struct cli_call *call, void *owner)
{
	const struct cli_use *use = cli_call_command(call)->groups;

	for (; use && use->group; use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			if (!cli_is_bare(o))
				put_value_branch(owner, call, o);
		}
	}
	return 0;
}

/* Rows for operands 0..n-1; the last of many is found by a pattern. */
static int
operand_rows(const struct cli_call *call, void *owner)
{
	const struct cli_operand *o = cli_call_command(call)->operands;
	struct script *s = owner;

	for (size_t i = 0; o && o[i].name; i++) {
		bool many = o[i].kind == CLI_TEXTS;
		AUTO_BUF pattern = BUF_INIT(MAX_PATH);
		AUTO_BUF place = BUF_INIT(1024);

		add_path(call, &pattern);
		if (o[i].flags & CLI_REST)
			(void)buf_adds(&place, "rest");
		else
			add_place(NULL, o[i].complete, &place);
		for (size_t at = i; at < (many ? 10 : i + 1); at++) {
			size_t len = pattern.len;

			(void)buf_addf(&pattern, " %zu", at);
			put_branch(s, buf_text(&pattern), "place",
				   buf_text(&place));
			pattern.len = len;
		}
	}
	return 0;
}

static void
put_item(struct script *s, const char *dashes, const char *name,
	 const char *help)
{
	AUTO_BUF item = BUF_INIT(2048);

	(void)buf_addf(&item, "%s%s", dashes, name);
	if (s->syntax->item_separator)
		(void)buf_addf(&item, "%s%s", s->syntax->item_separator, help);
	script_put(s, " ");
	put_quoted(s, buf_text(&item));
}

static int
command_rows(const struct cli_call *call, void *owner)
{
	const struct cli_command *const *c = cli_call_command(call)->commands;
	AUTO_BUF path = BUF_INIT(MAX_PATH);
	struct script *s = owner;

	if (c == NULL)
		return 0;
	add_path(call, &path);
	begin_branch(s, buf_text(&path));
	script_put(s, s->syntax->items);
	for (; *c; c++) {
		if ((*c)->flags & CLI_HIDDEN)
			continue;
		put_item(s, "", (*c)->name,
			 (*c)->alias_of ? (*c)->alias_of : (*c)->summary);
	}
	script_put(s, s->syntax->items_end);
	script_put(s, s->syntax->branch_end);
	return 0;
}

static int
option_rows(const struct cli_call *call, void *owner)
{
	const struct cli_use *use = cli_call_command(call)->groups;
	AUTO_BUF path = BUF_INIT(MAX_PATH);
	struct script *s = owner;

	add_path(call, &path);
	begin_branch(s, buf_text(&path));
	script_put(s, s->syntax->items);
	for (; use && use->group; use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			char letter[2] = { o->letter, '\0' };

			if (o->flags & CLI_HIDDEN)
				continue;
			put_item(s, "--", o->name, o->help);
			if (o->letter)
				put_item(s, "-", letter, o->help);
		}
	}
	put_item(s, "--", "help", "Show the help text");
	script_put(s, s->syntax->items_end);
	script_put(s, s->syntax->branch_end);
	return 0;
}

static void
put_table(struct script *s, const char *name, const char *subject,
	  cli_each_fn *rows, bool fails)
{
	begin_function(s, name, subject);
	s->failed |= cli_each(s->program, rows, s) < 0;
	end_function(s, fails);
}

void
script_tables(struct script *s)
{
	const struct script_syntax *syntax = s->syntax;

	put_table(s, "enter", syntax->both, enter_rows, true);
	put_table(s, "value", syntax->both, value_rows, false);
	put_table(s, "operand", syntax->both, operand_rows, false);
	put_table(s, "commands", syntax->first, command_rows, true);
	put_table(s, "options", syntax->first, option_rows, false);
}
