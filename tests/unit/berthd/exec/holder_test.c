/* SPDX-License-Identifier: ISC */

#include "berthd/exec/holder.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "berthd/exec/control.h"
#include "core/mem.h"
#include "tests/unit/berthd/exec/rig.h"

static void
an_exec_is_on_disk_when_it_ended(void **state)
{
	AUTO_FREE char *ctl = NULL;
	struct stat st;
	struct job job;

	job_run(&job, *state, "echo out; echo err >&2; exit 3");
	job_assert_ended(&job, EXEC_EXITED, 3);
	job_assert_file(&job, "out", "out\n");
	job_assert_file(&job, "err", "err\n");
	job_assert_file(&job, "spec.json", job.launch.spec);
	assert_string_equal(job.state.error, "exit status 3");
	assert_int_equal(job.state.stdout_bytes, 4);
	assert_int_equal(job.state.stderr_bytes, 4);
	assert_int_equal(job.state.lost_bytes, 0);
	assert_false(job.state.output_open);
	assert_string_equal(job.state.cwd, "/");
	ctl = job_path(&job, CONTROL_SOCKET);
	assert_int_equal(lstat(ctl, &st), -1);
	job_fini(&job);
}

/*
 * For a shell that waits for a child.  The child says when it is ready: a
 * signal that comes between its fork and its exec is lost in the shell's own
 * handler.  The signal is the child's, too: its end must not be the shell's.
 */
#define PATIENT_CHILD                                                          \
	"sh -c 'echo ready; exec tail -f /dev/null' & while :; do wait; done"

static void
cancel_asks_first(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig,
		 "trap 'echo bye; kill $!; exit 5' TERM; " PATIENT_CHILD);
	job_start(&job);
	job_until(&job, "out", "ready");
	assert_true(rig->runner.runner.cancel(job.run, RUN_OWN_GRACE, SIGTERM));
	job_finish(&job);
	job_assert_ended(&job, EXEC_CANCELLED, 5);
	job_assert_file(&job, "out", "ready\nbye\n");
	job_fini(&job);
}

/* The whole tree, also what has gone into sessions of its own. */
static const char deaf_tree[] =
    "trap '' TERM; "
    "setsid sh -c 'trap \"\" TERM; echo $$; tail -f /dev/null' & "
    "tail -f /dev/null & wait; tail -f /dev/null";

static void
cancel_kills_whom_asking_does_not_reach(void **state)
{
	struct rig *rig = *state;
	struct job job;
	int64_t child;

	job_init(&job, rig, deaf_tree);
	job_start(&job);
	job_until(&job, "out", "\n");
	child = job_read_pid(&job, "out");
	assert_true(is_alive(child));
	assert_true(rig->runner.runner.cancel(job.run, 10, SIGTERM));
	job_finish(&job);
	assert_int_equal(job.state.kind, EXEC_CANCELLED);
	assert_false(is_alive(child));
	assert_false(is_alive(job.state.pid));
	job_fini(&job);
}

static void
a_second_cancel_is_only_less_patient(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, deaf_tree);
	job_start(&job);
	job_until(&job, "out", "\n");
	assert_true(rig->runner.runner.cancel(job.run, 60000, SIGTERM));
	assert_true(rig->runner.runner.cancel(job.run, 0, SIGTERM));
	assert_true(rig->runner.runner.cancel(job.run, 60000, SIGTERM));
	job_finish(&job);
	assert_int_equal(job.state.kind, EXEC_CANCELLED);
	job_fini(&job);
}

static void
a_stopped_command_hears_the_question(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "echo ready; kill -STOP $$; echo never");
	job_start(&job);
	job_until(&job, "out", "ready");
	assert_true(rig->runner.runner.cancel(job.run, 60000, SIGTERM));
	job_finish(&job);
	job_assert_ended(&job, EXEC_CANCELLED, 128 + SIGTERM);
	job_fini(&job);
}

static void
another_signal_can_be_the_question(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "trap 'kill $!; exit 9' INT; " PATIENT_CHILD);
	job_start(&job);
	job_until(&job, "out", "ready");
	assert_true(rig->runner.runner.cancel(job.run, 60000, SIGINT));
	job_finish(&job);
	job_assert_ended(&job, EXEC_CANCELLED, 9);
	job_fini(&job);
}

static void
sigterm_for_the_holder_is_a_cancel(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "echo ready; exec tail -f /dev/null");
	job_start(&job);
	job_until(&job, "out", "ready");
	rig_until(rig, job.state.kind == EXEC_RUNNING);
	assert_int_equal(kill((pid_t)job.state.holder_pid, SIGTERM), 0);
	job_finish(&job);
	job_assert_ended(&job, EXEC_CANCELLED, 128 + SIGTERM);
	job_fini(&job);
}

static void
time_runs_out(void **state)
{
	struct job job;

	job_init(&job, *state, "echo ready; exec tail -f /dev/null");
	job.launch.timeout_ms = 50;
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_TIMEOUT, 124);
	assert_string_equal(job.state.error, "timed out after 0.050 s");
	job_assert_file(&job, "out", "ready\n");
	job_fini(&job);
}

