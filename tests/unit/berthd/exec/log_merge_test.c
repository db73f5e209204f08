/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_merge.h"

#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/macros.h"
#include "tests/unit/berthd/exec/log_fixture.h"
#include "tests/unit/berthd/exec/log_model.h"

struct fixture {
	struct log_fixture f;
	struct log_files files;
	struct log_merge m;
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
	x->m.view = log_view_of(&x->files);
}

/* All of both streams. */
static void
whole(struct fixture *x, bool is_ended)
{
	x->m = (struct log_merge){
		.until_ns = UINT64_MAX,
		.to = { UINT64_MAX, UINT64_MAX },
		.left = UINT64_MAX,
	};
	look(x, is_ended);
}

static void
end(struct fixture *x)
{
	log_files_fini(&x->files);
	log_fixture_fini(&x->f);
}

static void
expect(struct fixture *x, unsigned stream, uint64_t offset, uint64_t length,
       const char *reason)
{
	struct log_piece piece;

	assert_int_equal(log_merge_peek(&x->m, &piece, &x->err),
			 LOG_MERGE_PIECE);
	assert_int_equal(piece.stream, stream);
	assert_int_equal(piece.offset, offset);
	assert_int_equal(piece.length, length);
	if (reason)
		assert_string_equal(piece.reason, reason);
	else
		assert_null(piece.reason);
	log_merge_consume(&x->m, &piece, length);
}

static void
expect_result(struct fixture *x, enum log_merge_result result)
{
	struct log_piece piece;

	assert_int_equal(log_merge_peek(&x->m, &piece, &x->err), result);
}

static void
pieces_come_in_the_order_of_time(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "ab");
	log_fixture_adds(&x.f, TIMELINE_ERR, "xyz");
	log_fixture_adds(&x.f, TIMELINE_OUT, "c");
	whole(&x, false);
	expect(&x, TIMELINE_OUT, 0, 2, NULL);
	expect(&x, TIMELINE_ERR, 0, 3, NULL);
	expect(&x, TIMELINE_OUT, 2, 1, NULL);
	expect_result(&x, LOG_MERGE_END);
	end(&x);
}

static void
a_piece_stays_until_it_is_consumed(void **state UNUSED)
{
	struct log_piece piece;
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "abcdef");
	whole(&x, false);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_merge_peek(&x.m, &piece, &x.err),
				 LOG_MERGE_PIECE);
		assert_int_equal(piece.offset, 0);
	}
	log_merge_consume(&x.m, &piece, 4);
	expect(&x, TIMELINE_OUT, 4, 2, NULL);
	end(&x);
}

static void
neighbours_are_joined_as_far_as_asked(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	for (int i = 0; i < 5; i++)
		log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_adds(&x.f, TIMELINE_ERR, "e");
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	whole(&x, false);
	x.m.join = 35;
	expect(&x, TIMELINE_OUT, 0, 35, NULL);
	expect(&x, TIMELINE_OUT, 35, 15, NULL);
	expect(&x, TIMELINE_ERR, 0, 1, NULL);
	expect(&x, TIMELINE_OUT, 50, 10, NULL);

	/* A stream that is not wanted stands between nothing. */
	whole(&x, false);
	x.m.join = UINT64_MAX;
	x.m.to[TIMELINE_ERR] = 0;
	expect(&x, TIMELINE_OUT, 0, 60, NULL);
	end(&x);
}

static void
a_follower_goes_on_with_a_newer_view(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	whole(&x, false);
	expect_result(&x, LOG_MERGE_END);
	log_fixture_adds(&x.f, TIMELINE_OUT, "ab");
	look(&x, false);
	expect(&x, TIMELINE_OUT, 0, 2, NULL);
	expect_result(&x, LOG_MERGE_END);
	log_fixture_adds(&x.f, TIMELINE_ERR, "e");
	log_fixture_adds(&x.f, TIMELINE_OUT, "c");
	log_fixture_add(&x.f, TIMELINE_OUT, "rest", 4, FIXTURE_UNCOVERED);
	look(&x, false);
	expect(&x, TIMELINE_ERR, 0, 1, NULL);
	expect(&x, TIMELINE_OUT, 2, 1, NULL);
	expect_result(&x, LOG_MERGE_END);
	look(&x, true);
	expect(&x, TIMELINE_OUT, 3, 4, NULL);
	expect_result(&x, LOG_MERGE_END);
	end(&x);
}

static void
missing_bytes_are_one_gap_in_their_place(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "ab");
	log_fixture_add(&x.f, TIMELINE_OUT, "lost", 4, FIXTURE_LOST);
	log_fixture_add(&x.f, TIMELINE_OUT, "lost", 4, FIXTURE_LOST);
	log_fixture_adds(&x.f, TIMELINE_ERR, "e");
	for (int i = 0; i < 8; i++)
		log_fixture_adds(&x.f, TIMELINE_OUT, "01");
	log_fixture_drop(&x.f, TIMELINE_OUT, 11, 23);
	whole(&x, true);
	expect(&x, TIMELINE_OUT, 0, 2, NULL);
	expect(&x, TIMELINE_OUT, 2, 8, "disk_full");
	expect(&x, TIMELINE_ERR, 0, 1, NULL);
	expect(&x, TIMELINE_OUT, 10, 1, NULL);
	expect(&x, TIMELINE_OUT, 11, 12, "dropped");
	expect(&x, TIMELINE_OUT, 23, 1, NULL);
	expect(&x, TIMELINE_OUT, 24, 2, NULL);
	expect_result(&x, LOG_MERGE_END);
	end(&x);
}

