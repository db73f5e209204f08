/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_NAME_H
#define BERTH_MACHINE_NAME_H

/*
 * Names of machines, hosts and users, before they come near a command line.
 *
 * Nothing that begins with "-" (ssh would take it for an option), no control
 * characters and white space, and none of the characters that mean something
 * to a shell: ssh's own configuration may hand host and user to one
 * (ProxyCommand, Match exec).  Failures are ERR_INVALID.
 */

#include "core/err.h"

/* Letters, digits, "._-"; at most 64; "local" is taken. */
int name_check_machine(const char *name, struct err *err);

int name_check_host(const char *host, struct err *err);
int name_check_user(const char *user, struct err *err);

/* HOST, USER@HOST, ssh://[USER@]HOST[:PORT]. */
int name_check_destination(const char *destination, struct err *err);

#endif
