/* SPDX-License-Identifier: ISC */

#include "link/frame.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What the reader makes of `n' bytes that come `step' at a time. */
static void
read_all(const uint8_t *bytes, size_t n, size_t step, struct buf *log)
{
	struct frame_reader reader;
	const uint8_t *data;
	enum frame_event event;
	size_t size;

	frame_reader_init(&reader);
	while (n > 0) {
		size_t part = MIN(n, step), left = part;

		while ((event = frame_next(&reader, &bytes, &left, &data,
					   &size)) != FRAME_MORE) {
			if (event == FRAME_INPUT)
				(void)buf_add(log, data, size);
			else if (event == FRAME_INPUT_END)
				(void)buf_adds(log, "<end>");
			else if (event == FRAME_SIZE)
				(void)buf_addf(log, "<%ux%u>", reader.cols,
					       reader.rows);
			else
				(void)buf_adds(log, "<bad>");
			if (event == FRAME_BAD)
				goto out;
		}
		n -= part;
	}
out:
	frame_reader_fini(&reader);
}

static void
add(struct buf *out, enum frame_type type, const char *payload)
{
	uint8_t header[FRAME_HEADER];

	frame_header(header, type, (uint32_t)strlen(payload));
	(void)buf_add(out, header, sizeof(header));
	(void)buf_adds(out, payload);
}

static void
frames_are_read_however_they_are_cut(void **state UNUSED)
{
	AUTO_BUF bytes = BUF_INIT(4096);

	add(&bytes, FRAME_STDIN, "hello ");
	add(&bytes, FRAME_RESIZE, "{\"cols\":80,\"rows\":24}");
	add(&bytes, FRAME_STDIN, "you");
	add(&bytes, FRAME_STDIN, "");
	for (size_t step = 1; step <= bytes.len; step++) {
		AUTO_BUF log = BUF_INIT(4096);

		read_all(buf_bytes(&bytes), bytes.len, step, &log);
		assert_string_equal(buf_text(&log), "hello <80x24>you<end>");
	}
}

static void
what_is_no_frame_is_refused(void **state UNUSED)
{
	static const struct {
		uint8_t header[FRAME_HEADER];
		const char *payload;
	} rows[] = {
		{ { FRAME_STDOUT, 0, 0, 0, 1 }, "x" },
		{ { 9, 0, 0, 0, 1 }, "x" },
		{ { FRAME_STDIN, 1, 0, 0, 1 }, "x" },
		{ { FRAME_STDIN, 0, 0, 0, 1, 0, 16 }, "x" },
		{ { FRAME_RESIZE, 0, 0, 0, 0 }, "" },
		{ { FRAME_RESIZE, 0, 0, 0, 0, 2 }, "" },
		{ { FRAME_RESIZE, 0, 0, 0, 2 }, "{}" },
		{ { FRAME_RESIZE, 0, 0, 0, 3 }, "xyz" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF bytes = BUF_INIT(64), log = BUF_INIT(64);

		(void)buf_add(&bytes, rows[i].header, FRAME_HEADER);
		(void)buf_adds(&bytes, rows[i].payload);
		read_all(buf_bytes(&bytes), bytes.len, 64, &log);
		assert_string_equal(buf_text(&log), "<bad>");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_read_however_they_are_cut),
		cmocka_unit_test(what_is_no_frame_is_refused),
	};

	return RUN_TESTS(tests);
}
