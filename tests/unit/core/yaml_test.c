/* SPDX-License-Identifier: ISC */

#include "core/yaml.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"

struct project {
	char *id;
	int64_t depth;
};

struct config {
	char *listen;
	bool on;
	int64_t count;
	uint64_t size;
	char **roots;
	char **env;
	struct json_list projects;
};

static const struct json_field project_fields[] = {
	JSON_F(struct project, id, STR, true),
	JSON_F(struct project, depth, INT, false),
};

static const struct json_field fields[] = {
	JSON_F(struct config, listen, STR, false),
	JSON_F(struct config, on, BOOL, false),
	JSON_F(struct config, count, INT, false),
	JSON_F(struct config, size, BYTES, false),
	JSON_F(struct config, roots, STRS, false),
	JSON_F(struct config, env, MAP, false),
	{ .name = "projects",
	  .type = JSON_LIST_T,
	  .offset = offsetof(struct config, projects),
	  .item = project_fields,
	  .n_item = ARRAY_SIZE(project_fields),
	  .item_size = sizeof(struct project) },
};

static int
decode_n(const void *text, size_t len, struct config *out, struct err *err)
{
	return yaml_decode("c.yaml", text, len, fields, ARRAY_SIZE(fields), out,
			   err);
}

static int
decode(const char *text, struct config *out, struct err *err)
{
	return decode_n(text, strlen(text), out, err);
}

static void
fini(struct config *config)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), config);
}

static void
assert_example(const char *text)
{
	struct config c = { .count = 200 };
	struct err err = ERR_INIT;
	const struct project *projects;

	if (decode(text, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.listen, "127.0.0.1:7337");
	assert_true(c.on);
	assert_int_equal(c.count, 200);
	assert_int_equal(c.size, 50 << 20);
	assert_int_equal(strv_len(c.roots), 2);
	assert_string_equal(c.roots[1], "/home/h\xc3\xa9");
	assert_string_equal(strv_env_get(c.env, "A"), "1");
	assert_int_equal(c.projects.n, 2);
	projects = c.projects.items;
	assert_string_equal(projects[0].id, "7");
	assert_int_equal(projects[1].depth, -2);
	fini(&c);
}

static void
block_style_is_read(void **state UNUSED)
{
	assert_example("# configuration\n"
		       "listen: 127.0.0.1:7337\n"
		       "on: true\n"
		       "count: ~   # the default\n"
		       "size: 50M\n"
		       "roots:\n"
		       "  - /srv\n"
		       "  - \"/home/h\\u00e9\"\n"
		       "env: {A: '1'}\n"
		       "projects:\n"
		       "- id: '7'\n"
		       "- id: x\n"
		       "  depth: -2\n");
}

static void
json_is_read_as_the_subset_it_is(void **state UNUSED)
{
	assert_example("{\n\t\"listen\":\"127.0.0.1:7337\",\"on\":true,\n"
		       "\t\"size\": 52428800,\n"
		       "\t\"roots\":[\"\\/srv\",\"/home/h\\u00e9\"],\n"
		       "\t\"env\":{\"A\":\"1\"},\n"
		       "\t\"projects\":[{\"id\":\"7\"},"
		       "{\"id\":\"x\",\"depth\":-2}]\n}\n");
}

static void
file_without_content_means_the_defaults(void **state UNUSED)
{
	static const char *const rows[] = {
		"",   "\n\n", "# only this\n", "---\n", "--- # x\n...\n",
		"{}", "~\n"
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config c = { .count = 200 };
		struct err err = ERR_INIT;

		if (decode(rows[i], &c, &err) < 0)
			fail_msg("\"%s\": %s", rows[i], err.msg);
		assert_int_equal(c.count, 200);
	}
}

/* One line that names file, line, key and what was expected. */
static void
messages_name_file_line_and_key(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "on: true\ncount: many\n",
		  "c.yaml:2: count: not an integer" },
		{ "count: '5'\n", "c.yaml:1: count: not an integer" },
		{ "on: yes\n", "c.yaml:1: on: neither true nor false" },
		{ "listen: 7337\n", "c.yaml:1: listen: not a string" },
		{ "on: true\n\nsize: 5Q\n", "c.yaml:3: size: \"5Q\" is not" },
		{ "cuont: 5\n", "c.yaml:1: cuont: unknown name" },
		{ "roots: /srv\n", "c.yaml:1: roots: not a list of strings" },
		{ "roots:\n- a\n- 5\n", "c.yaml:1: roots: item 1 is not" },
		{ "env:\n  A: 1\n", "c.yaml:1: env: \"A\" is not a name" },
		{ "projects:\n- id: a\n-\n  depth: 1\n",
		  "c.yaml:4: projects[1].id: is required" },
		{ "projects:\n- id: a\n  depth: x\n",
		  "c.yaml:3: projects[0].depth: not an integer" },
		{ "projects:\n- id: a\n- 5\n",
		  "c.yaml:3: projects[1]: not an object" },
		{ "projects:\n- id: a\n  nmae: x\n",
		  "c.yaml:3: projects[0].nmae: unknown name" },
		{ "on: true\ncount: 1\non: false\n",
		  "c.yaml:3: on: stands twice" },
		{ "projects:\n- id: a\n  id: b\n",
		  "c.yaml:3: projects[0].id: stands twice" },
		{ "{\"on\":true,\n\"on\":true}", "c.yaml:2: on: stands twice" },
		{ "a: &x 1\nb: *x\n",
		  "c.yaml:1: a: anchors, aliases and tags" },
		{ "roots: *x\n", "c.yaml:1: roots: anchors" },
		{ "on: !!bool true\n", "c.yaml:1: on: anchors" },
		{ "? [a]\n: 1\n", "c.yaml:1: a key must be text" },
		{ "&x on: true\n", "c.yaml:1: anchors" },
		{ "<<: {on: true}\n", "c.yaml:1: <<: unknown name" },
		{ "on: true\n---\non: false\n",
		  "c.yaml:2: a second document starts here" },
		{ "on: [\n", "c.yaml:2: " },
		{ "on: true\n\tcount: 1\n", "c.yaml:2: found a tab" },
		{ "on: true\n  count: 1\n", "c.yaml:2: mapping values" },
		{ "on: \"open\n", "c.yaml:2: found unexpected end of stream" },
		{ "- on\n", "c.yaml:1: not an object" },
		{ "just text\n", "c.yaml:1: not an object" },
		{ "on: true\ncount: 1\nlisten: \xff\n",
		  "c.yaml:3: invalid leading UTF-8 octet" },
		{ "on: true\nlisten: a\x01z\n",
		  "c.yaml:2: control characters are not allowed" },
		{ "\"on\\0x\": true\n", "c.yaml:1: a key must be text" },
		{ "on: true\nlisten: \"a\\0b\"\n",
		  "c.yaml:2: listen: contains a NUL" },
		{ "count: 99999999999999999999\n",
		  "c.yaml:1: count: not an integer" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config c = { 0 };
		struct err err = ERR_INIT;

		if (decode(rows[i][0], &c, &err) == 0)
			fail_msg("taken: %s", rows[i][0]);
		assert_err(err, ERR_CONFIG, rows[i][1]);
		assert_null(strchr(err.msg, '\n'));
		fini(&c);
	}
}

