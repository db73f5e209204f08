/* SPDX-License-Identifier: ISC */
#include "berthd/exec/timeline.h"

#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/mem.h"
#include "tests/unit/berthd/exec/log_fixture.h"

struct fixture {
	struct log_fixture f;
	struct timeline t;
	struct err err;
};

static void
start(struct fixture *x)
{
	log_fixture_init(&x->f);
	timeline_init(&x->t, x->f.dir_fd);
	x->err = (struct err)ERR_INIT;
}

static void
end(struct fixture *x)
{
	timeline_fini(&x->t);
	log_fixture_fini(&x->f);
}

static void
refresh(struct fixture *x)
{
	if (timeline_refresh(&x->t, &x->err) < 0)
		fail_msg("%s", x->err.msg);
}

static void
files_that_do_not_exist_yet_read_as_empty(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	unlinkat(x.f.dir_fd, "timeline", 0);
	unlinkat(x.f.dir_fd, "out", 0);
	refresh(&x);
	assert_int_equal(x.t.n, 0);
	assert_int_equal(x.t.size[TIMELINE_OUT], 0);
	end(&x);
}

static void
a_refresh_sees_what_was_written_since(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	refresh(&x);
	assert_int_equal(x.t.n, 0);
	log_fixture_adds(&x.f, TIMELINE_OUT, "hello");
	refresh(&x);
	assert_int_equal(x.t.n, 1);
	assert_int_equal(x.t.end[TIMELINE_OUT], 5);
	assert_int_equal(x.t.last_ns, x.f.now_ns);
	log_fixture_wait(&x.f, 7);
	log_fixture_adds(&x.f, TIMELINE_ERR, "oh");
	refresh(&x);
	assert_int_equal(x.t.n, 2);
	assert_int_equal(x.t.end[TIMELINE_OUT], 5);
	assert_int_equal(x.t.end[TIMELINE_ERR], 2);
	assert_int_equal(x.t.size[TIMELINE_ERR], 2);
	assert_int_equal(x.t.last_ns, x.f.now_ns);
	end(&x);
}

static void
a_partial_record_at_the_end_is_ignored(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "hello");
	assert_int_equal(write_full(x.f.timeline_fd, "0123456789", 10), 0);
	refresh(&x);
	assert_int_equal(x.t.n, 1);
	end(&x);
}

static void
a_record_that_cannot_be_true_counts_as_empty(void **state UNUSED)
{
	struct timeline_rec bad[] = {
		{ 1, 0, 5, 9, 0, { 0 } },
		{ 1, 0, 5, 0, 9, { 0 } },
		{ 1, UINT64_MAX - 2, 5, 0, 0, { 0 } },
	};
	struct timeline_rec recs[4];
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "hello");
	assert_int_equal(write_full(x.f.timeline_fd, bad, sizeof(bad)), 0);
	refresh(&x);
	assert_int_equal(x.t.n, 4);
	assert_int_equal(x.t.end[TIMELINE_OUT], 5);
	assert_int_equal(timeline_read(&x.t, 0, recs, 4, &x.err), 4);
	for (int i = 1; i < 4; i++)
		assert_int_equal(recs[i].length, 0);
	end(&x);
}

static void
reading_stops_at_the_end(void **state UNUSED)
{
	struct timeline_rec recs[8];
	struct fixture x;

	start(&x);
	for (int i = 0; i < 5; i++)
		log_fixture_adds(&x.f, TIMELINE_OUT, "abc");
	refresh(&x);
	assert_int_equal(timeline_read(&x.t, 3, recs, 8, &x.err), 2);
	assert_int_equal(recs[1].offset, 12);
	assert_int_equal(timeline_read(&x.t, 5, recs, 8, &x.err), 0);
	assert_int_equal(timeline_read(&x.t, 50, recs, 8, &x.err), 0);
	end(&x);
}

static void
a_timeline_that_shrinks_is_an_error(void **state UNUSED)
{
	struct timeline_rec recs[8];
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "abc");
	refresh(&x);
	assert_int_equal(ftruncate(x.f.timeline_fd, 0), 0);
	assert_int_equal(timeline_read(&x.t, 0, recs, 8, &x.err), -1);
	assert_non_null(strstr(x.err.msg, "shorter"));
	end(&x);
}

