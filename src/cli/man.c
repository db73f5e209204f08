/* SPDX-License-Identifier: ISC */

/*
 * mdoc from the table; see man.h.
 *
 * mdoc wants one sentence per line and lines of at most 80 bytes; text that
 * could be a request or an escape is disarmed word by word.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "cli/each.h"
#include "cli/help.h"
#include "cli/man.h"

#define MAX_LINE 76
#define MAX_PAGE (1u << 20)

/* As in help.c, failed appends are sticky. */
struct page {
	struct buf *out;
	size_t column;
	bool failed;
};

static void
put(struct page *page, const char *text)
{
	page->failed |= buf_adds(page->out, text) < 0;
}

/* What roff would print as another character, and how to keep it. */
static const char *
escape_of(char c)
{
	switch (c) {
	case '\\':
		return "\\e";
	case '-':
		return "\\-";
	case '\'':
		return "\\(aq";
	case '`':
		return "\\(ga";
	case '^':
		return "\\(ha";
	case '~':
		return "\\(ti";
	default:
		return NULL;
	}
}

static void
put_escaped(struct page *page, const char *word, size_t n)
{
	if (n > 0 && word[0] == '.')
		put(page, "\\&");
	for (size_t i = 0; i < n; i++) {
		const char *escape = escape_of(word[i]);

		if (escape)
			put(page, escape);
		else
			page->failed |= buf_addc(page->out, word[i]) < 0;
	}
}

static void
end_line(struct page *page)
{
	if (page->column > 0)
		put(page, "\n");
	page->column = 0;
}

static bool
ends_sentence(const char *word, size_t n)
{
	while (n > 1 && (word[n - 1] == ')' || word[n - 1] == '"'))
		n--;
	return n > 0 && strchr(".!?", word[n - 1]) != NULL;
}

static void
put_word(struct page *page, const char *word, size_t n)
{
	if (page->column > 0 && page->column + 1 + n > MAX_LINE)
		end_line(page);
	if (page->column > 0)
		put(page, " ");
	put_escaped(page, word, n);
	page->column += n + 1;
	if (ends_sentence(word, n))
		end_line(page);
}

static void
put_words(struct page *page, const char *text, size_t n)
{
	while (n > 0) {
		const char *space = memchr(text, ' ', n);
		size_t len = space ? (size_t)(space - text) : n;

		if (len > 0)
			put_word(page, text, len);
		len += space != NULL;
		text += len;
		n -= len;
	}
}

/* Lines that begin with a space form a literal block. */
static const char *
put_literal(struct page *page, const char *text)
{
	end_line(page);
	put(page, ".Bd -literal\n");
	while (*text == ' ') {
		size_t n = strcspn(text, "\n");

		put_escaped(page, text, n);
		put(page, "\n");
		text += n + (text[n] == '\n');
	}
	put(page, ".Ed\n");
	return text;
}

static void
put_text(struct page *page, const char *text)
{
	bool paragraph = false;

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (*text == ' ') {
			text = put_literal(page, text);
			paragraph = false;
			continue;
		}
		if (n > 0 && paragraph)
			put(page, ".Pp\n");
		if (n > 0)
			put_words(page, text, n);
		else
			end_line(page);
		paragraph = n == 0 && text[1] != ' ';
		text += n + (text[n] == '\n');
	}
	end_line(page);
}

/* "BERTH-EXEC-RUN" or "berth-exec-run". */
static void
put_name(struct page *page, const struct cli_call *call, bool upper)
{
	AUTO_BUF name = BUF_INIT(256);
	uint8_t *p;

	(void)cli_call_title(call, "-", &name);
	p = buf_bytes(&name);
	for (size_t i = 0; upper && i < name.len; i++)
		p[i] = (uint8_t)toupper(p[i]);
	put(page, buf_text(&name));
}

static void
put_head(struct page *page, const struct cli_call *call)
{
	const struct cli_program *program = call->program;

	page->failed |= buf_addf(page->out, ".Dd %s\n.Dt ", program->date) < 0;
	put_name(page, call, true);
	page->failed |= buf_addf(page->out, " %s\n.Os\n.Sh NAME\n.Nm ",
				 program->section) < 0;
	put_name(page, call, false);
	page->failed |= buf_addf(page->out, "\n.Nd %s\n",
				 cli_call_command(call)->summary) < 0;
}