static void
a_signal_reaches_the_group(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig,
		 "trap 'echo got; kill $!; exit 0' USR2; " PATIENT_CHILD);
	job_start(&job);
	job_until(&job, "out", "ready");
	assert_true(rig->runner.runner.signal(job.run, SIGUSR2));
	job_finish(&job);
	job_assert_ended(&job, EXEC_EXITED, 0);
	job_assert_file(&job, "out", "ready\ngot\n");
	job_fini(&job);
}

static void
cancel_after_the_end_kills_what_is_left(void **state)
{
	struct rig *rig = *state;
	struct job job;
	int64_t child;

	job_init(&job, rig, "setsid tail -f /dev/null & echo $!");
	job_start(&job);
	rig_until(rig, exec_state_is_end(job.state.kind));
	child = job_read_pid(&job, "out");
	assert_true(rig->runner.runner.cancel(job.run, 60000, SIGTERM));
	job_finish(&job);
	assert_false(is_alive(child));
	job_assert_ended(&job, EXEC_EXITED, 0);
	job_fini(&job);
}

static void
another_daemon_takes_over(void **state)
{
	struct rig *rig = *state;
	struct job job, next;

	job_init(&job, rig, "cat");
	job.launch.flags |= LAUNCH_STDIN;
	job_start(&job);
	job_input(&job, 0, "one ", false);
	rig_until(rig, job.taken == 4);
	assert_true(job_adopt(&next, &job));
	rig_until(rig, next.state.kind == EXEC_RUNNING && next.taken == 4);
	/* The first one dies. */
	job.run->runner->free(job.run);
	job.run = NULL;
	job_input(&next, 4, "two", true);
	job_finish(&next);
	job_assert_ended(&next, EXEC_EXITED, 0);
	job_assert_file(&next, "out", "one two");
	job_fini(&next);
	job_fini(&job);
}

static void
a_crowd_of_daemons_is_told(void **state)
{
	struct rig *rig = *state;
	struct job job, others[10];

	job_init(&job, rig, "echo ready; exec tail -f /dev/null");
	job_start(&job);
	rig_until(rig, job.state.kind == EXEC_RUNNING);
	/* More than there is room for: the last are hung up on. */
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_true(job_adopt(&others[i], &job));
		rig_until(rig, others[i].n_states > 0 || others[i].is_gone);
	}
	assert_true(others[6].n_states > 0 && others[7].is_gone);
	assert_true(rig->runner.runner.cancel(job.run, 0, SIGTERM));
	job_finish(&job);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		job_finish(&others[i]);
		if (i < 7)
			assert_int_equal(others[i].state.kind, EXEC_CANCELLED);
		job_fini(&others[i]);
	}
	job_fini(&job);
}

static void
nothing_starts_for_a_daemon_that_died(void **state)
{
	struct rig *rig = *state;
	AUTO_FREE char *mark = xasprintf("%s/mark", unit_temp_dir());
	AUTO_FREE char *script = xasprintf("echo x >%s", mark);
	AUTO_FREE char *dir = NULL;
	struct stat st;
	struct job job, probe;

	job_init(&job, rig, script);
	dir = job_path(&job, "");
	/* The spawner is held until the daemon is gone. */
	assert_int_equal(kill((pid_t)rig->spawner.pid, SIGSTOP), 0);
	job_start(&job);
	job.run->runner->free(job.run);
	job.run = NULL;
	assert_int_equal(kill((pid_t)rig->spawner.pid, SIGCONT), 0);
	/* Orders are served in turn: after this one, the first is decided. */
	job_run(&probe, rig, "true");
	rig_until(rig, lstat(dir, &st) < 0);
	assert_int_equal(lstat(mark, &st), -1);
	job_fini(&probe);
	job_fini(&job);
}

static void
a_killed_holder_leaves_no_end(void **state)
{
	struct rig *rig = *state;
	struct exec_state on_disk;
	struct job job, next;

	job_init(&job, rig, "echo ready; exec tail -f /dev/null");
	job_start(&job);
	job_until(&job, "out", "ready");
	rig_until(rig, job.state.kind == EXEC_RUNNING);
	assert_int_equal(kill((pid_t)job.state.holder_pid, SIGKILL), 0);
	job_finish(&job);
	job_read_state(&job, &on_disk);
	assert_int_equal(on_disk.kind, EXEC_RUNNING);
	/* Its channel is closed a moment before its socket. */
	rig_until(rig, !is_alive(on_disk.holder_pid));
	assert_false(job_adopt(&next, &job));
	assert_int_equal(kill((pid_t)on_disk.pid, SIGKILL), 0);
	exec_state_fini(&on_disk);
	job_fini(&next);
	job_fini(&job);
}

