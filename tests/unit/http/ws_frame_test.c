/* SPDX-License-Identifier: ISC */

#include "http/ws_frame.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"

#define LIMIT 100000

/* What a reader made of some bytes. */
struct read {
	struct ws_reader reader;
	enum ws_event last;
	struct buf log;	 /* "T5 P0 C2" ... */
	struct buf data; /* of the last event */
};

static void
read_init(struct read *read, bool expects_mask)
{
	*read = (struct read){ .log = BUF_INIT(4096),
			       .data = BUF_INIT(SIZE_MAX - 1) };
	ws_reader_init(&read->reader, expects_mask, LIMIT);
}

static void
read_fini(struct read *read)
{
	ws_reader_fini(&read->reader);
	buf_fini(&read->log);
	buf_fini(&read->data);
}

static void
feed(struct read *read, const void *bytes, size_t n)
{
	static const char letters[] = "-TBPOCX";
	const uint8_t *p = bytes, *data = NULL;
	size_t n_data = 0;

	for (;;) {
		read->last = ws_reader_next(&read->reader, &p, &n, &data,
					    &n_data);
		if (read->last == WS_EVENT_MORE)
			break;
		buf_clear(&read->data);
		if (read->last == WS_EVENT_BAD) {
			buf_addf(&read->log, "X%u", read->reader.code);
			break;
		}
		buf_add(&read->data, data, n_data);
		buf_addf(&read->log, "%c%zu ", letters[read->last], n_data);
	}
	assert_true(read->last == WS_EVENT_BAD || n == 0);
}

static void
header_has_the_shortest_length(void **state UNUSED)
{
	static const struct {
		uint64_t n;
		size_t len;
	} sizes[] = { { 0, 2 },	    { 125, 2 },	   { 126, 4 },
		      { 65535, 4 }, { 65536, 10 }, { LIMIT, 10 } };
	static const uint8_t mask[] = { 1, 2, 3, 4 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO_FREE uint8_t *payload = xcalloc(1, sizes[i].n);
		uint8_t header[WS_MAX_HEADER];
		struct read read;

		assert_int_equal(
		    ws_frame_header(header, WS_BINARY, sizes[i].n, NULL),
		    sizes[i].len);
		read_init(&read, false);
		feed(&read, header, sizes[i].len);
		feed(&read, payload, sizes[i].n);
		assert_int_equal(read.data.len, sizes[i].n);
		assert_int_equal(read.log.len > 0, 1);
		read_fini(&read);

		assert_int_equal(
		    ws_frame_header(header, WS_BINARY, sizes[i].n, mask),
		    sizes[i].len + 4);
		read_init(&read, true);
		feed(&read, header, sizes[i].len + 4);
		feed(&read, payload, sizes[i].n);
		assert_int_equal(read.data.len, sizes[i].n);
		if (sizes[i].n > 5)
			assert_memory_equal(buf_bytes(&read.data),
					    "\1\2\3\4\1\2", 6);
		read_fini(&read);
	}
}

static void
mask_is_the_same_in_pieces(void **state UNUSED)
{
	static const uint8_t mask[] = { 0xa1, 0x02, 0xf3, 0x44 };
	uint8_t in[100], whole[100], pieces[100];

	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = (uint8_t)(i * 3);
		whole[i] = in[i] ^ mask[i % 4];
	}
	for (int round = 0; round < 200; round++) {
		size_t at = 0;

		memcpy(pieces, in, sizeof(in));
		while (at < sizeof(in)) {
			size_t n = unit_below(sizeof(in) - at + 1);

			ws_frame_mask(pieces + at, pieces + at, n, mask, at);
			at += n;
		}
		assert_memory_equal(pieces, whole, sizeof(whole));
	}
}

