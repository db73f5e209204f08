/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_EXEC_JSON_H
#define BERTHD_EXEC_EXEC_JSON_H

/*
 * Execs as clients see them.
 */

#include "core/err.h"

struct exec;
struct jsonw;

/* Room for one result object. */
#define EXEC_JSON_MAX (6u << 20)

/* Members of the answer to a start, inside an object that is open. */
void exec_json_started(const struct exec *exec, struct jsonw *w);

/* Members of an entry of the list. */
void exec_json_summary(const struct exec *exec, struct jsonw *w);

/* Members of the result; reads the exec's directory. */
int exec_json_result(const struct exec *exec, struct jsonw *w,
		     struct err *err);

#endif
