/* SPDX-License-Identifier: ISC */

#include "berthd/exec/state.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "berthd/exec/control.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/text.h"

_Static_assert(STATE_MAX <= CONTROL_MAX_DATA, "a state fits a packet");

static void
fill(struct exec_state *s)
{
	*s = (struct exec_state){
		.kind = EXEC_SIGNALLED,
		.holder_pid = 4194303,
		.holder_start = INT64_MAX,
		.boot_id = xstrdup("5e4b8f0c-0000-4000-8000-000000000000"),
		.pid = 12,
		.pid_start = 34,
		.started_ns = 1795253400123456789u,
		.finished_ns = 1795253401123456789u,
		.exit_code = 137,
		.signal = 9,
		.error = xstrdup("killed by \"SIGKILL\"\n\x01"),
		.warning = xstrdup("\xc3\xa4"),
		.cwd = xstrdup("/tmp"),
		.cpu_user_us = 1,
		.cpu_system_us = 2,
		.max_rss = 3,
		.stdout_bytes = INT64_MAX,
		.stderr_bytes = 5,
		.lost_bytes = 6,
		.output_open = true,
		.memory_by = xstrdup("cgroup"),
		.procs_by = xstrdup("rlimit"),
	};
}

static void
a_state_comes_back_as_it_was_written(void **state UNUSED)
{
	AUTO_BUF first = BUF_INIT(STATE_MAX), second = BUF_INIT(STATE_MAX);
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	struct exec_state sent, got = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	fill(&sent);
	for (int sync = 0; sync < 2; sync++) {
		assert_int_equal(exec_state_write(dir, &sent, sync, &err), 0);
		assert_int_equal(exec_state_read(dir, &got, &err), 0);
		assert_int_equal(exec_state_encode(&sent, &first), 0);
		assert_int_equal(exec_state_encode(&got, &second), 0);
		assert_string_equal(buf_text(&first), buf_text(&second));
		assert_int_equal(got.started_ns, sent.started_ns);
		assert_int_equal(got.stdout_bytes, INT64_MAX);
		assert_true(got.output_open && got.cpu_by == NULL);
		buf_clear(&first);
		buf_clear(&second);
	}
	exec_state_fini(&got);
	exec_state_fini(&got);
	assert_int_equal(got.exit_code, -1);
	exec_state_fini(&sent);
}

static void
every_kind_has_its_name(void **state UNUSED)
{
	for (unsigned kind = 0; kind < EXEC_STATES; kind++) {
		AUTO_BUF text = BUF_INIT(STATE_MAX);
		struct exec_state sent = EXEC_STATE_INIT, got = EXEC_STATE_INIT;
		struct err err = ERR_INIT;

		sent.kind = kind;
		assert_int_equal(exec_state_encode(&sent, &text), 0);
		assert_int_equal(
		    exec_state_decode(buf_bytes(&text), text.len, &got, &err),
		    0);
		assert_int_equal(got.kind, kind);
		for (unsigned other = 0; other < kind; other++)
			assert_string_not_equal(exec_state_name(kind),
						exec_state_name(other));
	}
}

/*
 * The whole machine, cell by cell: '.' may not follow.  Rows and columns as
 * in enum exec_state_kind.
 */
static void
what_may_follow_what(void **state UNUSED)
{
	static const char *const cells[EXEC_STATES] = {
		[EXEC_STARTING] = "xxxxxxxxx", [EXEC_RUNNING] = ".xxxxxxxx",
		[EXEC_EXITED] = "..x......",   [EXEC_SIGNALLED] = "...x.....",
		[EXEC_TIMEOUT] = "....x....",  [EXEC_CANCELLED] = ".....x...",
		[EXEC_OOM] = "......x..",      [EXEC_FAILED] = ".......x.",
		[EXEC_LOST] = "........x",
	};

	for (unsigned from = 0; from < EXEC_STATES; from++) {
		assert_int_equal(strlen(cells[from]), EXEC_STATES);
		assert_int_equal(exec_state_is_end(from), from >= EXEC_EXITED);
		for (unsigned to = 0; to < EXEC_STATES; to++)
			assert_int_equal(exec_state_may_follow(from, to),
					 cells[from][to] == 'x');
	}
}

static void
what_is_no_state_leaves_the_old_one(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"state\":1}",
		"{\"state\":\"dead\"}",
		"{\"state\":null}",
		"{\"state\":\"exited\",\"pid\":\"1\"}",
		"{\"state\":\"exited\",\"pid\":1.5}",
		"{\"state\":\"exited\",\"state\":\"exited\"}",
		"{\"state\":\"exited\"}{}",
		"{\"state\":\"exited\",\"error\":\"\\u0000\"}",
	};
	struct exec_state kept;

	fill(&kept);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(
		    exec_state_decode(bad[i], strlen(bad[i]), &kept, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(kept.kind, EXEC_SIGNALLED);
		assert_string_equal(kept.cwd, "/tmp");
	}
	exec_state_fini(&kept);
}

