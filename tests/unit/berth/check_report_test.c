/* SPDX-License-Identifier: ISC */

#include "berth/check_report.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"

/* Everything up to `stage' is well, and that failed. */
static void
make_report(struct check_report *r, enum check_stage stage)
{
	check_report_init(r, "gpu3");
	for (unsigned i = 0; i < stage; i++) {
		r->rows[i].verdict = CHECK_OK;
		r->rows[i].ms = 7;
	}
	if (stage == CHECK_STAGES)
		return;
	r->rows[stage].verdict = CHECK_FAILED;
	r->rows[stage].code = ERR_AUTH;
	snprintf(r->rows[stage].detail, sizeof(r->rows[stage].detail),
		 "not let in");
	snprintf(r->rows[stage].hint, sizeof(r->rows[stage].hint), "knock");
}

static void
every_stage_has_a_name_of_its_own(void **state UNUSED)
{
	for (unsigned i = 0; i < CHECK_STAGES; i++)
		assert_int_equal(
		    check_stage_of(check_stage_name((enum check_stage)i)), i);
	assert_int_equal(check_stage_of("ready"), CHECK_STAGES);
}

static void
ssh_is_well_when_there_was_a_shell(void **state UNUSED)
{
	struct check_report r;

	make_report(&r, CHECK_AUTH);
	assert_false(check_report_ssh_ok(&r));
	make_report(&r, CHECK_DAEMON);
	assert_true(check_report_ssh_ok(&r));
	assert_false(check_report_daemon_ok(&r));
	make_report(&r, CHECK_STAGES);
	assert_true(check_report_daemon_ok(&r));
	assert_null(check_report_failure(&r, NULL));
	r.rows[CHECK_DAEMON].verdict = CHECK_WARNING;
	assert_true(check_report_daemon_ok(&r));
}

static void
json_names_the_stage_that_failed(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1u << 16);
	struct jsonw w = JSONW_INIT(&text);
	struct err err = ERR_INIT;
	const struct json_t *row;
	struct check_report r;
	AUTO_JSON *value = NULL;

	make_report(&r, CHECK_AUTH);
	check_report_add_json(&w, NULL, &r);
	value = json_parse(buf_bytes(&text), text.len, &err);
	assert_non_null(value);
	assert_string_equal(json_get_text(value, "failed_stage", ""), "auth");
	assert_string_equal(json_get_text(value, "error", ""), "not let in");
	assert_false(json_get_bool(value, "ok", true));
	assert_false(json_get_bool(value, "ssh_ok", true));
	assert_int_equal(json_len(json_get(value, "stages")), CHECK_STAGES);
	row = json_at(json_get(value, "stages"), CHECK_AUTH);
	assert_string_equal(json_get_text(row, "code", ""), "AUTH_FAILED");
	assert_string_equal(json_get_text(row, "hint", ""), "knock");
	row = json_at(json_get(value, "stages"), CHECK_SHELL);
	assert_string_equal(json_get_text(row, "result", ""), "skipped");
	assert_true(json_is_nothing(json_get(row, "ms")));
}

static void
people_read_a_line_per_stage_and_what_to_do(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1u << 16);
	struct check_report r;

	make_report(&r, CHECK_AUTH);
	check_report_add_text(&text, &r, false, 0);
	assert_non_null(strstr(buf_text(&text), "auth      failed"));
	assert_non_null(strstr(buf_text(&text), "hint:  knock\n"));
	assert_non_null(strstr(buf_text(&text), "gpu       skipped"));
}

static void
of_several_machines_each_has_a_line(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1u << 16);
	struct check_report r[2];

	make_report(&r[0], CHECK_STAGES);
	make_report(&r[1], CHECK_CONNECT);
	check_reports_add_text(&text, r, 2, false, 0);
	assert_non_null(strstr(buf_text(&text), "gpu3  ok"));
	assert_non_null(strstr(buf_text(&text), "gpu3  failed  connect"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_has_a_name_of_its_own),
		cmocka_unit_test(ssh_is_well_when_there_was_a_shell),
		cmocka_unit_test(json_names_the_stage_that_failed),
		cmocka_unit_test(people_read_a_line_per_stage_and_what_to_do),
		cmocka_unit_test(of_several_machines_each_has_a_line),
	};

	return RUN_TESTS(tests);
}
