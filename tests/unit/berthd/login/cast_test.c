/* SPDX-License-Identifier: ISC */

#include "berthd/login/cast.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"

#define MAX_CAST (4u << 20)

/* What the last recording said of its being cut. */
static struct err cut;
static unsigned n_cuts;

static void
on_cut(void *owner UNUSED, const struct err *why)
{
	cut = *why;
	n_cuts++;
}

static char *
start(struct cast *cast, unsigned version, uint64_t max)
{
	static unsigned n;
	static const char *dir;
	AUTO_FREE char *name = xasprintf("%u.cast", n++);
	char *path;
	struct cast_config config = { .version = version,
				      .cols = 80,
				      .rows = 24,
				      .term = "xterm",
				      .title = "a \"b\"",
				      .max_bytes = max,
				      .on_cut = on_cut };
	struct err err = ERR_INIT;

	n_cuts = 0;
	dir = dir ? dir : unit_temp_dir();
	path = path_join(dir, name);
	assert_int_equal(cast_open(cast, path, &config, &err), 0);
	return path;
}

/* What the events of one kind say, joined; every line must be JSON. */
static void
read_events(const char *path, const char *code, struct buf *out)
{
	AUTO_BUF text = BUF_INIT(MAX_CAST);
	struct err err = ERR_INIT;
	const char *line;
	bool header = true;

	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	for (line = buf_text(&text); *line; line += strcspn(line, "\n") + 1) {
		AUTO_JSON *value = json_parse(line, strcspn(line, "\n"), &err);

		if (value == NULL)
			fail_msg("%s", err.msg);
		if (header)
			assert_true(json_get_int(value, "version", 0) >= 2);
		else {
			assert_int_equal(json_len(value), 3);
			if (str_eq(json_text(json_at(value, 1)), code))
				(void)buf_adds(out,
					       json_text(json_at(value, 2)));
		}
		header = false;
	}
}

