/* SPDX-License-Identifier: ISC */

#include "link/events.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"

static struct buf heard;

static void
on_line(const char *line, size_t n, void *owner UNUSED)
{
	(void)buf_add(&heard, line, n);
}

static void
read_file(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, path, out, &err), 0);
}

static void
an_event_is_a_line_of_json(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "events.jsonl");
	struct err why = ERR_INIT, err = ERR_INIT;
	AUTO_BUF text = BUF_INIT(65536);
	AUTO_JSON *value = NULL;
	struct events events;

	err_set(&why, ERR_AUTH, "no \"way\" in");
	events_init(&events, path, "gpu3", 1u << 20);
	events_write(&events, &(struct event){ .type = "failure",
					       .stage = "auth",
					       .err = &why,
					       .attempt = 2,
					       .ms = 12 });
	events_fini(&events);
	read_file(path, &text);
	value = json_parse(buf_bytes(&text), text.len, &err);
	assert_non_null(value);
	assert_string_equal(json_get_text(value, "machine", ""), "gpu3");
	assert_string_equal(json_get_text(value, "type", ""), "failure");
	assert_string_equal(json_get_text(value, "code", ""), "AUTH_FAILED");
	assert_string_equal(json_get_text(value, "message", ""),
			    "no \"way\" in");
	assert_int_equal(json_get_int(value, "attempt", 0), 2);
}

/* Two links, one file: whoever rotates it, the other follows. */
static void
a_long_file_is_replaced_and_no_line_is_cut(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "shared.jsonl");
	AUTO_FREE char *old = xasprintf("%s.1", path);
	AUTO_BUF text = BUF_INIT(65536);
	struct events links[2];
	struct stat st;

	events_init(&links[0], path, "a", 2000);
	events_init(&links[1], path, "b", 2000);
	for (int i = 0; i < 100; i++)
		events_write(&links[i % 2], &(struct event){ .type = "start" });
	events_fini(&links[0]);
	events_fini(&links[1]);
	assert_int_equal(stat(old, &st), 0);
	assert_in_range(st.st_size, 2000, 2200);
	read_file(path, &text);
	assert_in_range(text.len, 1, 2200);
	for (char *line = (char *)buf_bytes(&text); *line;) {
		size_t n = strcspn(line, "\n");

		assert_true(str_starts(line, "{\"time\":\""));
		assert_int_equal(line[n - 1], '}');
		line += n + 1;
	}
}

static void
followers_hear_what_is_new_and_late_ones_what_was(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "told.jsonl");
	struct events_follower follower = { .on_line = on_line };
	struct events events;

	buf_init(&heard, 1u << 20);
	events_init(&events, path, "a", 1u << 20);
	events_write(&events, &(struct event){ .type = "one" });
	events_follow(&events, &follower);
	events_write(&events, &(struct event){ .type = "two" });
	assert_null(strstr(buf_text(&heard), "one"));
	assert_non_null(strstr(buf_text(&heard), "two"));
	events_unfollow(&follower);
	events_write(&events, &(struct event){ .type = "three" });
	assert_null(strstr(buf_text(&heard), "three"));
	buf_clear(&heard);
	events_recent(&events, on_line, NULL);
	assert_non_null(strstr(buf_text(&heard), "one"));
	assert_non_null(strstr(buf_text(&heard), "three"));
	events_fini(&events);
	buf_fini(&heard);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_a_line_of_json),
		cmocka_unit_test(a_long_file_is_replaced_and_no_line_is_cut),
		cmocka_unit_test(
		    followers_hear_what_is_new_and_late_ones_what_was),
	};

	return RUN_TESTS(tests);
}
