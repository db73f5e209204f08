/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_TRANSFER_H
#define BERTHD_LOGIN_TRANSFER_H

/*
 * File transfer as explicit verbs under a root: what the clients of sftp, scp,
 * rsync and git ask sshd to run is recognised word by word and put together
 * anew.  The program then runs in a jail (jail.h), so a path that this check
 * could be talked into is refused by the kernel all the same.
 */

#include <stdbool.h>

#include "core/err.h"

struct policy_role;

/* Is the first word one of a transfer's, allowed or not? */
bool transfer_is(char *const *words);

/*
 * The argument vector to run, argv[0] absolute; the caller frees.  ERR_DENIED
 * says what the role may not, ERR_UNSUPPORTED that the program is missing.
 */
char **transfer_argv(const struct policy_role *role, char *const *words,
		     struct err *err);

#endif
