/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_CLI_H
#define BERTH_CLI_CLI_H

/*
 * A command line as one table.
 *
 * A program, its commands, their options and arguments are rows of constant
 * data, written down once.  From them come parsing, --help on every level,
 * suggestions for typing errors, completion for bash, zsh and fish, and the
 * manual pages.  A row that is not in a table does not exist, and what is in
 * the table cannot be forgotten in the manual.
 *
 * A command says which struct its words fill, and each option which member:
 *
 *	struct stop_args {
 *		bool force;
 *		uint64_t grace_ms;
 *		const char *id;
 *	};
 *
 *	static const struct cli_option stop_options[] = {
 *		CLI_OPTION(struct stop_args, force, FLAG, "force", 'f',
 *			   .help = "Kill without asking first"),
 *		CLI_OPTION(struct stop_args, grace_ms, DURATION, "grace", 0,
 *			   .arg = "TIME", .help = "Wait so long in between"),
 *		{ 0 },
 *	};
 *	static const struct cli_group stop_group = { "Options", stop_options };
 *	static const struct cli_operand stop_operands[] = {
 *		CLI_OPERAND(struct stop_args, id, TEXT, "ID",
 *			    .help = "What to stop", .flags = CLI_REQUIRED),
 *		{ 0 },
 *	};
 *	const struct cli_command stop_command = {
 *		.name = "stop",
 *		.summary = "Stop a thing",
 *		.groups = (const struct cli_use[]){ { &stop_group }, { 0 } },
 *		.operands = stop_operands,
 *		.args_size = sizeof(struct stop_args),
 *		.defaults = &(const struct stop_args){ .grace_ms = 3000 },
 *		.run = stop_run,
 *	};
 *
 * Arrays end with a row of zeros.  Several commands share options through
 * groups: a use names the group and where in the args of this command the
 * group's own struct lies.  `main' is then
 *
 *	struct cli_call call = CLI_CALL_INIT;
 *	struct err err = ERR_INIT;
 *	int status;
 *
 *	status = cli_parse(&program, argc, argv, &call, &err);
 *	if (status == 0)
 *		status = cli_run(&call, &err);
 *	if (status < 0)
 *		status = ...show err, choose a status...
 *	cli_call_fini(&call);
 *	return status;
 *
 * and stop_run gets at its struct by `const struct stop_args *args =
 * call->args'.  Put &cli_help_command and &cli_completion_command among the
 * program's commands.
 *
 * Words are read as GNU programs read them: --name value, --name=value, -n
 * value, -nvalue, -abc; options may follow operands; -- ends them.  Names are
 * never abbreviated, since a new option would break old scripts.  Long options
 * with one dash (-name value) and flags with values (--name=false) are taken
 * too: scripts written for Go programs use them.  The operand with CLI_REST
 * takes its word and all that follow, whatever they look like, as sudo and
 * timeout do.
 *
 * Nothing happens before cli_run: no output, no locale, no files.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct cli_call;

/* What a value looks like, and the type of the member it fills. */
enum cli_kind {
	CLI_FLAG,     /* bool; no value */
	CLI_PICK,     /* int, set to `value'; options may share the member */
	CLI_TEXT,     /* const char *, borrowed from argv or the environment */
	CLI_TEXTS,    /* char **, a strv; each occurrence appends */
	CLI_NUMBER,   /* uint64_t between min and max (both 0: any) */
	CLI_BYTES,    /* uint64_t: 512, 10M, 2G */
	CLI_DURATION, /* uint64_t in milliseconds: 90, 250ms, 10m */
	CLI_CHOICE,   /* int: the index in `choices' */
};

enum cli_flags {
	CLI_REQUIRED = 1u << 0, /* TEXT and TEXTS: must be given somehow */
	CLI_HIDDEN = 1u << 1,	/* works, and is not told of */
	CLI_REST = 1u << 2,	/* operand: this word and all that follow */
};

/* A default for NUMBER, BYTES and DURATION that no value equals. */
#define CLI_UNSET UINT64_MAX

/* What completion offers for a value or an operand; choices need none.  Any
 * other word is asked of `PROGRAM __complete WORD -- BEGIN LINE...', LINE being
 * the words before the one at the cursor: one candidate per line, optionally a
 * tab and its description. */
#define CLI_FILES "files"
#define CLI_DIRS "dirs"
#define CLI_COMMANDS "commands"

struct cli_option {
	const char *name; /* "tail-lines" */
	char letter;	  /* 'n', or 0 */
	enum cli_kind kind;
	size_t offset;
	const char *arg;     /* the value in help: "LINES" */
	const char *help;    /* a sentence without its full stop */
	const char *aliases; /* other long names, separated by spaces */
	const char *env;     /* the variable that holds the default */
	const char *shown;   /* the default, in help: "2000" */
	const char *complete;
	const char *const *choices; /* CLI_CHOICE; ends with NULL */
	uint64_t min, max;	    /* CLI_NUMBER */
	int value;		    /* CLI_PICK */
	unsigned flags;
};

