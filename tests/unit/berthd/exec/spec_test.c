/* SPDX-License-Identifier: ISC */

#include "berthd/exec/spec.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"

static int
decode(const char *text, struct spec *ret, struct err *err)
{
	*ret = (struct spec)SPEC_INIT;
	return spec_decode(text, strlen(text), ret, err);
}

static void
decode_well(const char *text, struct spec *ret)
{
	struct err err = ERR_INIT;

	if (decode(text, ret, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static void
a_request_is_understood(void **state UNUSED)
{
	struct spec spec;

	decode_well("{\"cmd\":\"make\",\"cwd\":\"/src\",\"env\":{\"A\":\"b\"},"
		    "\"shell\":\"bash\",\"stdin\":true,\"timeout\":\"10m\","
		    "\"grace\":1.5,\"key\":\"k\",\"labels\":{\"l\":\"v\"},"
		    "\"artifacts\":[\"*.xml\"],\"nice\":5,"
		    "\"limit_memory\":\"2G\",\"limit_procs\":10,"
		    "\"limit_cpu\":\"1.5\",\"limit_output\":1000000}",
		    &spec);
	assert_string_equal(spec.cmd, "make");
	assert_string_equal(spec.env[0], "A=b");
	assert_string_equal(spec.labels[0], "l=v");
	assert_int_equal(spec.timeout, 600000);
	assert_int_equal(spec.grace, 1500);
	assert_int_equal(spec.limit_memory, 2ull << 30);
	assert_int_equal(spec_cpu(&spec), 1500);
	assert_true(spec.stdin_open && !spec.tty);
	spec_fini(&spec);
	spec_fini(&spec);
}

static void
a_request_of_codexd_is_understood(void **state UNUSED)
{
	struct spec spec;

	decode_well("{\"project_id\":\"\",\"ref\":\"\",\"cmd\":\"true\","
		    "\"cwd\":\"\",\"env\":null,\"shell\":\"\"}",
		    &spec);
	assert_null(spec.project_id);
	assert_null(spec.ref);
	assert_null(spec.cwd);
	assert_null(spec.shell);
	assert_int_equal(spec.grace, 3000);
	spec_fini(&spec);
}

static void
a_terminal_has_a_size(void **state UNUSED)
{
	struct spec spec;

	decode_well("{\"cmd\":\"sh\",\"tty\":true}", &spec);
	assert_int_equal(spec.cols, 80);
	assert_int_equal(spec.rows, 24);
	spec_fini(&spec);
	decode_well("{\"cmd\":\"sh\",\"tty\":true,\"cols\":100}", &spec);
	assert_int_equal(spec.cols, 100);
	assert_int_equal(spec.rows, 24);
	spec_fini(&spec);
}

static void
what_is_wrong_is_named(void **state UNUSED)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "" },
		{ "[]", "" },
		{ "{", "" },
		{ "{}", "cmd is required" },
		{ "{\"cmd\":\"\"}", "cmd is required" },
		{ "{\"cmd\":\" \\n\\t\"}", "cmd is required" },
		{ "{\"cmd\":1}", "cmd: not a string" },
		{ "{\"cmd\":\"a\\u0000b\"}", "" },
		{ "{\"cmd\":\"a\",\"cmd\":\"b\"}", "cmd" },
		{ "{\"cmd\":\"a\",\"argv\":[\"b\"]}", "only one of" },
		{ "{\"script\":\"a\",\"argv\":[\"b\"]}", "only one of" },
		{ "{\"argv\":[]}", "argv" },
		{ "{\"argv\":[\"\"]}", "argv" },
		{ "{\"argv\":\"ls\"}", "argv" },
		{ "{\"argv\":[1]}", "argv: item 0" },
		{ "{\"argv\":[\"a\"],\"shell\":\"sh\"}", "shell is for" },
		{ "{\"cmd\":\"a\",\"script_args\":[]}", "" },
		{ "{\"cmd\":\"a\",\"script_args\":[\"b\"]}",
		  "script_args needs script" },
		{ "{\"cmd\":\"a\",\"ref\":\"main\"}", "ref needs project_id" },
		{ "{\"cmd\":\"a\",\"colour\":\"red\"}", "colour" },
		{ "{\"cmd\":\"a\",\"exec_id\":\"x\"}", "exec_id" },
		{ "{\"cmd\":\"a\",\"fingerprint\":\"x\"}", "fingerprint" },
		{ "{\"cmd\":\"a\",\"warning\":\"x\"}", "warning" },
		{ "{\"cmd\":\"a\",\"created_ns\":1}", "created_ns" },
		{ "{\"cmd\":\"a\",\"tty\":1}", "tty" },
		{ "{\"cmd\":\"a\",\"cols\":0}", "cols" },
		{ "{\"cmd\":\"a\",\"rows\":10001}", "rows" },
		{ "{\"cmd\":\"a\",\"nice\":-1}", "nice" },
		{ "{\"cmd\":\"a\",\"nice\":20}", "nice" },
		{ "{\"cmd\":\"a\",\"timeout\":\"soon\"}", "timeout" },
		{ "{\"cmd\":\"a\",\"timeout\":-1}", "timeout" },
		{ "{\"cmd\":\"a\",\"grace\":true}", "grace" },
		{ "{\"cmd\":\"a\",\"limit_memory\":\"much\"}", "limit_memory" },
		{ "{\"cmd\":\"a\",\"limit_memory\":-1}", "limit_memory" },
		{ "{\"cmd\":\"a\",\"limit_procs\":0}", "limit_procs" },
		{ "{\"cmd\":\"a\",\"limit_cpu\":1}", "limit_cpu" },
		{ "{\"cmd\":\"a\",\"limit_cpu\":\"0\"}", "limit_cpu" },
		{ "{\"cmd\":\"a\",\"limit_cpu\":\"-1\"}", "limit_cpu" },
		{ "{\"cmd\":\"a\",\"limit_cpu\":\"1.5.\"}", "limit_cpu" },
		{ "{\"cmd\":\"a\",\"limit_cpu\":\"4097\"}", "limit_cpu" },
		{ "{\"cmd\":\"a\",\"limit_cpu\":\"1e3\"}", "limit_cpu" },
		{ "{\"cmd\":\"a\",\"env\":{\"A\":1}}", "env" },
		{ "{\"cmd\":\"a\",\"env\":{\"\":\"x\"}}", "env" },
		{ "{\"cmd\":\"a\",\"env\":{\"A=B\":\"x\"}}", "env" },
		{ "{\"cmd\":\"a\",\"labels\":{\"\":\"x\"}}", "labels" },
		{ "{\"cmd\":\"a\",\"labels\":{\"A=B\":\"x\"}}", "labels" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct spec spec;
		int rc = decode(rows[i].text, &spec, &err);

		spec_fini(&spec);
		if (rc == 0)
			print_error("taken: %s\n", rows[i].text);
		if (strcmp(rows[i].text,
			   "{\"cmd\":\"a\",\"script_args\":[]}") == 0)
			continue;
		assert_int_equal(rc, -1);
		assert_err(err, ERR_INVALID, rows[i].message);
	}
}

static void
a_key_has_a_limit(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct spec spec;
	char text[300];

	for (int n = 128; n < 130; n++) {
		snprintf(text, sizeof(text), "{\"cmd\":\"a\",\"key\":\"%0*d\"}",
			 n, 0);
		assert_int_equal(decode(text, &spec, &err), n > 128 ? -1 : 0);
		spec_fini(&spec);
	}
	assert_err(err, ERR_INVALID, "key: longer than 128");
}

static void
fingerprint(const char *text, char ret[SPEC_FINGERPRINT_SIZE])
{
	struct spec spec;

	decode_well(text, &spec);
	spec_fingerprint(&spec, ret);
	spec_fini(&spec);
}

static void
assert_same(const char *a, const char *b, bool is_same)
{
	char first[SPEC_FINGERPRINT_SIZE], second[SPEC_FINGERPRINT_SIZE];

	fingerprint(a, first);
	fingerprint(b, second);
	if ((strcmp(first, second) == 0) != is_same)
		fail_msg("%s\n%s\nare %s", a, b,
			 is_same ? "not the same" : "the same");
}

static void
the_same_request_has_the_same_fingerprint(void **state UNUSED)
{
	assert_same("{\"cmd\":\"a\"}", "{ \"cmd\" : \"\\u0061\" }", true);
	assert_same("{\"cmd\":\"a\",\"cwd\":\"\"}", "{\"cmd\":\"a\"}", true);
	assert_same("{\"cmd\":\"a\",\"timeout\":60}",
		    "{\"timeout\":\"1m\",\"cmd\":\"a\"}", true);
	assert_same("{\"cmd\":\"a\",\"grace\":3}", "{\"cmd\":\"a\"}", true);
	assert_same("{\"cmd\":\"a\",\"env\":{\"A\":\"1\",\"B\":\"2\"}}",
		    "{\"cmd\":\"a\",\"env\":{\"B\":\"2\",\"A\":\"1\"}}", true);
	assert_same("{\"cmd\":\"a\",\"labels\":{\"A\":\"1\",\"B\":\"2\"}}",
		    "{\"cmd\":\"a\",\"labels\":{\"B\":\"2\",\"A\":\"1\"}}",
		    true);
}

static void
another_request_has_another_one(void **state UNUSED)
{
	static const char *const others[] = {
		"{\"cmd\":\"a\"}",
		"{\"argv\":[\"a\"]}",
		"{\"argv\":[\"a\",\"\"]}",
		"{\"script\":\"a\"}",
		"{\"script\":\"a\",\"script_args\":[\"b\"]}",
		"{\"cmd\":\"a\",\"cwd\":\"/\"}",
		"{\"cmd\":\"a\",\"env\":{\"TOKEN\":\"1\"}}",
		"{\"cmd\":\"a\",\"env\":{\"TOKEN\":\"2\"}}",
		"{\"cmd\":\"a\",\"labels\":{\"TOKEN\":\"2\"}}",
		"{\"cmd\":\"a\",\"shell\":\"sh\"}",
		"{\"cmd\":\"a\",\"project_id\":\"p\"}",
		"{\"cmd\":\"a\",\"project_id\":\"p\",\"ref\":\"r\"}",
		"{\"cmd\":\"a\",\"tty\":true}",
		"{\"cmd\":\"a\",\"tty\":true,\"cols\":81}",
		"{\"cmd\":\"a\",\"stdin\":true}",
		"{\"cmd\":\"a\",\"timeout\":1}",
		"{\"cmd\":\"a\",\"grace\":1}",
		"{\"cmd\":\"a\",\"key\":\"k\"}",
		"{\"cmd\":\"a\",\"artifacts\":[\"x\"]}",
		"{\"cmd\":\"a\",\"nice\":1}",
		"{\"cmd\":\"a\",\"limit_memory\":1}",
		"{\"cmd\":\"a\",\"limit_procs\":1}",
		"{\"cmd\":\"a\",\"limit_cpu\":\"1\"}",
		"{\"cmd\":\"a\",\"limit_output\":1}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		for (size_t k = 0; k < i; k++)
			assert_same(others[i], others[k], false);
	}
}

static void
what_is_kept_has_no_secrets(void **state UNUSED)
{
	AUTO_CLOSE int dir = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY);
	AUTO_BUF text = BUF_INIT(SPEC_MAX);
	struct spec spec, kept = SPEC_INIT;
	struct err err = ERR_INIT;

	decode_well("{\"argv\":[\"a\",\"b c\"],\"env\":{\"MY_TOKEN\":"
		    "\"hunter2\",\"A\":\"b\"},\"timeout\":1.5,\"grace\":0.25,"
		    "\"tty\":true,\"labels\":{\"x\":\"y\"},\"key\":\"k\"}",
		    &spec);
	spec.exec_id = xstrdup("id");
	spec.fingerprint = xstrdup("f");
	spec.created_ns = INT64_MAX;
	spec.warning = xstrdup("w");
	assert_int_equal(spec_encode(&spec, &text), 0);
	assert_null(strstr(buf_text(&text), "hunter2"));
	assert_int_equal(fs_write_atomic(dir, SPEC_FILE, buf_bytes(&text),
					 text.len, 0, &err),
			 0);
	if (spec_read(dir, &kept, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(kept.argv[1], "b c");
	assert_string_equal(strv_env_get(kept.env, "MY_TOKEN"), "***");
	assert_string_equal(strv_env_get(kept.env, "A"), "b");
	assert_int_equal(kept.timeout, 1500);
	assert_int_equal(kept.grace, 250);
	assert_int_equal(kept.created_ns, INT64_MAX);
	assert_int_equal(kept.cols, 80);
	assert_string_equal(kept.key, "k");
	assert_string_equal(kept.warning, "w");
	spec_fini(&kept);
	spec_fini(&spec);
}

static void
cores_are_counted_in_thousandths(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t milli;
	} rows[] = {
		{ "1", 1000 },	    { "1.", 1000 }, { "0.5", 500 },
		{ "0.05", 50 },	    { "0.001", 1 }, { "0.0009", 0 },
		{ "2.25", 2250 },   { "12345", 0 }, { ".5", 0 },
		{ "", 0 },	    { "1,5", 0 },   { " 1", 0 },
		{ "1.2345", 1234 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spec spec = SPEC_INIT;

		spec.limit_cpu = xstrdup(rows[i].text);
		assert_int_equal(spec_cpu(&spec), rows[i].milli);
		spec_fini(&spec);
	}
}

static void
a_summary_is_one_visible_line(void **state UNUSED)
{
	static const struct {
		const char *text, *summary;
	} rows[] = {
		{ "{\"cmd\":\"echo a\\necho b\"}", "echo a" },
		{ "{\"script\":\"#!/bin/sh\\nx\"}", "#!/bin/sh" },
		{ "{\"argv\":[\"ls\",\"a b\"]}", "ls 'a b'" },
		{ "{\"cmd\":\"\\u001b[31mred\\r\"}", "\\x1b[31mred\\x0d" },
		{ "{\"argv\":[\"\\u001b[31mred\"]}", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *summary = NULL;
		struct spec spec;

		decode_well(rows[i].text, &spec);
		summary = spec_summary(&spec);
		if (rows[i].summary)
			assert_string_equal(summary, rows[i].summary);
		for (const char *p = summary; *p; p++)
			assert_true((unsigned char)*p >= ' ');
		spec_fini(&spec);
	}
}

static void
a_long_command_has_a_summary_too(void **state UNUSED)
{
	AUTO_FREE char *text = xasprintf("{\"cmd\":\"%01000d\"}", 0);
	AUTO_FREE char *summary = NULL;
	struct spec spec;

	decode_well(text, &spec);
	summary = spec_summary(&spec);
	assert_in_range(strlen(summary), 1, 200);
	spec_fini(&spec);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_understood),
		cmocka_unit_test(a_request_of_codexd_is_understood),
		cmocka_unit_test(a_terminal_has_a_size),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_key_has_a_limit),
		cmocka_unit_test(the_same_request_has_the_same_fingerprint),
		cmocka_unit_test(another_request_has_another_one),
		cmocka_unit_test(what_is_kept_has_no_secrets),
		cmocka_unit_test(cores_are_counted_in_thousandths),
		cmocka_unit_test(a_summary_is_one_visible_line),
		cmocka_unit_test(a_long_command_has_a_summary_too),
	};

	return RUN_TESTS(tests);
}
