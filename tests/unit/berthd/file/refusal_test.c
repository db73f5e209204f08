/* SPDX-License-Identifier: ISC */

#include "berthd/file/refusal.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>

#include "core/mem.h"
#include "tests/unit/berthd/file/api.h"

#define BIG (32u << 20)

static void
the_first_one_counts(void **state UNUSED)
{
	struct refusal refusal = { .is_made = false };
	struct err err = ERR_INIT;

	err_set(&err, ERR_LIMIT, "first");
	refusal_make(&refusal, &err);
	err_set(&err, ERR_INVALID, "second");
	refusal_make(&refusal, &err);
	assert_err(refusal.err, ERR_LIMIT, "first");
}

static void
a_client_that_sends_all_first_is_told(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *body = xcalloc(1, BIG);

	api_post(api, "/v1/sync/upload?dst=%2Fetc", body, BIG);
	api_assert_error(api, 403, "dst path not allowed");
}

static void
so_is_one_that_is_refused_on_the_way(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *body = xmalloc(BIG);
	AUTO_FREE char *target = xasprintf("/v1/sync/upload?dst=%s", api->root);

	memset(body, 'x', BIG);
	api_post(api, target, body, BIG);
	api_assert_error(api, 400, "invalid gzip: incorrect header check");

	memcpy(body, "{\"path\":\"/etc/x\",\"content\":\"", 28);
	api_post(api, "/v1/file/write", body, BIG);
	api_assert_error(api, 403, "path not allowed");
}

static void
one_that_goes_away_meanwhile_is_forgotten(void **state)
{
	struct api *api = *state;
	AUTO_FREE char *body = xcalloc(1, BIG);

	api_post_cut(api, "/v1/sync/upload?dst=%2Fetc", body, 100);
	api_post_cut(api, "/v1/sync/upload?dst=%2Fetc", body, BIG);
}

#define API_TEST(fn)                                                           \
	cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_one_counts),
		API_TEST(a_client_that_sends_all_first_is_told),
		API_TEST(so_is_one_that_is_refused_on_the_way),
		API_TEST(one_that_goes_away_meanwhile_is_forgotten),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
