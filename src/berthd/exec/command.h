/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_COMMAND_H
#define BERTHD_EXEC_COMMAND_H

/*
 * Starting the command of an exec: its own session, its pipes or terminal,
 * its limits, its environment, and nothing else of ours.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

struct command_config {
	char *const *argv;
	char *const *env;
	const char *cwd;
	bool tty, stdin_pipe;
	bool is_shell; /* argv[0], as messages say */
	unsigned cols, rows;
	uint64_t limit_memory; /* rlimits; 0: none */
	uint64_t limit_procs;
	int niceness;
	int cgroup_fd; /* cgroup.procs to write to; -1: none */
};

struct command {
	pid_t pid;
	uint64_t start;	    /* as in struct proc_id; 0: not known */
	int out_fd, err_fd; /* to read; the terminal is out_fd alone */
	int in_fd;	    /* to write; -1: none.  The terminal again */
};

/*
 * Start; the descriptors are the caller's then.  ERR_NOT_FOUND: there is no
 * such program (127); ERR_DENIED: it or the directory may not be used (126).
 */
int command_start(const struct command_config *config, struct command *ret,
		  struct err *err);

/*
 * Ignore what is not meant for the caller; a command has the defaults again.
 * Of other signals it ignores what the caller does: none, see
 * proc_ignore_nothing.
 */
void command_ignore_signals(void);

void command_resize(int tty_fd, unsigned cols, unsigned rows);

#endif
