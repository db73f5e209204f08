/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_LOSS_H
#define BERTH_BERTH_LOSS_H

/*
 * What a person is told while the link to a machine is away: once that it was
 * lost and why, and once that it is back.
 */

#include <stdint.h>

#include "core/err.h"

struct output_args;

struct loss {
	const struct output_args *output; /* borrowed, as the name is */
	const char *machine;
	uint64_t since_ns; /* what was lost before does not concern us */
};

void loss_init(struct loss *loss, const char *machine,
	       const struct output_args *output);

/* `why' is what we know; the link knows more than that it cut us. */
void loss_tell(const struct loss *loss, const struct err *why);

void loss_tell_end(struct loss *loss);

#endif
