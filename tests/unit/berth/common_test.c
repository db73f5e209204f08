/* SPDX-License-Identifier: ISC */

#include "berth/common.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include "core/jsonw.h"

static const struct cli_call berth = { .invoked = "berth" };
static const struct cli_call codex = { .invoked = "codex-remote" };

/* With this as standard output. */
static bool
wants_on(int fd, const struct cli_call *call, enum format format)
{
	struct output_args output = { .format = (int)format };
	int aside = dup(STDOUT_FILENO);
	bool wants;

	dup2(fd, STDOUT_FILENO);
	wants = wants_json(call, &output);
	dup2(aside, STDOUT_FILENO);
	close(aside);
	return wants;
}

static void
json_is_for_programs(void **state UNUSED)
{
	int null = open("/dev/null", O_WRONLY), far, near;

	assert_int_equal(openpty(&far, &near, NULL, NULL, NULL), 0);
	assert_true(wants_on(null, &berth, FORMAT_AUTO));
	assert_false(wants_on(near, &berth, FORMAT_AUTO));
	assert_true(wants_on(near, &codex, FORMAT_AUTO));
	assert_true(wants_on(near, &berth, FORMAT_JSON));
	assert_true(wants_on(near, &berth, FORMAT_JSONL));
	assert_false(wants_on(null, &berth, FORMAT_TEXT));
	assert_false(wants_on(null, &codex, FORMAT_RAW));
	close(null);
	close(far);
	close(near);
}

static void
a_wrong_line_has_two_statuses(void **state UNUSED)
{
	assert_int_equal(usage_status(&berth), 64);
	assert_int_equal(usage_status(&codex), 2);
}

/* Nobody is to take a half for the whole. */
static void
an_answer_that_does_not_fit_is_not_written(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(64);
	struct jsonw w = JSONW_INIT(&out);
	struct err err = ERR_INIT;
	int fds[2], rc, aside = dup(STDOUT_FILENO);
	ssize_t got;
	char c;

	jsonw_object(&w, NULL);
	for (int i = 0; i < 10; i++)
		jsonw_str(&w, "key", "value");
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	rc = print_answer(&w, &err);
	dup2(aside, STDOUT_FILENO);
	close(aside);
	close(fds[1]);
	got = read(fds[0], &c, 1);
	close(fds[0]);
	assert_int_equal(rc, -1);
	assert_int_equal(got, 0);
	assert_err(err, ERR_LIMIT, "too long");
}

static void
a_refused_value_is_that_of_an_option(void **state UNUSED)
{
	static const struct option_name names[] = {
		{ "grep", "--grep" },
		{ "grep_re", "--grep-re" },
	};
	static const struct {
		enum err_code code;
		const char *said, *shown;
	} rows[] = {
		{ ERR_INVALID, "grep: no", "--grep: no" },
		{ ERR_INVALID, "grep_re: no", "--grep-re: no" },
		{ ERR_INVALID, "grep_re no", "grep_re no" },
		{ ERR_INVALID, "not grep: no", "not grep: no" },
		{ ERR_INVALID, "grep", "grep" },
		{ ERR_NOT_FOUND, "grep: none", "grep: none" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		err_set(&err, rows[i].code, "%s", rows[i].said);
		name_option(names, ARRAY_SIZE(names), &err);
		assert_string_equal(err.msg, rows[i].shown);
		assert_int_equal(err.code, rows[i].code);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_for_programs),
		cmocka_unit_test(a_wrong_line_has_two_statuses),
		cmocka_unit_test(an_answer_that_does_not_fit_is_not_written),
		cmocka_unit_test(a_refused_value_is_that_of_an_option),
	};

	return RUN_TESTS(tests);
}
