/* SPDX-License-Identifier: ISC */

#include "berthd/exec/command.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"
#include "core/strv.h"

#define MAX_TEXT (1u << 20)

static char *default_env[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };

/* What became of a command: its output up to the end, and its status. */
struct outcome {
	struct buf out, err;
	int status;
};

static void
outcome_fini(struct outcome *o)
{
	buf_fini(&o->out);
	buf_fini(&o->err);
}

#define OUTCOME __attribute__((cleanup(outcome_fini))) struct outcome

static void
read_all(int fd, struct buf *out)
{
	char block[4096];
	ssize_t got;

	/* A terminal ends with an error, everything else with nothing. */
	while (fd >= 0 && (got = read(fd, block, sizeof(block))) > 0)
		assert_int_equal(buf_add(out, block, (size_t)got), 0);
}

static struct command
start(const struct command_config *config)
{
	struct command command = { 0 };
	struct err err = ERR_INIT;

	if (command_start(config, &command, &err) < 0)
		fail_msg("%s", err.msg);
	return command;
}

static void
finish(const struct command *command, struct outcome *ret)
{
	buf_init(&ret->out, MAX_TEXT);
	buf_init(&ret->err, MAX_TEXT);
	read_all(command->out_fd, &ret->out);
	read_all(command->err_fd, &ret->err);
	assert_int_equal(waitpid(command->pid, &ret->status, 0), command->pid);
	close(command->out_fd);
	if (command->err_fd >= 0)
		close(command->err_fd);
	if (command->in_fd >= 0)
		close(command->in_fd);
}

static struct command_config
config_of(char *const *argv)
{
	return (struct command_config){
		.argv = argv, .env = default_env, .cwd = "/", .cgroup_fd = -1
	};
}

/* Run `script' by the shell, with what else `config' says. */
static void
run_script(struct command_config config, const char *script,
	   struct outcome *ret)
{
	AUTO_STRV char **argv = NULL;
	struct command command;

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	config.argv = argv;
	command = start(&config);
	finish(&command, ret);
}

static int
n_open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
both_streams_and_the_status_come_back(void **state UNUSED)
{
	OUTCOME o;

	run_script(config_of(NULL), "echo out; echo err >&2; exit 7", &o);
	assert_string_equal(buf_text(&o.out), "out\n");
	assert_string_equal(buf_text(&o.err), "err\n");
	assert_true(WIFEXITED(o.status) && WEXITSTATUS(o.status) == 7);
}

static void
arguments_arrive_exactly(void **state UNUSED)
{
	AUTO_STRV char **argv = NULL;
	struct command_config config;
	struct command command;
	OUTCOME o;

	strv_add(&argv, "printf");
	strv_add(&argv, "<%s>");
	strv_add(&argv, "");
	strv_add(&argv, "a b");
	strv_add(&argv, "$HOME `id` \\ ' \" \n *");
	strv_add(&argv, "\xff\xfe");
	strv_add(&argv, "-n");
	config = config_of(argv);
	command = start(&config);
	finish(&command, &o);
	assert_string_equal(buf_text(&o.out),
			    "<><a b><$HOME `id` \\ ' \" \n *><\xff\xfe><-n>");
}

static void
the_environment_is_the_given_one(void **state UNUSED)
{
	char *const argv[] = { (char[]){ "env" }, NULL };
	char *const env[] = { (char[]){ "PATH=/usr/bin:/bin" },
			      (char[]){ "A=b c=d" }, NULL };
	struct command_config config = config_of(argv);
	struct command command;
	OUTCOME o;

	config.env = env;
	command = start(&config);
	finish(&command, &o);
	assert_string_equal(buf_text(&o.out), "PATH=/usr/bin:/bin\nA=b c=d\n");
}

