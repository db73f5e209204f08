/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SERVE_H
#define BERTHD_SERVE_H

/*
 * `berthd serve': configuration, spawner, and the daemon, in the foreground or
 * detached from whoever started it.
 */

#include <stdbool.h>

#include "core/err.h"

struct serve_options {
	const char *config; /* a file; NULL: the usual place, if any */
	const char *listen; /* TCP address; NULL: as configured */
	bool detach;
	bool replace;
	bool as_codexd; /* codexd's places and defaults */
	bool debug;
};

/* The exit status, or -1 with err. */
int serve_run(const struct serve_options *options, struct err *err);

/*
 * Have a daemon: 0 at once if one serves, else start one detached and wait
 * until it does.  Any number of callers at once start one.
 */
int serve_ensure(struct err *err);

#endif
