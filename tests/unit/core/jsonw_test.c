/* SPDX-License-Identifier: ISC */

#include "core/jsonw.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/json.h"
#include "core/strv.h"
#include "core/text.h"

static void
values_are_separated_at_every_level(void **state UNUSED)
{
	AUTO_STRV char **args = NULL, **env = NULL;
	AUTO_BUF out = BUF_INIT(1000);
	struct jsonw w = JSONW_INIT(&out);

	strv_add(&args, "a");
	strv_add(&args, "b");
	strv_add(&env, "A=1=2");
	strv_add(&env, "B=");
	strv_add(&env, "C");
	jsonw_object(&w, NULL);
	jsonw_str(&w, "s", "x");
	jsonw_str(&w, "none", NULL);
	jsonw_array(&w, "list");
	jsonw_int(&w, NULL, INT64_MIN);
	jsonw_u64(&w, NULL, UINT64_MAX);
	jsonw_object(&w, NULL);
	jsonw_object_end(&w);
	jsonw_array(&w, NULL);
	jsonw_array_end(&w);
	jsonw_array_end(&w);
	jsonw_bool(&w, "t", true);
	jsonw_null(&w, "n");
	jsonw_raw(&w, "raw", "{\"x\":1}");
	jsonw_strv(&w, "args", args);
	jsonw_strv(&w, "no", NULL);
	jsonw_env(&w, "env", env);
	jsonw_object_end(&w);
	assert_int_equal(jsonw_done(&w), 0);
	assert_string_equal(
	    buf_text(&out),
	    "{\"s\":\"x\",\"none\":null,\"list\":[-9223372036854775808,"
	    "18446744073709551615,{},[]],\"t\":true,\"n\":null,"
	    "\"raw\":{\"x\":1},\"args\":[\"a\",\"b\"],\"no\":[],"
	    "\"env\":{\"A\":\"1=2\",\"B\":\"\",\"C\":\"\"}}");
}

static void
times_and_spans_have_their_forms(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1000);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_array(&w, NULL);
	jsonw_time(&w, NULL, 0);
	jsonw_time(&w, NULL, 1500000000);
	jsonw_seconds(&w, NULL, 0);
	jsonw_seconds(&w, NULL, 61005);
	jsonw_array_end(&w);
	assert_string_equal(buf_text(&out),
			    "[null,\"1970-01-01T00:00:01.5Z\",0.000,61.005]");
}

static void
assert_string(const void *bytes, size_t n, const char *want)
{
	AUTO_BUF out = BUF_INIT(1000);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_strn(&w, NULL, bytes, n);
	assert_int_equal(jsonw_done(&w), 0);
	assert_string_equal(buf_text(&out), want);
}

static void
strings_are_escaped_and_bytes_replaced(void **state UNUSED)
{
	assert_string("\"\\/\b\f\n\r\t\x01\x1f", 10,
		      "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\"");
	assert_string("a\0b", 3, "\"a\\u0000b\"");
	assert_string("\xc3\xa9\xf0\x9f\x9a\xa2", 6,
		      "\"\xc3\xa9\xf0\x9f\x9a\xa2\"");
	assert_string("a\xff\xc3", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string("\xed\xa0\x80", 3,
		      "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string("", 0, "\"\"");
}

/* Whatever the bytes: a strict parser takes it, and valid text is the same. */
static void
random_strings_are_read_back(void **state UNUSED)
{
	for (int round = 0; round < 3000; round++) {
		AUTO_BUF out = BUF_INIT(4000);
		struct jsonw w = JSONW_INIT(&out);
		struct err err = ERR_INIT;
		uint8_t in[64];
		size_t n = unit_below(sizeof(in));
		AUTO_JSON *value = NULL;
		const char *text;

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)(1 +
					  unit_below(round % 2 ? 126 : 255));
		jsonw_array(&w, NULL);
		jsonw_strn(&w, NULL, in, n);
		jsonw_array_end(&w);
		value = json_parse(buf_bytes(&out), out.len, &err);
		if (value == NULL)
			fail_msg("%s", err.msg);
		text = json_text(json_at(value, 0));
		assert_true(utf8_valid(text, strlen(text)));
		if (utf8_valid(in, n)) {
			assert_int_equal(strlen(text), n);
			assert_memory_equal(text, in, n);
		}
	}
}

static void
failure_is_remembered(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(8);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_array(&w, NULL);
	jsonw_str(&w, NULL, "too long for this buffer");
	jsonw_array_end(&w);
	assert_int_equal(jsonw_done(&w), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_separated_at_every_level),
		cmocka_unit_test(times_and_spans_have_their_forms),
		cmocka_unit_test(strings_are_escaped_and_bytes_replaced),
		cmocka_unit_test(random_strings_are_read_back),
		cmocka_unit_test(failure_is_remembered),
	};

	return RUN_TESTS(tests);
}
