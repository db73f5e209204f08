/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_HOSTKEY_H
#define BERTH_LINK_HOSTKEY_H

/*
 * What trouble with a host key means to a person, and the exact command that
 * resolves it.
 */

#include <stdint.h>

#include "core/err.h"

enum hostkey_trouble {
	HOSTKEY_UNKNOWN, /* not known, and nobody said yes */
	HOSTKEY_CHANGED, /* known, with another key */
	HOSTKEY_REVOKED, /* marked so in known_hosts */
	HOSTKEY_INVALID, /* a certificate that does not hold */
};

/* What is known of it; strings may be NULL. */
struct hostkey_facts {
	const char *machine;	 /* name of the machine, or its destination */
	const char *host;	 /* as known_hosts has it: "h", "[h]:2222" */
	const char *file;	 /* the known_hosts file with the old key */
	int64_t line;		 /* ... and its line; 0: not known */
	const char *fingerprint; /* of the key that was offered */
};

/* The name under which known_hosts has a host; the caller frees. */
char *hostkey_name(const char *host, int64_t port);

/* ERR_HOST_KEY with message and hint; -1. */
int hostkey_error(enum hostkey_trouble trouble,
		  const struct hostkey_facts *facts, struct err *err);

#endif
