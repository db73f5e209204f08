/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_COMMON_H
#define BERTH_BERTH_COMMON_H

/*
 * What the commands share: the options that say where and in which form, and
 * how an answer or an error is shown.
 */

#include <stdbool.h>

#include "cli/cli.h"
#include "core/err.h"

struct buf;
struct client;
struct jsonw;

struct where_args {
	const char *machine;
	const char *addr;
	const char *token_file;
	const char *config;
};

/* The order of --output's words. */
enum format {
	FORMAT_AUTO, /* by what standard output is */
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_JSONL,
	FORMAT_RAW,
};

struct output_args {
	int format;
	bool quiet;
	bool debug;
};

/* Groups for the tables of commands. */
extern const struct cli_group where_group;  /* struct where_args */
extern const struct cli_group object_group; /* struct output_args */
extern const struct cli_group stream_group; /* struct output_args */

/* Operand or option: one exec. */
struct id_args {
	const char *id;
};
extern const struct cli_group id_group; /* struct id_args: --id */

#define ID_OPERAND(st, member)                                                 \
	CLI_OPERAND(st, member, TEXT, "ID", .flags = CLI_REQUIRED,             \
		    .complete = "exec",                                        \
		    .help = "The exec: its id, the beginning of it, or "       \
			    "\"last\"")

/* Called as codex-remote: answers, defaults and statuses are its. */
bool is_codex(const struct cli_call *call);

/* The client of the machine; nothing is connected yet.  The caller frees. */
struct client *begin_client(const struct where_args *where,
			    const struct output_args *output, struct err *err);

/* The same, and the machine has been reached. */
struct client *open_client(const struct where_args *where,
			   const struct output_args *output, struct err *err);

/* Is JSON asked for: by an option, or by there being no terminal? */
bool wants_json(const struct cli_call *call, const struct output_args *output);

/* Write to standard output; EPIPE is an error like any other. */
int print_text(const struct buf *text, struct err *err);

/* Write a JSON text with exactly one newline at the end. */
int print_json(const struct buf *json, struct err *err);

/*
 * End the object of an answer with its schema version; ERR_LIMIT if not all of
 * it fitted.  print_answer also writes it, if it is whole.
 */
int end_answer(struct jsonw *w, struct err *err);
int print_answer(struct jsonw *w, struct err *err);

/* "berth: ..." on standard error, unless --quiet. */
void print_note(const struct output_args *output, const char *fmt, ...)
    PRINTF(2, 3);

/* What the API calls a value, and the option that gave it. */
struct option_name {
	const char *param;  /* "grep_re" */
	const char *option; /* "--grep-re" */
};

/*
 * A daemon that refuses a value begins with the name of the parameter and a
 * colon: begin with that of the option instead.  Other errors stay as they are.
 */
void name_option(const struct option_name *names, size_t n, struct err *err);

/* The exit status of a line that is no command. */
int usage_status(const struct cli_call *call);

/* Show the error that ended the program; the exit status. */
int show_error(const struct cli_call *call, char *const *argv,
	       const struct err *err);

#endif
