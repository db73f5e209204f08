/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_range.h"

#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/berthd/exec/log_fixture.h"
#include "tests/unit/berthd/exec/log_model.h"

struct fixture {
	struct log_fixture f;
	struct log_files files;
	struct log_view view;
	struct err err;
};

static void
start(struct fixture *x)
{
	log_fixture_init(&x->f);
	log_files_init(&x->files, x->f.dir_fd);
	x->err = (struct err)ERR_INIT;
}

static void
look(struct fixture *x, bool is_ended)
{
	if (log_files_refresh(&x->files, is_ended, &x->err) < 0)
		fail_msg("%s", x->err.msg);
	x->view = log_view_of(&x->files);
}

static void
end(struct fixture *x)
{
	log_files_fini(&x->files);
	log_fixture_fini(&x->f);
}

static struct log_range
find(struct fixture *x, const struct log_query *q, int *ret_steps)
{
	struct log_finder finder;
	int rc, steps = 0;

	log_finder_init(&finder, &x->view, q);
	do {
		rc = log_finder_step(&finder, &x->err);
		steps++;
	} while (rc == 0);
	if (rc < 0)
		fail_msg("%s", x->err.msg);
	if (ret_steps)
		*ret_steps = steps;
	return finder.range;
}

static struct log_query
query(enum log_pick pick, uint64_t count)
{
	return (struct log_query){
		.streams = BIT(TIMELINE_OUT),
		.pick = pick,
		.count = count,
		.until_ns = UINT64_MAX,
		.max_bytes = UINT64_MAX,
	};
}

#define assert_range(x, q, low, high)                                          \
	do {                                                                   \
		struct log_range r_ = find(x, q, NULL);                        \
		assert_int_equal(r_.from[TIMELINE_OUT], low);                  \
		assert_int_equal(r_.to[TIMELINE_OUT], high);                   \
	} while (0)

static void
a_tail_in_bytes_loses_its_first_line_as_in_codexd(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_TAIL_BYTES, 0);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\ntwo\nthree\n");
	look(&x, true);
	assert_range(&x, &q, 14, 14);
	q.count = 6;
	assert_range(&x, &q, 14, 14);
	/* Even where it is whole. */
	q.count = 10;
	assert_range(&x, &q, 8, 14);
	q.count = 13;
	assert_range(&x, &q, 4, 14);
	q.count = 14;
	assert_range(&x, &q, 0, 14);
	q.count = 5000;
	assert_range(&x, &q, 0, 14);
	q.format = LOG_RAW;
	q.count = 6;
	assert_range(&x, &q, 8, 14);
	end(&x);
}

static void
a_tail_in_lines_counts_the_open_one(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_TAIL_LINES, 1);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\ntwo\n");
	look(&x, true);
	assert_range(&x, &q, 4, 8);
	q.count = 2;
	assert_range(&x, &q, 0, 8);
	log_fixture_adds(&x.f, TIMELINE_OUT, "\n\nopen");
	look(&x, true);
	q.count = 1;
	assert_range(&x, &q, 10, 14);
	q.count = 2;
	assert_range(&x, &q, 9, 14);
	q.count = 3;
	assert_range(&x, &q, 8, 14);
	q.count = 100;
	assert_range(&x, &q, 0, 14);
	end(&x);
}

static void
a_head_ends_with_a_whole_line(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_HEAD_BYTES, 6);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\ntwo\nthree");
	look(&x, true);
	assert_range(&x, &q, 0, 4);
	q.count = 13;
	assert_range(&x, &q, 0, 13);
	q.format = LOG_RAW;
	q.count = 6;
	assert_range(&x, &q, 0, 6);
	q = query(LOG_PICK_HEAD_LINES, 2);
	assert_range(&x, &q, 0, 8);
	q.count = 3;
	assert_range(&x, &q, 0, 13);
	q.count = 0;
	assert_range(&x, &q, 0, 0);
	end(&x);
}

static void
time_bounds_the_bytes_that_arrived_in_it(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_ALL, 0);
	struct fixture x;
	uint64_t t0;

	start(&x);
	t0 = x.f.now_ns;
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\ntw");
	log_fixture_wait(&x.f, 10);
	log_fixture_adds(&x.f, TIMELINE_OUT, "o\nthr");
	log_fixture_wait(&x.f, 10);
	log_fixture_adds(&x.f, TIMELINE_OUT, "ee\n");
	look(&x, true);
	q.format = LOG_RAW;
	q.since_ns = t0 + 1;
	assert_range(&x, &q, 6, 14);
	q.until_ns = t0 + 10;
	assert_range(&x, &q, 6, 11);
	q.format = LOG_TEXT;
	assert_range(&x, &q, 4, 8);
	q.since_ns = t0 + 11;
	q.until_ns = t0 + 19;
	assert_range(&x, &q, 11, 11);
	q.since_ns = t0 + 21;
	q.until_ns = UINT64_MAX;
	assert_range(&x, &q, 14, 14);
	end(&x);
}

