/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_REGISTRY_EDIT_H
#define BERTH_MACHINE_REGISTRY_EDIT_H

/*
 * Changes of the registry on disk: one machine added, changed or removed, and
 * everything else as the user wrote it.
 *
 * The result is read again before it replaces the file: the other machines
 * must be what they were.  Two writers wait for each other.
 */

#include <stddef.h>

#include "core/err.h"
#include "machine/config_file.h"
#include "machine/machine.h"
#include "machine/text_edit.h"

/*
 * Add a machine; one of the changes is its "name".  `ret' is what it reads as;
 * ERR_CONFLICT: there is one of that name.
 *
 * With `check', it is called before anything is written, and its failure is
 * the end.  It gets the configuration as it would be written, so that the
 * machine can be used before it is there.
 */
struct registry_draft {
	const void *text;
	size_t n;
};

typedef int registry_check_fn(const struct machine *machine,
			      const struct registry_draft *draft, void *owner,
			      struct err *err);

struct registry_edit {
	const struct config_file_config *config;
	registry_check_fn *check; /* may be NULL */
	void *owner;		  /* of `check' */
};

int registry_add(const struct registry_edit *edit,
		 const struct text_edit_change *changes, size_t n,
		 struct err *err);

/* ERR_NOT_FOUND: the file has no such machine. */
int registry_change(const struct registry_edit *edit, const char *name,
		    const struct text_edit_change *changes, size_t n,
		    struct err *err);
int registry_remove(const struct registry_edit *edit, const char *name,
		    struct err *err);

#endif
