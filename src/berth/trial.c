/* SPDX-License-Identifier: ISC */

/* Trying a machine; see trial.h. */

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "machine/machine.h"
#include "machine/registry_edit.h"
#include "wire/link_places.h"
#include "client/link_control.h"
#include "client/spawn.h"
#include "berth/checkup.h"
#include "berth/trial.h"

#define TIMEOUT_MS 30000

/* A link ends at once, but for a command that somebody started by hand. */
#define END_MS 3000

/* The draft, as a file that has no name. */
static int
open_draft(const struct registry_draft *draft, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("draft", MFD_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    write_full(fd, draft->text, draft->n) < 0)
		return err_sys(err, "keep the draft in memory");
	return TAKE_FD(fd);
}

/* It has gone when its lock is free. */
static void
end_link(const char *as)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	AUTO_BUF ignored = BUF_INIT(LINK_MAX_ANSWER);
	struct err err = ERR_INIT;
	AUTO_CLOSE int lock = -1;

	(void)link_control_call(as, "POST", "/v1/link/stop", &ignored, &err);
	if (link_places_find(&places, as, &err) < 0)
		return;
	lock = fs_lock(places.lock, END_MS, &err);
	if (lock >= 0)
		(void)unlink(places.lock);
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
	AUTO_CLOSE int fd = open_draft(draft, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = spawn_trial_link(machine->name, fd, as, err);
	if (rc == 0)
		rc = checkup_run(&machine, 1, &config, ret, err);
	end_link(as);
	return rc;
}
