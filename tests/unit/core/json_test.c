/* SPDX-License-Identifier: ISC */

#include "core/json.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/strv.h"

struct leaf {
	char *id;
	int64_t port;
};

struct thing {
	char *host;
	bool on;
	int64_t port;
	uint64_t size;
	uint64_t wait;
	char **args;
	char **env;
	struct json_list leaves;
};

static const struct json_field leaf_fields[] = {
	JSON_F(struct leaf, id, STR, true),
	JSON_F(struct leaf, port, INT, false),
};

static const struct json_field fields[] = {
	JSON_F(struct thing, host, STR, true),
	JSON_F(struct thing, on, BOOL, false),
	{ .name = "port",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct thing, port),
	  .min = 1,
	  .max = 65535 },
	JSON_F(struct thing, size, BYTES, false),
	JSON_F(struct thing, wait, DURATION, false),
	JSON_F(struct thing, args, STRS, false),
	JSON_F(struct thing, env, MAP, false),
	{ .name = "leaves",
	  .type = JSON_LIST_T,
	  .offset = offsetof(struct thing, leaves),
	  .item = leaf_fields,
	  .n_item = ARRAY_SIZE(leaf_fields),
	  .item_size = sizeof(struct leaf) },
};

static int
decode(const char *text, struct thing *out, struct err *err)
{
	return json_decode_text(text, strlen(text), fields, ARRAY_SIZE(fields),
				0, out, err);
}

static void
fini(struct thing *thing)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), thing);
}

