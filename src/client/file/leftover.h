/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_LEFTOVER_H
#define BERTH_CLIENT_FILE_LEFTOVER_H

/*
 * Temporary names for machines on which nothing of ours can hold a lock.
 *
 * Such a name is one of newfile.h's, whose 16 digits say who is writing: 6 for
 * this host (as booted, and seen from these process numbers), 6 for the
 * process, 4 that count.  So what a killed program left can be told from what
 * a living one is writing, when both ran here; what others began is only taken
 * for left after a day without a write.
 */

#include <stdbool.h>
#include <stdint.h>

/* With the NUL. */
#define LEFTOVER_NAME_SIZE 32

/* Another one with each call. */
void leftover_name(char out[LEFTOVER_NAME_SIZE]);

/* Is nobody writing the temporary file `base' any more? */
bool leftover_is_dead(const char *base, int64_t mtime_ns);

#endif
