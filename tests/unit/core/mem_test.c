/* SPDX-License-Identifier: ISC */

#include "core/mem.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
no_bytes_are_still_an_allocation(void **state UNUSED)
{
	AUTO_FREE void *a = xmalloc(0);
	AUTO_FREE void *b = xcalloc(0, 8);
	AUTO_FREE void *c = xrealloc(NULL, 0);

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
}

static void
cleared_memory_is_zero(void **state UNUSED)
{
	AUTO_FREE unsigned char *p = xcalloc(100, 3);

	for (size_t i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
}

static void
copies_are_whole_or_cut_as_asked(void **state UNUSED)
{
	AUTO_FREE char *whole = xstrdup("hello");
	AUTO_FREE char *cut = xstrndup("hello", 4);
	AUTO_FREE char *made = xasprintf("%s-%03d", "x", 7);

	assert_string_equal(whole, "hello");
	assert_string_equal(cut, "hell");
	assert_string_equal(made, "x-007");
}

static void
taking_a_pointer_leaves_nothing_to_free_twice(void **state UNUSED)
{
	AUTO_FREE char *mine = xstrdup("x");
	AUTO_FREE char *yours = TAKE(mine);
	AUTO_CLOSE int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int taken = TAKE_FD(fd);

	assert_null(mine);
	assert_non_null(yours);
	assert_int_equal(fd, -1);
	assert_true(taken >= 0);
}

/* n * size wraps round: calloc must see it, and the process must not go on. */
static void
impossible_size_aborts(void **state UNUSED)
{
	pid_t pid = fork();
	volatile size_t huge = SIZE_MAX / 2;
	int status;

	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(null, STDERR_FILENO);
		free(xcalloc(huge, 16));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_bytes_are_still_an_allocation),
		cmocka_unit_test(cleared_memory_is_zero),
		cmocka_unit_test(copies_are_whole_or_cut_as_asked),
		cmocka_unit_test(taking_a_pointer_leaves_nothing_to_free_twice),
		cmocka_unit_test(impossible_size_aborts),
	};

	return RUN_TESTS(tests);
}