#define CLI_OPTION(st, member, kind_, name_, letter_, ...)                     \
	{                                                                      \
		.name = (name_), .letter = (letter_), .kind = CLI_##kind_,     \
		.offset = offsetof(st, member), __VA_ARGS__                    \
	}

/* An argument without a dash; TEXT, or TEXTS as the last one. */
struct cli_operand {
	const char *name; /* "ID" */
	enum cli_kind kind;
	size_t offset;
	const char *help;
	const char *complete;
	unsigned flags;
};

#define CLI_OPERAND(st, member, kind_, name_, ...)                             \
	{                                                                      \
		.name = (name_), .kind = CLI_##kind_,                          \
		.offset = offsetof(st, member), __VA_ARGS__                    \
	}

struct cli_group {
	const char *title; /* "Output" */
	const struct cli_option *options;
};

struct cli_use {
	const struct cli_group *group;
	size_t offset; /* of the group's struct in the args of the command */
};

/* A term and what it means: exit statuses, files, examples. */
struct cli_row {
	const char *term;
	const char *text;
};

/* The exit status, or -1 with an error. */
typedef int cli_run_fn(const struct cli_call *call, struct err *err);

struct cli_command {
	const char *name;
	const char *aliases;  /* other names, separated by spaces */
	const char *alias_of; /* this is "exec run"; nothing else is set */
	const char *summary;  /* a sentence without its full stop */
	const char *about;    /* paragraphs, separated by empty lines */
	const struct cli_use *groups;
	const struct cli_operand *operands;
	const struct cli_row *examples; /* a line to type, what it does */
	const struct cli_command *const
	    *commands; /* below it; ends with NULL */
	size_t args_size;
	const void *defaults; /* copied first; NULL: zeros */
	cli_run_fn *run;      /* NULL: a command below must follow */
	unsigned flags;	      /* CLI_HIDDEN */
};

struct cli_program {
	const struct cli_command *root; /* its name is the program's */
	const char *section;		/* of the manual: "1", "8" */
	const char *version;
	const char *date;   /* of the manual: "November 21, 2026" */
	const char *others; /* further names it is called by, for completion */
	const struct cli_row *exits;
	const struct cli_row *environment; /* what no option names */
	const struct cli_row *files;
	const char *see_also; /* "berthd(8) ssh(1)" */
};

#define CLI_MAX_DEPTH 4

enum cli_want {
	CLI_WANT_RUN,
	CLI_WANT_HELP,	  /* --help */
	CLI_WANT_VERSION, /* --version */
	CLI_WANT_COMMAND, /* a command below was left out */
};

struct cli_call {
	const struct cli_program *program;
	const char *invoked; /* the last part of argv[0] */
	const struct cli_command *path[CLI_MAX_DEPTH]; /* root first */
	size_t depth;
	enum cli_want want;
	void *args; /* the command's struct */
};

#define CLI_CALL_INIT                                                          \
	{                                                                      \
		.depth = 0                                                     \
	}

/*
 * Read the words.  ERR_INVALID names the word and hints at what was meant.
 * Also on failure `ret' is filled as far as reading came and wants
 * cli_call_fini.  `argv' must outlive it.
 */
int cli_parse(const struct cli_program *program, int argc, char **argv,
	      struct cli_call *ret, struct err *err);

/*
 * Do what was asked for: the command's run, or help or version to stdout.  The
 * exit status, or -1.
 */
int cli_run(const struct cli_call *call, struct err *err);
void cli_call_fini(struct cli_call *call);

/* The command that was named. */
static inline const struct cli_command *
cli_call_command(const struct cli_call *call)
{
	return call->path[call->depth - 1];
}

/* "berth exec run": append; for messages and pages. */
struct buf;
int cli_call_title(const struct cli_call *call, const char *separator,
		   struct buf *out);

/* Of a call that was typed wrongly: where it is shown how.  Returns -1. */
int cli_hint_usage(const struct cli_call *call, struct err *err);

/* The command below `parent' of that name or alias, or NULL. */
const struct cli_command *cli_find_command(const struct cli_command *parent,
					   const char *name);

/* Go down to the command `name'; ERR_INVALID and a suggestion if none is. */
int cli_enter(struct cli_call *call, const char *name, struct err *err);

/* `name' is one of the words in `list', which are separated by spaces. */
bool cli_is_word(const char *list, const char *name, size_t n);

/* Does the option stand without a value? */
static inline bool
cli_is_bare(const struct cli_option *option)
{
	return option->kind == CLI_FLAG || option->kind == CLI_PICK;
}

/* `help [COMMAND]...' and `completion SHELL', for the program's table. */
extern const struct cli_command cli_help_command;
extern const struct cli_command cli_completion_command;

#endif
