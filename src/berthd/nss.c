/* SPDX-License-Identifier: ISC */

/*
 * The name service is not for a static program: glibc would load libraries of
 * the machine it happens to run on.  Nothing of ours asks it (core/banned.h),
 * but libuv has a function that could, and that alone would link all of it.
 * So the one symbol that libuv wants is here, and knows nobody.
 */

#include <errno.h>
#include <pwd.h>

#include "core/macros.h"

int
getpwuid_r(uid_t uid UNUSED, struct passwd *pwd UNUSED, char *text UNUSED,
	   size_t size UNUSED, struct passwd **ret)
{
	*ret = NULL;
	return ENOENT;
}
