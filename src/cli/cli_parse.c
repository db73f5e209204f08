/* SPDX-License-Identifier: ISC */

/*
 * Reading the words of a command line; see cli.h.
 *
 * Two passes.  The first goes down the commands as far as names lead and stops
 * behind the last; options in between are only stepped over, which their row
 * in the commands passed so far allows.  The second pass knows the command,
 * allocates its args and reads all words, the early options included.
 */

#include <string.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "cli/cli.h"
#include "cli/cli_value.h"
#include "core/suggest.h"

struct words {
	char **at; /* the next word; NULL behind the last */
	struct cli_call *call;
	size_t n_names; /* names of commands not yet passed again */
	const struct cli_operand *operand;
	bool ended; /* by -- */
};

/* An option as it was typed. */
struct typed {
	const char *word;
	const char *name;
	size_t name_len;
	const char *value; /* behind '=', or NULL */
	bool is_long;
};

/* Where a row was found: the row and the offset of its group. */
struct found {
	const struct cli_option *option;
	size_t offset;
};

static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static bool
matches(const struct cli_option *option, const struct typed *typed)
{
	if (!typed->is_long)
		return option->letter == typed->name[0];
	return (strlen(option->name) == typed->name_len &&
		memcmp(option->name, typed->name, typed->name_len) == 0) ||
	       cli_is_word(option->aliases, typed->name, typed->name_len);
}

static bool
find_option(const struct cli_command *command, const struct typed *typed,
	    struct found *ret)
{
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			if (!matches(o, typed))
				continue;
			*ret = (struct found){ o, use->offset };
			return true;
		}
	}
	return false;
}

/* "--name=value", "-name=value"; for -abc the letters are looked at later. */
static struct typed
split_option(const char *word)
{
	struct typed typed = { .word = word, .is_long = true };

	typed.name = word + 1 + (word[1] == '-');
	typed.name_len = strcspn(typed.name, "=");
	if (typed.name[typed.name_len] == '=')
		typed.value = typed.name + typed.name_len + 1;
	return typed;
}

static bool
is_named(const struct typed *typed, const char *name)
{
	return strlen(name) == typed->name_len &&
	       memcmp(name, typed->name, typed->name_len) == 0;
}

/* --help and -h everywhere, --version; unless the command's own row says. */
static bool
is_asked(const struct typed *typed, enum cli_want *ret)
{
	if (is_named(typed, "help") || str_eq(typed->word, "-h"))
		*ret = CLI_WANT_HELP;
	else if (is_named(typed, "version"))
		*ret = CLI_WANT_VERSION;
	else
		return false;
	return true;
}

static void
offer_options(const struct cli_command *command, struct suggest *near)
{
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			if (!(o->flags & CLI_HIDDEN))
				suggest_offer(near, o->name);
		}
	}
}

static int
unknown_option(const struct words *words, const struct typed *typed,
	       struct err *err)
{
	AUTO_FREE char *name = xstrndup(typed->name, typed->name_len);
	AUTO_BUF title = BUF_INIT(128);
	char shown[80];
	struct suggest near;

	(void)cli_call_title(words->call, " ", &title);
	suggest_init(&near, name);
	offer_options(cli_call_command(words->call), &near);
	err_set(err, ERR_INVALID, "%s has no option %s%s", buf_text(&title),
		typed->is_long ? "" : "-",
		vis(shown, sizeof(shown), typed->is_long ? typed->word : name));
	if (near.best && typed->is_long)
		return err_hint(err, "did you mean --%s?", near.best);
	return err_hint(err, "'%s --help' lists the options", buf_text(&title));
}

/* The value behind '=' or the next word, which is used up then. */
static int
take_value(struct words *words, const struct cli_option *option,
	   const char *value, const char **ret, struct err *err)
{
	if (value || cli_is_bare(option)) {
		*ret = value;
		return 0;
	}
	if (words->at[0] == NULL) {
		err_set(err, ERR_INVALID, "--%s needs a value: %s",
			option->name, option->arg);
		return cli_hint_usage(words->call, err);
	}
	*ret = *words->at++;
	return 0;
}

/* Set the member; in the first pass there are no args and nothing is set. */
static int
apply(struct words *words, const struct found *found, const char *value,
      struct err *err)
{
	const char *text = NULL;

	if (take_value(words, found->option, value, &text, err) < 0)
		return -1;
	if (words->call->args == NULL)
		return 0;
	if (cli_value_set(found->option, text,
			  (char *)words->call->args + found->offset, err) < 0)
		return err_wrap(err, "--%s", found->option->name);
	return 0;
}

/* -abc: letters without values, at last one that takes the rest as its own. */
static int
take_letters(struct words *words, const struct typed *typed, struct err *err)
{
	const struct cli_command *command = cli_call_command(words->call);
	struct found found;

	for (const char *p = typed->word + 1; *p; p++) {
		struct typed one = { .word = typed->word,
				     .name = p,
				     .name_len = 1 };
		const char *value = NULL;

		if (!find_option(command, &one, &found))
			return unknown_option(words, &one, err);
		if (!cli_is_bare(found.option) && p[1] != '\0')
			value = p + 1 + (p[1] == '=');
		if (apply(words, &found, value, err) < 0)
			return -1;
		if (value)
			break;
	}
	return 0;
}

