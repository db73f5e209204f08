/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_STATE_H
#define BERTHD_EXEC_STATE_H

/*
 * What became of an exec: the content of its state.json, one state a line, of
 * which the last whole one counts.  A line costs a write, where replacing the
 * file costs an inode and takes the old one's blocks back (decision 8).
 *
 * Written by the holder, when the command runs and when it has ended; by the
 * daemon only for a holder that is dead (LOST).  Read by any later daemon.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;

#define STATE_FILE "state.json"
/*
 * A directory's name of PATH_MAX control characters is written in six times as
 * many; and a state must fit a packet of control.h.
 */
#define STATE_MAX (32u << 10)

enum exec_state_kind {
	EXEC_STARTING, /* durable; the command does not run yet */
	EXEC_RUNNING,
	/* ended: */
	EXEC_EXITED,
	EXEC_SIGNALLED,
	EXEC_TIMEOUT,
	EXEC_CANCELLED,
	EXEC_OOM,
	EXEC_FAILED, /* the command could not be started */
	EXEC_LOST,   /* the holder died with the machine or by force */
	EXEC_STATES
};

/* Names point to storage of the state itself. */
struct exec_state {
	enum exec_state_kind kind;
	int64_t holder_pid, holder_start;
	char *boot_id;
	int64_t pid, pid_start;
	uint64_t started_ns, finished_ns; /* wall time; 0: not yet */
	int64_t exit_code;		  /* -1: none */
	int64_t signal;
	char *error;
	char *warning;
	char *cwd;
	int64_t cpu_user_us, cpu_system_us, max_rss;
	int64_t stdout_bytes, stderr_bytes, lost_bytes;
	bool output_open;
	char *memory_by, *procs_by, *cpu_by; /* what enforces a limit */
};

#define EXEC_STATE_INIT                                                        \
	{                                                                      \
		.exit_code = -1                                                \
	}

void exec_state_fini(struct exec_state *state);

/* "running", "exited" ... */
const char *exec_state_name(enum exec_state_kind kind);
bool exec_state_is_end(enum exec_state_kind kind);

/* May `to' follow `from'? */
bool exec_state_may_follow(enum exec_state_kind from, enum exec_state_kind to);

int exec_state_encode(const struct exec_state *state, struct buf *out);
int exec_state_decode(const void *text, size_t n, struct exec_state *ret,
		      struct err *err);

/*
 * Make the file and open it.  Made before the directory is synced, a state is
 * durable when its bytes are.
 */
int exec_state_create(int dir_fd, struct err *err);

/*
 * Add a state to the open file, durable when `sync'.  After a failure the file
 * is as it was.
 */
int exec_state_add(int fd, const struct exec_state *state, bool sync,
		   struct err *err);

/* The same by the exec's directory. */
int exec_state_write(int dir_fd, const struct exec_state *state, bool sync,
		     struct err *err);

/* The last one; ERR_NOT_FOUND: none was written yet. */
int exec_state_read(int dir_fd, struct exec_state *ret, struct err *err);

#endif
