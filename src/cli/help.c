/* SPDX-License-Identifier: ISC */

/* Help texts from the table; see help.h. */

#include <string.h>
#include <sys/ioctl.h>

#include "core/buf.h"
#include "core/parse.h"
#include "core/text.h"
#include "cli/help.h"
#include "cli/wrap.h"

/* Terms longer than this get a line of their own. */
#define MAX_TERM 26

#define MIN_WIDTH 40
#define USUAL_WIDTH 80
#define MAX_WIDTH 100

/* Failed appends are sticky, so that rows need not be checked one by one. */
struct page {
	struct buf *out;
	size_t width;
	bool failed;
};

static void
put(struct page *page, const char *text)
{
	page->failed |= buf_adds(page->out, text) < 0;
}

static void
put_text(struct page *page, size_t indent, const char *text)
{
	struct wrap wrap = { .indent = indent, .width = page->width };

	page->failed |= wrap_add(page->out, &wrap, text) < 0;
}

/* "  term    text", the text beginning at `column'. */
static void
put_row(struct page *page, size_t column, const char *term, const char *text)
{
	struct wrap wrap = { .indent = column, .width = page->width };
	size_t len = strlen(term) + 2;

	page->failed |= buf_addf(page->out, "  %s", term) < 0;
	if (len + 2 > column)
		put(page, "\n");
	else
		wrap.column = len;
	/* The gap up to the column. */
	for (; wrap.column && wrap.column < column; wrap.column++)
		put(page, " ");
	page->failed |= wrap_add(page->out, &wrap, text) < 0;
}

size_t
cli_help_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct err err = ERR_INIT;
	struct winsize size;
	uint64_t n = USUAL_WIDTH;

	if (columns && parse_u64(columns, MIN_WIDTH, 10000, &n, &err) == 0)
		return MIN(n, MAX_WIDTH);
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= MIN_WIDTH)
		n = size.ws_col;
	return MIN(n, MAX_WIDTH);
}

static int
add_required(const struct cli_command *command, struct buf *out)
{
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			if (!(o->flags & CLI_REQUIRED))
				continue;
			if (buf_addf(out, " --%s %s", o->name, o->arg) < 0)
				return -1;
		}
	}
	return 0;
}

static int
add_operand(const struct cli_operand *o, struct buf *out)
{
	bool required = o->flags & CLI_REQUIRED;

	return buf_addf(out, " %s%s%s%s", required ? "" : "[", o->name,
			o->kind == CLI_TEXTS ? "..." : "", required ? "" : "]");
}

int
cli_synopsis(const struct cli_call *call, struct buf *out)
{
	const struct cli_command *command = cli_call_command(call);

	if (cli_call_title(call, " ", out) < 0)
		return -1;
	if (command->groups && buf_adds(out, " [OPTION]...") < 0)
		return -1;
	if (add_required(command, out) < 0)
		return -1;
	for (const struct cli_operand *o = command->operands; o && o->name;
	     o++) {
		if (add_operand(o, out) < 0)
			return -1;
	}
	return command->commands ? buf_adds(out, " COMMAND") : 0;
}

static int
add_choices(const struct cli_option *option, struct buf *out)
{
	for (size_t i = 0; option->choices[i]; i++) {
		if (buf_addf(out, "%s%s", i ? ", " : ": ", option->choices[i]) <
		    0)
			return -1;
	}
	return 0;
}

int
cli_option_text(const struct cli_option *option, struct buf *out)
{
	if (buf_adds(out, option->help) < 0)
		return -1;
	if (option->choices && add_choices(option, out) < 0)
		return -1;
	if (option->shown && option->env)
		return buf_addf(out, " (default: $%s or %s)", option->env,
				option->shown);
	if (option->shown)
		return buf_addf(out, " (default: %s)", option->shown);
	if (option->env)
		return buf_addf(out, " (default: $%s)", option->env);
	return 0;
}