static void
bytes_that_a_crash_took_are_a_gap(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_adds(&x.f, TIMELINE_ERR, "e");
	assert_int_equal(ftruncate(x.f.fd[TIMELINE_OUT], 4), 0);
	whole(&x, true);
	expect(&x, TIMELINE_OUT, 0, 4, NULL);
	expect(&x, TIMELINE_OUT, 4, 6, "missing");
	expect(&x, TIMELINE_ERR, 0, 1, NULL);
	end(&x);
}

static void
a_damaged_record_leads_to_no_hole(void **state UNUSED)
{
	struct timeline_rec bad = { .offset = 2, .length = 2, .stream = 7 };
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "01");
	log_fixture_adds(&x.f, TIMELINE_OUT, "23");
	log_fixture_adds(&x.f, TIMELINE_OUT, "45");
	assert_int_equal(pwrite(x.f.timeline_fd, &bad, sizeof(bad), 24), 24);
	whole(&x, true);
	expect(&x, TIMELINE_OUT, 0, 2, NULL);
	expect(&x, TIMELINE_OUT, 2, 4, NULL);
	end(&x);
}

static void
the_range_and_its_limit_end_it(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_wait(&x.f, 5);
	log_fixture_adds(&x.f, TIMELINE_ERR, "0123456789");
	whole(&x, false);
	x.m.pos[TIMELINE_OUT] = 3;
	x.m.to[TIMELINE_OUT] = 6;
	x.m.to[TIMELINE_ERR] = 0;
	expect(&x, TIMELINE_OUT, 3, 3, NULL);
	expect_result(&x, LOG_MERGE_STOP);
	whole(&x, false);
	x.m.left = 12;
	expect(&x, TIMELINE_OUT, 0, 10, NULL);
	expect(&x, TIMELINE_ERR, 0, 2, NULL);
	expect_result(&x, LOG_MERGE_STOP);
	whole(&x, false);
	x.m.until_ns = x.f.now_ns - 1;
	expect(&x, TIMELINE_OUT, 0, 10, NULL);
	expect_result(&x, LOG_MERGE_STOP);
	end(&x);
}

static void
a_long_search_lets_others_have_a_turn(void **state UNUSED)
{
	struct log_piece piece;
	struct fixture x;
	int turns = 0;

	start(&x);
	for (int i = 0; i < 300000; i++) {
		struct timeline_rec rec = { 1, (uint64_t)i, 1, 0, 0, { 0 } };

		assert_int_equal(pwrite(x.f.timeline_fd, &rec, sizeof(rec),
					i * (off_t)sizeof(rec)),
				 sizeof(rec));
	}
	assert_int_equal(ftruncate(x.f.fd[TIMELINE_OUT], 300000), 0);
	whole(&x, false);
	x.m.to[TIMELINE_OUT] = 0;
	while (log_merge_peek(&x.m, &piece, &x.err) == LOG_MERGE_AGAIN)
		turns++;
	assert_true(turns >= 2);
	expect_result(&x, LOG_MERGE_END);
	end(&x);
}

static void
check(struct fixture *x, bool is_ended, const struct log_query *q)
{
	AUTO_BUF want = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);
	struct log_model_joiner j = { .out = &got };
	struct log_finder finder;
	struct log_piece piece;

	look(x, is_ended);
	log_finder_init(&finder, &x->m.view, q);
	while (log_finder_step(&finder, &x->err) == 0)
		;
	x->m = (struct log_merge){
		.view = x->m.view,
		.next = finder.range.first,
		.until_ns = UINT64_MAX,
		.pos = { finder.range.from[0], finder.range.from[1] },
		.to = { finder.range.to[0], finder.range.to[1] },
		.left = q->max_bytes,
		.join = log_fixture_below(3) ? log_fixture_below(300) : 0,
	};
	while (log_merge_peek(&x->m, &piece, &x->err) == LOG_MERGE_PIECE) {
		uint64_t n = log_fixture_below((uint32_t)piece.length) + 1;

		n = piece.reason ? piece.length : n;
		log_model_join(&j, piece.stream, piece.offset, n, piece.reason);
		log_merge_consume(&x->m, &piece, n);
	}
	log_model_join_end(&j);
	log_model_pieces(&x->f, is_ended, q, &want);
	assert_string_equal(buf_text(&got), buf_text(&want));
}

static void
random_pieces_of_random_logs_agree_with_the_model(void **state UNUSED)
{

	for (int round = 0; round < 300; round++) {
		bool is_ended = log_fixture_below(2);
		struct fixture x;

		start(&x);
		log_fixture_fill(&x.f, 1 + log_fixture_below(40), round % 3);
		if (log_fixture_below(2))
			log_fixture_add(&x.f, TIMELINE_ERR, "rest", 4,
					FIXTURE_UNCOVERED);
		for (int i = 0; i < 30; i++) {
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
		cmocka_unit_test(pieces_come_in_the_order_of_time),
		cmocka_unit_test(a_piece_stays_until_it_is_consumed),
		cmocka_unit_test(neighbours_are_joined_as_far_as_asked),
		cmocka_unit_test(a_follower_goes_on_with_a_newer_view),
		cmocka_unit_test(missing_bytes_are_one_gap_in_their_place),
		cmocka_unit_test(bytes_that_a_crash_took_are_a_gap),
		cmocka_unit_test(a_damaged_record_leads_to_no_hole),
		cmocka_unit_test(the_range_and_its_limit_end_it),
		cmocka_unit_test(a_long_search_lets_others_have_a_turn),
		cmocka_unit_test(
		    random_pieces_of_random_logs_agree_with_the_model),
	};

	return RUN_TESTS(tests);
}
