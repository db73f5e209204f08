/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_POLICY_H
#define BERTH_MACHINE_POLICY_H

/*
 * What may be reached, for managed environments.
 *
 * A policy is in /etc/berth/policy.yaml, and under `policy' in the user's own
 * configuration:
 *
 *	allow_hosts: ["*.example.com", "!bastion.example.com"]
 *	allow_machines: ["gpu*"]
 *	allow_password: false
 *
 * Each policy that there is must allow a machine: the user's can narrow what
 * the system's allows, never widen it.  Hosts are compared as ssh resolves
 * them, without regard to case, so that a friendly alias opens no way round.
 * A list that is absent allows all; "!" in front of a pattern refuses.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "core/json.h"

struct policy {
	char **allow_hosts;    /* patterns with "*" and "?"; NULL: all */
	char **allow_machines; /* the same for names of machines */
	bool refuse_password;
	char *file; /* for messages */
};

extern const struct json_field policy_fields[];
extern const size_t policy_n_fields;

void policy_fini(struct policy *policy);

/*
 * Read a file.  ERR_NOT_FOUND; ERR_DENIED if others than its owner and root may
 * write it: such a file is no policy, and nothing is allowed.
 */
int policy_load(struct policy *policy, const char *path, struct err *err);

/* ERR_DENIED names the policy.  `hostname' is what ssh resolves it to. */
int policy_check(const struct policy *policy, const char *name,
		 const char *hostname, struct err *err);

/* Does the policy need the resolved name at all? */
bool policy_has_hosts(const struct policy *policy);

/* "*" any text, "?" any character; without regard to case. */
bool policy_matches(const char *pattern, const char *text);

#endif
