/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_FILE_ARGS_H
#define BERTH_BERTH_FILE_ARGS_H

/*
 * What the commands about files share: the machine, the way to its files, and
 * how they are reached.
 */

#include "berth/common.h"
#include "berth/loss.h"
#include "client/client.h"
#include "client/file/file.h"

struct via_args {
	const char *via;
};

extern const struct cli_group via_group; /* struct via_args */

/* A machine whose files are open. */
struct place {
	struct client *client;
	struct files *files;
};

#define PLACE_INIT                                                             \
	{                                                                      \
		.client = NULL                                                 \
	}

int place_open(struct place *place, const struct where_args *where,
	       const struct output_args *output, const struct via_args *via,
	       struct err *err);
void place_close(struct place *place);

static inline void
auto_place(struct place *place)
{
	place_close(place);
}

#define AUTO_PLACE __attribute__((cleanup(auto_place))) struct place

/*
 * Something long that is done in goes, each on a connection of its own: what a
 * loss of the link has cut off is gone on with, as long as it is of use.
 */
struct goes {
	const struct where_args *where;
	const struct output_args *output;
	const struct via_args *via;
	bool is_linked;	 /* what was lost can come back */
	unsigned n;	 /* that failed */
	unsigned n_vain; /* in a row */
	bool is_told;	 /* that the link was lost */
	struct loss loss;
};

/* What is given is borrowed. */
void goes_init(struct goes *goes, const struct where_args *where,
	       const struct output_args *output, const struct via_args *via);

/* Begin a go: the machine's files, and what `path' is there. */
int goes_open(struct goes *goes, const char *path, struct place *ret_place,
	      char **ret_path, struct err *err);

/*
 * After a go that failed with `err': have the link back, as it is for an exec.
 * False: that was the last one; a link that gives up says so in `err'.
 * `has_brought': the next one has less to do.
 */
bool goes_on(struct goes *goes, bool has_brought, struct err *err);

/* Permission bits in octal, as chmod takes them; -1 for NULL. */
int parse_mode(const char *text, int *ret, struct err *err);

#endif