static void
put_required(struct page *page, const struct cli_command *command)
{
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			if (o->flags & CLI_REQUIRED)
				page->failed |= buf_addf(page->out,
							 ".Fl Fl %s Ar %s\n",
							 o->name, o->arg) < 0;
		}
	}
}

static void
put_synopsis(struct page *page, const struct cli_call *call)
{
	const struct cli_command *command = cli_call_command(call);
	const struct cli_operand *o = command->operands;

	put(page, ".Sh SYNOPSIS\n.Nm ");
	page->failed |= cli_call_title(call, " ", page->out) < 0;
	put(page, "\n");
	if (command->groups)
		put(page, ".Op Ar OPTION ...\n");
	put_required(page, command);
	for (; o && o->name; o++)
		page->failed |=
		    buf_addf(page->out, ".%sAr %s%s\n",
			     o->flags & CLI_REQUIRED ? "" : "Op ", o->name,
			     o->kind == CLI_TEXTS ? " ..." : "") < 0;
	if (command->commands)
		put(page, ".Ar COMMAND ...\n");
}

/* A text of the table, which has no full stop. */
static void
put_sentence(struct page *page, const char *text)
{
	AUTO_BUF sentence = BUF_INIT(4096);

	page->failed |= buf_addf(&sentence, "%s.", text) < 0;
	put_text(page, buf_text(&sentence));
}

static void
put_option(struct page *page, const struct cli_option *option)
{
	AUTO_BUF text = BUF_INIT(2048);

	put(page, ".It ");
	if (option->letter)
		page->failed |= buf_addf(page->out, "Fl %c , ",
					 option->letter) < 0;
	page->failed |= buf_addf(page->out, "Fl Fl %s", option->name) < 0;
	if (!cli_is_bare(option))
		page->failed |= buf_addf(page->out, " Ar %s", option->arg) < 0;
	put(page, "\n");
	page->failed |= cli_option_text(option, &text) < 0;
	put_sentence(page, buf_text(&text));
}

static void
put_options(struct page *page, const struct cli_command *command)
{
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;
		bool opened = false;

		for (; o->name; o++) {
			if (o->flags & CLI_HIDDEN)
				continue;
			if (!opened) {
				put(page, ".Ss ");
				put(page, use->group->title);
				put(page, "\n.Bl -tag -width Ds\n");
			}
			opened = true;
			put_option(page, o);
		}
		if (opened)
			put(page, ".El\n");
	}
}

static void
put_operands(struct page *page, const struct cli_operand *o)
{
	if (o == NULL || o->name == NULL)
		return;
	put(page, ".Pp\nThe arguments are:\n.Bl -tag -width Ds\n");
	for (; o->name; o++) {
		page->failed |= buf_addf(page->out, ".It Ar %s\n", o->name) < 0;
		put_sentence(page, o->help);
	}
	put(page, ".El\n");
}

static void
put_command(struct page *page, const struct cli_call *call,
	    const struct cli_command *command)
{
	AUTO_BUF text = BUF_INIT(512);
	AUTO_BUF target = BUF_INIT(256);
	uint8_t *p;

	page->failed |= buf_addf(page->out, ".It Ic %s\n", command->name) < 0;
	page->failed |= cli_each_target(call, command, &target) < 0;
	if (command->alias_of)
		(void)buf_addf(&text, "The same as '%s %s'",
			       call->program->root->name, command->alias_of);
	else
		(void)buf_adds(&text, command->summary);
	put_sentence(page, buf_text(&text));
	p = buf_bytes(&target);
	for (size_t i = 0; i < target.len; i++)
		p[i] = p[i] == ' ' ? '-' : p[i];
	page->failed |= buf_addf(page->out, "See\n.Xr %s-%s %s .\n",
				 call->program->root->name, buf_text(&target),
				 call->program->section) < 0;
}

static void
put_commands(struct page *page, const struct cli_call *call)
{
	const struct cli_command *const *c = cli_call_command(call)->commands;

	if (c == NULL)
		return;
	put(page, ".Pp\nThe commands are:\n.Bl -tag -width Ds\n");
	for (; *c; c++) {
		if (!((*c)->flags & CLI_HIDDEN))
			put_command(page, call, *c);
	}
	put(page, ".El\n");
}

