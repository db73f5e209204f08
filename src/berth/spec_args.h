/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_SPEC_ARGS_H
#define BERTH_BERTH_SPEC_ARGS_H

/*
 * The options that say what to run and under which conditions, and how they
 * become a request.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "client/exec.h"

struct reach;
struct where_args;

struct spec_args {
	const char *cmd;
	const char *script;
	char **words; /* the operand: a command with its arguments */
	const char *cwd;
	char **env;
	const char *shell;
	const char *project, *ref;
	bool stdin_open;
	bool tty;
	uint64_t timeout_ms, grace_ms;
	const char *key;
	char **labels;
	char **artifacts;
	uint64_t nice;
	uint64_t limit_memory, limit_procs, limit_output;
	const char *limit_cpu;
};

extern const struct cli_group what_group;      /* struct spec_args */
extern const struct cli_group condition_group; /* struct spec_args */

#define COMMAND_OPERAND(st, member)                                            \
	CLI_OPERAND(st, member, TEXTS, "COMMAND", .flags = CLI_REST,           \
		    .help = "The program and its arguments, run without a "    \
			    "shell; with --script, its arguments")

/* A request made of the options, and what it needs to live. */
struct request {
	struct exec_spec spec;
	char *script;
	char *cwd;
	char *line; /* for a daemon that runs only such; see exec_adapt */
	char **env;
	char key[EXEC_KEY_SIZE];
};

/*
 * Fill `ret' from the options.  Reads the script.  ERR_INVALID when not
 * exactly one command was given.  request_fini also after a failure.
 */
int request_init(struct request *ret, const struct cli_call *call,
		 const struct where_args *where, const struct spec_args *args,
		 struct err *err);
void request_fini(struct request *request);

/* Fill in what the machine's configuration says and the request does not. */
void request_fit(struct request *request, const struct reach *reach);

static inline void
auto_request(struct request *request)
{
	request_fini(request);
}

#define AUTO_REQUEST __attribute__((cleanup(auto_request))) struct request

#endif