/* 1: the line asks for help or the version, reading is over. */
static int
take_option(struct words *words, const char *word, struct err *err)
{
	struct typed typed = split_option(word);
	struct found found;

	if (find_option(cli_call_command(words->call), &typed, &found))
		return apply(words, &found, typed.value, err);
	if (is_asked(&typed, &words->call->want))
		return 1;
	if (word[1] != '-') {
		struct typed first = { .name = word + 1, .name_len = 1 };

		/* A word of known letters, or a long name mistyped? */
		if (word[2] == '\0' ||
		    find_option(cli_call_command(words->call), &first, &found))
			return take_letters(words, &typed, err);
	}
	return unknown_option(words, &typed, err);
}

/* Down the names; words->at ends behind the last.  1 as take_option. */
static int
find_command(struct words *words, struct err *err)
{
	int rc;

	while (cli_call_command(words->call)->commands) {
		const char *word = *words->at;

		if (word == NULL) {
			words->call->want = CLI_WANT_COMMAND;
			return 1;
		}
		words->at++;
		if (str_eq(word, "--"))
			continue;
		if (is_option(word)) {
			rc = take_option(words, word, err);
			if (rc != 0)
				return rc;
			continue;
		}
		if (cli_enter(words->call, word, err) < 0)
			return -1;
		words->n_names++;
	}
	return 0;
}

/* The row that takes the next operand: options may have filled some. */
static const struct cli_operand *
next_operand(struct words *words)
{
	const struct cli_operand *o = words->operand;

	while (o && o->name && o->kind == CLI_TEXT &&
	       cli_value_is_set(o->kind, (char *)words->call->args + o->offset))
		o++;
	words->operand = o;
	return o && o->name ? o : NULL;
}

static int
take_operand(struct words *words, const char *word, struct err *err)
{
	const struct cli_operand *o = next_operand(words);
	char shown[80];
	void *at;

	if (o == NULL) {
		err_set(err, ERR_INVALID, "unexpected argument \"%s\"",
			vis(shown, sizeof(shown), word));
		return cli_hint_usage(words->call, err);
	}
	at = (char *)words->call->args + o->offset;
	if (o->kind == CLI_TEXT) {
		*(const char **)at = word;
		return 0;
	}
	strv_add(at, word);
	while ((o->flags & CLI_REST) && *words->at)
		strv_add(at, *words->at++);
	return 0;
}

static int
take_word(struct words *words, struct err *err)
{
	const char *word = *words->at++;

	if (!words->ended && str_eq(word, "--")) {
		words->ended = true;
		return 0;
	}
	if (!words->ended && is_option(word))
		return take_option(words, word, err);
	if (words->n_names > 0) {
		words->n_names--;
		return 0;
	}
	return take_operand(words, word, err);
}

static int
apply_environment(struct cli_call *call, const struct cli_use *use,
		  struct err *err)
{
	const struct cli_option *o = use->group->options;

	for (; o->name; o++) {
		const char *value = o->env ? getenv(o->env) : NULL;

		if (value == NULL || *value == '\0')
			continue;
		if (cli_value_set(o, value, (char *)call->args + use->offset,
				  err) < 0)
			return err_wrap(err, "environment variable %s", o->env);
	}
	return 0;
}

static int
prepare_args(struct cli_call *call, struct err *err)
{
	const struct cli_command *command = cli_call_command(call);

	call->args = xcalloc(1, command->args_size + 1);
	if (command->defaults)
		memcpy(call->args, command->defaults, command->args_size);
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		if (apply_environment(call, use, err) < 0)
			return -1;
	}
	return 0;
}

static int
missing(const struct cli_call *call, const char *dashes, const char *name,
	struct err *err)
{
	AUTO_BUF title = BUF_INIT(128);

	(void)cli_call_title(call, " ", &title);
	err_set(err, ERR_INVALID, "%s needs %s%s", buf_text(&title), dashes,
		name);
	return cli_hint_usage(call, err);
}

static int
check_required(const struct cli_call *call, struct err *err)
{
	const struct cli_command *command = cli_call_command(call);

	for (const struct cli_operand *o = command->operands; o && o->name;
	     o++) {
		if ((o->flags & CLI_REQUIRED) &&
		    !cli_value_is_set(o->kind, (char *)call->args + o->offset))
			return missing(call, "", o->name, err);
	}
	for (const struct cli_use *use = command->groups; use && use->group;
	     use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			void *at = (char *)call->args + use->offset + o->offset;

			if ((o->flags & CLI_REQUIRED) &&
			    !cli_value_is_set(o->kind, at))
				return missing(call, "--", o->name, err);
		}
	}
	return 0;
}

int
cli_parse(const struct cli_program *program, int argc, char **argv,
	  struct cli_call *ret, struct err *err)
{
	struct words words = { .at = argv + (argc > 0), .call = ret };
	int rc;

	*ret = (struct cli_call){ .program = program,
				  .invoked = argc > 0 ? path_base(argv[0]) : "",
				  .path = { program->root },
				  .depth = 1 };
	rc = find_command(&words, err);
	if (rc != 0)
		return MIN(rc, 0);
	if (prepare_args(ret, err) < 0)
		return -1;
	words.at = argv + (argc > 0);
	words.operand = cli_call_command(ret)->operands;
	while (*words.at) {
		rc = take_word(&words, err);
		if (rc != 0)
			return MIN(rc, 0);
	}
	return check_required(ret, err);
}
