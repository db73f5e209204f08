/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_files.h"

#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "tests/unit/berthd/exec/log_fixture.h"

struct fixture {
	struct log_fixture f;
	struct log_files files;
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
end(struct fixture *x)
{
	log_files_fini(&x->files);
	log_fixture_fini(&x->f);
}

static void
reads_agree_with_what_was_written(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	for (int i = 0; i < 40; i++) {
		AUTO_FREE uint8_t *bytes = xmalloc(30000);

		memset(bytes, 'a' + i % 26, 30000);
		log_fixture_add(&x.f, i % 3 == 0, bytes, 30000, FIXTURE_DATA);
	}
	assert_int_equal(log_files_refresh(&x.files, false, &x.err), 0);
	for (int i = 0; i < 5000; i++) {
		unsigned s = log_fixture_below(2);
		uint64_t size = x.f.size[s];
		uint64_t from = log_fixture_below((uint32_t)size);
		size_t n = log_fixture_below(LOG_WINDOW + 1);
		const uint8_t *bytes;

		n = MIN(n, (size_t)(size - from));
		assert_int_equal(
		    log_files_read(&x.files, s, from, n, &bytes, &x.err), 1);
		assert_memory_equal(bytes, x.f.bytes[s] + from, n);
		if (i % 100 == 0)
			log_files_trim(&x.files);
	}
	end(&x);
}

static void
bytes_dropped_since_the_refresh_are_not_read_as_zeros(void **state UNUSED)
{
	const uint8_t *bytes;
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	assert_int_equal(log_files_refresh(&x.files, false, &x.err), 0);
	log_fixture_drop(&x.f, TIMELINE_OUT, 3, 6);
	assert_int_equal(
	    log_files_read(&x.files, TIMELINE_OUT, 0, 10, &bytes, &x.err), 0);
	assert_int_equal(
	    log_files_read(&x.files, TIMELINE_OUT, 0, 3, &bytes, &x.err), 1);
	assert_memory_equal(bytes, "012", 3);
	assert_int_equal(
	    log_files_read(&x.files, TIMELINE_OUT, 6, 4, &bytes, &x.err), 1);
	assert_memory_equal(bytes, "6789", 4);
	end(&x);
}

static void
entries_are_the_records(void **state UNUSED)
{
	struct fixture x;
	struct log_view view;

	start(&x);
	log_fixture_fill(&x.f, 1500, FIXTURE_DROPPING);
	assert_int_equal(log_files_refresh(&x.files, true, &x.err), 0);
	view = log_view_of(&x.files);
	assert_int_equal(view.n_recs, 1500);
	for (int i = 0; i < 4000; i++) {
		uint64_t index = log_fixture_below(1500), found;
		const struct log_fixture_rec *rec = &x.f.recs[index];
		struct log_entry e;

		assert_int_equal(log_view_entry(&view, index, &e, &x.err), 0);
		assert_int_equal(e.time_ns, rec->time_ns);
		assert_int_equal(e.offset, rec->offset);
		assert_int_equal(e.length, rec->length);
		assert_int_equal(e.stream, rec->stream);
		assert_int_equal(e.is_lost, rec->kind == FIXTURE_LOST);
		assert_int_equal(log_view_find(&view, e.stream,
					       e.offset + e.length - 1, &found,
					       &x.err),
				 0);
		assert_int_equal(found, index);
	}
	end(&x);
}

static void
bytes_without_a_record_count_once_the_exec_has_ended(void **state UNUSED)
{
	struct log_view view;
	struct log_entry e;
	struct fixture x;
	uint64_t index;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "covered");
	log_fixture_add(&x.f, TIMELINE_OUT, "rest", 4, FIXTURE_UNCOVERED);
	assert_int_equal(log_files_refresh(&x.files, false, &x.err), 0);
	view = log_view_of(&x.files);
	assert_int_equal(view.end[TIMELINE_OUT], 7);
	assert_int_equal(log_view_find(&view, TIMELINE_OUT, 7, &index, &x.err),
			 0);
	assert_int_equal(index, log_view_n(&view));

	assert_int_equal(log_files_refresh(&x.files, true, &x.err), 0);
	view = log_view_of(&x.files);
	assert_int_equal(view.end[TIMELINE_OUT], 11);
	assert_int_equal(log_view_find(&view, TIMELINE_OUT, 7, &index, &x.err),
			 0);
	assert_int_equal(index, 1);
	assert_int_equal(log_view_entry(&view, index, &e, &x.err), 0);
	assert_int_equal(e.offset, 7);
	assert_int_equal(e.length, 4);
	assert_int_equal(e.time_ns, x.f.now_ns);
	assert_int_equal(log_view_entry(&view, index + 1, &e, &x.err), 0);
	assert_int_equal(e.stream, TIMELINE_ERR);
	assert_int_equal(e.length, 0);
	end(&x);
}

static void
an_output_that_shrinks_is_an_error(void **state UNUSED)
{
	const uint8_t *bytes;
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "0123456789");
	assert_int_equal(log_files_refresh(&x.files, false, &x.err), 0);
	assert_int_equal(ftruncate(x.f.fd[TIMELINE_OUT], 5), 0);
	assert_int_equal(
	    log_files_read(&x.files, TIMELINE_OUT, 0, 10, &bytes, &x.err), -1);
	assert_non_null(strstr(x.err.msg, "shorter"));
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_agree_with_what_was_written),
		cmocka_unit_test(
		    bytes_dropped_since_the_refresh_are_not_read_as_zeros),
		cmocka_unit_test(entries_are_the_records),
		cmocka_unit_test(
		    bytes_without_a_record_count_once_the_exec_has_ended),
		cmocka_unit_test(an_output_that_shrinks_is_an_error),
	};

	return RUN_TESTS(tests);
}
