/* SPDX-License-Identifier: ISC */

#include "client/client.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/text.h"
#include "http/server.h"
#include "tests/unit/client/fake.h"

static const struct reach_config local = { .no_start = true };

static int
stop(void **state UNUSED)
{
	fake_stop();
	return 0;
}

static void
echo_target(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 200, r->head->target);
}

/* Of a daemon that answers by `fn'. */
static struct client *
client_of(fake_fn *fn)
{
	struct err err = ERR_INIT;
	struct client *client;

	fake_start(fn, NULL, 0);
	client = client_new(&local, &err);
	assert_non_null(client);
	return client;
}

static void
calls_follow_each_other(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(echo_target);
	AUTO_BUF out = BUF_INIT(64);

	assert_int_equal(client_get(client, "/one", &out, &err), 0);
	assert_int_equal(client_get(client, "/two", &out, &err), 0);
	assert_string_equal(buf_text(&out), "/one/two");
}

/* As when output broke while the loop was being left. */
static void
a_stop_of_before_ends_no_call(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(echo_target);
	AUTO_BUF out = BUF_INIT(64);

	client_stop(client);
	assert_int_equal(client_get(client, "/whole", &out, &err), 0);
	assert_string_equal(buf_text(&out), "/whole");
}

static void
refuse(const struct fake_request *r, void *arg UNUSED)
{
	if (str_eq(r->head->path, "/codexd"))
		fake_reply_json(r, 404, "{\"error\":\"exec_id not found\"}");
	else if (str_eq(r->head->path, "/html"))
		fake_reply(r, 502, "text/html", "<p>", 3);
	else
		fake_reply_json(r, 409,
				"{\"error\":{\"code\":\"CONFLICT\",\"message\":"
				"\"it runs\",\"hint\":\"wait\"}}");
}

static void
statuses_become_errors_in_the_daemons_words(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(refuse);
	AUTO_BUF out = BUF_INIT(64);

	assert_int_equal(client_get(client, "/x", &out, &err), -1);
	assert_err(err, ERR_CONFLICT, "it runs");
	assert_string_equal(err.hint, "wait");
	assert_int_equal(client_get(client, "/codexd", &out, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "exec_id not found");
	assert_int_equal(client_get(client, "/html", &out, &err), -1);
	assert_err(err, ERR_PROTO, "HTTP status 502");
	assert_int_equal(out.len, 0);
}

static void
cut_first(const struct fake_request *r, void *arg UNUSED)
{
	if (r->number == 0)
		http_exchange_abort(r->x);
	else
		fake_reply_json(r, 200, "{}");
}

static void
a_lost_answer_is_asked_for_again_if_harmless(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(cut_first);
	AUTO_BUF body = BUF_INIT(64), out = BUF_INIT(64);

	assert_int_equal(buf_adds(&body, "{\"key\":\"k\"}"), 0);
	assert_int_equal(
	    client_post(client, "/start", &body, CLIENT_REPEAT, &out, &err), 0);
	assert_string_equal(fake_requests(), "POST /start {\"key\":\"k\"}\n"
					     "POST /start {\"key\":\"k\"}\n");
}

static void
refuse_first(const struct fake_request *r, void *arg UNUSED)
{
	if (r->number == 0)
		fake_reply_json(r, 503,
				"{\"error\":{\"code\":\"UNREACHABLE\","
				"\"retryable\":true}}");
	else
		fake_reply_json(r, 200, "{}");
}

static void
so_is_an_answer_that_is_none(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(refuse_first);
	AUTO_BUF out = BUF_INIT(64);

	assert_int_equal(
	    client_post(client, "/start", NULL, CLIENT_REPEAT, &out, &err), 0);
	assert_string_equal(fake_requests(), "POST /start\nPOST /start\n");
}

static void
and_never_if_not(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(cut_first);
	AUTO_BUF out = BUF_INIT(64);

	assert_int_equal(client_post(client, "/once", NULL, 0, &out, &err), -1);
	assert_err(err, ERR_UNREACHABLE, "closed the connection");
	assert_string_equal(fake_requests(), "POST /once\n");
}

static void
too_large_an_answer_is_refused(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_of(echo_target);
	AUTO_BUF out = BUF_INIT(3);

	assert_int_equal(client_get(client, "/more", &out, &err), -1);
	assert_err(err, ERR_LIMIT, "more than 3 bytes");
	buf_clear(&out);
	assert_int_equal(client_get(client, "/ok", &out, &err), 0);
}

static void
hello(const struct fake_request *r, void *arg)
{
	if (arg)
		fake_reply_json(r, 200, "{\"version\":\"1\",\"api\":1}");
	else
		fake_reply(r, 404, "text/plain", "404 page not found", 18);
}

static void
daemons_at_an_address_are_asked_what_they_are(void **state UNUSED)
{
	for (int i = 0; i < 2; i++) {
		struct reach_config config = { .no_start = true };
		struct err err = ERR_INIT;
		AUTO_CLIENT *client = NULL;
		bool is_berthd = i == 0;

		fake_start(hello, i ? &i : NULL, FAKE_TCP);
		config.addr = fake_addr();
		client = client_new(&config, &err);
		assert_int_equal(client_is_berthd(client, &is_berthd, &err), 0);
		assert_true(is_berthd == (i == 1));
		assert_int_equal(client_is_berthd(client, &is_berthd, &err), 0);
		assert_string_equal(fake_requests(), "GET /v1/hello\n");
		fake_stop();
	}
}

static void
who_does_not_answer_is_unreachable(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;
	AUTO_BUF out = BUF_INIT(64);

	setenv("BERTH_HOME", unit_temp_dir(), 1);
	client = client_new(&local, &err);
	assert_int_equal(client_get(client, "/x", &out, &err), -1);
	assert_err(err, ERR_UNREACHABLE, "no daemon is running");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(calls_follow_each_other, stop),
		cmocka_unit_test_teardown(a_stop_of_before_ends_no_call, stop),
		cmocka_unit_test_teardown(
		    statuses_become_errors_in_the_daemons_words, stop),
		cmocka_unit_test_teardown(
		    a_lost_answer_is_asked_for_again_if_harmless, stop),
		cmocka_unit_test_teardown(so_is_an_answer_that_is_none, stop),
		cmocka_unit_test_teardown(and_never_if_not, stop),
		cmocka_unit_test_teardown(too_large_an_answer_is_refused, stop),
		cmocka_unit_test_teardown(
		    daemons_at_an_address_are_asked_what_they_are, stop),
		cmocka_unit_test(who_does_not_answer_is_unreachable),
	};

	return RUN_TESTS(tests);
}
