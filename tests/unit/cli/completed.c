/* SPDX-License-Identifier: ISC */

/* A place to complete in; see completed.h. */

#include "tests/unit/cli/completed.h"

#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/path.h"
#include "tests/unit/cli/shell.h"
#include "tests/unit/cli/ship.h"
#include "tests/unit/unit.h"

const char *
completed_setup(complete_script_fn *script)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *bin = path_join(dir, "bin");
	AUTO_FREE char *hold = path_join(dir, "hold");
	AUTO_BUF text = BUF_INIT(1 << 20);

	assert_int_equal(mkdir(bin, 0700), 0);
	assert_int_equal(mkdir(hold, 0700), 0);
	assert_int_equal(script(&ship, &text), 0);
	shell_write(dir, "script", buf_text(&text), 0600);
	shell_write(dir, "cargo.txt", "", 0600);
	shell_write(bin, "ship",
		    "#!/bin/sh\n"
		    "test \"$1\" = __complete || exit 1\n"
		    "printf '%s-1\\tThe first\\n%s-2\\tThe second\\n' $2 $2\n",
		    0700);
	return dir;
}

static bool
is_among(const char *line, size_t n, const char *const *wanted)
{
	for (; *wanted; wanted++) {
		if (strlen(*wanted) == n && memcmp(*wanted, line, n) == 0)
			return true;
	}
	return false;
}

void
completed_assert(const char *got, const char *const *wanted)
{
	const char *p = got;
	size_t n_got = 0, n_wanted = 0;

	while (wanted[n_wanted])
		n_wanted++;
	while (*p) {
		size_t n = strcspn(p, "\n");

		if (n > 0) {
			n_got++;
			if (!is_among(p, n, wanted))
				fail_msg("unexpected \"%.*s\" in:\n%s", (int)n,
					 p, got);
		}
		p += n + (p[n] == '\n');
	}
	if (n_got != n_wanted)
		fail_msg("%zu instead of %zu candidates:\n%s", n_got, n_wanted,
			 got);
}
