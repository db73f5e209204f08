/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_PROC_H
#define BERTH_CORE_PROC_H

/*
 * Processes that must be recognised again: pid, start time and boot.  A bare
 * pid from a file is never signalled; it may be somebody else's by now.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

struct proc_id {
	pid_t pid;
	uint64_t start; /* clock ticks since boot, /proc/PID/stat field 22 */
};

/*
 * The start time of a process that is made at this moment.  A child that was
 * forked between two calls has it, if both say the same.  0: not known, until
 * proc_start_check has seen that this kernel counts so.
 */
uint64_t proc_start_now(void);

/* We were forked after the kernel's clock was `before' (clock_boot_ns). */
void proc_start_check(uint64_t before);

/* Fill from /proc; false when there is no such process (or a zombie). */
bool proc_id_read(pid_t pid, struct proc_id *ret);

/* Is the very process still running? */
bool proc_id_alive(const struct proc_id *id);

/* Signal the very process (by pidfd); false when it is gone. */
bool proc_id_signal(const struct proc_id *id, int sig);

/*
 * Ignore no signal any more, also not the two that the C library keeps for its
 * threads and hides from signal(2): posix_spawn in a program with threads
 * leaves them ignored, and what is ignored is inherited for ever.  Handlers,
 * which are not, stay.
 */
void proc_ignore_nothing(void);

/* This boot's name, from the kernel; "" when it has none. */
const char *proc_boot_id(void);

/* A name for this host that survives reboots: "<hostname>-<8 hex digits>". */
const char *proc_host_id(void);

/*
 * The file of this program by its name, also where an upgrade has put another
 * there by now; the caller frees.
 */
char *proc_own_path(struct err *err);

/* The directory it is in; NULL if that cannot be told. */
char *proc_own_dir(void);

/* What `ps' shows for this process from now on; cut to the room there is. */
void proc_title_init(int argc, char **argv);
void proc_title_set(const char *title);

#endif