static void
mistyped_key_is_answered_with_the_near_or_all(void **state UNUSED)
{
	struct config c = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(decode("cuont: 5\n", &c, &err), -1);
	assert_string_equal(err.hint, "did you mean \"count\"?");
	assert_int_equal(decode("unheard: 5\n", &c, &err), -1);
	assert_string_equal(err.hint, "known here: listen, on, count, size, "
				      "roots, env, projects");
}

/* A billion laughs, and brackets without end: answered at once. */
static void
bombs_are_refused_at_once(void **state UNUSED)
{
	static const char laughs[] = "a: &a [x,x,x,x,x,x,x,x,x]\n"
				     "b: &b [*a,*a,*a,*a,*a,*a,*a]\n"
				     "c: &c [*b,*b,*b,*b,*b,*b,*b]\n"
				     "d: &d [*c,*c,*c,*c,*c,*c,*c]\n";
	static const char *const openers[] = { "[", "{a: ", "- ", "? " };
	uint64_t start = clock_mono_ms();
	struct config c = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(decode(laughs, &c, &err), -1);
	assert_err(err, ERR_CONFIG, "c.yaml:1: a: anchors, aliases and tags");
	for (size_t i = 0; i < ARRAY_SIZE(openers); i++) {
		AUTO_BUF text = BUF_INIT(1u << 20);

		for (int n = 0; n < 100000; n++)
			assert_int_equal(buf_adds(&text, openers[i]), 0);
		assert_int_equal(decode_n(buf_bytes(&text), text.len, &c, &err),
				 -1);
		assert_int_equal(err.code, ERR_CONFIG);
	}
	assert_true(clock_mono_ms() - start < 3000);
	fini(&c);
}

static void
nesting_is_allowed_to_a_depth(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1000);
	struct config c = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(buf_adds(&text, "x: "), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_addc(&text, '['), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_addc(&text, ']'), 0);
	assert_int_equal(decode(buf_text(&text), &c, &err), -1);
	assert_err(err, ERR_CONFIG, "nested too deeply");
}

