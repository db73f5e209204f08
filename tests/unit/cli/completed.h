/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_UNIT_CLI_COMPLETED_H
#define BERTH_TESTS_UNIT_CLI_COMPLETED_H

/*
 * What a shell offers for a line of `ship', asked of the real shell.
 */

#include "cli/cli.h"

struct buf;

typedef int complete_script_fn(const struct cli_program *, struct buf *);

/*
 * A directory with the script, `ship' (which answers __complete with two
 * candidates) in `bin/', the file `cargo.txt' and the directory `hold/'.
 */
const char *completed_setup(complete_script_fn *script);

/* Assert that the newline-separated candidates are exactly these. */
void completed_assert(const char *got, const char *const *wanted);

#define assert_offers(got, ...)                                                \
	completed_assert(got, (const char *const[]){ __VA_ARGS__, NULL })
#define assert_offers_nothing(got)                                             \
	completed_assert(got, (const char *const[]){ NULL })

#endif
