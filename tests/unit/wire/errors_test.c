/* SPDX-License-Identifier: ISC */

#include "wire/errors.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/text.h"

static void
every_code_has_a_word_and_statuses_of_its_own(void **state UNUSED)
{
	for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
		const struct error_row *row = error_row((enum err_code)code);

		assert_non_null(row->word);
		assert_true(row->exit_status > 0 && row->exit_status < 126);
		assert_true(row->http_status >= 400 && row->http_status < 600);
		for (int other = ERR_NONE; other < code; other++)
			assert_string_not_equal(
			    row->word, error_row((enum err_code)other)->word);
	}
}

static void
body_has_the_one_shape(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(4096);
	struct err err = ERR_INIT;

	err_set(&err, ERR_NOT_FOUND, "no exec \"%s\"", "01ab");
	assert_int_equal(error_json_add(&out, &err), 0);
	assert_string_equal(buf_text(&out),
			    "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":"
			    "\"no exec \\\"01ab\\\"\",\"retryable\":false,"
			    "\"hint\":null},\"schema_version\":1,"
			    "\"message\":\"no exec \\\"01ab\\\"\"}");
}

static void
error_survives_its_travel(void **state UNUSED)
{
	for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
		AUTO_BUF out = BUF_INIT(4096);
		struct err sent = ERR_INIT, got = ERR_INIT;

		err_set(&sent, (enum err_code)code, "words \xc3\xa9 \"%d\"",
			code);
		err_hint(&sent, "do %d", code);
		assert_int_equal(error_json_add(&out, &sent), 0);
		assert_int_equal(
		    error_json_read(500, buf_bytes(&out), out.len, &got), -1);
		assert_int_equal(got.code, code);
		assert_string_equal(got.msg, sent.msg);
		assert_string_equal(got.hint, sent.hint);
	}
}

static void
answer_without_our_body_is_judged_by_its_status(void **state UNUSED)
{
	static const struct {
		unsigned status;
		const char *body;
		enum err_code code;
	} rows[] = {
		{ 404, "", ERR_NOT_FOUND },
		{ 401, "<html>", ERR_UNAUTHORIZED },
		{ 403, "{}", ERR_DENIED },
		{ 500, "[1]", ERR_SYSTEM },
		{ 400, "{\"error\":5}", ERR_INVALID },
		{ 503, "{\"error\":{\"message\":\"x\"}}", ERR_UNREACHABLE },
		{ 418, "", ERR_REMOTE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(error_json_read(rows[i].status, rows[i].body,
						 strlen(rows[i].body), &err),
				 -1);
		assert_err(err, rows[i].code, "HTTP status");
	}
}

static void
unknown_word_of_a_newer_daemon_is_the_peers_failure(void **state UNUSED)
{
	static const char body[] =
	    "{\"error\":{\"code\":\"FROM_TOMORROW\",\"message\":\"m\","
	    "\"more\":1},\"schema_version\":9}";
	struct err err = ERR_INIT;

	error_json_read(400, body, strlen(body), &err);
	assert_err(err, ERR_REMOTE, "m");
	assert_string_equal(err.hint, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_word_and_statuses_of_its_own),
		cmocka_unit_test(body_has_the_one_shape),
		cmocka_unit_test(error_survives_its_travel),
		cmocka_unit_test(
		    answer_without_our_body_is_judged_by_its_status),
		cmocka_unit_test(
		    unknown_word_of_a_newer_daemon_is_the_peers_failure),
	};

	return RUN_TESTS(tests);
}
