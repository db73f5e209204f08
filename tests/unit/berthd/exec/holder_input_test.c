/* SPDX-License-Identifier: ISC */

#include "berthd/exec/holder_own.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/berthd/exec/rig.h"

static void
input_is_taken_once(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "cat");
	job.launch.flags |= LAUNCH_STDIN;
	job_start(&job);
	job_input(&job, 0, "hello ", false);
	rig_until(rig, job.taken == 6);
	/* A lost answer: the same again, and some more. */
	job_input(&job, 0, "hello world", false);
	rig_until(rig, job.taken == 11);
	/* Bytes behind a hole are not taken. */
	job_input(&job, 20, "lost", false);
	job_input(&job, 11, "!", true);
	rig_until(rig, job.in_closed);
	job_finish(&job);
	assert_int_equal(job.taken, 12);
	job_assert_file(&job, "out", "hello world!");
	job_fini(&job);
}

static void
who_does_not_read_is_not_waited_for(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "exec <&-; echo ready; exec tail -f /dev/null");
	job.launch.flags |= LAUNCH_STDIN;
	job_start(&job);
	job_until(&job, "out", "ready");
	job_input(&job, 0, "x", false);
	rig_until(rig, job.in_closed);
	assert_true(rig->runner.runner.cancel(job.run, 0, SIGTERM));
	job_finish(&job);
	job_fini(&job);
}

/*
 * A background child that reads what nobody will ever write must see the end,
 * or it would hold the output for ever.
 */
static void
input_ends_with_the_exec(void **state)
{
	struct job job;

	job_init(&job, *state, "exec 3<&0; cat <&3 3<&- & echo started");
	job.launch.flags |= LAUNCH_STDIN;
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_EXITED, 0);
	assert_true(job.in_closed);
	job_fini(&job);
}

static void
a_terminal_takes_input_and_an_end(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "stty -echo; echo ready; cat; echo end");
	job.launch.flags |= LAUNCH_TTY;
	job.launch.cols = 80;
	job.launch.rows = 24;
	job_start(&job);
	job_until(&job, "out", "ready");
	job_input(&job, 0, "hello\n", true);
	job_finish(&job);
	job_assert_ended(&job, EXEC_EXITED, 0);
	job_assert_file(&job, "out", "ready\r\nhello\r\nend\r\n");
	job_fini(&job);
}

static void
a_terminal_is_resized(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "echo ready; read x; stty size");
	job.launch.flags |= LAUNCH_TTY;
	job.launch.cols = 80;
	job.launch.rows = 24;
	job_start(&job);
	job_until(&job, "out", "ready");
	assert_true(rig->runner.runner.resize(job.run, 100, 50));
	job_input(&job, 0, "\n", false);
	job_finish(&job);
	job_until(&job, "out", "50 100\r\n");
	job_fini(&job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(input_is_taken_once),
		rig_test(who_does_not_read_is_not_waited_for),
		rig_test(input_ends_with_the_exec),
		rig_test(a_terminal_takes_input_and_an_end),
		rig_test(a_terminal_is_resized),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