static void
of_two_streams_the_last_lines_are_those_that_ended_last(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_TAIL_LINES, 2);
	struct log_range r;
	struct fixture x;

	q.streams = BIT(TIMELINE_OUT) | BIT(TIMELINE_ERR);
	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "a\nlong ");
	log_fixture_adds(&x.f, TIMELINE_ERR, "x\ny\n");
	log_fixture_adds(&x.f, TIMELINE_OUT, "line\n");
	look(&x, true);
	r = find(&x, &q, NULL);
	assert_int_equal(r.from[TIMELINE_OUT], 2);
	assert_int_equal(r.from[TIMELINE_ERR], 2);
	assert_int_equal(r.first, 0);
	q.count = 1;
	r = find(&x, &q, NULL);
	assert_int_equal(r.from[TIMELINE_OUT], 2);
	assert_int_equal(r.from[TIMELINE_ERR], 4);
	end(&x);
}

static void
an_offset_beyond_the_end_is_kept_for_followers(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_OFFSET, 0);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "abc");
	look(&x, false);
	q.offset[TIMELINE_OUT] = 2;
	assert_range(&x, &q, 2, 3);
	q.offset[TIMELINE_OUT] = 9;
	assert_range(&x, &q, 9, 9);
	end(&x);
}

static void
much_is_found_in_steps(void **state UNUSED)
{
	struct log_query q = query(LOG_PICK_TAIL_LINES, 1000000);
	AUTO_FREE char *block = xmalloc(1 << 20);
	struct log_range r;
	struct fixture x;
	int steps;

	memset(block, 'x', 1 << 20);
	block[0] = '\n';
	start(&x);
	for (int i = 0; i < 20; i++)
		log_fixture_add(&x.f, TIMELINE_OUT, block, 1 << 20,
				FIXTURE_DATA);
	look(&x, true);
	r = find(&x, &q, &steps);
	assert_int_equal(r.from[TIMELINE_OUT], 0);
	assert_true(steps >= 5);
	q.count = 3;
	r = find(&x, &q, &steps);
	assert_int_equal(r.from[TIMELINE_OUT], (17 << 20) + 1);
	assert_int_equal(steps, 1);
	end(&x);
}

/* No entry before `first' has a byte of the range. */
static void
check_first(const struct fixture *x, const struct log_query *q,
	    const struct log_range *r)
{
	for (size_t i = 0; i < x->f.n_recs && i < r->first; i++) {
		const struct log_fixture_rec *rec = &x->f.recs[i];

		if (q->streams & BIT(rec->stream))
			assert_true(rec->offset + rec->length <=
				    r->from[rec->stream]);
	}
}

static void
check(struct fixture *x, bool is_ended, const struct log_query *q)
{
	struct log_range want = { 0 }, got = find(x, q, NULL);

	log_model_range(&x->f, is_ended, q, &want);
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		if (want.from[s] == got.from[s] && want.to[s] == got.to[s])
			continue;
		fail_msg("stream %u: [%" PRIu64 ",%" PRIu64
			 ") instead of [%" PRIu64 ",%" PRIu64
			 "): format %d streams %u pick %d count %" PRIu64
			 " since %" PRIu64 " until %" PRIu64 " ended %d",
			 s, got.from[s], got.to[s], want.from[s], want.to[s],
			 q->format, q->streams, q->pick, q->count, q->since_ns,
			 q->until_ns, is_ended);
	}
	check_first(x, q, &got);
}

static void
random_queries_of_random_logs_agree_with_the_model(void **state UNUSED)
{

	for (int round = 0; round < 300; round++) {
		bool is_ended = log_fixture_below(2);
		struct fixture x;

		start(&x);
		log_fixture_fill(&x.f, 1 + log_fixture_below(40), round % 3);
		if (log_fixture_below(2))
			log_fixture_add(&x.f, TIMELINE_OUT, "un\ncov", 6,
					FIXTURE_UNCOVERED);
		if (log_fixture_below(2))
			log_fixture_add(&x.f, TIMELINE_ERR, "ered\n", 5,
					FIXTURE_UNCOVERED);
		look(&x, is_ended);
		for (int i = 0; i < 40; i++) {
			struct log_query q;

			log_model_query(&x.f, &q);
			check(&x, is_ended, &q);
		}
		end(&x);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_tail_in_bytes_loses_its_first_line_as_in_codexd),
		cmocka_unit_test(a_tail_in_lines_counts_the_open_one),
		cmocka_unit_test(a_head_ends_with_a_whole_line),
		cmocka_unit_test(time_bounds_the_bytes_that_arrived_in_it),
		cmocka_unit_test(
		    of_two_streams_the_last_lines_are_those_that_ended_last),
		cmocka_unit_test(
		    an_offset_beyond_the_end_is_kept_for_followers),
		cmocka_unit_test(much_is_found_in_steps),
		cmocka_unit_test(
		    random_queries_of_random_logs_agree_with_the_model),
	};

	return RUN_TESTS(tests);
}