static void
every_type_finds_its_place(void **state UNUSED)
{
	struct thing t = { .port = 7 };
	struct err err = ERR_INIT;
	const struct leaf *leaves;

	if (decode("{\"host\":\"h\\u00e9\",\"on\":true,\"size\":\"10M\","
		   "\"wait\":\"1m5s\",\"args\":[\"a\",\"\"],"
		   "\"env\":{\"A\":\"1=2\",\"B\":\"\"},"
		   "\"leaves\":[{\"id\":\"x\"},{\"id\":\"y\",\"port\":-3}]}",
		   &t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t.host, "h\xc3\xa9");
	assert_true(t.on);
	assert_int_equal(t.port, 7); /* the default it held */
	assert_int_equal(t.size, 10 << 20);
	assert_int_equal(t.wait, 65000);
	assert_int_equal(strv_len(t.args), 2);
	assert_string_equal(strv_env_get(t.env, "A"), "1=2");
	assert_string_equal(strv_env_get(t.env, "B"), "");
	assert_int_equal(t.leaves.n, 2);
	leaves = t.leaves.items;
	assert_string_equal(leaves[0].id, "x");
	assert_int_equal(leaves[1].port, -3);
	fini(&t);
	assert_null(t.host);
	fini(&t);
}

static void
numbers_of_bytes_and_seconds_need_no_unit(void **state UNUSED)
{
	struct thing t = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(
	    decode("{\"host\":\"h\",\"size\":4096,\"wait\":90}", &t, &err), 0);
	assert_int_equal(t.size, 4096);
	assert_int_equal(t.wait, 90000);
	assert_int_equal(decode("{\"host\":\"h\",\"wait\":0.25}", &t, &err), 0);
	assert_int_equal(t.wait, 250);
	fini(&t);
}

/* What a person reads: where it is, and what is wrong there. */
static void
messages_name_the_place(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "{}", "host: is required" },
		{ "{\"host\":null}", "host: is required" },
		{ "{\"host\":1}", "host: not a string" },
		{ "{\"host\":\"a\\u0000b\"}", "not JSON: line 1 column" },
		{ "{\"on\":1}", "on: neither true nor false" },
		{ "{\"port\":\"1\"}", "port: not an integer" },
		{ "{\"port\":1.5}", "port: not an integer" },
		{ "{\"port\":0}", "port: 0 is not between 1 and 65535" },
		{ "{\"port\":65536}", "port: 65536 is not between" },
		{ "{\"port\":9223372036854775808}", "not JSON" },
		{ "{\"size\":-1}", "size: neither a number of bytes" },
		{ "{\"size\":\"1Q\"}", "size: \"1Q\" is not a size" },
		{ "{\"size\":1.5}", "size: neither a number of bytes" },
		{ "{\"wait\":-1}", "wait: neither a number of seconds" },
		{ "{\"wait\":-0.5}", "wait: neither a number of seconds" },
		{ "{\"wait\":1e300}", "wait: neither a number of seconds" },
		{ "{\"wait\":true}", "wait: neither a number of seconds" },
		{ "{\"wait\":\"soon\"}", "wait: \"soon\" is not a duration" },
		{ "{\"wait\":9223372036854775807}", "wait: neither a number" },
		{ "{\"args\":\"a\"}", "args: not a list of strings" },
		{ "{\"args\":[\"a\",1]}", "args: item 1 is not a string" },
		{ "{\"env\":[]}", "env: not a map of strings" },
		{ "{\"env\":{\"A\":1}}", "env: \"A\" is not a name with a" },
		{ "{\"env\":{\"A=B\":\"\"}}", "env: \"A=B\" is not a name" },
		{ "{\"env\":{\"\":\"\"}}", "env: \"\" is not a name" },
		{ "{\"leaves\":{}}", "leaves: not a list" },
		{ "{\"leaves\":[1]}", "leaves[0]: not an object" },
		{ "{\"leaves\":[{\"id\":\"x\"},{}]}",
		  "leaves[1].id: is required" },
		{ "{\"leaves\":[{\"id\":2}]}", "leaves[0].id: not a string" },
		{ "{\"hots\":\"h\"}", "hots: unknown name" },
		{ "[]", "not an object" },
		{ "", "not JSON: line 1 column 0" },
		{ "1", "not JSON" },
		{ "{\"host\":\"a\",\"host\":\"b\"}", "duplicate object key" },
		{ "{\"host\":\"\xff\"}", "not JSON" },
		{ "{\"host\":\"h\"} x", "not JSON" },
		{ "{\n\"host\":\n}", "not JSON: line 3" },
		{ "{\"host\":NaN}", "not JSON" },
		{ "{\"host\":'h'}", "not JSON" },
		{ "{\"host\":\"h\",}", "not JSON" },
		{ "{\"port\":01}", "not JSON" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct thing t = { 0 };
		struct err err = ERR_INIT;

		if (decode(rows[i][0], &t, &err) == 0)
			fail_msg("%s was taken", rows[i][0]);
		assert_err(err, ERR_INVALID, rows[i][1]);
		fini(&t);
	}
}

static void
mistyped_name_is_answered_with_the_near_or_all(void **state UNUSED)
{
	struct thing t = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(decode("{\"hots\":\"h\"}", &t, &err), -1);
	assert_string_equal(err.hint, "did you mean \"host\"?");
	assert_int_equal(decode("{\"unheard\":\"h\"}", &t, &err), -1);
	assert_string_equal(err.hint, "known here: host, on, port, size, wait, "
				      "args, env, leaves");
	assert_int_equal(decode("{\"leaves\":[{\"di\":\"h\"}]}", &t, &err), -1);
	assert_err(err, ERR_INVALID, "leaves[0].di: unknown name");
	assert_string_equal(err.hint, "did you mean \"id\"?");
	fini(&t);
}

static void
foreign_answers_may_hold_more_than_we_know(void **state UNUSED)
{
	static const char text[] = "{\"new\":[1,{\"x\":2}],\"host\":\"h\"}";
	struct thing t = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(json_decode_text(text, strlen(text), fields,
					  ARRAY_SIZE(fields), JSON_UNKNOWN_OK,
					  &t, &err),
			 0);
	assert_string_equal(t.host, "h");
	fini(&t);
}

