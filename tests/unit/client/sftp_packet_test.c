/* SPDX-License-Identifier: ISC */

#include "client/sftp_packet.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/macros.h"

static void
requests_have_their_length_in_front(void **state UNUSED)
{
	static const uint8_t wanted[] = { 0, 0, 0, 12, 17, 0,	0,   0,
					  7, 0, 0, 0,  3,  'a', 'b', 'c' };
	AUTO_BUF out = BUF_INIT(64);
	size_t at = sftp_put_begin(&out, SFTP_STAT, 7);

	sftp_put_text(&out, "abc");
	sftp_put_end(&out, at, 0);
	assert_int_equal(out.len, sizeof(wanted));
	assert_memory_equal(buf_bytes(&out), wanted, sizeof(wanted));
}

static void
attributes_come_back_as_they_went(void **state UNUSED)
{
	const struct sftp_attrs attrs = { .has_size = true,
					  .has_mode = true,
					  .has_times = true,
					  .size = 1ull << 40,
					  .mode = 0100644,
					  .atime = 5,
					  .mtime = 6 };
	AUTO_BUF out = BUF_INIT(64);
	size_t at = sftp_put_begin(&out, SFTP_ATTRS, 1);
	struct sftp_reply reply;
	struct err err = ERR_INIT;

	sftp_put_attrs(&out, &attrs);
	sftp_put_end(&out, at, 0);
	assert_int_equal(sftp_packet_len(buf_bytes(&out), out.len, &err),
			 out.len);
	assert_int_equal(
	    sftp_reply_read(buf_bytes(&out), out.len, &reply, &err), 0);
	assert_int_equal(reply.attrs.size, attrs.size);
	assert_int_equal(reply.attrs.mode, attrs.mode);
	assert_int_equal(reply.attrs.mtime, attrs.mtime);
	assert_false(reply.attrs.has_owner);
}

/* Cut anywhere, it is refused and not read beyond. */
static void
no_packet_is_read_beyond_its_end(void **state UNUSED)
{
	static const enum sftp_type types[] = { SFTP_STATUS, SFTP_HANDLE,
						SFTP_DATA, SFTP_ATTRS };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		AUTO_BUF out = BUF_INIT(64);
		struct sftp_reply reply;
		struct err err = ERR_INIT;

		(void)sftp_put_begin(&out, types[i], 1);
		sftp_put_u32(&out, 0x7fffffff);
		assert_int_equal(
		    sftp_reply_read(buf_bytes(&out), out.len, &reply, &err),
		    types[i] == SFTP_STATUS ? 0 : -1);
	}
}

static void
lengths_that_cannot_be_are_refused(void **state UNUSED)
{
	static const uint8_t none[4], much[4] = { 0xff, 0xff, 0xff, 0xff };
	struct err err = ERR_INIT;

	assert_int_equal(sftp_packet_len(none, 3, &err), 0);
	assert_int_equal(sftp_packet_len(none, 4, &err), -1);
	assert_int_equal(sftp_packet_len(much, 4, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
}

static void
more_names_than_there_are_is_an_error(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(64);
	size_t at = sftp_put_begin(&out, SFTP_NAME, 1);
	struct sftp_reply reply;
	struct sftp_name name;
	struct err err = ERR_INIT;

	sftp_put_u32(&out, 2);
	sftp_put_text(&out, "a");
	sftp_put_text(&out, "long a");
	sftp_put_u32(&out, 0);
	sftp_put_end(&out, at, 0);
	assert_int_equal(
	    sftp_reply_read(buf_bytes(&out), out.len, &reply, &err), 0);
	assert_int_equal(sftp_names_next(&reply, &name, &err), 1);
	assert_int_equal(name.n_name, 1);
	assert_int_equal(sftp_names_next(&reply, &name, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_have_their_length_in_front),
		cmocka_unit_test(attributes_come_back_as_they_went),
		cmocka_unit_test(no_packet_is_read_beyond_its_end),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
		cmocka_unit_test(more_names_than_there_are_is_an_error),
	};

	return RUN_TESTS(tests);
}