static void
put_rows(struct page *page, const char *title, const char *macro,
	 const struct cli_row *row)
{
	if (row == NULL)
		return;
	page->failed |= buf_addf(page->out, ".Sh %s\n.Bl -tag -width Ds\n",
				 title) < 0;
	for (; row->term; row++) {
		page->failed |= buf_addf(page->out, ".It%s ", macro) < 0;
		put(page, row->term);
		put(page, "\n");
		put_sentence(page, row->text);
	}
	put(page, ".El\n");
}

/* Exit statuses stand in the page of the program; others point there. */
static void
put_exits(struct page *page, const struct cli_call *call)
{
	const struct cli_program *program = call->program;

	if (program->exits == NULL)
		return;
	if (call->depth == 1) {
		put_rows(page, "EXIT STATUS", "", program->exits);
		return;
	}
	page->failed |= buf_addf(page->out,
				 ".Sh EXIT STATUS\nAs described in\n"
				 ".Xr %s %s .\n",
				 program->root->name, program->section) < 0;
}

static void
put_examples(struct page *page, const struct cli_row *row)
{
	if (row == NULL)
		return;
	put(page, ".Sh EXAMPLES\n");
	for (; row->term; row++) {
		put_sentence(page, row->text);
		put(page, ".Bd -literal -offset indent\n");
		put_escaped(page, row->term, strlen(row->term));
		put(page, "\n.Ed\n");
		if (row[1].term)
			put(page, ".Pp\n");
	}
}

/* One reference, "name(section)" or the page of a path; and what follows. */
static void
put_see(struct page *page, const char *name, size_t n, const char *section,
	bool last)
{
	page->failed |= buf_addf(page->out, ".Xr %.*s %.1s%s\n", (int)n, name,
				 section, last ? "" : " ,") < 0;
}

/* The parents of a command; of the root, what the program names. */
static void
put_see_also(struct page *page, const struct cli_call *call)
{
	const struct cli_program *program = call->program;
	const char *p = program->see_also;

	if (call->depth == 1 && p == NULL)
		return;
	put(page, ".Sh SEE ALSO\n");
	for (size_t i = 1; call->depth > i; i++) {
		struct cli_call parent = *call;
		AUTO_BUF name = BUF_INIT(256);

		parent.depth = i;
		page->failed |= cli_call_title(&parent, "-", &name) < 0;
		put_see(page, buf_text(&name), name.len, program->section,
			i + 1 == call->depth);
	}
	while (call->depth == 1 && *p) {
		size_t n = strcspn(p, "("), len = strcspn(p, " ");

		put_see(page, p, n, p + n + 1, p[len] == '\0');
		p += len + (p[len] == ' ');
	}
}

int
cli_man(const struct cli_call *call, struct buf *out)
{
	const struct cli_command *command = cli_call_command(call);
	struct page page = { .out = out };

	put_head(&page, call);
	put_synopsis(&page, call);
	put(&page, ".Sh DESCRIPTION\n");
	put_sentence(&page, command->summary);
	if (command->about) {
		put(&page, ".Pp\n");
		put_text(&page, command->about);
	}
	put_operands(&page, command->operands);
	put_commands(&page, call);
	put_options(&page, command);
	if (call->depth == 1) {
		put_rows(&page, "ENVIRONMENT", " Ev",
			 call->program->environment);
		put_rows(&page, "FILES", " Pa", call->program->files);
	}
	put_exits(&page, call);
	put_examples(&page, command->examples);
	put_see_also(&page, call);
	return page.failed ? -1 : 0;
}

struct writer {
	int dir;
	struct err *err;
};

static int
write_page(const struct cli_call *call, void *owner)
{
	struct writer *writer = owner;
	AUTO_BUF page = BUF_INIT(MAX_PAGE);
	AUTO_BUF name = BUF_INIT(256);
	AUTO_CLOSE int fd = -1;

	(void)cli_call_title(call, "-", &name);
	(void)buf_addf(&name, ".%s", call->program->section);
	if (cli_man(call, &page) < 0)
		return err_set(writer->err, ERR_LIMIT, "%s is too long",
			       buf_text(&name));
	fd = openat(writer->dir, buf_text(&name),
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_full(fd, buf_bytes(&page), page.len) < 0)
		return err_sys(writer->err, "write %s", buf_text(&name));
	return 0;
}

int
cli_man_write(const struct cli_program *program, const char *dir,
	      struct err *err)
{
	struct writer writer = { .dir = -1, .err = err };
	AUTO_CLOSE int fd = -1;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "make %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open %s", dir);
	writer.dir = fd;
	return cli_each(program, write_page, &writer);
}
