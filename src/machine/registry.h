/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_REGISTRY_H
#define BERTH_MACHINE_REGISTRY_H

/*
 * The machines that there are: those of the configuration, in its order, and
 * after them the aliases of ~/.ssh/config that it does not name.
 *
 *	password_authentication: true
 *	policy: {allow_hosts: ["*.example.com"]}
 *	defaults: {keep_alive: 30s}
 *	machines:
 *	  - name: gpu3
 *	    ssh: me@gpu3.example.com
 *
 * The keys of a machine are in keys.h; `defaults' has the same, for all
 * machines of the file and for aliases.  A mistake is ERR_CONFIG with file,
 * line and key; what is odd but can be lived with is in `warnings'.
 *
 *	AUTO_REGISTRY registry;
 *
 *	if (registry_load(&registry, &config, err) < 0)
 *		return -1;
 *	machine = registry_find(&registry, "gpu3", err);
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "machine/config_file.h"
#include "machine/machine.h"
#include "machine/policy.h"

struct registry {
	struct machine *machines;
	size_t n;
	size_t n_own; /* those of the file, in front */
	struct machine defaults;
	bool no_password;	   /* password authentication is off */
	struct policy policies[3]; /* system, a test's, user */
	size_t n_policies;
	char *file; /* where it is from; NULL: no file */
	char **warnings;
};

/*
 * Also with no file at all.  The caller calls registry_fini, also after a
 * failure.
 */
int registry_load(struct registry *registry,
		  const struct config_file_config *config, struct err *err);
void registry_fini(struct registry *registry);

/* The text of a configuration called `name' alone: no aliases, no policy. */
int registry_decode(struct registry *registry, const char *name,
		    const void *text, size_t n, struct err *err);

/* Borrowed.  ERR_NOT_FOUND hints at what was meant. */
const struct machine *registry_find(const struct registry *registry,
				    const char *name, struct err *err);

/*
 * May this machine be used?  To be asked before every connection.  Asks ssh
 * where it goes if a policy has a list of hosts.  ERR_DENIED says who forbids
 * it.
 */
int registry_check(const struct registry *registry,
		   const struct machine *machine, struct err *err);

/* Is password authentication allowed, by the configuration and all policies? */
bool registry_allows_password(const struct registry *registry);

#define AUTO_REGISTRY __attribute__((cleanup(registry_fini))) struct registry

#endif
