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

struct buf;

/*
 * Append the types of the keys that are known for a host, each with a comma
 * behind it: those it should be asked for first.
 */
void known_hosts_types(const char *text, size_t n, const char *host,
		       struct buf *types);

/* Append the line that makes a key known; `is_hashed': the name is hidden. */
void known_hosts_line(struct buf *out, const char *host, const char *type,
		      const char *key, bool is_hashed);

#endif