/* A configuration that is read again replaces all that it names. */
static void
decoding_again_replaces_without_a_leak(void **state UNUSED)
{
	static const char text[] =
	    "{\"host\":\"h\",\"args\":[\"a\"],\"env\":{\"A\":\"1\"},"
	    "\"leaves\":[{\"id\":\"x\"}]}";
	struct thing t = { 0 };
	struct err err = ERR_INIT;

	for (int i = 0; i < 3; i++)
		assert_int_equal(decode(text, &t, &err), 0);
	assert_int_equal(
	    decode("{\"host\":\"h\",\"leaves\":[],\"args\":[]}", &t, &err), 0);
	assert_int_equal(t.leaves.n, 0);
	assert_int_equal(strv_len(t.args), 0);
	fini(&t);
}

/* 64 KiB of arguments are many; a list of 300,000 must not take seconds. */
static void
long_list_of_strings_takes_linear_time(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(4u << 20);
	struct thing t = { 0 };
	struct err err = ERR_INIT;
	uint64_t start;

	assert_int_equal(buf_adds(&text, "{\"host\":\"h\",\"args\":[\"\""), 0);
	for (int i = 1; i < 300000; i++)
		assert_int_equal(buf_adds(&text, ",\"\""), 0);
	assert_int_equal(buf_adds(&text, "]}"), 0);
	start = clock_mono_ms();
	assert_int_equal(decode(buf_text(&text), &t, &err), 0);
	assert_true(clock_mono_ms() - start < 4000);
	assert_int_equal(strv_len(t.args), 300000);
	strv_add(&t.args, "more");
	assert_string_equal(t.args[300000], "more");
	fini(&t);
}

static void
deep_nesting_is_refused_not_followed(void **state UNUSED)
{
	AUTO_FREE char *text = xmalloc(200001);
	struct err err = ERR_INIT;

	memset(text, '[', 200000);
	text[200000] = '\0';
	assert_null(json_parse(text, 200000, &err));
	assert_err(err, ERR_INVALID, "not JSON");
}

static void
loose_look_gives_fallbacks(void **state UNUSED)
{
	static const char text[] =
	    "{\"s\":\"x\",\"n\":5,\"b\":true,\"a\":[\"p\",{\"q\":1}]}";
	struct err err = ERR_INIT;
	AUTO_JSON *value = json_parse(text, strlen(text), &err);
	const struct json_t *list = json_get(value, "a");

	assert_string_equal(json_get_text(value, "s", "-"), "x");
	assert_string_equal(json_get_text(value, "n", "-"), "-");
	assert_string_equal(json_get_text(NULL, "s", "-"), "-");
	assert_int_equal(json_get_int(value, "n", 1), 5);
	assert_int_equal(json_get_int(value, "s", 1), 1);
	assert_true(json_get_bool(value, "b", false));
	assert_true(json_get_bool(value, "none", true));
	assert_int_equal(json_len(list), 2);
	assert_string_equal(json_text(json_at(list, 0)), "p");
	assert_int_equal(json_get_int(json_at(list, 1), "q", 0), 1);
	assert_null(json_at(list, 2));
	assert_null(json_get(list, "q"));
	assert_int_equal(json_len(NULL), 0);
	assert_null(json_text(list));
}

struct inner {
	int64_t limit;
	char *note;
};

struct outer {
	int level;
	struct inner inner;
	struct json_list inners;
};

static const char *const levels[] = { "low", "middle", "high", NULL };

static const struct json_field inner_fields[] = {
	JSON_F(struct inner, limit, INT, false),
	JSON_F(struct inner, note, STR, false),
};

static void
init_inner(void *item, const void *arg)
{
	((struct inner *)item)->limit = *(const int64_t *)arg;
}

static const int64_t usual_limit = 7;

static const struct json_field outer_fields[] = {
	{ .name = "level",
	  .type = JSON_WORD_T,
	  .offset = offsetof(struct outer, level),
	  .words = levels },
	{ .name = "inner",
	  .type = JSON_OBJECT_T,
	  .offset = offsetof(struct outer, inner),
	  .item = inner_fields,
	  .n_item = ARRAY_SIZE(inner_fields) },
	{ .name = "inners",
	  .type = JSON_LIST_T,
	  .offset = offsetof(struct outer, inners),
	  .item = inner_fields,
	  .n_item = ARRAY_SIZE(inner_fields),
	  .item_size = sizeof(struct inner),
	  .item_init = init_inner,
	  .item_arg = &usual_limit },
};

