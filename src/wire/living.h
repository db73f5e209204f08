/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_LIVING_H
#define BERTH_WIRE_LIVING_H

/*
 * The living daemon's card, <state>/daemon.json: who it is and where it
 * listens.  It lets a client whose environment computes another socket path
 * find the one daemon there is.  The card of a dead daemon is no card.
 */

#include "core/err.h"
#include "core/proc.h"

struct living {
	int64_t pid;
	int64_t start;
	char *boot_id;
	char *version;
	char *socket;
	char *nonce; /* new with each daemon */
};

/* ERR_NOT_FOUND when no daemon of this boot is alive. */
int living_read(const char *state_dir, struct living *ret, struct err *err);
int living_write(const char *state_dir, const struct living *living,
		 struct err *err);
void living_fini(struct living *living);

static inline void
auto_living(struct living *living)
{
	living_fini(living);
}

#define AUTO_LIVING __attribute__((cleanup(auto_living))) struct living

#endif
