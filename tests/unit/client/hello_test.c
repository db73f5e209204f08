/* SPDX-License-Identifier: ISC */

#include "client/hello.h"
#include "tests/unit/unit.h"

#include "client/client.h"
#include "core/strv.h"
#include "tests/unit/client/fake.h"

static const struct reach_config local = { .no_start = true };

static void
answer(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 200,
			r->number == 0
			    ? "{\"version\":\"1.0\",\"api\":1,\"news\":{},"
			      "\"capabilities\":[\"exec\",\"file\"]}"
			    : "{\"version\":\"1.0\"}");
}

static void
the_daemon_says_who_it_is(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(HELLO_MAX);
	AUTO_HELLO hello = HELLO_INIT;
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;

	fake_start(answer, NULL, 0);
	client = client_new(&local, &err);
	assert_int_equal(hello_ask(client, &text, &hello, &err), 0);
	assert_string_equal(hello.version, "1.0");
	assert_int_equal(strv_len(hello.capabilities), 2);
	buf_clear(&text);
	assert_int_equal(hello_ask(client, &text, &hello, &err), -1);
	assert_err(err, ERR_PROTO, "api: is required");
	fake_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_daemon_says_who_it_is),
	};

	return RUN_TESTS(tests);
}
