/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_TRIAL_H
#define BERTH_BERTH_TRIAL_H

/*
 * A machine connected to before it is written into the configuration.
 *
 * The draft of the configuration is put into a private file for as long as a
 * link needs to read it, and that link has a name of its own: the one that the
 * machine may have already is not disturbed, and nothing has to be rolled
 * back.  What is tried is what will be read, with its defaults and policies.
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