#define M "\0\0\0\0"
#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t n;
	const char *log;
} from_clients[] = {
	/* As they should be. */
	{ BYTES("\x81\x83" M "abc"), "T3 " },
	{ BYTES("\x82\x80" M), "B0 " },
	{ BYTES("\x01\x83" M "abc\x00\x81" M "d\x80\x82" M "ef"), "T6 " },
	{ BYTES("\x02\x81" M "a\x89\x82" M "hi\x80\x81" M "b"), "P2 B2 " },
	{ BYTES("\x01\x81" M "\xc3\x80\x81" M "\xa9"), "T2 " },
	{ BYTES("\x8a\x80" M "\x88\x80" M), "O0 C0 " },
	{ BYTES("\x88\x82" M "\x03\xe8"), "C0 " },
	{ BYTES("\x88\x85" M "\x0b\xb8"
		"bye"),
	  "C3 " },
	/* Refused. */
	{ BYTES("\x81\x03"), "X1002" },
	{ BYTES("\xc1\x83"), "X1002" },
	{ BYTES("\xa1\x83"), "X1002" },
	{ BYTES("\x91\x83"), "X1002" },
	{ BYTES("\x83\x83"), "X1002" },
	{ BYTES("\x87\x83"), "X1002" },
	{ BYTES("\x8b\x83"), "X1002" },
	{ BYTES("\x8f\x83"), "X1002" },
	{ BYTES("\x09\x83"), "X1002" },
	{ BYTES("\x08\x80"), "X1002" },
	{ BYTES("\x89\xfe"), "X1002" },
	{ BYTES("\x88\xff"), "X1002" },
	{ BYTES("\x80\x83"), "X1002" },
	{ BYTES("\x00\x83"), "X1002" },
	{ BYTES("\x01\x80" M "\x81\x80"), "X1002" },
	{ BYTES("\x02\x80" M "\x02\x80"), "X1002" },
	{ BYTES("\x81\x80" M "\x80\x80"), "T0 X1002" },
	{ BYTES("\x82\xfe\x00\x7d" M), "X1002" },
	{ BYTES("\x82\xff\0\0\0\0\0\0\xff\xff" M), "X1002" },
	{ BYTES("\x82\xff\x80\0\0\0\0\0\0\0" M), "X1002" },
	{ BYTES("\x82\xff\0\0\x01\0\0\0\0\0" M), "X1009" },
	{ BYTES("\x82\xff\0\0\0\0\0\x01\x86\xa1" M), "X1009" },
	{ BYTES("\x88\x81" M "\x03"), "X1002" },
	{ BYTES("\x88\x82" M "\x03\xed"), "X1002" },
	{ BYTES("\x88\x82" M "\x03\xee"), "X1002" },
	{ BYTES("\x88\x82" M "\x03\xf7"), "X1002" },
	{ BYTES("\x88\x82" M "\x00\x00"), "X1002" },
	{ BYTES("\x88\x82" M "\x13\x88"), "X1002" },
	{ BYTES("\x88\x84" M "\x03\xe8\xc3\x28"), "X1007" },
	{ BYTES("\x81\x82" M "\xc3\x28"), "X1007" },
	{ BYTES("\x81\x83" M "\xed\xa0\x80"), "X1007" },
	{ BYTES("\x01\x81" M "\xc3\x80\x80" M), "X1007" },
};

static void
frames_of_clients_are_judged(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(from_clients); i++) {
		struct read read;

		read_init(&read, true);
		feed(&read, from_clients[i].bytes, from_clients[i].n);
		if (strcmp(buf_text(&read.log), from_clients[i].log) != 0)
			fail_msg("row %zu: %s, not %s", i, buf_text(&read.log),
				 from_clients[i].log);
		read_fini(&read);
	}
}

static void
frames_in_two_parts_are_the_same_frames(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(from_clients); i++) {
		for (size_t cut = 0; cut <= from_clients[i].n; cut++) {
			const char *bytes = from_clients[i].bytes;
			struct read read;

			read_init(&read, true);
			feed(&read, bytes, cut);
			if (read.last != WS_EVENT_BAD)
				feed(&read, bytes + cut,
				     from_clients[i].n - cut);
			assert_string_equal(buf_text(&read.log),
					    from_clients[i].log);
			read_fini(&read);
		}
	}
}

static void
masked_frame_of_a_server_is_refused(void **state UNUSED)
{
	struct read read;

	read_init(&read, false);
	feed(&read, BYTES("\x81\x03"
			  "abc\x81\x80"));
	assert_string_equal(buf_text(&read.log), "T3 X1002");
	read_fini(&read);
}

static void
fragments_count_together(void **state UNUSED)
{
	AUTO_FREE char *half = xcalloc(1, LIMIT / 2);
	uint8_t header[WS_MAX_HEADER];
	size_t n = ws_frame_header(header, WS_BINARY, LIMIT / 2, NULL);
	struct read read;

	read_init(&read, false);
	header[0] = WS_BINARY;
	feed(&read, header, n);
	feed(&read, half, LIMIT / 2);
	header[0] = WS_CONTINUATION;
	feed(&read, header, n);
	feed(&read, half, LIMIT / 2);
	assert_int_equal(read.log.len, 0);
	feed(&read, BYTES("\x00\x01"));
	assert_string_equal(buf_text(&read.log), "X1009");
	read_fini(&read);
}

static void
announced_bytes_cost_no_memory(void **state UNUSED)
{
	uint8_t header[WS_MAX_HEADER];
	size_t n = ws_frame_header(header, WS_BINARY, LIMIT, NULL);
	struct read read;

	read_init(&read, false);
	feed(&read, header, n);
	feed(&read, "x", 1);
	assert_true(read.reader.message.size < 1000);
	read_fini(&read);
}

static void
reader_stays_bad(void **state UNUSED)
{
	struct read read;

	read_init(&read, true);
	feed(&read, BYTES("\x81\x03"));
	feed(&read, BYTES("\x81\x80" M));
	assert_string_equal(buf_text(&read.log), "X1002X1002");
	read_fini(&read);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_has_the_shortest_length),
		cmocka_unit_test(mask_is_the_same_in_pieces),
		cmocka_unit_test(frames_of_clients_are_judged),
		cmocka_unit_test(frames_in_two_parts_are_the_same_frames),
		cmocka_unit_test(masked_frame_of_a_server_is_refused),
		cmocka_unit_test(fragments_count_together),
		cmocka_unit_test(announced_bytes_cost_no_memory),
		cmocka_unit_test(reader_stays_bad),
	};

	return RUN_TESTS(tests);
}
