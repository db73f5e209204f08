/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_HOLDER_H
#define BERTHD_EXEC_HOLDER_H

#include <stddef.h>

/*
 * The holder: one small process per exec, which owns the command.
 *
 * It makes the exec's directory, starts the command, stores its output,
 * forwards its input, enforces its deadline, kills its tree, and records its
 * end; all on disk, so that the daemon may die, be killed or be replaced at
 * any time.  It listens to daemons (control_server.h) and needs none.
 *
 *	PREPARING  a checkout is being made (only with a project)
 *	RUNNING    the command runs
 *	ENDED      its end is recorded; background children may still hold the
 *	           output, which is stored on until they let go
 *
 * An end is told to daemons when it is durable.  If the disk refuses it, the
 * holder stays and tries again.
 *
 * One exec at a time, so that who kills a holder loses one exec.  But after an
 * exec of which nothing is left it waits for the daemon's next order, if the
 * daemon wants it to (holder_pool.h): a process costs more than all else that
 * a short exec needs.
 */

/* What to do, as launch.h encodes it. */
struct holder_order {
	const void *bytes;
	size_t n;
	int fd; /* instead of the bytes, if there are too many; or -1 */
};

/*
 * Ask once what all holders would ask the machine; to be called by the process
 * that forks them, before each fork.
 */
void holder_prepare(void);

/*
 * Be a holder.  `channel' is the daemon that asks; it and the order's
 * descriptor are taken.  Never returns.
 */
void holder_run(int channel, const struct holder_order *first)
    __attribute__((noreturn));

#endif
