/* SPDX-License-Identifier: ISC */

#include "wire/duplex.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What was handed on, as text. */
static int
write_down(unsigned type, const void *bytes, size_t n, void *owner)
{
	return buf_addf(owner, "%u:%.*s ", type, (int)n, (const char *)bytes);
}

static void
add_frame(struct buf *out, unsigned type, const char *payload)
{
	uint8_t header[DUPLEX_HEADER_SIZE];

	duplex_header(header, type, (uint32_t)strlen(payload));
	buf_add(out, header, sizeof(header));
	buf_adds(out, payload);
}

static void
frames_are_the_same_however_they_are_cut(void **state UNUSED)
{
	AUTO_BUF in = BUF_INIT(1024);

	add_frame(&in, DUPLEX_RESIZE, "{\"cols\":80}");
	add_frame(&in, DUPLEX_STDIN, "");
	add_frame(&in, DUPLEX_EXIT, "{}");
	add_frame(&in, 77, "later");
	for (size_t cut = 0; cut <= in.len; cut++) {
		AUTO_BUF out = BUF_INIT(1024);
		struct duplex duplex;
		struct err err = ERR_INIT;

		duplex_init(&duplex, write_down, &out);
		assert_int_equal(
		    duplex_feed(&duplex, buf_bytes(&in), cut, &err), 0);
		assert_int_equal(duplex_feed(&duplex, buf_bytes(&in) + cut,
					     in.len - cut, &err),
				 0);
		assert_string_equal(buf_text(&out),
				    "3:{\"cols\":80} 0: 4:{} 77:later ");
		duplex_fini(&duplex);
	}
}

static void
output_is_handed_on_as_it_comes(void **state UNUSED)
{
	AUTO_BUF in = BUF_INIT(1024), out = BUF_INIT(1024);
	struct err err = ERR_INIT;
	struct duplex duplex;

	add_frame(&in, DUPLEX_STDOUT, "abc");
	duplex_init(&duplex, write_down, &out);
	for (size_t i = 0; i < in.len; i++)
		assert_int_equal(
		    duplex_feed(&duplex, buf_bytes(&in) + i, 1, &err), 0);
	assert_string_equal(buf_text(&out), "1:a 1:b 1:c ");
	duplex_fini(&duplex);
}

static void
what_is_no_frame_is_refused(void **state UNUSED)
{
	static const uint8_t padding[] = { 0, 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t large[] = { 3, 0, 0, 0, 0, 0, 0, 1 };
	AUTO_BUF out = BUF_INIT(1024);
	struct err err = ERR_INIT;
	struct duplex duplex;

	duplex_init(&duplex, write_down, &out);
	assert_int_equal(duplex_feed(&duplex, padding, 8, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
	duplex_fini(&duplex);
	err = (struct err)ERR_INIT;
	duplex_init(&duplex, write_down, &out);
	assert_int_equal(duplex_feed(&duplex, large, 8, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
	duplex_fini(&duplex);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_the_same_however_they_are_cut),
		cmocka_unit_test(output_is_handed_on_as_it_comes),
		cmocka_unit_test(what_is_no_frame_is_refused),
	};

	return RUN_TESTS(tests);
}