static void
assert_fails(const struct command_config *config, enum err_code code,
	     const char *part)
{
	struct command command;
	struct err err = ERR_INIT;
	int before = n_open_fds();

	assert_int_equal(command_start(config, &command, &err), -1);
	assert_err(err, code, part);
	assert_int_equal(n_open_fds(), before);
	/* Who could not become the program is reaped by whoever reaps. */
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void
what_does_not_exist_is_not_found(void **state UNUSED)
{
	static const char *const names[] = { "no-such-program", "",
					     "/no/such/program",
					     "./no-such-program" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_STRV char **argv = NULL;
		struct command_config config;

		strv_add(&argv, names[i]);
		config = config_of(argv);
		assert_fails(&config, ERR_NOT_FOUND, names[i]);
	}
}

static void
a_missing_shell_is_called_one(void **state UNUSED)
{
	char *const argv[] = { (char[]){ "nosh" }, NULL };
	struct command_config config = config_of(argv);

	config.is_shell = true;
	assert_fails(&config, ERR_NOT_FOUND, "shell not found: nosh");
}

static void
what_cannot_be_executed_is_denied(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *file = xasprintf("%s/plain", dir);
	AUTO_FREE char *path = xasprintf("PATH=%s", dir);
	AUTO_CLOSE int fd = open(file, O_WRONLY | O_CREAT, 0600);
	char *const by_path[] = { file, NULL };
	char *const by_name[] = { (char[]){ "plain" }, NULL };
	char *const of_dir[] = { (char[]){ "/etc" }, NULL };
	char *const env[] = { path, NULL };
	struct command_config config = config_of(by_path);

	assert_true(fd >= 0);
	assert_fails(&config, ERR_DENIED, "Permission denied");
	config.argv = by_name;
	config.env = env;
	assert_fails(&config, ERR_DENIED, "plain: permission denied");
	config.argv = of_dir;
	assert_fails(&config, ERR_DENIED, "Permission denied");
}

static void
a_directory_in_the_path_is_passed_over(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *decoy = xasprintf("%s/true", dir);
	AUTO_FREE char *path = xasprintf("PATH=%s:/usr/bin:/bin", dir);
	char *const argv[] = { (char[]){ "true" }, NULL };
	char *const env[] = { path, NULL };
	struct command_config config = config_of(argv);
	struct command command;
	OUTCOME o;

	assert_int_equal(mkdir(decoy, 0700), 0);
	config.env = env;
	command = start(&config);
	finish(&command, &o);
	assert_int_equal(o.status, 0);
}

/* As execvp would: from where the command will be, not from where we are. */
static void
relative_names_count_from_the_working_directory(void **state UNUSED)
{
	static const char *const paths[] = { "PATH=bin", "PATH=/none::/bin",
					     "PATH=/none:bin/../bin" };
	static const char text[] = "#!/bin/sh\necho ours\n";
	const char *dir = unit_temp_dir();
	AUTO_FREE char *bin = xasprintf("%s/bin", dir);
	AUTO_FREE char *in_bin = xasprintf("%s/bin/tool", dir);
	AUTO_FREE char *in_dir = xasprintf("%s/tool", dir);
	char *const argv[] = { (char[]){ "tool" }, NULL };
	char *const slash[] = { (char[]){ "bin/tool" }, NULL };
	struct command_config config = config_of(argv);
	int fd;

	assert_int_equal(mkdir(bin, 0700), 0);
	fd = open(in_bin, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	close(fd);
	assert_int_equal(link(in_bin, in_dir), 0);
	config.cwd = dir;
	for (size_t i = 0; i <= ARRAY_SIZE(paths); i++) {
		AUTO_STRV char **env = NULL;
		struct command command;
		OUTCOME o;

		strv_add(&env, i < ARRAY_SIZE(paths) ? paths[i] : "PATH=");
		if (i == ARRAY_SIZE(paths))
			config.argv = slash;
		config.env = env;
		command = start(&config);
		finish(&command, &o);
		assert_string_equal(buf_text(&o.out), "ours\n");
	}
}

static void
the_directory_is_entered_or_denied(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	char *const argv[] = { (char[]){ "pwd" }, NULL };
	struct command_config config = config_of(argv);
	struct command command;
	OUTCOME o;

	config.cwd = dir;
	command = start(&config);
	finish(&command, &o);
	assert_int_equal(strncmp(buf_text(&o.out), dir, strlen(dir)), 0);
	config.cwd = "/no/such/dir";
	assert_fails(&config, ERR_DENIED, "working directory /no/such/dir");
}

static void
input_is_nothing_unless_asked_for(void **state UNUSED)
{
	OUTCOME o;

	run_script(config_of(NULL), "cat; readlink /proc/self/fd/0", &o);
	assert_string_equal(buf_text(&o.out), "/dev/null\n");
}

static void
input_reaches_the_command(void **state UNUSED)
{
	char *const argv[] = { (char[]){ "cat" }, NULL };
	struct command_config config = config_of(argv);
	struct command command;
	OUTCOME o;

	config.stdin_pipe = true;
	command = start(&config);
	assert_int_equal(write_full(command.in_fd, "hello", 5), 0);
	close(command.in_fd);
	command.in_fd = -1;
	finish(&command, &o);
	assert_string_equal(buf_text(&o.out), "hello");
}

static void
nothing_of_ours_stays_open_in_it(void **state UNUSED)
{
	static const char script[] = "cd /proc/self/fd; echo *";
	struct command_config config = config_of(NULL);
	int before = n_open_fds();

	/* Whoever started this test may have left some open. */
	assert_int_equal(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), 0);
	for (int i = 0; i < 4; i++) {
		OUTCOME o;

		config.stdin_pipe = i & 1;
		config.tty = i & 2;
		run_script(config, script, &o);
		/* The shell's own listing is the 3. */
		assert_int_equal(strncmp(buf_text(&o.out), "0 1 2 3", 7), 0);
		assert_true(buf_text(&o.out)[7] == '\r' ||
			    buf_text(&o.out)[7] == '\n');
	}
	assert_int_equal(n_open_fds(), before);
}

static void
signals_are_as_after_a_login(void **state UNUSED)
{
	static const char script[] = "grep -E '^Sig(Blk|Ign)' "
				     "/proc/self/status";
	sigset_t all;
	OUTCOME o;

	sigfillset(&all);
	assert_int_equal(sigprocmask(SIG_BLOCK, &all, NULL), 0);
	command_ignore_signals();
	run_script(config_of(NULL), script, &o);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &all, NULL), 0);
	assert_string_equal(buf_text(&o.out), "SigBlk:\t0000000000000000\n"
					      "SigIgn:\t0000000000000000\n");
}

