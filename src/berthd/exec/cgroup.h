/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_CGROUP_H
#define BERTHD_EXEC_CGROUP_H

/*
 * A cgroup (v2) per exec, where somebody has delegated a subtree to us.
 *
 * Only then: our systemd unit has Delegate=yes and says so in BERTH_CGROUP.
 * Elsewhere the tree is killed process by process and limits are rlimits.
 */

#include <stdbool.h>
#include <stdint.h>

struct cgroup_limits {
	uint64_t memory; /* bytes; 0: none, as the next two */
	uint64_t procs;
	uint64_t cpu; /* thousandths of a core */
};

enum cgroup_control {
	CGROUP_MEMORY = 1u << 0,
	CGROUP_PIDS = 1u << 1,
	CGROUP_CPU = 1u << 2,
};

/*
 * Once, by the daemon, before anything is forked: step aside into a leaf and
 * switch the controllers on for the others.
 */
void cgroup_prepare(void);

/*
 * Make the exec's cgroup; returns its directory, or -1 when there are none
 * here.  *ret_controls says which limits it enforces.
 */
int cgroup_open(const char *id, const struct cgroup_limits *limits,
		unsigned *ret_controls);

/* Kill all in it at once; false if this kernel cannot. */
bool cgroup_kill(int dir_fd);

/* Did its memory limit kill anything? */
bool cgroup_was_oom(int dir_fd);

/* Highest memory use in bytes, or 0 if unknown. */
uint64_t cgroup_peak(int dir_fd);

/* Remove; it is empty. */
void cgroup_remove(const char *id);

#endif
