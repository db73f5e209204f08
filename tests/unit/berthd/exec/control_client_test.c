/* SPDX-License-Identifier: ISC */

#include "berthd/exec/control_client.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "berthd/exec/control.h"

static struct {
	uv_loop_t loop;
	struct control_client *client;
	int holder; /* its end */
	char heard[64];
	int n_gone;
} t;

static void
on_message(struct control_client *client, const struct control_msg *msg,
	   const void *data, size_t n, void *owner)
{
	assert_ptr_equal(client, t.client);
	assert_ptr_equal(owner, &t);
	assert_int_equal(msg->type, CONTROL_STATE);
	assert_int_equal(t.n_gone, 0);
	strncat(t.heard, data, n);
}

static void
on_gone(struct control_client *client, void *owner)
{
	assert_ptr_equal(owner, &t);
	t.n_gone++;
	control_client_free(client);
}

static int
setup(void **state UNUSED)
{
	static const struct control_client_events events = {
		.on_message = on_message,
		.on_gone = on_gone,
	};
	int fds[2];

	memset(&t, 0, sizeof(t));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	uv_loop_init(&t.loop);
	t.holder = fds[1];
	t.client = control_client_new(&t.loop, fds[0], &events, &t);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	return uv_loop_close(&t.loop);
}

static void
holder_says(const char *text)
{
	struct {
		struct control_msg msg;
		char text[8];
	} packet = { .msg = { .type = CONTROL_STATE } };
	size_t n = strlen(text);

	memcpy(packet.text, text, n);
	assert_int_equal(send(t.holder, &packet, sizeof(packet.msg) + n, 0),
			 sizeof(packet.msg) + n);
}

static void
what_a_holder_said_comes_before_its_end(void **state UNUSED)
{
	holder_says("one ");
	holder_says("two");
	close(t.holder);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_string_equal(t.heard, "one two");
	assert_int_equal(t.n_gone, 1);
}

static void
also_when_it_did_not_hear_all(void **state UNUSED)
{
	const struct control_msg cancel = { .type = CONTROL_CANCEL };

	assert_true(control_client_send(t.client, &cancel, NULL, 0));
	holder_says("one ");
	holder_says("two");
	close(t.holder);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_string_equal(t.heard, "one two");
	assert_int_equal(t.n_gone, 1);
}

static void
what_is_no_message_is_the_end(void **state UNUSED)
{
	assert_int_equal(send(t.holder, "short", 5, 0), 5);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_gone, 1);
	close(t.holder);
}

static void
nobody_hears_a_cancel_after_the_end(void **state UNUSED)
{
	const struct control_msg cancel = { .type = CONTROL_CANCEL };

	close(t.holder);
	assert_false(control_client_send(t.client, &cancel, NULL, 0));
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_gone, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_holder_said_comes_before_its_end),
		TEST(also_when_it_did_not_hear_all),
		TEST(what_is_no_message_is_the_end),
		TEST(nobody_hears_a_cancel_after_the_end),
	};

	return RUN_TESTS(tests);
}
