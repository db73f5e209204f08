/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_ADAPT_H
#define BERTH_CLIENT_EXEC_ADAPT_H

/*
 * A request made fit for the daemon it goes to.
 *
 * codexd runs lines of shell only.  For it, words are quoted into a line and a
 * script is put into a file there; what it would silently ignore (a terminal,
 * limits, labels) is refused here.
 */

#include "core/err.h"

struct client;
struct exec_spec;

/*
 * Change `spec' if need be; *ret_line is what it points to then, for the
 * caller to free.  ERR_UNSUPPORTED names what that daemon cannot do.
 */
int exec_adapt(struct client *client, struct exec_spec *spec, char **ret_line,
	       struct err *err);

#endif
