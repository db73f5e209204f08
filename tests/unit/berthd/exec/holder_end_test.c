/* SPDX-License-Identifier: ISC */

#include "berthd/exec/holder_own.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"
#include "tests/unit/berthd/exec/rig.h"

static void
a_signal_that_kills_is_named(void **state)
{
	struct job job;

	job_run(&job, *state, "kill -USR1 $$");
	job_assert_ended(&job, EXEC_SIGNALLED, 128 + SIGUSR1);
	assert_int_equal(job.state.signal, SIGUSR1);
	assert_string_equal(job.state.error, "killed by SIGUSR1");
	job_fini(&job);
}

static void
artifacts_are_kept(void **state)
{
	const char *dir = unit_temp_dir();
	struct job job;

	job_init(&job, *state, "echo x >a.xml; echo y >b.txt");
	job.launch.cwd = xstrdup(dir);
	strv_add(&job.launch.artifacts, "*.xml");
	job_start(&job);
	job_finish(&job);
	job_assert_file(&job, "artifacts/a.xml", "x\n");
	job_assert_file(&job, "artifacts.json",
			"[{\"path\":\"a.xml\",\"size\":2}]");
	job_fini(&job);
}

static void
what_holds_the_output_is_waited_for(void **state)
{
	struct rig *rig = *state;
	const char *dir = unit_temp_dir();
	AUTO_FREE char *fifo = xasprintf("%s/fifo", dir);
	AUTO_FREE char *script = xasprintf(
	    "(read x <%s; echo late) & echo early", fifo);
	int fd;
	struct job job;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	job_init(&job, rig, script);
	job_start(&job);
	rig_until(rig, exec_state_is_end(job.state.kind));
	job_assert_ended(&job, EXEC_EXITED, 0);
	assert_true(job.state.output_open);
	assert_int_equal(job.state.stdout_bytes, 6);
	assert_false(job.is_gone);

	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	job_finish(&job);
	assert_false(job.state.output_open);
	assert_int_equal(job.state.stdout_bytes, 11);
	job_assert_ended(&job, EXEC_EXITED, 0);
	job_assert_file(&job, "out", "early\nlate\n");
	job_fini(&job);
}

static void
what_let_go_of_the_output_is_left_alone(void **state)
{
	struct job job;
	int64_t child;

	job_run(&job, *state,
		"tail -f /dev/null >/dev/null 2>&1 </dev/null & echo $!");
	job_assert_ended(&job, EXEC_EXITED, 0);
	child = job_read_pid(&job, "out");
	assert_true(is_alive(child));
	assert_int_equal(kill((pid_t)child, SIGKILL), 0);
	job_fini(&job);
}

/* Somebody tidies up too eagerly. */
static void
an_exec_ends_though_its_directory_is_gone(void **state)
{
	struct rig *rig = *state;
	AUTO_CLOSE int root = open(rig->root, O_RDONLY | O_DIRECTORY);
	struct err err = ERR_INIT;
	struct job job;

	job_init(&job, rig, "read x; echo end");
	job.launch.flags |= LAUNCH_STDIN;
	job_start(&job);
	rig_until(rig, job.state.kind == EXEC_RUNNING);
	assert_int_equal(fs_remove_tree(root, job.launch.id, &err), 0);
	job_input(&job, 0, "\n", false);
	job_finish(&job);
	assert_int_equal(job.state.kind, EXEC_EXITED);
	rig_until(rig, !is_alive(job.state.holder_pid));
	job_fini(&job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_signal_that_kills_is_named),
		rig_test(artifacts_are_kept),
		rig_test(what_holds_the_output_is_waited_for),
		rig_test(what_let_go_of_the_output_is_left_alone),
		rig_test(an_exec_ends_though_its_directory_is_gone),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
