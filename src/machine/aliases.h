/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_ALIASES_H
#define BERTH_MACHINE_ALIASES_H

/*
 * The hosts that ~/.ssh/config knows by name: each is a machine without
 * further setup.
 *
 * Only names are read here, with Include followed; what they mean is asked of
 * ssh itself (resolve.h).  Patterns are no machines, nor are names that
 * name_check_machine refuses.
 */

#include <stddef.h>

#include "core/err.h"

/*
 * The names, in the order of the file, each once; a strv, which may be NULL.
 * BERTH_SSH_CONFIG stands for ~/.ssh/config.  No file: no names.
 */
int aliases_read(char ***ret, struct err *err);

/* One text: append its names, and the patterns of files it includes. */
void aliases_parse(const char *text, size_t n, char ***names, char ***includes);

#endif