static void
headers_are_those_of_their_version(void **state UNUSED)
{
	for (unsigned version = 2; version <= 3; version++) {
		struct cast cast;
		AUTO_FREE char *path = start(&cast, version, MAX_CAST);
		AUTO_BUF text = BUF_INIT(MAX_CAST);
		struct err err = ERR_INIT;
		struct stat st;

		cast_close(&cast, 0);
		assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
		if (version == 2)
			assert_non_null(strstr(buf_text(&text),
					       "{\"version\":2,\"width\":80,"
					       "\"height\":24,"));
		else
			assert_non_null(
			    strstr(buf_text(&text),
				   "{\"version\":3,\"term\":{\"cols\":80,"
				   "\"rows\":24,\"type\":\"xterm\"},"));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

/* Cut at every place, the text is the same. */
static void
characters_that_are_cut_are_put_together(void **state UNUSED)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
	size_t n = strlen(text);

	for (size_t i = 0; i <= n; i++) {
		for (size_t j = i; j <= n; j++) {
			struct cast cast;
			AUTO_FREE char *path = start(&cast, 3, MAX_CAST);
			AUTO_BUF out = BUF_INIT(MAX_CAST);

			cast_output(&cast, text, i);
			cast_output(&cast, text + i, j - i);
			cast_output(&cast, text + j, n - j);
			cast_close(&cast, 0);
			read_events(path, "o", &out);
			assert_string_equal(buf_text(&out), text);
			assert_int_equal(unlink(path), 0);
		}
	}
}

static void
any_bytes_become_json(void **state UNUSED)
{
	struct cast cast;
	AUTO_FREE char *path = start(&cast, 2, MAX_CAST);
	AUTO_BUF out = BUF_INIT(MAX_CAST);

	for (int i = 0; i < 500; i++) {
		uint8_t bytes[40];
		size_t n = unit_below(sizeof(bytes));

		for (size_t j = 0; j < n; j++)
			bytes[j] = (uint8_t)unit_below(256);
		cast_output(&cast, bytes, n);
	}
	cast_close(&cast, 0);
	read_events(path, "o", &out);
	assert_true(utf8_valid(buf_text(&out), out.len));
	assert_true(out.len > 5000);
}

static void
sizes_input_and_the_end_are_events(void **state UNUSED)
{
	struct cast cast;
	AUTO_FREE char *path = start(&cast, 3, MAX_CAST);
	AUTO_BUF out = BUF_INIT(MAX_CAST);

	cast_resize(&cast, 100, 30);
	cast_input(&cast, "x", 1);
	cast_close(&cast, 7);
	read_events(path, "r", &out);
	read_events(path, "i", &out);
	read_events(path, "x", &out);
	assert_string_equal(buf_text(&out), "100x30x7");
}

static void
a_full_recording_says_so_and_ends(void **state UNUSED)
{
	struct cast cast;
	AUTO_FREE char *path = start(&cast, 3, 2000);
	AUTO_BUF out = BUF_INIT(MAX_CAST);
	struct stat st;

	for (int i = 0; i < 100; i++)
		cast_output(&cast, "0123456789", 10);
	cast_close(&cast, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 2000 && st.st_size > 1500);
	read_events(path, "m", &out);
	assert_string_equal(buf_text(&out), "the recording is full");
	assert_int_equal(n_cuts, 1);
	assert_err(cut, ERR_LIMIT, "largest size");
}

static void
an_end_that_was_recorded_is_no_cut(void **state UNUSED)
{
	struct cast cast;

	free(start(&cast, 3, MAX_CAST));
	cast_output(&cast, "x", 1);
	cast_close(&cast, 0);
	assert_int_equal(n_cuts, 0);
}

/* No file of this process grows beyond `n' bytes: the kernel writes a part. */
static void
limit_files(rlim_t n)
{
	static bool is_known;
	static struct rlimit usual;
	struct rlimit limit;

	if (!is_known)
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	is_known = true;
	limit = usual;
	if (n > 0)
		limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
}

/* Wherever the space ends. */
static void
what_does_not_fit_on_the_disk_leaves_whole_lines(void **state UNUSED)
{
	for (rlim_t max = 200; max < 500; max++) {
		struct cast cast;
		AUTO_FREE char *path = start(&cast, 3, MAX_CAST);
		AUTO_BUF out = BUF_INIT(MAX_CAST);
		struct stat st;

		limit_files(max);
		for (int i = 0; i < 10; i++)
			cast_output(&cast, "0123456789 0123456789", 21);
		cast_close(&cast, 0);
		limit_files(0);
		assert_int_equal(stat(path, &st), 0);
		assert_in_range(st.st_size, max - 60, max);
		read_events(path, "o", &out);
		assert_int_equal(n_cuts, 1);
		assert_err(cut, ERR_SYSTEM, "File too large");
	}
}

static void
space_for_a_word_is_used_to_say_that_the_rest_is_missing(void **state UNUSED)
{
	struct cast cast;
	AUTO_FREE char *path = start(&cast, 2, MAX_CAST);
	AUTO_BUF out = BUF_INIT(MAX_CAST);
	char text[500];

	memset(text, 'x', sizeof(text));
	limit_files(400);
	cast_output(&cast, text, sizeof(text));
	limit_files(0);
	read_events(path, "m", &out);
	assert_string_equal(buf_text(&out), "the rest could not be written");
}

static void
a_recording_that_cannot_begin_leaves_no_file(void **state UNUSED)
{
	struct cast cast;
	AUTO_FREE char *path = path_join(unit_temp_dir(), "never.cast");
	struct cast_config config = { .version = 3, .max_bytes = MAX_CAST };
	struct err err = ERR_INIT;
	struct stat st;
	int rc;

	limit_files(10);
	rc = cast_open(&cast, path, &config, &err);
	limit_files(0);
	assert_int_equal(rc, -1);
	assert_err(err, ERR_SYSTEM, "record to");
	assert_int_equal(stat(path, &st), -1);
}

/* The sum of all times of a recording of version 3. */
static double
seconds_of(const char *path)
{
	AUTO_BUF text = BUF_INIT(MAX_CAST);
	struct err err = ERR_INIT;
	double sum = 0;

	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	for (const char *line = buf_text(&text); (line = strstr(line, "\n["));
	     line += 2)
		sum += strtod(line + 2, NULL);
	return sum;
}

static void
the_time_of_what_did_not_fit_is_not_lost(void **state UNUSED)
{
	struct cast cast;
	AUTO_FREE char *path = start(&cast, 3, 600);
	uint64_t until = clock_boot_ns() + 20 * NS_PER_MS;
	char text[500] = "";

	while (clock_boot_ns() < until)
		;
	memset(text, 'x', sizeof(text));
	cast_output(&cast, text, sizeof(text));
	assert_int_equal(n_cuts, 1);
	assert_true(seconds_of(path) >= 0.02);
}

static void
a_recording_is_never_overwritten(void **state UNUSED)
{
	struct cast cast, second;
	AUTO_FREE char *path = start(&cast, 3, MAX_CAST);
	struct cast_config config = { .version = 3, .max_bytes = MAX_CAST };
	struct err err = ERR_INIT;

	cast_close(&cast, 0);
	assert_int_equal(cast_open(&second, path, &config, &err), -1);
	assert_err(err, ERR_SYSTEM, "record to");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_those_of_their_version),
		cmocka_unit_test(characters_that_are_cut_are_put_together),
		cmocka_unit_test(any_bytes_become_json),
		cmocka_unit_test(sizes_input_and_the_end_are_events),
		cmocka_unit_test(a_full_recording_says_so_and_ends),
		cmocka_unit_test(an_end_that_was_recorded_is_no_cut),
		cmocka_unit_test(
		    what_does_not_fit_on_the_disk_leaves_whole_lines),
		cmocka_unit_test(
		    space_for_a_word_is_used_to_say_that_the_rest_is_missing),
		cmocka_unit_test(a_recording_that_cannot_begin_leaves_no_file),
		cmocka_unit_test(the_time_of_what_did_not_fit_is_not_lost),
		cmocka_unit_test(a_recording_is_never_overwritten),
	};

	return RUN_TESTS(tests);
}
