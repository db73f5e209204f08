/* SPDX-License-Identifier: ISC */
#ifndef BENCH_TALK_H
#define BENCH_TALK_H

/*
 * The plainest client there can be: one connection, blocking, no checks, so
 * that what is measured is the daemon.  Whatever fails ends the program.
 */

#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"

struct talk {
	int fd;
	uint8_t *bytes;
	size_t start, end;
};

void talk_open(struct talk *talk, const char *socket);
void talk_close(struct talk *talk);

/* Is anybody listening? */
bool talk_try(const char *socket);

/*
 * One request; `body' is JSON or NULL.  The answer's body goes to `ret', or
 * nowhere.  Returns its size; a status other than 200 ends the program.
 */
uint64_t talk_ask(struct talk *talk, const char *method, const char *path,
		  const char *body, struct buf *ret);

/* Start what `body' says; the exec's id. */
void talk_start(struct talk *talk, const char *body, char ret_id[27]);

/* Wait for the end of an exec. */
void talk_wait(struct talk *talk, const char *id);

/* Cancel what runs, and wait for its end. */
void talk_cancel_all(struct talk *talk);

/* Wait until no exec runs. */
void talk_wait_all(struct talk *talk);

#endif
