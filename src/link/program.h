/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_PROGRAM_H
#define BERTH_LINK_PROGRAM_H

/*
 * The daemon's program for another machine, among what is installed here.
 *
 * It is berthd-ARCHITECTURE (berthd-x86_64, berthd-aarch64) in the directory
 * that is given, in $BERTH_BERTHD_DIR, beside this program, in
 * ../libexec/berth, or in libexec/berth beside bin of this program's own
 * prefix; for a machine like this one also plain berthd beside any of these.
 */

#include "core/buf.h"
#include "core/err.h"
#include "core/sha1.h"

/* With debug information it may be large; what is shipped has 2 MB. */
#define PROGRAM_MAX (64u << 20)

struct program {
	char *path;
	struct buf bytes;
	char sha1[2 * SHA1_SIZE + 1];
};

/*
 * The program for the machine that calls itself `machine' (uname -m).
 * ERR_NOT_FOUND: there is none, and why; ERR_UNSUPPORTED: no such machine.
 */
int program_find(const char *directory, const char *machine,
		 struct program *ret, struct err *err);
void program_fini(struct program *program);

#endif
