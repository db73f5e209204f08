/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_KNOWN_HOSTS_H
#define BERTH_LINK_KNOWN_HOSTS_H

/*
 * Is a host key the one that known_hosts has?  As OpenSSH decides it, for
 * those who do not ask OpenSSH.
 *
 * Pure: the text of a file, a host and a key.  Understood are hashed names,
 * "[host]:port", patterns with "*", "?" and "!", @revoked, and several keys of
 * one host.  Keys of @cert-authority lines are no host keys: they never make a
 * plain key good; whether such a line is there is said, so that a caller that
 * cannot check certificates can say why it refuses.
 */

#include <stdbool.h>
#include <stddef.h>

enum known_verdict {
	KNOWN_UNKNOWN, /* nothing about this host */
	KNOWN_GOOD,
	KNOWN_CHANGED, /* other keys, but not this one */
	KNOWN_REVOKED, /* stronger than all others */
};

struct known_answer {
	enum known_verdict verdict;
	unsigned line;	    /* that decided it; from 1, 0: none */
	bool has_authority; /* a @cert-authority is for this host */
};

/*
 * `host' as hostkey_name makes it; `type' ("ssh-ed25519") and `key' (base64)
 * as ssh writes them.  Call it once per file, with the answer of the file
 * before: it starts as zero.
 */
void known_hosts_check(const char *text, size_t n, const char *host,
		       const char *type, const char *key,
		       struct known_answer *answer);

#endif
