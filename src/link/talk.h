/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_TALK_H
#define BERTH_LINK_TALK_H

/*
 * The lines that are meant for us in what comes through a login shell.
 *
 * Banners, rc files and background jobs print what they like, also without an
 * end of line.  A line of ours has a random token somewhere in it, and then
 * words separated by single spaces; all else is kept as noise, of which the
 * last part can be shown to a person.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"

/* A line of ours may hold a daemon's hello. */
#define TALK_MAX_LINE (64u << 10)

#define TALK_MAX_NOISE 600

struct talk {
	const char *token; /* borrowed for good; not empty, without spaces */
	struct buf in;
	struct buf noise;
	size_t handed; /* bytes of `in' that the last line took */
};

struct talk_line {
	const char *word; /* the first after the token */
	char *rest;	  /* all after that; may be empty */
};

void talk_init(struct talk *talk, const char *token);
void talk_fini(struct talk *talk);

/* Bytes of standard output.  ERR_PROTO: a line of ours is too long. */
int talk_feed(struct talk *talk, const void *bytes, size_t n, struct err *err);

/*
 * Bytes of standard error: noise, but for a token, before which nothing counts.
 */
void talk_feed_error(struct talk *talk, const void *bytes, size_t n);

/*
 * The next line of ours; false when there is none yet.  Its strings are valid
 * until the next call of a function of talk.
 */
bool talk_next(struct talk *talk, struct talk_line *ret);

/* What came so far was before our time. */
void talk_forget_noise(struct talk *talk);

/* The end of the noise, visible, into storage of the caller. */
void talk_seen(const struct talk *talk, char *out, size_t size);

/* The next word of `rest', cut off it; "" when there is none. */
const char *talk_word(char **rest);

#endif
