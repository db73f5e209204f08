/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_AUDIT_H
#define BERTHD_LOGIN_AUDIT_H

/*
 * Who did what: a file of JSON lines that is only ever appended to.
 *
 * Each record names the hash of the one before and ends with its own, a
 * SHA-256 of all of the line in front of it.  So a record that was changed,
 * removed, added or moved breaks the chain.  What was cut off at the end does
 * not; therefore the file FILE.head beside it names the newest record.  Who can
 * write both files can write a new history: an append-only file (chattr +a),
 * or a head that is compared with one kept elsewhere, is against that.
 *
 * Several processes append at once, under a lock.  What comes from a client is
 * text in JSON: control characters are never raw.  A record that did not fit
 * on the disk is taken back, and audit_append fails.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/sha256.h"

#define AUDIT_MAX_LINE (32u << 10)

/* NULL members are null. */
struct audit_record {
	const char *event; /* "login", "end", "refused", "unrecorded" */
	const char *login; /* the same in all records of one login */
	const char *user;
	const char *role;
	const char *kind; /* of the role */
	const char *key;  /* fingerprint */
	const char *as;
	const char *from;    /* "ADDRESS PORT" */
	const char *command; /* as it was asked */
	const char *session;
	const char *result; /* "attach", "run", ... or why not */
	bool has_status;
	int64_t status;
	bool has_duration;
	uint64_t duration_ms;
};

enum audit_flags {
	AUDIT_SYNC = 1u << 0, /* on the disk when it returns */
};

/* Append to `path', which is made (0600) if it is not there. */
int audit_append(const char *path, const struct audit_record *record,
		 unsigned flags, struct err *err);

struct audit_verdict {
	uint64_t n;    /* records */
	uint64_t last; /* sequence number of the last */
	char hash[SHA256_HEX_SIZE];
	uint64_t line; /* the first that is wrong; 0: none */
	char why[160];
};

/*
 * Follow the chain.  0 when it was followed to its end, whole or broken, as
 * `ret' says; -1 when the file could not be read.  `expected' ("SEQ:HASH", or
 * NULL) is a head that was kept elsewhere.
 */
int audit_verify(const char *path, const char *expected,
		 struct audit_verdict *ret, struct err *err);

/* The text of a log that is called so; the fuzzer's entry. */
void audit_verify_text(const char *text, size_t n, struct audit_verdict *ret);

#endif