static void
a_command_leads_its_own_session(void **state UNUSED)
{
	AUTO_FREE char *wanted = NULL;
	char *const argv[] = { (char[]){ "cut" }, (char[]){ "-d " },
			       (char[]){ "-f1,5,6" },
			       (char[]){ "/proc/self/stat" }, NULL };
	struct command_config config = config_of(argv);
	struct command command = start(&config);
	OUTCOME o;

	wanted = xasprintf("%d %d %d\n", command.pid, command.pid, command.pid);
	finish(&command, &o);
	assert_string_equal(buf_text(&o.out), wanted);
}

static void
a_terminal_is_one(void **state UNUSED)
{
	struct command_config config = config_of(NULL);
	OUTCOME o;

	config.tty = true;
	config.cols = 97;
	config.rows = 31;
	run_script(config,
		   "tty -s && stty size </dev/tty; echo err >&2; "
		   "[ $(ps -o tpgid= -p $$) = $$ ] && echo foreground",
		   &o);
	assert_string_equal(buf_text(&o.out), "31 97\r\nerr\r\nforeground\r\n");
	assert_int_equal(o.err.len, 0);
}

static void
a_terminal_can_be_resized(void **state UNUSED)
{
	static const char script[] =
	    "trap 'stty size; exit' WINCH; echo ready; while :; do read x; "
	    "done";
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
			       (char *)(uintptr_t)script, NULL };
	struct command_config config = config_of(argv);
	struct command command;
	char ready[7];
	OUTCOME o;

	config.tty = true;
	command = start(&config);
	assert_int_equal(read_full(command.out_fd, ready, 7), 7);
	command_resize(command.in_fd, 0, 10);
	command_resize(command.in_fd, 120, 40);
	/* Wakes the shell up if the signal came before it waited. */
	assert_int_equal(write_full(command.in_fd, "\n", 1), 0);
	finish(&command, &o);
	assert_non_null(strstr(buf_text(&o.out), "40 120\r\n"));
}

static void
limits_hold(void **state UNUSED)
{
	struct command_config config = config_of(NULL);
	OUTCOME o;

	config.limit_memory = 512u << 20;
	config.limit_procs = 5000;
	config.niceness = 5;
	run_script(config,
		   "ulimit -v; ulimit -Hv; grep -o 'processes *5000 *5000' "
		   "/proc/self/limits; nice",
		   &o);
	assert_string_equal(
	    buf_text(&o.out),
	    "524288\n524288\n"
	    "processes             5000                 5000\n5\n");
}

static void
a_limit_never_raises_one(void **state UNUSED)
{
	struct command_config config = config_of(NULL);
	struct rlimit old, lower;
	OUTCOME o;

	assert_int_equal(getrlimit(RLIMIT_NPROC, &old), 0);
	lower = (struct rlimit){ .rlim_cur = 3000, .rlim_max = 3000 };
	if (setrlimit(RLIMIT_NPROC, &lower) < 0)
		skip();
	config.limit_procs = 4000;
	run_script(config, "grep -o 'processes *3000' /proc/self/limits", &o);
	(void)setrlimit(RLIMIT_NPROC, &old);
	assert_string_equal(buf_text(&o.out), "processes             3000\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_streams_and_the_status_come_back),
		cmocka_unit_test(arguments_arrive_exactly),
		cmocka_unit_test(the_environment_is_the_given_one),
		cmocka_unit_test(what_does_not_exist_is_not_found),
		cmocka_unit_test(a_missing_shell_is_called_one),
		cmocka_unit_test(what_cannot_be_executed_is_denied),
		cmocka_unit_test(a_directory_in_the_path_is_passed_over),
		cmocka_unit_test(
		    relative_names_count_from_the_working_directory),
		cmocka_unit_test(the_directory_is_entered_or_denied),
		cmocka_unit_test(input_is_nothing_unless_asked_for),
		cmocka_unit_test(input_reaches_the_command),
		cmocka_unit_test(nothing_of_ours_stays_open_in_it),
		cmocka_unit_test(signals_are_as_after_a_login),
		cmocka_unit_test(a_command_leads_its_own_session),
		cmocka_unit_test(a_terminal_is_one),
		cmocka_unit_test(a_terminal_can_be_resized),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_limit_never_raises_one),
	};

	/* As the spawner does. */
	proc_ignore_nothing();
	return RUN_TESTS(tests);
}
