/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_source.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "berthd/exec/log_files.h"
#include "tests/unit/berthd/exec/log_fixture.h"

struct reader {
	struct log_reader reader;
	unsigned n_wakes, n_cuts;
	bool waits_again;
};

struct fixture {
	uv_loop_t loop;
	struct log_fixture f;
	struct log_source src;
	struct err err;
	unsigned n_idle;
};

static void
on_idle(void *exec)
{
	struct fixture *x = exec;

	x->n_idle++;
}

static void
start(struct fixture *x)
{
	*x = (struct fixture){ .err = ERR_INIT };
	assert_int_equal(uv_loop_init(&x->loop), 0);
	log_fixture_init(&x->f);
	x->src = (struct log_source){
		.dir_fd = x->f.dir_fd,
		.exec_id = "01test",
		.exec = x,
		.on_idle = on_idle,
	};
}

static void
end(struct fixture *x)
{
	log_source_fini(&x->src);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	log_fixture_fini(&x->f);
}

static void
wake(struct log_reader *reader)
{
	struct reader *r = container_of(reader, struct reader, reader);

	assert_false(reader->is_waiting);
	r->n_wakes++;
	reader->is_waiting = r->waits_again;
}

static void
cut(struct log_reader *reader)
{
	struct reader *r = container_of(reader, struct reader, reader);

	r->n_cuts++;
}

static void
join(struct fixture *x, struct reader *r, bool is_follower)
{
	*r = (struct reader){
		.reader = {
			.is_follower = is_follower,
			.is_waiting = is_follower,
			.wake = wake,
			.cut = cut,
		},
		.waits_again = true,
	};
	if (log_source_join(&x->src, &r->reader, &x->loop, &x->err) < 0)
		fail_msg("%s", x->err.msg);
}

static void
settle(struct fixture *x)
{
	for (int i = 0; i < 5; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
}

/* Descriptors that are open in this process. */
static unsigned
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void
readers_share_one_set_of_files(void **state UNUSED)
{
	struct reader a, b;
	struct fixture x;
	unsigned before, with_one;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "abc");
	before = count_fds();
	join(&x, &a, false);
	with_one = count_fds();
	join(&x, &b, false);
	assert_int_equal(count_fds(), with_one);
	assert_ptr_equal(log_source_files(&a.reader),
			 log_source_files(&b.reader));
	assert_int_equal(log_source_files(&a.reader)->timeline.n, 1);
	log_source_leave(&a.reader);
	assert_int_equal(x.n_idle, 0);
	log_source_leave(&b.reader);
	assert_int_equal(x.n_idle, 1);
	assert_int_equal(count_fds(), before);
	end(&x);
}

static void
only_those_who_wait_are_woken(void **state UNUSED)
{
	struct reader follower, busy, other;
	struct fixture x;

	start(&x);
	join(&x, &follower, true);
	join(&x, &busy, true);
	busy.reader.is_waiting = false;
	join(&x, &other, false);
	log_fixture_adds(&x.f, TIMELINE_OUT, "abc");
	settle(&x);
	assert_true(follower.n_wakes >= 1);
	assert_int_equal(busy.n_wakes, 0);
	assert_int_equal(other.n_wakes, 0);
	assert_int_equal(log_source_files(&follower.reader)->timeline.n, 1);
	log_source_leave(&follower.reader);
	log_source_leave(&busy.reader);
	log_source_leave(&other.reader);
	end(&x);
}

static void
a_change_wakes_without_output(void **state UNUSED)
{
	struct reader follower;
	struct fixture x;

	start(&x);
	log_source_changed(&x.src);
	join(&x, &follower, true);
	x.src.is_ended = true;
	log_source_changed(&x.src);
	assert_int_equal(follower.n_wakes, 1);
	assert_true(log_source_files(&follower.reader)->is_ended);
	log_source_leave(&follower.reader);
	end(&x);
}

static void
nobody_watches_without_followers(void **state UNUSED)
{
	struct reader follower, other;
	struct fixture x;

	start(&x);
	join(&x, &other, false);
	assert_false(uv_loop_alive(&x.loop));
	join(&x, &follower, true);
	assert_true(uv_loop_alive(&x.loop));
	log_source_leave(&follower.reader);
	settle(&x);
	assert_false(uv_loop_alive(&x.loop));
	x.src.is_ended = true;
	join(&x, &follower, true);
	assert_false(uv_loop_alive(&x.loop));
	log_source_leave(&follower.reader);
	log_source_leave(&other.reader);
	end(&x);
}

static void
a_source_that_goes_cuts_its_readers(void **state UNUSED)
{
	struct reader a, b;
	struct fixture x;

	start(&x);
	join(&x, &a, true);
	join(&x, &b, false);
	log_source_fini(&x.src);
	assert_int_equal(a.n_cuts, 1);
	assert_int_equal(b.n_cuts, 1);
	assert_null(a.reader.src);
	log_source_leave(&a.reader);
	log_source_leave(&b.reader);
	log_source_rest(&a.reader);
	assert_int_equal(x.n_idle, 0);
	log_source_fini(&x.src);
	end(&x);
}

static void
files_that_cannot_be_read_cut_the_readers(void **state UNUSED)
{
	struct reader follower;
	struct fixture x;

	start(&x);
	unlinkat(x.f.dir_fd, "out", 0);
	join(&x, &follower, true);
	assert_int_equal(symlinkat("err", x.f.dir_fd, "out"), 0);
	log_fixture_adds(&x.f, TIMELINE_OUT, "abc");
	settle(&x);
	assert_true(follower.n_cuts >= 1);
	log_source_leave(&follower.reader);
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_share_one_set_of_files),
		cmocka_unit_test(only_those_who_wait_are_woken),
		cmocka_unit_test(a_change_wakes_without_output),
		cmocka_unit_test(nobody_watches_without_followers),
		cmocka_unit_test(a_source_that_goes_cuts_its_readers),
		cmocka_unit_test(files_that_cannot_be_read_cut_the_readers),
	};

	return RUN_TESTS(tests);
}
