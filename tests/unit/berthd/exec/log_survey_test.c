/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_survey.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "tests/unit/berthd/exec/log_fixture.h"

struct fixture {
	struct log_fixture f;
	struct log_files files;
	struct log_merge m;
	struct log_survey s;
	struct err err;
};

static void
start(struct fixture *x)
{
	*x = (struct fixture){ .err = ERR_INIT };
	log_fixture_init(&x->f);
	log_files_init(&x->files, x->f.dir_fd);
	x->m.until_ns = UINT64_MAX;
	x->m.left = UINT64_MAX;
}

/* Of what is there now, as far as `to'; how many steps it took. */
static int
survey(struct fixture *x, uint64_t out_to, uint64_t err_to)
{
	int steps = 0, rc;

	log_survey_fini(&x->s);
	if (log_files_refresh(&x->files, true, &x->err) < 0)
		fail_msg("%s", x->err.msg);
	x->m.view = log_view_of(&x->files);
	x->m.to[TIMELINE_OUT] = out_to;
	x->m.to[TIMELINE_ERR] = err_to;
	log_survey_init(&x->s, &x->m);
	do {
		rc = log_survey_step(&x->s, &x->err);
		steps++;
	} while (rc == 0);
	assert_int_equal(rc, 1);
	return steps;
}

static void
end(struct fixture *x)
{
	log_survey_fini(&x->s);
	log_files_fini(&x->files);
	log_fixture_fini(&x->f);
}

static void
bytes_are_counted_and_gaps_are_listed(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_add(&x.f, TIMELINE_OUT, "lost", 4, FIXTURE_LOST);
	log_fixture_adds(&x.f, TIMELINE_ERR, "oops");
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_drop(&x.f, TIMELINE_OUT, 2, 5);
	survey(&x, UINT64_MAX, 0);
	assert_int_equal(x.s.total, 17);
	assert_int_equal(x.s.n_gaps, 2);
	assert_string_equal(buf_text(&x.s.gaps),
			    "2-5(dropped), 10-14(disk_full)");
	assert_int_equal(x.s.merge.pos[TIMELINE_OUT], 24);
	survey(&x, UINT64_MAX, UINT64_MAX);
	assert_int_equal(x.s.total, 21);
	assert_string_equal(buf_text(&x.s.gaps),
			    "stdout=2-5(dropped), stdout=10-14(disk_full)");
	survey(&x, 4, 0);
	assert_int_equal(x.s.total, 2);
	assert_string_equal(buf_text(&x.s.gaps), "2-4(dropped)");
	end(&x);
}

static void
a_limit_ends_it_where_the_body_will_end(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	x.m.left = 13;
	survey(&x, UINT64_MAX, 0);
	assert_int_equal(x.s.total, 13);
	assert_int_equal(x.s.merge.pos[TIMELINE_OUT], 13);
	end(&x);
}

static void
too_many_gaps_are_not_all_listed(void **state UNUSED)
{
	struct fixture x;
	unsigned commas = 0;

	start(&x);
	for (int i = 0; i < 100; i++) {
		log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
		log_fixture_add(&x.f, TIMELINE_OUT, "lost", 4, FIXTURE_LOST);
	}
	survey(&x, UINT64_MAX, UINT64_MAX);
	assert_int_equal(x.s.total, 1000);
	assert_int_equal(x.s.n_gaps, 100);
	for (const char *p = buf_text(&x.s.gaps); *p; p++)
		commas += *p == ',';
	assert_int_equal(commas, LOG_SURVEY_MAX_GAPS);
	assert_true(str_ends(buf_text(&x.s.gaps), "(disk_full), ..."));
	end(&x);
}

static void
a_long_timeline_is_surveyed_in_steps(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	for (uint64_t i = 0; i < 20000; i++) {
		struct timeline_rec rec = { 1, i / 2, 1, i % 2, 0, { 0 } };

		assert_int_equal(pwrite(x.f.timeline_fd, &rec, sizeof(rec),
					(off_t)(i * sizeof(rec))),
				 sizeof(rec));
	}
	assert_int_equal(ftruncate(x.f.fd[TIMELINE_OUT], 10000), 0);
	assert_int_equal(ftruncate(x.f.fd[TIMELINE_ERR], 10000), 0);
	assert_true(survey(&x, UINT64_MAX, UINT64_MAX) >= 4);
	assert_int_equal(x.s.total, 20000);
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_counted_and_gaps_are_listed),
		cmocka_unit_test(a_limit_ends_it_where_the_body_will_end),
		cmocka_unit_test(too_many_gaps_are_not_all_listed),
		cmocka_unit_test(a_long_timeline_is_surveyed_in_steps),
	};

	return RUN_TESTS(tests);
}
