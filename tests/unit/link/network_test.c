/* SPDX-License-Identifier: ISC */

#include "link/network.h"
#include "tests/unit/unit.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

struct message {
	struct nlmsghdr head;
	struct ifinfomsg body;
};

static struct message
message_of(uint16_t type, unsigned flags)
{
	return (struct message){
		.head = { .nlmsg_len = sizeof(struct message),
			  .nlmsg_type = type },
		.body = { .ifi_flags = flags },
	};
}

static void
only_a_change_for_the_better_is_news(void **state UNUSED)
{
	const struct {
		uint16_t type;
		unsigned flags;
		bool is_news;
	} rows[] = {
		{ RTM_NEWADDR, 0, true },
		{ RTM_NEWROUTE, 0, true },
		{ RTM_NEWLINK, IFF_UP | IFF_RUNNING, true },
		{ RTM_NEWLINK, IFF_UP, false },
		{ RTM_DELADDR, 0, false },
		{ RTM_DELROUTE, 0, false },
		{ RTM_DELLINK, IFF_RUNNING, false },
		{ NLMSG_DONE, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct message m = message_of(rows[i].type, rows[i].flags);

		assert_int_equal(network_is_news(&m, sizeof(m)),
				 rows[i].is_news);
	}
}

static void
it_is_found_behind_others(void **state UNUSED)
{
	struct message all[] = { message_of(RTM_DELADDR, 0),
				 message_of(RTM_NEWADDR, 0) };

	assert_true(network_is_news(all, sizeof(all)));
	assert_false(network_is_news(all, sizeof(all[0])));
}

static void
what_is_cut_short_or_lies_about_its_length_is_none(void **state UNUSED)
{
	struct message m = message_of(RTM_NEWLINK, IFF_RUNNING);
	const uint32_t lengths[] = { 0, 1, sizeof(m.head) - 1, sizeof(m) + 1,
				     UINT32_MAX };

	for (size_t n = 0; n < sizeof(m); n++)
		assert_false(network_is_news(&m, n));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		m.head.nlmsg_len = lengths[i];
		assert_false(network_is_news(&m, sizeof(m)));
	}
	m.head.nlmsg_len = sizeof(m.head);
	assert_false(network_is_news(&m, sizeof(m)));
}

static void
on_closed(uv_handle_t *handle)
{
	++*(int *)handle->data;
}

static void
on_change(void *owner UNUSED)
{
}

static void
watching_keeps_no_loop_alive(void **state UNUSED)
{
	struct network network;
	int n_closed = 0, n;
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	network_init(&network, &loop, on_change, NULL);
	assert_int_equal(uv_run(&loop, UV_RUN_NOWAIT), 0);
	n = network_n_handles(&network);
	network_fini(&network, on_closed, &n_closed);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(n_closed, n);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_change_for_the_better_is_news),
		cmocka_unit_test(it_is_found_behind_others),
		cmocka_unit_test(
		    what_is_cut_short_or_lies_about_its_length_is_none),
		cmocka_unit_test(watching_keeps_no_loop_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
