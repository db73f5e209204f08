/* SPDX-License-Identifier: ISC */

#include "client/frames.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/client/fake.h"

/* What was handed on, as text: output joined, JSON in brackets. */
struct seen {
	struct buf text;
	uint64_t next[3];
	bool is_torn; /* output had a wrong offset */
	unsigned stop_at;
};

static int
on_frame(unsigned type, uint64_t offset, const void *bytes, size_t n,
	 void *owner)
{
	struct seen *seen = owner;

	if (type == FRAME_STDOUT || type == FRAME_STDERR) {
		seen->is_torn |= offset != seen->next[type];
		seen->next[type] = offset + n;
		(void)buf_add(&seen->text, bytes, n);
	} else {
		(void)buf_addf(&seen->text, "[%u:%.*s]", type, (int)n,
			       (const char *)bytes);
	}
	return type == seen->stop_at ? -1 : 0;
}

static void
add_all(struct buf *out)
{
	fake_frame(out, FRAME_STARTED, 0, "{}", 2);
	fake_frame(out, FRAME_STDOUT, 0, "one ", 4);
	fake_frame(out, FRAME_KEEPALIVE, 0, "", 0);
	fake_frame(out, FRAME_STDERR, 0, "two ", 4);
	fake_frame(out, FRAME_STDOUT, 4, "three", 5);
	fake_frame(out, FRAME_STDOUT, 9, "", 0);
	fake_frame(out, 99, 7, "news", 4);
	fake_frame(out, FRAME_FINISHED, 0, "{\"a\":1}", 7);
}

static const char all[] = "[4:{}]one [6:]two three[99:news][5:{\"a\":1}]";

static void
frames_arrive_whole_however_they_are_cut(void **state UNUSED)
{
	AUTO_BUF bytes = BUF_INIT(4096);

	add_all(&bytes);
	for (size_t step = 1; step <= bytes.len; step++) {
		struct seen seen = { .text = BUF_INIT(4096) };
		struct err err = ERR_INIT;
		struct frames frames;

		frames_init(&frames, on_frame, &seen);
		for (size_t at = 0; at < bytes.len; at += step)
			assert_int_equal(
			    frames_feed(&frames, buf_bytes(&bytes) + at,
					MIN(step, bytes.len - at), &err),
			    0);
		assert_string_equal(buf_text(&seen.text), all);
		assert_false(seen.is_torn);
		frames_fini(&frames);
		buf_fini(&seen.text);
	}
}

static void
a_malformed_header_is_refused(void **state UNUSED)
{
	uint8_t header[16] = { FRAME_STDOUT, 0, 1 };
	struct seen seen = { .text = BUF_INIT(4096) };
	struct err err = ERR_INIT;
	struct frames frames;

	frames_init(&frames, on_frame, &seen);
	assert_int_equal(frames_feed(&frames, header, 16, &err), -1);
	assert_err(err, ERR_PROTO, "malformed");
	frames_reset(&frames);
	header[2] = 0;
	header[0] = FRAME_GAP;
	header[7] = 0x7f;
	assert_int_equal(frames_feed(&frames, header, 16, &err), -1);
	assert_err(err, ERR_PROTO, "frame of");
	frames_fini(&frames);
}

static void
a_new_connection_drops_what_was_begun(void **state UNUSED)
{
	struct seen seen = { .text = BUF_INIT(4096) };
	AUTO_BUF bytes = BUF_INIT(4096);
	struct err err = ERR_INIT;
	struct frames frames;

	add_all(&bytes);
	frames_init(&frames, on_frame, &seen);
	assert_int_equal(frames_feed(&frames, buf_bytes(&bytes), 17, &err), 0);
	frames_reset(&frames);
	assert_int_equal(
	    frames_feed(&frames, buf_bytes(&bytes), bytes.len, &err), 0);
	assert_string_equal(buf_text(&seen.text), all);
	frames_fini(&frames);
	buf_fini(&seen.text);
}

static void
the_owner_can_stop(void **state UNUSED)
{
	struct seen seen = { .text = BUF_INIT(4096), .stop_at = FRAME_STDERR };
	AUTO_BUF bytes = BUF_INIT(4096);
	struct err err = ERR_INIT;
	struct frames frames;

	add_all(&bytes);
	frames_init(&frames, on_frame, &seen);
	assert_int_equal(
	    frames_feed(&frames, buf_bytes(&bytes), bytes.len, &err), -1);
	assert_string_equal(buf_text(&seen.text), "[4:{}]one [6:]two ");
	assert_int_equal(err.code, ERR_NONE);
	frames_fini(&frames);
	buf_fini(&seen.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_whole_however_they_are_cut),
		cmocka_unit_test(a_malformed_header_is_refused),
		cmocka_unit_test(a_new_connection_drops_what_was_begun),
		cmocka_unit_test(the_owner_can_stop),
	};

	return RUN_TESTS(tests);
}
