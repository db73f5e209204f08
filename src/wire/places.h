/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_PLACES_H
#define BERTH_WIRE_PLACES_H

/*
 * Where things are, for daemon and client alike.
 *
 * State belongs to one host, so that a home shared by many hosts works: its
 * directory is named by the host id.  The runtime directory holds sockets; it
 * is chosen without regard to who asks (a login with a session, a cron job, a
 * bare ssh command), so that all of them find one daemon.  BERTH_HOME moves
 * everything.
 */

#include "core/err.h"

struct places {
	char *config;  /* configuration of this user */
	char *state;   /* durable, per host */
	char *runtime; /* sockets */
	char *socket;  /* berthd's, in runtime */
};

#define PLACES_INIT                                                            \
	{                                                                      \
		.config = NULL                                                 \
	}

/* Compute the names; nothing is created. */
int places_find(struct places *ret, struct err *err);
void places_fini(struct places *places);

static inline void
auto_places(struct places *places)
{
	places_fini(places);
}

#define AUTO_PLACES __attribute__((cleanup(auto_places))) struct places

#endif
