/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_LINK_PLACES_H
#define BERTH_WIRE_LINK_PLACES_H

/*
 * Where the link to a machine is found, for the link and its clients alike.
 *
 * Sockets and the lock lie in <runtime>/link, named by the machine; a name
 * that would make a path too long for a socket is replaced by its hash.  What
 * lasts lies in <state>/link and is shared by all links.
 */

#include <stdbool.h>

#include "core/err.h"

struct link_places {
	char *dir;    /* <runtime>/link */
	char *sock;   /* each connection is one stream to the daemon there */
	char *near;   /* the same past the link, while that is worth it */
	char *ctl;    /* the control API */
	char *lock;   /* held by the link that lives */
	char *state;  /* <state>/link */
	char *events; /* what happened, as JSONL */
	char *log;    /* what detached links say */
};

#define LINK_PLACES_INIT                                                       \
	{                                                                      \
		.dir = NULL                                                    \
	}

/* Compute the names; nothing is created.  ERR_INVALID: no name of a machine. */
int link_places_find(struct link_places *ret, const char *machine,
		     struct err *err);
void link_places_fini(struct link_places *places);

/* The room of a stem and its suffixes. */
#define LINK_STEM_SIZE 72

/* What the files of `machine' in a directory of `n_dir' bytes begin with. */
void link_stem(char out[LINK_STEM_SIZE], const char *machine, size_t n_dir);

/* [A-Za-z0-9._-], at most 64, beginning with a letter or digit. */
bool link_name_is_valid(const char *machine);

static inline void
auto_link_places(struct link_places *places)
{
	link_places_fini(places);
}

#define AUTO_LINK_PLACES                                                       \
	__attribute__((cleanup(auto_link_places))) struct link_places

#endif