/* "-n, --tail-lines LINES" */
static void
option_term(const struct cli_option *option, struct buf *out)
{
	if (option->letter)
		(void)buf_addf(out, "-%c, ", option->letter);
	else
		(void)buf_adds(out, "    ");
	(void)buf_addf(out, "--%s", option->name);
	if (!cli_is_bare(option))
		(void)buf_addf(out, " %s", option->arg);
}

static void
put_group(struct page *page, const struct cli_group *group)
{
	const struct cli_option *o;

	page->failed |= buf_addf(page->out, "\n%s:\n", group->title) < 0;
	for (o = group->options; o->name; o++) {
		AUTO_BUF term = BUF_INIT(128);
		AUTO_BUF text = BUF_INIT(2048);

		if (o->flags & CLI_HIDDEN)
			continue;
		option_term(o, &term);
		page->failed |= cli_option_text(o, &text) < 0;
		put_row(page, MAX_TERM + 4, buf_text(&term), buf_text(&text));
	}
}

static bool
is_shown(const struct cli_group *group)
{
	for (const struct cli_option *o = group->options; o->name; o++) {
		if (!(o->flags & CLI_HIDDEN))
			return true;
	}
	return false;
}

static void
put_operands(struct page *page, const struct cli_operand *o)
{
	if (o == NULL || o->name == NULL)
		return;
	put(page, "\nArguments:\n");
	for (; o->name; o++)
		put_row(page, MAX_TERM + 4, o->name, o->help);
}

static void
put_commands(struct page *page, const struct cli_call *call)
{
	const struct cli_command *const *c = cli_call_command(call)->commands;
	const char *root = call->program->root->name;

	if (c == NULL)
		return;
	put(page, "\nCommands:\n");
	for (; *c; c++) {
		AUTO_BUF text = BUF_INIT(256);

		if ((*c)->flags & CLI_HIDDEN)
			continue;
		if ((*c)->alias_of)
			(void)buf_addf(&text, "Same as '%s %s'", root,
				       (*c)->alias_of);
		else
			(void)buf_adds(&text, (*c)->summary);
		put_row(page, 16, (*c)->name, buf_text(&text));
	}
}

static void
put_rows(struct page *page, const char *title, const struct cli_row *row,
	 size_t column)
{
	if (row == NULL)
		return;
	page->failed |= buf_addf(page->out, "\n%s:\n", title) < 0;
	for (; row->term; row++)
		put_row(page, column, row->term, row->text);
}

static void
put_examples(struct page *page, const struct cli_row *row)
{
	if (row == NULL)
		return;
	put(page, "\nExamples:\n");
	for (; row->term; row++) {
		page->failed |= buf_addf(page->out, "  %s\n", row->term) < 0;
		put_text(page, 6, row->text);
	}
}

/* What belongs to the whole program stands in the help of its root. */
static void
put_program(struct page *page, const struct cli_call *call)
{
	const struct cli_program *program = call->program;

	if (call->depth == 1) {
		put_rows(page, "Exit status", program->exits, 16);
		put_rows(page, "Environment", program->environment,
			 MAX_TERM + 4);
		put_rows(page, "Files", program->files, MAX_TERM + 4);
	}
	if (cli_call_command(call)->commands) {
		put(page, "\n");
		page->failed |= buf_addf(page->out,
					 "'%s help COMMAND...' tells more "
					 "about a command.\n",
					 program->root->name) < 0;
	}
}

int
cli_help(const struct cli_call *call, size_t width, struct buf *out)
{
	const struct cli_command *command = cli_call_command(call);
	struct page page = { .out = out, .width = width };

	put(&page, "Usage: ");
	page.failed |= cli_synopsis(call, out) < 0;
	page.failed |= buf_addf(out, "\n\n%s.\n", command->summary) < 0;
	if (command->about) {
		put(&page, "\n");
		put_text(&page, 0, command->about);
	}
	put_operands(&page, command->operands);
	put_commands(&page, call);
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		if (is_shown(use->group))
			put_group(&page, use->group);
	}
	put_examples(&page, command->examples);
	put_program(&page, call);
	return page.failed ? -1 : 0;
}
