/* SPDX-License-Identifier: ISC */

#include "core/proc.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/run.h"

/* The word that makes this program one that is replaced while it runs. */
#define REPLACED "be-replaced"

/* A child that waits to be killed, under a name of its own. */
static pid_t
start_child(const char *name)
{
	int ends[2];
	pid_t pid;
	char go;

	assert_return_code(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, name);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ends[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &go, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static void
reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
we_recognise_ourselves(void **state UNUSED)
{
	struct proc_id id = { 0 };

	assert_true(proc_id_read(getpid(), &id));
	assert_int_equal(id.pid, getpid());
	assert_true(id.start > 0);
	assert_true(proc_id_alive(&id));
	assert_true(proc_id_signal(&id, 0));
}

/* The name stands in the middle of what is parsed, and may hold anything. */
static void
name_of_a_process_does_not_confuse(void **state UNUSED)
{
	static const char *const names[] = { "a b",  ") S 1 1", "))((",
					     "x) R", "\n",	"" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		pid_t pid = start_child(names[i]);
		struct proc_id id, us;

		assert_true(proc_id_read(pid, &id));
		assert_true(proc_id_read(getpid(), &us));
		assert_true(id.start >= us.start);
		assert_true(proc_id_signal(&id, SIGKILL));
		reap(pid);
		assert_false(proc_id_alive(&id));
		assert_false(proc_id_signal(&id, 0));
	}
}

static void
dead_process_that_nobody_reaped_is_not_alive(void **state UNUSED)
{
	pid_t pid = start_child("zombie");
	siginfo_t info;
	struct proc_id id;

	assert_true(proc_id_read(pid, &id));
	assert_return_code(kill(pid, SIGKILL), 0);
	assert_return_code(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
			   0);
	assert_false(proc_id_alive(&id));
	assert_false(proc_id_read(pid, &id));
	assert_false(proc_id_signal(&id, SIGTERM));
	reap(pid);
}

/* A pid that somebody else has got since is never signalled. */
static void
same_pid_with_another_start_is_a_stranger(void **state UNUSED)
{
	pid_t pid = start_child("stranger");
	struct proc_id id;
	int status;

	assert_true(proc_id_read(pid, &id));
	id.start--;
	assert_false(proc_id_alive(&id));
	assert_false(proc_id_signal(&id, SIGKILL));
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	id.start++;
	assert_true(proc_id_signal(&id, SIGKILL));
	reap(pid);
}

/* Exits with 0 if what the clock says is what /proc says. */
static void __attribute__((noreturn)) compare_starts(uint64_t forked_ns)
{
	unsigned n_known = 0;

	if (proc_start_now() != 0)
		_exit(1);
	proc_start_check(forked_ns);
	for (int i = 0; i < 100; i++) {
		uint64_t before = proc_start_now(), after;
		pid_t pid = fork();
		struct proc_id id = { 0 };

		if (pid == 0) {
			pause();
			_exit(0);
		}
		after = proc_start_now();
		if (!proc_id_read(pid, &id) || id.start < before ||
		    id.start > after || before == 0)
			_exit(2);
		if (before == after)
			n_known++;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	/* On the busiest machine some fit between two ticks. */
	_exit(n_known > 0 ? 0 : 3);
}

static void
start_of_a_child_is_known_from_the_clock(void **state UNUSED)
{
	uint64_t now = clock_boot_ns();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		compare_starts(now);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* As on a kernel that counts from elsewhere. */
static void
start_by_another_clock_is_not_known(void **state UNUSED)
{
	proc_start_check(clock_boot_ns() + 3600 * NS_PER_S);
	assert_int_equal(proc_start_now(), 0);
}

static void
impossible_pids_name_nobody(void **state UNUSED)
{
	static const pid_t pids[] = { 0, -1, 0x7fffffff };
	struct proc_id id;

	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		assert_false(proc_id_read(pids[i], &id));
		id = (struct proc_id){ .pid = pids[i], .start = 0 };
		assert_false(proc_id_alive(&id));
		assert_false(proc_id_signal(&id, 0));
	}
}

static void
boot_and_host_have_names_that_stay(void **state UNUSED)
{
	const char *host = proc_host_id();
	const char *dash = strrchr(host, '-');

	assert_int_equal(strlen(proc_boot_id()), 36);
	assert_string_equal(proc_boot_id(), proc_boot_id());
	assert_non_null(dash);
	assert_int_equal(strlen(dash + 1), 8);
	assert_int_equal(strspn(dash + 1, "0123456789abcdef"), 8);
	assert_null(strchr(host, '/'));
	assert_string_equal(proc_host_id(), host);
}

/* As `ps' reads it; longer titles are cut to the room of the arguments. */
static void
title_replaces_the_command_line(void **state UNUSED)
{
	char words[] = "program\0argument\0";
	char *argv[] = { words, words + 8, NULL };
	char name[17] = "";

	proc_title_init(2, argv);
	proc_title_set("berthd: x");
	assert_string_equal(words, "berthd: x");
	assert_int_equal(words[16], '\0');
	assert_return_code(prctl(PR_GET_NAME, name), 0);
	assert_string_equal(name, "berthd: x");
	proc_title_set("a title much longer than the room");
	assert_string_equal(words, "a title much lon");
	assert_int_equal(words[16], '\0');
	proc_title_init(0, NULL);
}

/* A copy of this program runs, and is replaced meanwhile. */
static void
program_has_its_name_after_an_upgrade(void **state UNUSED)
{
	AUTO_FREE char *path = xasprintf("%s/program", unit_temp_dir());
	AUTO_BUF program = BUF_INIT(64u << 20);
	AUTO_BUF out = BUF_INIT(4096), errors = BUF_INIT(4096);
	char word[] = REPLACED;
	char *argv[] = { path, word, NULL };
	struct err err = ERR_INIT;
	int status;

	assert_int_equal(
	    fs_read_file(AT_FDCWD, "/proc/self/exe", &program, &err), 0);
	assert_int_equal(fs_write_atomic(AT_FDCWD, path, buf_bytes(&program),
					 program.len, 0, &err),
			 0);
	assert_return_code(chmod(path, 0700), 0);
	assert_int_equal(run_program(argv, 20000, &out, &errors, &status, &err),
			 0);
	assert_int_equal(status, 0);
	assert_string_equal(buf_text(&out), path);
}

static int
be_replaced(const char *path)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *own = NULL;
	AUTO_FREE char *dir = NULL;

	if (fs_write_atomic(AT_FDCWD, path, "new", 3, 0, &err) < 0)
		return 1;
	own = proc_own_path(&err);
	dir = proc_own_dir();
	if (own == NULL || dir == NULL || strncmp(own, dir, strlen(dir)) != 0 ||
	    own[strlen(dir)] != '/')
		return 2;
	fputs(own, stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_recognise_ourselves),
		cmocka_unit_test(name_of_a_process_does_not_confuse),
		cmocka_unit_test(dead_process_that_nobody_reaped_is_not_alive),
		cmocka_unit_test(same_pid_with_another_start_is_a_stranger),
		cmocka_unit_test(start_of_a_child_is_known_from_the_clock),
		cmocka_unit_test(start_by_another_clock_is_not_known),
		cmocka_unit_test(impossible_pids_name_nobody),
		cmocka_unit_test(boot_and_host_have_names_that_stay),
		cmocka_unit_test(title_replaces_the_command_line),
		cmocka_unit_test(program_has_its_name_after_an_upgrade),
	};

	if (argc == 2 && strcmp(argv[1], REPLACED) == 0)
		return be_replaced(argv[0]);
	return RUN_TESTS(tests);
}
