/* SPDX-License-Identifier: ISC */

#include "core/buf.h"
#include "tests/unit/unit.h"

#include <string.h>

/* The invariant of buf.c, seen from outside. */
static void
assert_sane_buf(const struct buf *buf)
{
	if (buf->data == NULL) {
		assert_int_equal(buf->start + buf->len + buf->size, 0);
		return;
	}
	assert_true(buf->start + buf->len < buf->size);
	assert_int_equal(buf->data[buf->start + buf->len], 0);
	assert_true(buf->len <= buf->max);
}

static void
empty_buffer_reads_as_empty_text(void **state UNUSED)
{
	AUTO_BUF buf = BUF_INIT(10);
	AUTO_BUF zero = { 0 };

	assert_string_equal(buf_text(&buf), "");
	assert_string_equal(buf_text(&zero), "");
	assert_int_equal(buf_addc(&zero, 'x'), -1);
	assert_int_equal(buf_add(&zero, NULL, 0), 0);
	assert_sane_buf(&zero);
}

static void
text_is_terminated_after_every_append(void **state UNUSED)
{
	AUTO_BUF buf = BUF_INIT(1000);

	assert_int_equal(buf_adds(&buf, "one "), 0);
	assert_int_equal(buf_addc(&buf, '2'), 0);
	assert_int_equal(buf_addf(&buf, " %s %d", "three", 4), 0);
	assert_string_equal(buf_text(&buf), "one 2 three 4");
	assert_sane_buf(&buf);
}

static void
append_beyond_the_maximum_changes_nothing(void **state UNUSED)
{
	AUTO_BUF buf = BUF_INIT(4);

	assert_int_equal(buf_adds(&buf, "abc"), 0);
	assert_int_equal(buf_adds(&buf, "de"), -1);
	assert_int_equal(buf_addf(&buf, "%s", "de"), -1);
	assert_null(buf_reserve(&buf, 2));
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_string_equal(buf_text(&buf), "abc");
	assert_int_equal(buf_addc(&buf, 'd'), 0);
	assert_string_equal(buf_text(&buf), "abcd");
	assert_sane_buf(&buf);
}

static void
consumed_bytes_make_room_again(void **state UNUSED)
{
	AUTO_BUF buf = BUF_INIT(4);

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(buf_adds(&buf, "abcd"), 0);
		buf_consume(&buf, 3);
		assert_string_equal(buf_text(&buf), "d");
		buf_consume(&buf, 1);
		assert_int_equal(buf.len, 0);
	}
	assert_true(buf.size <= 256);
}

static void
taken_text_is_the_callers_and_the_buffer_empty(void **state UNUSED)
{
	AUTO_BUF buf = BUF_INIT(100);
	AUTO_FREE char *text = NULL, *none = NULL;

	assert_int_equal(buf_adds(&buf, "hello world"), 0);
	buf_consume(&buf, 6);
	text = buf_take(&buf);
	assert_string_equal(text, "world");
	assert_sane_buf(&buf);
	assert_int_equal(buf.max, 100);
	none = buf_take(&buf);
	assert_string_equal(none, "");
}

static void
finished_buffer_can_be_used_and_finished_again(void **state UNUSED)
{
	struct buf buf;

	buf_init(&buf, 8);
	assert_int_equal(buf_adds(&buf, "x"), 0);
	buf_fini(&buf);
	buf_fini(&buf);
	assert_int_equal(buf_adds(&buf, "12345678"), 0);
	assert_string_equal(buf_text(&buf), "12345678");
	buf_fini(&buf);
}

/* A queue of bytes is what it promises to be, whatever the order of calls. */
static void
random_appends_and_consumes_behave_like_a_queue(void **state UNUSED)
{
	AUTO_BUF buf = BUF_INIT(5000);
	uint8_t put = 0, got = 0;

	for (int round = 0; round < 20000; round++) {
		size_t n = unit_below(600);

		if (unit_below(2)) {
			uint8_t *room = buf_reserve(&buf, n);

			assert_int_equal(room == NULL, buf.len + n > buf.max);
			for (size_t i = 0; room && i < n; i++)
				room[i] = put++;
			if (room)
				buf_commit(&buf, n);
		} else {
			n = MIN(n, buf.len);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(buf_bytes(&buf)[i], got++);
			buf_consume(&buf, n);
		}
		assert_int_equal((uint8_t)(put - got), (uint8_t)buf.len);
		assert_sane_buf(&buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_buffer_reads_as_empty_text),
		cmocka_unit_test(text_is_terminated_after_every_append),
		cmocka_unit_test(append_beyond_the_maximum_changes_nothing),
		cmocka_unit_test(consumed_bytes_make_room_again),
		cmocka_unit_test(
		    taken_text_is_the_callers_and_the_buffer_empty),
		cmocka_unit_test(
		    finished_buffer_can_be_used_and_finished_again),
		cmocka_unit_test(
		    random_appends_and_consumes_behave_like_a_queue),
	};

	return RUN_TESTS(tests);
}
