/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_UNIT_CLI_SHELL_H
#define BERTH_TESTS_UNIT_CLI_SHELL_H

/*
 * Real shells and tools, run by tests.
 */

#include <stdbool.h>

struct buf;

/* Is the program in PATH? */
bool shell_has(const char *program);

/*
 * Run argv, its standard output and error into `out'.  The exit status, or -1
 * when it was killed.
 */
int shell_run(const char *const *argv, struct buf *out);

/* Write a file of a directory; `mode' as for chmod. */
void shell_write(const char *dir, const char *name, const char *text,
		 unsigned mode);

#endif
