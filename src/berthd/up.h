/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_UP_H
#define BERTHD_UP_H

/*
 * What somebody at the other end of a login asks of this program: who it is,
 * which daemon runs, and to have one that outlives the login.
 *
 * The answer is one line of JSON on standard output:
 *
 *	{"program":{"path","version","api"},"home":BERTH_HOME|null,
 *	 "daemon":{...as GET /v1/hello}|null,"socket":"..."|null,
 *	 "life":"systemd-linger"|"systemd"|"detached"|"attached"|null,
 *	 "schema_version":1}
 */

#include <stdbool.h>

#include "core/err.h"

/* Of this program and of the daemon that runs, if any; nothing is started. */
int hello_run(struct err *err);

struct up_options {
	bool replace; /* take over from the daemon that runs */
};

/* Have a daemon that lives as well as it can here, then as hello_run. */
int up_run(const struct up_options *options, struct err *err);

/*
 * Is the file of this program the one with this SHA-1, in hexadecimal?
 * ERR_CONFLICT if not.  It is for a copy that was cut short or has met a bad
 * disk; who could put another program there could make it say anything.
 */
int self_check(const char *sha1_hex, struct err *err);

#endif
