/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_ARTIFACTS_H
#define BERTHD_EXEC_ARTIFACTS_H

/*
 * Files that are kept with an exec after it ended, copied to the directory
 * `artifacts' of the exec and listed in its `artifacts.json'.
 *
 * Patterns are relative to the working directory: "*.xml", "out/report.html",
 * a doubled star matches across directories.  Links are not followed.
 * A command may also list artifacts itself, in .codex/artifacts.json of its
 * working directory: {"artifacts":[...]}, which is passed on as it is.
 */

#include "core/err.h"

#define ARTIFACTS_FILE "artifacts.json"
#define ARTIFACTS_DIR "artifacts"

/*
 * Collect; `cwd_fd' is the working directory, `dir_fd' the exec's.  Problems
 * with single files end up in *ret_warning (owned by the caller, or NULL).
 */
void artifacts_collect(int dir_fd, int cwd_fd, char *const *patterns,
		       char **ret_warning);

#endif
