/* SPDX-License-Identifier: ISC */

#include "core/detach.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"

/* What the children do, and what they saw; in memory that all share. */
struct scene {
	enum { SERVES, REFUSES, DIES, DIES_ONCE } act;
	int n_starts, n_deaths;
	pid_t pid, session;
	char directory[64];
	bool has_input, has_more;
};

static struct {
	struct scene *scene;
	char *log, *lock;
	char *gate; /* a FIFO: who serves ends when it is opened */
	int spare;  /* a descriptor that no child has */
} t;

static int
open_log(void *owner UNUSED, struct err *err)
{
	return detach_open_log(t.log, 100, err);
}

/* Who serves holds the lock. */
static int
take_lock(void)
{
	AUTO_CLOSE int fd = open(t.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -1 : TAKE_FD(fd);
}

static bool
is_served(void *owner UNUSED)
{
	AUTO_CLOSE int lock = take_lock();

	return lock < 0;
}

static void
look_around(struct scene *scene)
{
	char byte;

	scene->pid = getpid();
	scene->session = getsid(0);
	scene->has_input = read(0, &byte, 1) != 0;
	scene->has_more = fcntl(t.spare, F_GETFD) >= 0;
	(void)!getcwd(scene->directory, sizeof(scene->directory));
	(void)!write(2, "hello log\n", 10);
}

static int
serve(void *owner, int ready_fd, struct err *err)
{
	int lock;

	if (owner != &t || t.scene->act == DIES ||
	    (t.scene->act == DIES_ONCE && t.scene->n_deaths == 0)) {
		t.scene->n_deaths++;
		_exit(7);
	}
	t.scene->n_starts++;
	if (t.scene->act == REFUSES)
		return err_set(err, ERR_LIMIT, "no room");
	lock = take_lock();
	if (lock < 0)
		return err_set(err, ERR_CONFLICT, "another one serves");
	look_around(t.scene);
	detach_say_ready(ready_fd);
	(void)!open(t.gate, O_RDONLY | O_CLOEXEC);
	return 0;
}

static const struct detach_ops ops = {
	.what = "the servant",
	.deadline_ms = 10000,
	.open_log = open_log,
	.is_served = is_served,
	.serve = serve,
};

static int
setup(void **state UNUSED)
{
	const char *dir = unit_temp_dir();

	t.scene = mmap(NULL, sizeof(*t.scene), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	t.log = path_join(dir, "log");
	t.lock = path_join(dir, "lock");
	t.gate = path_join(dir, "gate");
	t.spare = fcntl(2, F_DUPFD, 40);
	return mkfifo(t.gate, 0600);
}

static int
teardown(void **state UNUSED)
{
	(void)munmap(t.scene, sizeof(*t.scene));
	(void)unlink(t.gate);
	(void)unlink(t.log);
	free(t.log);
	free(t.lock);
	free(t.gate);
	close(t.spare);
	return 0;
}

/* Let who serves end, and wait for it. */
static void
dismiss(void)
{
	AUTO_CLOSE int lock = open(t.lock, O_RDWR | O_CLOEXEC);

	close(open(t.gate, O_WRONLY | O_CLOEXEC));
	assert_int_equal(flock(lock, LOCK_EX), 0);
}

static void
one_serves_for_all_who_come(void **state UNUSED)
{
	struct err err = ERR_INIT;

	assert_int_equal(detach_ensure(&ops, &t, &err), 0);
	assert_int_equal(detach_ensure(&ops, &t, &err), 0);
	assert_int_equal(t.scene->n_starts, 1);
	dismiss();
	assert_int_equal(detach_ensure(&ops, &t, &err), 0);
	assert_int_equal(t.scene->n_starts, 2);
	dismiss();
}

static void
it_has_nothing_of_who_started_it(void **state UNUSED)
{
	AUTO_BUF said = BUF_INIT(1000);
	struct err err = ERR_INIT;

	assert_int_equal(detach_ensure(&ops, &t, &err), 0);
	assert_int_not_equal(t.scene->session, getsid(0));
	assert_int_not_equal(t.scene->session, t.scene->pid);
	assert_string_equal(t.scene->directory, "/");
	assert_false(t.scene->has_input);
	assert_false(t.scene->has_more);
	assert_int_equal(fs_read_file(AT_FDCWD, t.log, &said, &err), 0);
	assert_string_equal(buf_text(&said), "hello log\n");
	dismiss();
}

static void
why_it_does_not_is_told(void **state UNUSED)
{
	struct err err = ERR_INIT;

	t.scene->act = REFUSES;
	assert_int_equal(detach_ensure(&ops, &t, &err), -1);
	assert_err(err, ERR_LIMIT, "no room");
	t.scene->act = DIES;
	err = (struct err)ERR_INIT;
	assert_int_equal(detach_ensure(&ops, &t, &err), -1);
	assert_err(err, ERR_SYSTEM, "the servant died while starting");
	assert_int_equal(t.scene->n_deaths, 3);
}

static void
who_is_killed_while_starting_is_started_again(void **state UNUSED)
{
	struct detach_ops hearing = ops;
	struct err err = ERR_INIT;

	t.scene->act = DIES_ONCE;
	assert_int_equal(detach_ensure(&ops, &t, &err), 0);
	assert_int_equal(t.scene->n_deaths, 1);
	dismiss();
	/* What it was to hear has been heard by the dead one. */
	t.scene->n_deaths = 0;
	hearing.keeps_input = true;
	assert_int_equal(detach_ensure(&hearing, &t, &err), -1);
	assert_int_equal(t.scene->n_deaths, 1);
}

/* Each thinks that none serves, and all but one are wrong. */
static bool
sees_none(void *owner UNUSED)
{
	return t.scene->n_starts > 1 && is_served(NULL);
}

static void
who_loses_the_race_waits_for_the_winner(void **state UNUSED)
{
	struct detach_ops blind = ops;
	struct err err = ERR_INIT;

	blind.is_served = sees_none;
	assert_int_equal(detach_ensure(&blind, &t, &err), 0);
	assert_int_equal(detach_ensure(&blind, &t, &err), 0);
	assert_int_equal(t.scene->n_starts, 2);
	dismiss();
}

static void
a_long_log_is_begun_anew(void **state UNUSED)
{
	AUTO_FREE char *old = xasprintf("%s.1", t.log);
	struct err err = ERR_INIT;
	struct stat st;

	for (int i = 0; i < 3; i++) {
		AUTO_CLOSE int fd = detach_open_log(t.log, 100, &err);

		assert_int_equal(write_full(fd, (char[90]){ 0 }, 90), 0);
	}
	assert_int_equal(stat(old, &st), 0);
	assert_int_equal(st.st_size, 180);
	assert_int_equal(stat(t.log, &st), 0);
	assert_int_equal(st.st_size, 90);
	(void)unlink(old);
}

static void
an_answer_is_asked_for(void **state UNUSED)
{
	char asked[200] = { 0 };
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_false(detach_does_answer(ends[0], "/health", 1));
	assert_true(read(ends[1], asked, sizeof(asked) - 1) > 0);
	assert_non_null(strstr(asked, "GET /health HTTP/1.1\r\n"));
	assert_int_equal(write(ends[1], "HTTP", 4), 4);
	assert_true(detach_does_answer(ends[0], "/health", 1000));
	close(ends[1]);
	assert_false(detach_does_answer(ends[0], "/health", 1000));
	close(ends[0]);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_serves_for_all_who_come),
		TEST(it_has_nothing_of_who_started_it),
		TEST(why_it_does_not_is_told),
		TEST(who_is_killed_while_starting_is_started_again),
		TEST(who_loses_the_race_waits_for_the_winner),
		TEST(a_long_log_is_begun_anew),
		TEST(an_answer_is_asked_for),
	};

	return RUN_TESTS(tests);
}
