/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_WIZARD_H
#define BERTH_BERTH_WIZARD_H

/*
 * A machine, asked for step by step on the terminal.
 *
 * Questions go to standard error, answers come from standard input; a wrong
 * answer is explained and asked for again.
 */

#include "core/err.h"

struct registry;

/*
 * Append KEY=VALUE for each answer.  A password is kept in the secret store at
 * once, and *ret has the reference.  ERR_DENIED: they gave up.
 */
int wizard_run(const struct registry *registry, char ***ret, struct err *err);

#endif
