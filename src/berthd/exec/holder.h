/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_HOLDER_H
#define BERTHD_EXEC_HOLDER_H

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
 */

/*
 * Ask once what all holders would ask the machine; to be called by the process
 * that forks them, before each fork.
 */
void holder_prepare(void);

/*
 * Hold one exec.  `channel' is the daemon that asks, `launch_fd' holds the
 * order (launch.h); both are taken.  Never returns.
 */
void holder_run(int channel, int launch_fd) __attribute__((noreturn));

#endif
