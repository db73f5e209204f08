/* SPDX-License-Identifier: ISC */

#include "link/lookup.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/strv.h"

struct rig {
	uv_loop_t loop;
	struct lookup *lookup;
	char **addresses;
	struct err why;
	unsigned n_told;
};

static void
on_done(char *const *addresses, const struct err *why, void *owner)
{
	struct rig *rig = owner;

	rig->n_told++;
	if (addresses)
		rig->addresses = strv_copy(addresses);
	if (why)
		rig->why = *why;
	lookup_free(rig->lookup);
}

static void
start(struct rig *rig, const char *host)
{
	struct err err = ERR_INIT;

	*rig = (struct rig){ .n_told = 0 };
	assert_int_equal(uv_loop_init(&rig->loop), 0);
	rig->lookup = lookup_new(&rig->loop, host, on_done, rig, &err);
	assert_non_null(rig->lookup);
	assert_int_equal(rig->n_told, 0);
}

static void
finish(struct rig *rig)
{
	(void)uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	strv_free(rig->addresses);
}

static void
a_host_has_addresses(void **state UNUSED)
{
	struct rig rig;

	start(&rig, "127.0.0.9");
	(void)uv_run(&rig.loop, UV_RUN_DEFAULT);
	assert_int_equal(rig.n_told, 1);
	assert_int_equal(strv_len(rig.addresses), 1);
	assert_string_equal(rig.addresses[0], "127.0.0.9");
	finish(&rig);
}

static void
one_that_has_none_is_said_so(void **state UNUSED)
{
	struct rig rig;

	start(&rig, "berth.invalid");
	finish(&rig);
	assert_int_equal(rig.n_told, 1);
	assert_err(rig.why, ERR_UNREACHABLE,
		   "Could not resolve hostname berth.invalid");
}

static void
it_may_be_freed_while_it_looks(void **state UNUSED)
{
	struct rig rig;

	start(&rig, "berth.invalid");
	lookup_free(rig.lookup);
	finish(&rig);
	assert_int_equal(rig.n_told, 0);
	lookup_free(NULL);
}

static void
without_getent_there_is_none(void **state UNUSED)
{
	struct err err = ERR_INIT;
	uv_loop_t loop;

	setenv("PATH", unit_temp_dir(), 1);
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_null(lookup_new(&loop, "x", on_done, NULL, &err));
	assert_err(err, ERR_NOT_FOUND, "start getent");
	assert_int_equal(uv_loop_close(&loop), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_has_addresses),
		cmocka_unit_test(one_that_has_none_is_said_so),
		cmocka_unit_test(it_may_be_freed_while_it_looks),
		cmocka_unit_test(without_getent_there_is_none),
	};

	return RUN_TESTS(tests);
}
