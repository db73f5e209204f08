/* SPDX-License-Identifier: ISC */

#include "berthd/exec/launch.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"

static void
fill(struct launch *l)
{
	*l = (struct launch){
		.id = xstrdup("01jd0000000000000000000000"),
		.root = xstrdup("/root/of/all"),
		.spec = xstrdup("{\"cmd\":\"true\"}"),
		.cwd = xstrdup(""),
		.home = xstrdup("/home/me"),
		.script = xstrdup("#!/bin/sh\necho \"\xff\"\n"),
		.repo_url = xstrdup("file:///repo"),
		.mirror = xstrdup("/mirror"),
		.ref = xstrdup("-rf"),
		.flags = LAUNCH_TTY | LAUNCH_STDIN,
		.cols = 80,
		.rows = 24,
		.timeout_ms = UINT64_MAX,
		.grace_ms = 1,
		.max_log = 2,
		.limit_memory = 3,
		.limit_procs = 4,
		.limit_cpu = 5,
		.niceness = 19,
	};
	strv_add(&l->argv, "sh");
	strv_add(&l->argv, "");
	strv_add(&l->argv, "with space\nand line");
	strv_add(&l->env, "A=B=C");
	strv_add(&l->roots, "/a");
	strv_add(&l->artifacts, "**/*.xml");
}

static void
assert_same_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void
assert_same_vector(char *const *a, char *const *b)
{
	assert_int_equal(strv_len(a), strv_len(b));
	for (size_t i = 0; i < strv_len(a); i++)
		assert_string_equal(a[i], b[i]);
}

static void
assert_same(const struct launch *a, const struct launch *b)
{
	assert_same_text(a->id, b->id);
	assert_same_text(a->root, b->root);
	assert_same_text(a->spec, b->spec);
	assert_same_vector(a->argv, b->argv);
	assert_same_vector(a->env, b->env);
	assert_same_text(a->cwd, b->cwd);
	assert_same_text(a->home, b->home);
	assert_same_vector(a->roots, b->roots);
	assert_same_text(a->script, b->script);
	assert_same_text(a->repo_url, b->repo_url);
	assert_same_text(a->mirror, b->mirror);
	assert_same_text(a->ref, b->ref);
	assert_same_vector(a->artifacts, b->artifacts);
	assert_same_text(a->refusal, b->refusal);
	assert_memory_equal(&a->flags, &b->flags,
			    sizeof(*a) - offsetof(struct launch, flags));
}

static void
an_order_arrives_as_it_was_sent(void **state UNUSED)
{
	AUTO_BUF bytes = BUF_INIT(1 << 20);
	struct launch sent, got = { 0 };
	struct err err = ERR_INIT;

	fill(&sent);
	assert_int_equal(launch_encode(&sent, &bytes), 0);
	assert_int_equal(
	    launch_decode(buf_bytes(&bytes), bytes.len, &got, &err), 0);
	assert_same(&sent, &got);
	launch_fini(&got);
	launch_fini(&got);
	launch_fini(&sent);
}

static void
an_order_with_little_in_it_is_one_too(void **state UNUSED)
{
	AUTO_BUF bytes = BUF_INIT(1 << 20);
	struct launch sent = { .id = xstrdup("id"),
			       .root = xstrdup("/"),
			       .spec = xstrdup("{}"),
			       .refusal = xstrdup("unknown project") };
	struct launch got = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(launch_encode(&sent, &bytes), 0);
	assert_int_equal(
	    launch_decode(buf_bytes(&bytes), bytes.len, &got, &err), 0);
	assert_same(&sent, &got);
	launch_fini(&got);
	launch_fini(&sent);
}

