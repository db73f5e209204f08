/* SPDX-License-Identifier: ISC */

#include "link/child.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"

struct rig {
	uv_loop_t loop;
	struct child *child;
	struct buf said[3];
	int status;
	bool frees_on_line;
};

static void
on_line(struct child *c, int fd, const char *line, size_t n, void *owner)
{
	struct rig *rig = owner;

	buf_add(&rig->said[fd], line, n);
	buf_addc(&rig->said[fd], '|');
	if (rig->frees_on_line) {
		child_free(c);
		rig->child = NULL;
	}
}

static void
on_exit_(struct child *c, int status, void *owner)
{
	struct rig *rig = owner;

	rig->status = status;
	child_free(c);
	rig->child = NULL;
}

static void
start(struct rig *rig, const char *script)
{
	static const struct child_events events = { on_line, on_exit_ };
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t)script, NULL };
	struct err err = ERR_INIT;

	*rig = (struct rig){ .status = -1 };
	for (int i = 0; i < 3; i++)
		buf_init(&rig->said[i], 1 << 20);
	uv_loop_init(&rig->loop);
	rig->child = child_new(&rig->loop, argv, environ, &events, rig, &err);
	assert_non_null(rig->child);
}

static void
finish(struct rig *rig)
{
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
}

static void
rig_fini(struct rig *rig)
{
	for (int i = 0; i < 3; i++)
		buf_fini(&rig->said[i]);
}

static void
lines_of_both_streams_and_the_end_are_told(void **state)
{
	struct rig rig;

	start(&rig, "echo a; echo b >&2; printf 'c\\r\\nd'; exit 3");
	finish(&rig);
	assert_string_equal(buf_text(&rig.said[1]), "a|c|d|");
	assert_string_equal(buf_text(&rig.said[2]), "b|");
	assert_int_equal(WEXITSTATUS(rig.status), 3);
	rig_fini(&rig);
}

static void
it_is_of_a_session_of_its_own(void **state)
{
	struct rig rig;
	char wanted[32];

	start(&rig, "[ \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ ] && "
		    "! (: </dev/tty) 2>/dev/null && echo yes");
	snprintf(wanted, sizeof(wanted), "yes|");
	finish(&rig);
	assert_string_equal(buf_text(&rig.said[1]), wanted);
	rig_fini(&rig);
}

static void
what_it_leaves_behind_is_killed(void **state)
{
	struct rig rig;
	pid_t left;

	start(&rig, "tail -f /dev/null & echo $!");
	finish(&rig);
	left = (pid_t)strtol(buf_text(&rig.said[1]), NULL, 10);
	assert_true(left > 0);
	/* Gone, or waiting to be reaped by whoever got it. */
	while (kill(left, 0) == 0) {
		char path[64], stat[256];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", left);
		f = fopen(path, "re");
		if (f == NULL)
			break;
		if (fgets(stat, sizeof(stat), f) && strstr(stat, ") Z")) {
			fclose(f);
			break;
		}
		fclose(f);
	}
	rig_fini(&rig);
}

static void
it_may_be_freed_in_a_line_or_while_it_runs(void **state)
{
	struct rig rig;

	start(&rig, "echo a; echo b; exec tail -f /dev/null");
	rig.frees_on_line = true;
	finish(&rig);
	assert_string_equal(buf_text(&rig.said[1]), "a|");
	assert_int_equal(rig.status, -1);
	rig_fini(&rig);

	start(&rig, "exec tail -f /dev/null");
	child_free(rig.child);
	finish(&rig);
	rig_fini(&rig);
}

static void
a_program_that_is_not_there_is_said_so(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "berth-no-such", NULL };
	struct err err = ERR_INIT;
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_null(child_new(&loop, argv, environ, NULL, NULL, &err));
	assert_err(err, ERR_NOT_FOUND, "start berth-no-such");
	assert_int_equal(uv_loop_close(&loop), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_both_streams_and_the_end_are_told),
		cmocka_unit_test(it_is_of_a_session_of_its_own),
		cmocka_unit_test(what_it_leaves_behind_is_killed),
		cmocka_unit_test(it_may_be_freed_in_a_line_or_while_it_runs),
		cmocka_unit_test(a_program_that_is_not_there_is_said_so),
	};

	return RUN_TESTS(tests);
}