static int
decode_outer(const char *text, struct outer *out, struct err *err)
{
	return json_decode_text(text, strlen(text), outer_fields,
				ARRAY_SIZE(outer_fields), 0, out, err);
}

static void
words_objects_and_prepared_items_are_decoded(void **state UNUSED)
{
	struct outer out = { 0 }, copy = { 0 };
	struct err err = ERR_INIT;
	const struct inner *items;

	assert_int_equal(decode_outer("{\"level\":\"high\","
				      "\"inner\":{\"note\":\"n\"},"
				      "\"inners\":[{},{\"limit\":9}]}",
				      &out, &err),
			 0);
	assert_int_equal(out.level, 2);
	assert_string_equal(out.inner.note, "n");
	items = out.inners.items;
	assert_int_equal(items[0].limit, 7);
	assert_int_equal(items[1].limit, 9);
	json_fields_copy(outer_fields, 2, &copy, &out);
	assert_int_equal(copy.level, 2);
	assert_string_equal(copy.inner.note, "n");
	assert_ptr_not_equal(copy.inner.note, out.inner.note);
	json_fields_fini(outer_fields, 2, &copy);
	json_fields_fini(outer_fields, ARRAY_SIZE(outer_fields), &out);
}

static void
wrong_word_is_told_the_near_one(void **state UNUSED)
{
	static const struct {
		const char *text, *msg, *hint;
	} rows[] = {
		{ "{\"level\":\"hihg\"}",
		  "level: \"hihg\" is not one of its words",
		  "did you mean \"high\"?" },
		{ "{\"level\":\"zzz\"}", "level: \"zzz\"",
		  "known here: low, middle, high" },
		{ "{\"inner\":{\"limt\":1}}", "inner.limt: unknown name",
		  "did you mean \"limit\"?" },
		{ "{\"inner\":{\"limit\":\"x\"}}",
		  "inner.limit: not an integer", "" },
		{ "{\"inner\":3}", "inner: not a map", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct outer out = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(decode_outer(rows[i].text, &out, &err), -1);
		assert_err(err, ERR_INVALID, rows[i].msg);
		assert_string_equal(err.hint, rows[i].hint);
		json_fields_fini(outer_fields, ARRAY_SIZE(outer_fields), &out);
	}
}

static void
tree_can_be_changed_in_its_order(void **state UNUSED)
{
	static const char text[] = "{\"b\":1,\"a\":[1,2,3],\"c\":3}";
	struct err err = ERR_INIT;
	AUTO_JSON *value = json_parse(text, strlen(text), &err);
	AUTO_FREE char *dumped = NULL;

	json_set(value, "b", json_make_bool(true));
	json_remove_at(json_find(value, "a"), 1);
	assert_true(json_remove(value, "c"));
	assert_false(json_remove(value, "c"));
	dumped = json_dump(value);
	assert_string_equal(dumped, "{\"b\":true,\"a\":[1,3]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_finds_its_place),
		cmocka_unit_test(numbers_of_bytes_and_seconds_need_no_unit),
		cmocka_unit_test(messages_name_the_place),
		cmocka_unit_test(
		    mistyped_name_is_answered_with_the_near_or_all),
		cmocka_unit_test(foreign_answers_may_hold_more_than_we_know),
		cmocka_unit_test(decoding_again_replaces_without_a_leak),
		cmocka_unit_test(long_list_of_strings_takes_linear_time),
		cmocka_unit_test(deep_nesting_is_refused_not_followed),
		cmocka_unit_test(loose_look_gives_fallbacks),
		cmocka_unit_test(words_objects_and_prepared_items_are_decoded),
		cmocka_unit_test(wrong_word_is_told_the_near_one),
		cmocka_unit_test(tree_can_be_changed_in_its_order),
	};

	return RUN_TESTS(tests);
}
