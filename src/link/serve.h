/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_SERVE_H
#define BERTH_LINK_SERVE_H

/*
 * The process of a link: in the foreground, or detached from whoever started
 * it.
 *
 * There is one link per machine and user: whoever holds the lock is it.  When
 * a starter returns, both sockets of a link are bound and answered, be it his
 * or another's; any number of starters at once start one.
 */

#include <stdbool.h>

#include "core/err.h"

struct serve_options {
	const char *machine;
	const char *config; /* this configuration, "-": standard input; NULL:
			       the usual */
	const char *as;	    /* the name to be found by; NULL: machine */
	bool foreground;
	bool debug; /* log the details of protocols */
};

/* 0 when a link serves (detached) or has ended (foreground). */
int serve_run(const struct serve_options *options, struct err *err);

#endif
