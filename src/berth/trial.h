/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_TRIAL_H
#define BERTH_BERTH_TRIAL_H

/*
 * A machine connected to before it is written into the configuration.
 *
 * A link reads the draft of the configuration from memory, since the file may
 * be one that lies nowhere in clear, and has a name of its own: the link that
 * the machine may have already is not disturbed, and nothing has to be rolled
 * back.  What is tried is what will be read, with its defaults and policies.
 * When it is over, nothing of it is left.
 */

#include "core/err.h"
#include "berth/check_report.h"

struct link_asker;
struct machine;
struct registry_draft;

/*
 * Fill the report as far as a link goes.  Fails only if nothing could be tried.
 */
int trial_run(const struct machine *machine, const struct registry_draft *draft,
	      const struct link_asker *asker, struct check_report *ret,
	      struct err *err);

#endif
