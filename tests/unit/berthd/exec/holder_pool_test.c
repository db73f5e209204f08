/* SPDX-License-Identifier: ISC */

#include "berthd/exec/holder_pool.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "berthd/exec/control_client.h"
#include "core/mem.h"
#include "core/strv.h"
#include "tests/unit/berthd/exec/rig.h"

/* Runs `script' to its end, the state included; returns who held it. */
static int64_t
hold(struct rig *rig, const char *script, struct job *job)
{
	job_run(job, rig, script);
	assert_int_equal(job->state.kind, EXEC_EXITED);
	return job->state.holder_pid;
}

static int64_t
hold_one(struct rig *rig, const char *script)
{
	struct job job;
	int64_t holder = hold(rig, script, &job);

	job_fini(&job);
	return holder;
}

static void
the_next_exec_has_the_same_holder(void **state)
{
	struct job first, second;
	int64_t holder = hold(*state, "echo one; exit 3", &first);

	assert_int_equal(hold(*state, "echo two >&2", &second), holder);
	job_assert_ended(&first, EXEC_EXITED, 3);
	job_assert_ended(&second, EXEC_EXITED, 0);
	job_assert_file(&first, "out", "one\n");
	job_assert_file(&second, "out", "");
	job_assert_file(&second, "err", "two\n");
	assert_int_equal(first.state.holder_start, second.state.holder_start);
	job_fini(&first);
	job_fini(&second);
}

static void
two_at_a_time_have_two(void **state)
{
	struct rig *rig = *state;
	struct job first, second;

	job_init(&first, rig, "cat");
	first.launch.flags |= LAUNCH_STDIN;
	job_start(&first);
	rig_until(rig, first.state.kind == EXEC_RUNNING);
	assert_int_not_equal(hold(rig, "true", &second),
			     first.state.holder_pid);
	job_input(&first, 0, "text", true);
	job_finish(&first);
	job_assert_file(&first, "out", "text");
	job_fini(&first);
	job_fini(&second);
}

static void
an_exec_is_charged_for_itself_alone(void **state)
{
	static const char eat[] =
	    "head -c 50000000 /dev/zero | tail -c 50000000 >/dev/null";
	struct job large, small;

	assert_int_equal(hold(*state, eat, &large),
			 hold(*state, "true", &small));
	assert_true(large.state.max_rss > 40000000);
	assert_true(small.state.max_rss > 0);
	assert_true(small.state.max_rss < 20000000);
	assert_true(small.state.cpu_user_us + small.state.cpu_system_us <
		    large.state.cpu_user_us + large.state.cpu_system_us);
	job_fini(&large);
	job_fini(&small);
}

static void
whom_it_left_behind_it_does_not_hold_again(void **state)
{
	struct rig *rig = *state;
	struct job job;
	int64_t holder = hold(
	    rig, "tail -f /dev/null >/dev/null 2>&1 & echo $!", &job);
	int64_t child = job_read_pid(&job, "out");

	rig_until(rig, !is_alive(holder));
	assert_true(is_alive(child));
	assert_int_equal(kill((pid_t)child, SIGKILL), 0);
	assert_int_not_equal(hold_one(rig, "true"), holder);
	job_fini(&job);
}