static void
file_is_named_as_it_was_asked_for(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *path = path_join(dir, "config.yaml");
	AUTO_FREE char *want = xasprintf("%s:1: on: neither", path);
	struct config c = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(
	    yaml_decode_file(path, fields, ARRAY_SIZE(fields), &c, &err), -1);
	assert_err(err, ERR_NOT_FOUND, path);
	assert_int_equal(
	    fs_write_atomic(fd, "config.yaml", "on: 1", 5, 0, &err), 0);
	assert_int_equal(
	    yaml_decode_file(path, fields, ARRAY_SIZE(fields), &c, &err), -1);
	assert_err(err, ERR_CONFIG, want);
	assert_int_equal(
	    fs_write_atomic(fd, "config.yaml", "on: true", 8, 0, &err), 0);
	assert_int_equal(
	    yaml_decode_file(path, fields, ARRAY_SIZE(fields), &c, &err), 0);
	assert_true(c.on);
}

/* Mangled configurations: any answer but a crash, and always one line. */
static void
random_damage_is_answered(void **state UNUSED)
{
	static const char good[] = "listen: 127.0.0.1:7337\nroots: [a, 'b']\n"
				   "projects:\n- id: \"x\"\n  depth: 1\n";
	static const char odd[] = "\n\t :-?[]{}'\"#&*!|>%@\\,\0\xff";

	for (int round = 0; round < 5000; round++) {
		struct config c = { 0 };
		struct err err = ERR_INIT;
		char text[sizeof(good)];

		memcpy(text, good, sizeof(good));
		for (size_t n = unit_below(6); n > 0; n--)
			text[unit_below(sizeof(good) - 1)] =
			    odd[unit_below(sizeof(odd) - 1)];
		if (decode_n(text, sizeof(good) - 1, &c, &err) < 0) {
			assert_int_equal(err.code, ERR_CONFIG);
			assert_memory_equal(err.msg, "c.yaml:", 7);
		}
		fini(&c);
	}
}

/* The text of a place. */
static void
assert_place(const char *text, const char *path, enum yaml_kind kind,
	     const char *wanted)
{
	struct yaml_places places;
	struct err err = ERR_INIT;
	const struct yaml_place *place;
	AUTO_FREE char *got = NULL;

	assert_int_equal(
	    yaml_find_places("c.yaml", text, strlen(text), &places, &err), 0);
	place = yaml_place_find(&places, path);
	assert_non_null(place);
	assert_int_equal(place->kind, kind);
	got = xstrndup(text + place->start, place->end - place->start);
	assert_string_equal(got, wanted);
	yaml_places_fini(&places);
}

static void
places_are_bytes_of_the_text(void **state UNUSED)
{
	static const char text[] = "\xef\xbb\xbf# \xc3\xa9\xe2\x82\xac\n"
				   "machines: # \xc3\xa9\n"
				   "  - name: \"\xc3\xa9\" # one\n"
				   "    env: {A: b, C: [d]} # two\n"
				   "    port: 22\r\n"
				   "  # between\n"
				   "  - name: b\n"
				   "    about: |\n"
				   "      much\n"
				   "\n"
				   "other:\n"
				   "  x: a\n"
				   "   b # plain over lines\n"
				   "empty:\n"
				   "last: 1";

	assert_place(text, "machines[0].name", YAML_KIND_SCALAR,
		     "\"\xc3\xa9\"");
	assert_place(text, "machines[0].env", YAML_KIND_FLOW, "{A: b, C: [d]}");
	assert_place(text, "machines[0].env.C", YAML_KIND_FLOW, "[d]");
	assert_place(text, "machines[0].port", YAML_KIND_SCALAR, "22");
	assert_place(text, "machines[0]", YAML_KIND_MAP,
		     "name: \"\xc3\xa9\" # one\n"
		     "    env: {A: b, C: [d]} # two\n    port: 22");
	assert_place(text, "machines[1].name", YAML_KIND_SCALAR, "b");
	assert_place(text, "other.x", YAML_KIND_SCALAR, "a\n   b");
	assert_place(text, "empty", YAML_KIND_SCALAR, "");
	assert_place(text, "last", YAML_KIND_SCALAR, "1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_style_is_read),
		cmocka_unit_test(json_is_read_as_the_subset_it_is),
		cmocka_unit_test(file_without_content_means_the_defaults),
		cmocka_unit_test(messages_name_file_line_and_key),
		cmocka_unit_test(mistyped_key_is_answered_with_the_near_or_all),
		cmocka_unit_test(bombs_are_refused_at_once),
		cmocka_unit_test(nesting_is_allowed_to_a_depth),
		cmocka_unit_test(file_is_named_as_it_was_asked_for),
		cmocka_unit_test(random_damage_is_answered),
		cmocka_unit_test(places_are_bytes_of_the_text),
	};

	return RUN_TESTS(tests);
}
