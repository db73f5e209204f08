/* SPDX-License-Identifier: ISC */

/* Trying a machine; see trial.h. */

#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "machine/machine.h"
#include "machine/registry_edit.h"
#include "wire/link_places.h"
#include "client/link_control.h"
#include "client/spawn.h"
#include "berth/checkup.h"
#include "berth/trial.h"

#define TIMEOUT_MS 30000

/* The link has read it when it serves. */
static int
start_link(const struct machine *machine, const struct registry_draft *draft,
	   const char *as, struct err *err)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	AUTO_FREE char *name = xasprintf("%s.%s", as,
					 draft->is_json ? "json" : "yaml");
	AUTO_FREE char *file = NULL;
	int rc;

	if (link_places_find(&places, as, err) < 0 ||
	    fs_mkdir_private(places.dir, err) < 0)
		return -1;
	file = path_join(places.dir, name);
	if (fs_replace(file, draft->text, draft->n, 0, err) < 0)
		return -1;
	rc = spawn_trial_link(machine->name, file, as, err);
	(void)unlink(file);
	return rc;
}

int
trial_run(const struct machine *machine, const struct registry_draft *draft,
	  const struct link_asker *asker, struct check_report *ret,
	  struct err *err)
{
	AUTO_FREE char *as = xasprintf("trial.%d", (int)getpid());
	const struct checkup_config config = { .timeout_ms = TIMEOUT_MS,
					       .asker = asker,
					       .link = as };
	AUTO_BUF ignored = BUF_INIT(LINK_MAX_ANSWER);
	struct err gone = ERR_INIT;
	int rc;

	if (start_link(machine, draft, as, err) < 0)
		return -1;
	rc = checkup_run(&machine, 1, &config, ret, err);
	(void)link_control_call(as, "POST", "/v1/link/stop", &ignored, &gone);
	return rc;
}
