/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_UNIT_CLI_SHIP_H
#define BERTH_TESTS_UNIT_CLI_SHIP_H

/*
 * A program `ship' with a bit of everything a table can hold.
 *
 *	ship load  options of all kinds, operands ID and WHERE
 *	ship run   options of a shared group, a rest of words
 *	ship crew ls, ship crew hire
 *	ship ps    alias of crew ls
 */

#include "cli/cli.h"

struct common_args {
	int format;
	bool verbose;
	const char *port;
};

struct load_args {
	bool force;
	const char *id;
	const char *where;
	char **labels;
	uint64_t tail;
	uint64_t size;
	uint64_t wait_ms;
	int stream;
	struct common_args common;
};

struct run_args {
	bool tty, stdin_too;
	const char *cmd;
	char **words;
	struct common_args common;
};

extern const struct cli_program ship;

/* Parse a line that is split at spaces; argv lives until the next call. */
int ship_parse(const char *line, struct cli_call *ret, struct err *err);

#endif
