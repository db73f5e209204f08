/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_REFUSAL_H
#define BERTHD_FILE_REFUSAL_H

/*
 * An error that is told after the body has come.
 *
 * Most clients read no answer before they have sent all of their request: an
 * error that is sent at once, followed by the end of the connection, reaches
 * them as a broken pipe.  So the rest of the body is read and thrown away
 * first, up to a limit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct http_exchange;

struct refusal {
	bool is_made;
	bool is_told;
	uint64_t n_thrown;
	struct err err;
};

/* For good; a second one is ignored. */
void refusal_make(struct refusal *refusal, const struct err *err);

/*
 * `n' more bytes of the body, 0 at its end: throw them away, and answer if it
 * is time to.
 */
void refusal_take(struct refusal *refusal, struct http_exchange *x, size_t n);

/* Refuse a request whose body nobody has claimed; `x' is no longer yours. */
void refuse_unread(struct http_exchange *x, const struct err *err);

#endif