static void
the_last_drop_of_each_stream_counts(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	for (int i = 0; i < 10; i++)
		log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_adds(&x.f, TIMELINE_ERR, "0123456789");
	refresh(&x);
	assert_int_equal(x.t.drop[TIMELINE_OUT].to, 0);
	log_fixture_drop(&x.f, TIMELINE_OUT, 10, 20);
	log_fixture_drop(&x.f, TIMELINE_ERR, 2, 3);
	log_fixture_drop(&x.f, TIMELINE_OUT, 10, 30);
	assert_int_equal(write_full(x.f.drops_fd, "partial", 7), 0);
	refresh(&x);
	assert_int_equal(x.t.drop[TIMELINE_OUT].from, 10);
	assert_int_equal(x.t.drop[TIMELINE_OUT].to, 30);
	assert_int_equal(x.t.drop[TIMELINE_ERR].from, 2);
	assert_int_equal(x.t.drop[TIMELINE_ERR].to, 3);
	end(&x);
}

/* Every answer of the searches against a walk from the start. */
static void
check_all(struct fixture *x)
{
	const struct log_fixture *f = &x->f;
	uint64_t at[TIMELINE_STREAMS] = { 0, 0 }, got;

	for (size_t i = 0; i <= f->n_recs; i++) {
		const struct log_fixture_rec *rec = &f->recs[i];

		for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
			assert_int_equal(
			    timeline_position(&x->t, s, i, &got, &x->err), 0);
			assert_int_equal(got, at[s]);
		}
		if (i == f->n_recs)
			break;
		assert_int_equal(timeline_find_offset(&x->t, rec->stream,
						      rec->offset, &got,
						      &x->err),
				 0);
		assert_int_equal(got, i);
		assert_int_equal(
		    timeline_find_offset(&x->t, rec->stream,
					 rec->offset + rec->length - 1, &got,
					 &x->err),
		    0);
		assert_int_equal(got, i);
		assert_int_equal(
		    timeline_find_time(&x->t, rec->time_ns, &got, &x->err), 0);
		assert_true(got <= i);
		assert_true(f->recs[got].time_ns == rec->time_ns);
		assert_true(got == 0 ||
			    f->recs[got - 1].time_ns < rec->time_ns);
		at[rec->stream] += rec->length;
	}
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		assert_int_equal(
		    timeline_find_offset(&x->t, s, at[s], &got, &x->err), 0);
		assert_int_equal(got, f->n_recs);
	}
	assert_int_equal(
	    timeline_find_time(&x->t, f->now_ns + 1, &got, &x->err), 0);
	assert_int_equal(got, f->n_recs);
}

static void
searches_agree_with_a_walk(void **state UNUSED)
{

	for (int round = 0; round < 40; round++) {
		struct fixture x;

		start(&x);
		log_fixture_fill(&x.f, log_fixture_below(round < 35 ? 60 : 900),
				 FIXTURE_WHOLE);
		refresh(&x);
		if (x.f.n_recs > 0)
			check_all(&x);
		end(&x);
	}
}

static void
a_stream_that_spoke_once_among_thousands_is_found(void **state UNUSED)
{
	struct fixture x;
	uint64_t got;

	start(&x);
	for (int i = 0; i < 3000; i++)
		log_fixture_adds(&x.f, i == 1000 ? TIMELINE_ERR : TIMELINE_OUT,
				 "x");
	refresh(&x);
	assert_int_equal(
	    timeline_find_offset(&x.t, TIMELINE_ERR, 0, &got, &x.err), 0);
	assert_int_equal(got, 1000);
	assert_int_equal(
	    timeline_position(&x.t, TIMELINE_ERR, 2500, &got, &x.err), 0);
	assert_int_equal(got, 1);
	assert_int_equal(
	    timeline_position(&x.t, TIMELINE_ERR, 200, &got, &x.err), 0);
	assert_int_equal(got, 0);
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_do_not_exist_yet_read_as_empty),
		cmocka_unit_test(a_refresh_sees_what_was_written_since),
		cmocka_unit_test(a_partial_record_at_the_end_is_ignored),
		cmocka_unit_test(a_record_that_cannot_be_true_counts_as_empty),
		cmocka_unit_test(reading_stops_at_the_end),
		cmocka_unit_test(a_timeline_that_shrinks_is_an_error),
		cmocka_unit_test(the_last_drop_of_each_stream_counts),
		cmocka_unit_test(searches_agree_with_a_walk),
		cmocka_unit_test(
		    a_stream_that_spoke_once_among_thousands_is_found),
	};

	return RUN_TESTS(tests);
}