static void
nothing_of_an_exec_stays_open(void **state)
{
	struct rig *rig = *state;
	struct rlimit few = { .rlim_cur = 24, .rlim_max = 24 };
	int64_t holder = hold_one(rig, "true");

	assert_int_equal(prlimit((pid_t)holder, RLIMIT_NOFILE, &few, NULL), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(hold_one(rig, "echo out; echo err >&2"),
				 holder);
}

/* What was meant for the exec before is not for the next. */
static void
a_cancel_that_comes_late_stops_nothing(void **state)
{
	struct rig *rig = *state;
	struct job first, second;

	job_init(&first, rig, "true");
	job_start(&first);
	rig_until(rig, first.state.kind == EXEC_EXITED);
	assert_false(first.is_gone);
	assert_true(rig->runner.runner.cancel(first.run, 0, SIGTERM));
	job_finish(&first);
	assert_int_equal(hold(rig, "exec echo ran", &second),
			 first.state.holder_pid);
	job_assert_file(&second, "out", "ran\n");
	job_fini(&first);
	job_fini(&second);
}

static void
it_does_not_wait_for_ever(void **state)
{
	struct rig *rig = *state;
	int64_t holder = hold_one(rig, "true");

	rig_until(rig, !is_alive(holder));
	assert_int_equal(rig->runner.pool.n, 0);
}

static void
end_by(struct rig *rig, int sig)
{
	int64_t holder = hold_one(rig, "true");
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, holder, 0),
			      .events = POLLIN };

	assert_int_equal(rig->runner.pool.n, 1);
	assert_int_equal(kill((pid_t)holder, sig), 0);
	/* Without the loop: the pool does not hear of it. */
	assert_int_equal(poll(&end, 1, 10000), 1);
	close(end.fd);
	assert_int_not_equal(hold_one(rig, "true"), holder);
}

static void
one_that_died_is_not_asked(void **state)
{
	end_by(*state, SIGKILL);
}

static void
one_that_was_asked_to_stop_does(void **state)
{
	end_by(*state, SIGTERM);
}

static void
it_ends_with_its_daemon(void **state)
{
	struct rig *rig = *state;
	int64_t holder = hold_one(rig, "true");

	holder_pool_close(&rig->runner.pool);
	rig_until(rig, !is_alive(holder));
}

static void
an_order_too_large_for_it_has_another(void **state)
{
	struct rig *rig = *state;
	int64_t holder = hold_one(rig, "true");
	AUTO_FREE char *large = xcalloc(1, 100000);
	struct job job;

	memset(large, 'x', 99999);
	memcpy(large, "X=", 2);
	job_init(&job, rig, "echo ${#X}");
	strv_add(&job.launch.env, large);
	job_start(&job);
	job_finish(&job);
	assert_int_not_equal(job.state.holder_pid, holder);
	job_assert_file(&job, "out", "99997\n");
	job_fini(&job);
}

static unsigned
count_closed(const int *ends, unsigned n)
{
	unsigned closed = 0;
	char byte;

	for (unsigned i = 0; i < n; i++) {
		if (recv(ends[i], &byte, 1, MSG_DONTWAIT) == 0)
			closed++;
	}
	return closed;
}

static void
a_crowd_does_not_wait(void **state)
{
	static const struct control_client_events none;
	struct rig *rig = *state;
	int ours[20];

	for (unsigned i = 0; i < ARRAY_SIZE(ours); i++) {
		int ends[2];

		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends),
		    0);
		ours[i] = ends[0];
		holder_pool_add(
		    &rig->runner.pool,
		    control_client_new(&rig->loop, ends[1], &none, NULL));
	}
	assert_int_equal(rig->runner.pool.n, 16);
	assert_int_equal(count_closed(ours, ARRAY_SIZE(ours)), 4);
	holder_pool_close(&rig->runner.pool);
	assert_int_equal(count_closed(ours, ARRAY_SIZE(ours)),
			 ARRAY_SIZE(ours));
	for (unsigned i = 0; i < ARRAY_SIZE(ours); i++)
		close(ours[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(the_next_exec_has_the_same_holder),
		rig_test(two_at_a_time_have_two),
		rig_test(an_exec_is_charged_for_itself_alone),
		rig_test(whom_it_left_behind_it_does_not_hold_again),
		rig_test(nothing_of_an_exec_stays_open),
		rig_test(a_cancel_that_comes_late_stops_nothing),
		rig_test(it_does_not_wait_for_ever),
		rig_test(one_that_died_is_not_asked),
		rig_test(one_that_was_asked_to_stop_does),
		rig_test(it_ends_with_its_daemon),
		rig_test(an_order_too_large_for_it_has_another),
		rig_test(a_crowd_does_not_wait),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
