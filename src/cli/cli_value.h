/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_CLI_VALUE_H
#define BERTH_CLI_CLI_VALUE_H

/*
 * Text becomes a member of the args, as the row says.
 */

#include "cli/cli.h"

/*
 * Fill the member of `option' in the struct at `base'.  A NULL `text' is the
 * mere presence of a FLAG or PICK.  `text' is borrowed by TEXT members.
 */
int cli_value_set(const struct cli_option *option, const char *text, void *base,
		  struct err *err);

/* Has the TEXT or TEXTS member at `at' a value? */
bool cli_value_is_set(enum cli_kind kind, const void *at);

/* Free a TEXTS member; others own nothing. */
void cli_value_fini(enum cli_kind kind, void *at);

#endif
