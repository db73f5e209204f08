/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_SYNC_ARRIVAL_H
#define BERTH_CLIENT_FILE_SYNC_ARRIVAL_H

/*
 * An archive that comes for a pull: unpacked while it arrives, and told of.
 *
 * Only what is expected is let in, each once; what is expected and does not
 * come is skipped by name.  A failure that concerns all ends the sync.
 *
 * Calling sequence: arrival_new, arrival_expect, any number of arrival_take,
 * arrival_end if the archive is complete, arrival_free.
 */

#include <stddef.h>

struct arrival;
struct plan_step;
struct sync;

/* The plan of `sync' stays as it is until arrival_free. */
struct arrival *arrival_new(struct sync *sync);
void arrival_free(struct arrival *arrival);

void arrival_expect(struct arrival *arrival, const struct plan_step *step);
void arrival_take(struct arrival *arrival, const void *bytes, size_t n);
void arrival_end(struct arrival *arrival);

#endif
