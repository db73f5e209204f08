/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_UNIT_H
#define BERTH_TESTS_UNIT_H

/*
 * What every unit test needs: cmocka with its prerequisites, directories that
 * vanish, seeds that print, and errors compared by what they say.
 *
 * A test file includes the header of its module first, which proves that the
 * header stands alone, and this one next.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/macros.h"

#define RUN_TESTS(tests) cmocka_run_group_tests(tests, NULL, NULL)

/*
 * `err' has this code, and its message contains `part'.  Shows the message
 * otherwise.
 */
#define assert_err(err, code, part)                                            \
	unit_assert_err(&(err), code, part, __FILE__, __LINE__)
void unit_assert_err(const struct err *err, enum err_code code,
		     const char *part, const char *file, int line);

/* A new empty directory, removed with all in it when the process ends. */
const char *unit_temp_dir(void);

/* How much is in a directory, below `dir_fd' or absolute; "." is itself. */
size_t unit_n_entries(int dir_fd, const char *path);

/*
 * Randomness that can be had again: the seed is BERTH_SEED, or new and
 * printed, so that a failure can be repeated.
 */
uint64_t unit_random(void);

/* A number below `n'. */
size_t unit_below(size_t n);

/*
 * Run `fn' in a child without privileges; the test fails if it says false.
 * (It must not assert: cmocka would go on with the next test in the child.)
 */
typedef bool unit_fn(void *arg);
void unit_as_nobody(unit_fn *fn, void *arg);

#endif