/* A later version may write more. */
static void
unknown_members_are_ignored(void **state UNUSED)
{
	static const char text[] = "{\"state\":\"oom\",\"gpu\":[1,{}]}";
	struct exec_state got = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(exec_state_decode(text, strlen(text), &got, &err), 0);
	assert_int_equal(got.kind, EXEC_OOM);
	exec_state_fini(&got);
}

static void
a_missing_file_is_not_found(void **state UNUSED)
{
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	struct exec_state got = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(exec_state_read(dir, &got, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "state.json");
}

static void
put(int dir, int flags, const char *text)
{
	AUTO_CLOSE int fd = openat(dir, STATE_FILE, O_WRONLY | O_CREAT | flags,
				   0600);

	assert_int_equal(write_full(fd, text, strlen(text)), 0);
}

static void
an_empty_file_says_that_nothing_was_started(void **state UNUSED)
{
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	AUTO_CLOSE int file = -1;
	struct exec_state got = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	(void)unlinkat(dir, STATE_FILE, 0);
	file = exec_state_create(dir, &err);
	assert_true(file >= 0);
	assert_int_equal(exec_state_read(dir, &got, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "state.json");
	assert_int_equal(exec_state_create(dir, &err), -1);
}

/* The writer died, or the machine: what was whole before still counts. */
static void
the_last_whole_line_counts(void **state UNUSED)
{
	static const char *const torn[] = { "{", "{\"state\":\"exited\"",
					    "{\"state\":\"ex\n", "\n\n", "x" };
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	struct exec_state sent = EXEC_STATE_INIT, got = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(torn); i++) {
		put(dir, O_TRUNC, "{\"state\":\"starting\"}\n");
		put(dir, O_APPEND, "{\"state\":\"running\",\"pid\":7}\n");
		put(dir, O_APPEND, torn[i]);
		assert_int_equal(exec_state_read(dir, &got, &err), 0);
		assert_int_equal(got.kind, EXEC_RUNNING);
		assert_int_equal(got.pid, 7);
		sent.kind = EXEC_LOST;
		assert_int_equal(exec_state_write(dir, &sent, true, &err), 0);
		assert_int_equal(exec_state_read(dir, &got, &err), 0);
		assert_int_equal(got.kind, EXEC_LOST);
	}
	put(dir, O_TRUNC, "{\"state\":\"exi");
	assert_int_equal(exec_state_read(dir, &got, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

/* A disk that is full: the old states are there, and nothing else. */
static void
a_refused_write_leaves_the_file_as_it_was(void **state UNUSED)
{
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	struct exec_state sent = EXEC_STATE_INIT, got = EXEC_STATE_INIT;
	struct rlimit old, small = { .rlim_cur = 100 };
	struct err err = ERR_INIT;

	put(dir, O_TRUNC, "{\"state\":\"running\",\"pid\":7}\n");
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	sent.kind = EXEC_EXITED;
	assert_int_equal(exec_state_write(dir, &sent, true, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(exec_state_read(dir, &got, &err), 0);
	assert_int_equal(got.kind, EXEC_RUNNING);
	assert_int_equal(exec_state_write(dir, &sent, true, &err), 0);
	assert_int_equal(exec_state_read(dir, &got, &err), 0);
	assert_int_equal(got.kind, EXEC_EXITED);
}

/*
 * The longest directory there can be, of bytes that JSON writes as six, and
 * the longest messages: still a state that can be written and told.
 */
static void
the_longest_state_can_be_written(void **state UNUSED)
{
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	struct exec_state sent = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	sent.cwd = xcalloc(1, 4096);
	memset(sent.cwd, 1, 4095);
	sent.error = xcalloc(1, 512);
	memset(sent.error, 'x', 511);
	sent.warning = xcalloc(1, 2048);
	memset(sent.warning, 'x', 2047);
	assert_int_equal(exec_state_write(dir, &sent, false, &err), 0);
	exec_state_fini(&sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_comes_back_as_it_was_written),
		cmocka_unit_test(every_kind_has_its_name),
		cmocka_unit_test(what_may_follow_what),
		cmocka_unit_test(what_is_no_state_leaves_the_old_one),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(a_missing_file_is_not_found),
		cmocka_unit_test(the_longest_state_can_be_written),
		cmocka_unit_test(an_empty_file_says_that_nothing_was_started),
		cmocka_unit_test(the_last_whole_line_counts),
		cmocka_unit_test(a_refused_write_leaves_the_file_as_it_was),
	};

	return RUN_TESTS(tests);
}
