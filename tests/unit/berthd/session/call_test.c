/* SPDX-License-Identifier: ISC */

#include "berthd/session/call.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"

/* Two calls at once: what came of each. */
struct outcome {
	bool has_ended;
	enum err_code code;
	char text[64];
};

static char *environment[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };

static void
on_end(const struct buf *out, const struct err *err, void *owner)
{
	struct outcome *outcome = owner;

	outcome->has_ended = true;
	outcome->code = err ? err->code : ERR_NONE;
	snprintf(outcome->text, sizeof(outcome->text), "%.60s",
		 err ? err->msg : buf_text(out));
}

static void
start(struct calls *calls, const char *script, struct outcome *outcome)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, xstrdup(script),
			 NULL };

	call_start(calls, argv, on_end, outcome);
	free(argv[2]);
}

static void
finish(struct calls *calls, uv_loop_t *loop)
{
	calls_fini(calls);
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

static void
output_and_complaint_are_taken(void **state UNUSED)
{
	struct outcome good = { 0 }, bad = { 0 }, missing = { 0 };
	struct calls calls;
	uv_loop_t loop;
	char *argv[] = { (char[]){ "no-such-program" }, NULL };

	assert_int_equal(uv_loop_init(&loop), 0);
	calls_init(&calls, &loop, environment);
	start(&calls, "echo fine", &good);
	start(&calls, "echo no >&2; exit 3", &bad);
	call_start(&calls, argv, on_end, &missing);
	assert_false(missing.has_ended);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(good.code, ERR_NONE);
	assert_string_equal(good.text, "fine\n");
	assert_int_equal(bad.code, ERR_REMOTE);
	assert_string_equal(bad.text, "no");
	assert_int_equal(missing.code, ERR_NOT_FOUND);
	finish(&calls, &loop);
}

/*
 * The first has closed its output long before it ends; the second has the
 * numbers of those descriptors, and must hear of its own output and end after
 * the end of the first.
 */
static void
an_end_takes_no_event_from_another(void **state UNUSED)
{
	struct outcome first = { 0 }, second = { 0 };
	AUTO_FREE char *dir = xstrdup("/tmp/berth-call-XXXXXX");
	AUTO_FREE char *one = NULL, *two = NULL, *three = NULL;
	AUTO_FREE char *closes = NULL, *writes = NULL;
	struct calls calls;
	uv_loop_t loop;
	int first_go, second_go, closed;
	char byte[2];

	assert_non_null(mkdtemp(dir));
	one = xasprintf("%s/1", dir);
	two = xasprintf("%s/2", dir);
	three = xasprintf("%s/3", dir);
	assert_int_equal(mkfifo(one, 0600), 0);
	assert_int_equal(mkfifo(two, 0600), 0);
	assert_int_equal(mkfifo(three, 0600), 0);
	first_go = open(one, O_RDWR | O_CLOEXEC);
	second_go = open(two, O_RDWR | O_CLOEXEC);
	closed = open(three, O_RDWR | O_CLOEXEC);
	closes = xasprintf("exec >&- 2>&-; echo x >%s; read x <%s", three, one);
	writes = xasprintf("read x <%s; echo heard", two);
	assert_int_equal(uv_loop_init(&loop), 0);
	calls_init(&calls, &loop, environment);
	start(&calls, closes, &first);
	/* It says when it has closed them. */
	assert_int_equal(read(closed, byte, sizeof(byte)), 2);
	uv_run(&loop, UV_RUN_NOWAIT);
	start(&calls, writes, &second);
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(write(first_go, "x\n", 2), 2);
	while (!first.has_ended)
		uv_run(&loop, UV_RUN_ONCE);
	assert_false(second.has_ended);
	assert_int_equal(write(second_go, "x\n", 2), 2);
	while (!second.has_ended)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(second.code, ERR_NONE);
	assert_string_equal(second.text, "heard\n");
	finish(&calls, &loop);
	close(first_go);
	close(second_go);
	unlink(one);
	unlink(two);
	unlink(three);
	close(closed);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_complaint_are_taken),
		cmocka_unit_test(an_end_takes_no_event_from_another),
	};

	return RUN_TESTS(tests);
}