static void
an_order_cut_anywhere_is_refused(void **state UNUSED)
{
	AUTO_BUF bytes = BUF_INIT(1 << 20);
	struct launch sent;

	fill(&sent);
	assert_int_equal(launch_encode(&sent, &bytes), 0);
	for (size_t n = 0; n < bytes.len; n++) {
		/* A copy of its own, so that a read too far is seen. */
		AUTO_FREE uint8_t *cut = xmalloc(n + 1);
		struct launch got = { 0 };
		struct err err = ERR_INIT;

		cut = xrealloc(cut, MAX(n, 1u));
		memcpy(cut, buf_bytes(&bytes), n);
		assert_int_equal(launch_decode(cut, n, &got, &err), -1);
		assert_err(err, ERR_PROTO, "malformed");
		launch_fini(&got);
	}
	launch_fini(&sent);
}

static void
an_order_with_a_tail_is_refused(void **state UNUSED)
{
	AUTO_BUF bytes = BUF_INIT(1 << 20);
	struct launch sent, got = { 0 };
	struct err err = ERR_INIT;

	fill(&sent);
	assert_int_equal(launch_encode(&sent, &bytes), 0);
	assert_int_equal(buf_addc(&bytes, 'x'), 0);
	assert_int_equal(
	    launch_decode(buf_bytes(&bytes), bytes.len, &got, &err), -1);
	assert_err(err, ERR_PROTO, "malformed");
	launch_fini(&got);
	launch_fini(&sent);
}

static void
an_order_without_its_essentials_is_refused(void **state UNUSED)
{
	for (int i = 0; i < 4; i++) {
		AUTO_BUF bytes = BUF_INIT(1 << 20);
		struct launch sent, got = { 0 };
		struct err err = ERR_INIT;
		char **const texts[] = { &sent.id, &sent.root, &sent.spec };

		fill(&sent);
		if (i < 3) {
			free(*texts[i]);
			*texts[i] = NULL;
		} else {
			strv_free(sent.argv);
			sent.argv = NULL;
		}
		assert_int_equal(launch_encode(&sent, &bytes), 0);
		assert_int_equal(
		    launch_decode(buf_bytes(&bytes), bytes.len, &got, &err),
		    -1);
		assert_err(err, ERR_PROTO, "malformed");
		launch_fini(&got);
		launch_fini(&sent);
	}
}

/* Lengths that promise more than there is, or more than there can be. */
static void
lengths_are_not_believed(void **state UNUSED)
{
	static const uint64_t lies[] = { 1ull << 32, UINT64_MAX - 1, INT64_MAX,
					 1ull << 63 };
	AUTO_BUF bytes = BUF_INIT(1 << 20);
	struct launch sent;

	fill(&sent);
	assert_int_equal(launch_encode(&sent, &bytes), 0);
	for (size_t i = 0; i + 8 <= bytes.len; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(lies); k++) {
			AUTO_FREE uint8_t *bent = xmalloc(bytes.len);
			struct launch got = { 0 };
			struct err err = ERR_INIT;

			memcpy(bent, buf_bytes(&bytes), bytes.len);
			memcpy(bent + i, &lies[k], sizeof(lies[k]));
			(void)launch_decode(bent, bytes.len, &got, &err);
			launch_fini(&got);
		}
	}
	launch_fini(&sent);
}

static void
an_order_too_large_for_its_buffer_is_not_cut(void **state UNUSED)
{
	AUTO_BUF whole = BUF_INIT(1 << 20);
	struct launch sent;

	fill(&sent);
	assert_int_equal(launch_encode(&sent, &whole), 0);
	for (size_t max = 0; max < whole.len; max++) {
		AUTO_BUF bytes = BUF_INIT(max);

		assert_int_equal(launch_encode(&sent, &bytes), -1);
	}
	launch_fini(&sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_order_arrives_as_it_was_sent),
		cmocka_unit_test(an_order_with_little_in_it_is_one_too),
		cmocka_unit_test(an_order_cut_anywhere_is_refused),
		cmocka_unit_test(an_order_with_a_tail_is_refused),
		cmocka_unit_test(an_order_without_its_essentials_is_refused),
		cmocka_unit_test(lengths_are_not_believed),
		cmocka_unit_test(an_order_too_large_for_its_buffer_is_not_cut),
	};

	return RUN_TESTS(tests);
}
