/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_RESOLVE_H
#define BERTH_MACHINE_RESOLVE_H

/*
 * Where ssh would go: what its whole configuration makes of a machine, as
 * `ssh -G' says it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct machine;

struct resolved {
	char *hostname;
	char *user;
	int64_t port;
	char **identity_files;
	char *proxy_jump;    /* or NULL */
	char *proxy_command; /* or NULL */

	/* For those who connect without ssh. */
	int address_family;   /* AF_INET, AF_INET6; AF_UNSPEC: either */
	char *bind_address;   /* or NULL */
	char *bind_interface; /* or NULL */

	/* For those who look at keys without ssh. */
	char *identity_agent;	 /* or NULL: as the environment says */
	char *host_key_alias;	 /* or NULL */
	char *revoked_host_keys; /* or NULL */
	char **known_hosts; /* of the user, "~" put in; the first is written */
	char **global_known_hosts;
	bool has_no_agent;    /* IdentityAgent none */
	bool identities_only; /* no others that an agent has */
	bool is_strict;	      /* unknown host keys are refused, not asked */
	bool hashes_names;    /* in known_hosts */
	bool can_fork;	      /* this ssh knows ForkAfterAuthentication */
};

/*
 * Append what names `machine' on ssh's command line: -F, -p, -l, -i, and last
 * "--" and the destination.  ERR_INVALID if a part of it may not stand there.
 */
int resolve_add_destination(const struct machine *machine, char ***argv,
			    struct err *err);

/* Ask ssh.  ERR_UNSUPPORTED: there is no ssh; ERR_CONFIG: its own words. */
int resolve_machine(const struct machine *machine, struct resolved *ret,
		    struct err *err);

/* The output of ssh -G. */
int resolve_decode(const char *text, size_t n, struct resolved *ret,
		   struct err *err);
void resolved_fini(struct resolved *resolved);

#define AUTO_RESOLVED __attribute__((cleanup(resolved_fini))) struct resolved

#endif
