/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_BOOTSTRAP_HELLO_H
#define BERTH_LINK_BOOTSTRAP_HELLO_H

/*
 * What a program on the other machine says of itself and of its daemon: the
 * line of `berthd hello' and `berthd up'.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct bootstrap_hello {
	char *program; /* path */
	char *program_version;
	int64_t program_api;
	char *home; /* BERTH_HOME, or NULL: the usual places */

	bool is_running; /* else the rest is empty */
	char *hello;	 /* the daemon's own JSON */
	char *version;
	int64_t api, uid;
	char *host_id, *nonce;
	char *socket, *life;
};

/* ERR_PROTO: it is not such a line.  `ret' is untouched then. */
int bootstrap_hello_read(const char *text, size_t n,
			 struct bootstrap_hello *ret, struct err *err);
void bootstrap_hello_fini(struct bootstrap_hello *hello);

/*
 * Which of two versions "1.2.3" is the newer: as strcmp.  What cannot be read
 * is as old as anything.
 */
int version_cmp(const char *a, const char *b);

#endif