static void
what_is_there_already_is_not_touched(void **state)
{
	struct rig *rig = *state;
	AUTO_FREE char *dir = NULL;
	struct job job;

	job_init(&job, rig, "true");
	dir = job_path(&job, "");
	assert_int_equal(mkdir(dir, 0700), 0);
	job_start(&job);
	job_finish(&job);
	assert_true(job.is_refused);
	assert_err(job.why, ERR_SYSTEM, "File exists");
	assert_int_equal(job.n_states, 0);
	assert_int_equal(rmdir(dir), 0);
	job_fini(&job);
}

static void
a_root_that_is_gone_is_made_again(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "echo x");
	free(job.launch.root);
	job.launch.root = xasprintf("%s/new/root", rig->root);
	job_start(&job);
	job_finish(&job);
	job_assert_ended(&job, EXEC_EXITED, 0);
	job_fini(&job);
}

static void
a_holder_keeps_nothing_of_who_started_it(void **state)
{
	struct rig *rig = *state;
	struct job job;

	job_init(&job, rig, "echo ready; exec tail -f /dev/null");
	job_start(&job);
	rig_until(rig, job.state.kind == EXEC_RUNNING);
	/* Not the log nor the terminal of the daemon: it may outlive both. */
	for (int fd = 0; fd < 3; fd++) {
		AUTO_FREE char *link = xasprintf("/proc/%d/fd/%d",
						 (int)job.state.holder_pid, fd);
		char target[64] = "";

		(void)!readlink(link, target, sizeof(target) - 1);
		assert_string_equal(target, "/dev/null");
	}
	assert_true(rig->runner.runner.cancel(job.run, 0, SIGTERM));
	job_finish(&job);
	job_fini(&job);
}

static void
its_command_ignores_no_signal(void **state)
{
	struct job job;

	job_run(&job, *state, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
	job_assert_file(&job, "out",
			"SigBlk:\t0000000000000000\n"
			"SigIgn:\t0000000000000000\n");
	job_fini(&job);
}

/* Values of the environment are secrets: nobody of the same user looks in. */
static bool
is_holder_closed_to_its_user(void *arg)
{
	struct rig rig;
	struct job job;
	struct stat st;
	AUTO_FREE char *path = NULL;
	bool closed;

	(void)rig_start_spawner(NULL);
	rig_init_in(&rig, arg);
	job_init(&job, &rig, "exec tail -f /dev/null");
	job_start(&job);
	while (job.state.kind != EXEC_RUNNING && !job.is_gone)
		rig_turn(&rig);
	path = xasprintf("/proc/%d/environ", (int)job.state.holder_pid);
	/* The kernel gives such files to root. */
	closed = stat(path, &st) == 0 && st.st_uid == 0;
	(void)rig.runner.runner.cancel(job.run, 0, SIGTERM);
	while (!job.is_gone)
		rig_turn(&rig);
	job_fini(&job);
	return closed;
}

static void
a_holder_cannot_be_looked_into(void **state UNUSED)
{
	const char *dir = unit_temp_dir();

	if (geteuid() != 0) {
		print_message("# needs root to become somebody\n");
		skip();
	}
	assert_int_equal(chmod(dir, 0777), 0);
	unit_as_nobody(is_holder_closed_to_its_user, (void *)(uintptr_t)dir);
}

/* As posix_spawn of a program with threads does it to its child. */
static void
ignore_hidden(int sig)
{
	const uint64_t ignore[4] = { 1 }; /* SIG_IGN for the kernel */

	assert_return_code(
	    syscall(SYS_rt_sigaction, sig, ignore, NULL, sizeof(uint64_t)), 0);
}

static int
start_ignoring(void **state)
{
	ignore_hidden(32);
	ignore_hidden(33);
	(void)signal(SIGRTMIN + 3, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	return rig_start_spawner(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: its child needs libuv as it was born. */
		cmocka_unit_test(a_holder_cannot_be_looked_into),
		rig_test(an_exec_is_on_disk_when_it_ended),
		rig_test(cancel_asks_first),
		rig_test(cancel_kills_whom_asking_does_not_reach),
		rig_test(a_second_cancel_is_only_less_patient),
		rig_test(a_stopped_command_hears_the_question),
		rig_test(another_signal_can_be_the_question),
		rig_test(sigterm_for_the_holder_is_a_cancel),
		rig_test(time_runs_out),
		rig_test(a_signal_reaches_the_group),
		rig_test(cancel_after_the_end_kills_what_is_left),
		rig_test(another_daemon_takes_over),
		rig_test(a_crowd_of_daemons_is_told),
		rig_test(nothing_starts_for_a_daemon_that_died),
		rig_test(a_killed_holder_leaves_no_end),
		rig_test(what_is_there_already_is_not_touched),
		rig_test(a_root_that_is_gone_is_made_again),
		rig_test(a_holder_keeps_nothing_of_who_started_it),
		rig_test(its_command_ignores_no_signal),
	};

	return cmocka_run_group_tests(tests, start_ignoring, rig_stop_spawner);
}
