/* SPDX-License-Identifier: ISC */

#include "berthd/exec/holder_own.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/proc.h"
#include "core/strv.h"
#include "tests/unit/berthd/exec/rig.h"

static void
states_are_told_in_their_order(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "cat");
	job.launch.flags |= LAUNCH_STDIN;
	job_start(&job);
	rig_until(rig, job.state.kind == EXEC_RUNNING);
	assert_int_equal(job.n_states, 2);
	assert_true(is_alive(job.state.pid) && is_alive(job.state.holder_pid));
	assert_string_equal(job.state.boot_id, proc_boot_id());
	job_input(&job, 0, "", true);
	job_finish(&job);
	assert_int_equal(job.n_states, 3);
	rig_until(rig, !is_alive(job.state.holder_pid));
	job_fini(&job);
}

static void
what_cannot_start_says_so_as_a_shell_would(void **state)
{
	static const struct {
		const char *program, *cwd;
		int code;
		const char *error;
	} rows[] = {
		{ "no-such-program", NULL, 127,
		  "shell not found: no-such-program" },
		{ "/etc/passwd", NULL, 126, "/etc/passwd: Permission denied" },
		{ "true", "/no/such/dir", 126,
		  "working directory /no/such/dir: No such file or directory" },
		{ "true", "/etc/passwd", 126,
		  "working directory /etc/passwd: Not a directory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct job job;

		job_init(&job, *state, "");
		strv_free(job.launch.argv);
		job.launch.argv = NULL;
		strv_add(&job.launch.argv, rows[i].program);
		job.launch.cwd = rows[i].cwd ? xstrdup(rows[i].cwd) : NULL;
		job_start(&job);
		job_finish(&job);
		job_assert_ended(&job, EXEC_FAILED, rows[i].code);
		assert_string_equal(job.state.error, rows[i].error);
		job_fini(&job);
	}
}

static void
a_refusal_is_an_exec_too(void **state)
{
	struct job job;

	job_init(&job, *state, "echo never");
	job.launch.refusal = xstrdup("unknown project_id: x");
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_FAILED, 127);
	assert_string_equal(job.state.error, "unknown project_id: x");
	job_assert_file(&job, "out", "");
	job_fini(&job);
}

static void
a_directory_outside_the_roots_is_denied(void **state)
{
	struct job job;

	job_init(&job, *state, "pwd");
	job.launch.cwd = xstrdup("/usr");
	strv_add(&job.launch.roots, "/usr/bin");
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_FAILED, 126);
	assert_string_equal(job.state.error, "cwd not allowed");
	job_fini(&job);
}

/* A way out of a root by a relative name is one as well. */
static void
a_relative_way_outside_the_roots_is_denied(void **state)
{
	struct job job;

	job_init(&job, *state, "pwd");
	free(job.launch.home);
	job.launch.home = xstrdup("/usr/bin");
	job.launch.cwd = xstrdup("../lib");
	strv_add(&job.launch.roots, "/usr/bin");
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_FAILED, 126);
	assert_string_equal(job.state.error, "cwd not allowed");
	job_fini(&job);
}

/* Homes are links on many machines; what is in them is in them. */
static void
a_root_may_be_a_link(void **state)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *real = xasprintf("%s/real", dir);
	AUTO_FREE char *home = xasprintf("%s/home", dir);
	AUTO_FREE char *sub = xasprintf("%s/home/sub", dir);
	AUTO_FREE char *wanted = xasprintf("%s/real/sub\n", dir);
	struct job job;

	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink("real", home), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	job_init(&job, *state, "pwd -P");
	job.launch.cwd = xstrdup(sub);
	strv_add(&job.launch.roots, home);
	job_start(&job);
	job_finish(&job);
	job_assert_file(&job, "out", wanted);
	job_fini(&job);
}

static void
a_script_is_stored_and_run(void **state)
{
	struct job job;

	job_init(&job, *state, "");
	strv_free(job.launch.argv);
	job.launch.argv = NULL;
	strv_add(&job.launch.argv, "{}");
	strv_add(&job.launch.argv, "a b");
	job.launch.script = xstrdup("#!/bin/sh\necho \"<$1>\"\n");
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_EXITED, 0);
	job_assert_file(&job, "out", "<a b>\n");
	job_fini(&job);
}

static void
root_cannot_be_limited_by_number(void **state)
{
	struct job job;

	if (geteuid() != 0)
		skip();
	job_init(&job, *state, "true");
	job.launch.limit_procs = 10;
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_FAILED, 126);
	assert_non_null(strstr(job.state.error, "needs a delegated cgroup"));
	job_fini(&job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(states_are_told_in_their_order),
		rig_test(what_cannot_start_says_so_as_a_shell_would),
		rig_test(a_refusal_is_an_exec_too),
		rig_test(a_directory_outside_the_roots_is_denied),
		rig_test(a_relative_way_outside_the_roots_is_denied),
		rig_test(a_root_may_be_a_link),
		rig_test(a_script_is_stored_and_run),
		rig_test(root_cannot_be_limited_by_number),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
