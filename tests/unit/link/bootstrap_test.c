/* SPDX-License-Identifier: ISC */

/*
 * The bootstrap against real shells, with a program in PATH that says of itself
 * what a test wants to hear.  What a real daemon does is in
 * tests/integration/74-bootstrap.sh.
 */

#include "link/bootstrap.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "link/bootstrap_script.h"
#include "machine/machine.h"
#include "tests/tools/shell_transport.h"

static const char *dir;

/* One bootstrap and what it told. */
struct run {
	bool may_install;
	const char *cancel_at; /* a stage */
	size_t cut_after;      /* bytes; 0: never */
	bool is_done, has_failed;
	char stages[256];
	struct err err;
	char seen[700];
	char *version, *life;
	bool keeps;
};

static void
on_stage(struct bootstrap *b, const char *stage, void *owner)
{
	struct run *run = owner;
	size_t n = strlen(run->stages);

	assert_false(run->is_done || run->has_failed);
	(void)snprintf(run->stages + n, sizeof(run->stages) - n, "%s ", stage);
	if (run->cancel_at && str_eq(run->cancel_at, stage))
		bootstrap_cancel(b);
}

static void
on_done(struct bootstrap *b, const struct bootstrap_result *r, void *owner)
{
	struct run *run = owner;

	assert_false(run->is_done || run->has_failed);
	run->is_done = true;
	run->version = xstrdup(r->version);
	run->life = xstrdup(r->life);
	run->keeps = r->keeps_channel;
	bootstrap_cancel(b);
}

static void
on_fail(struct bootstrap *b, const struct err *err, const char *stage,
	const char *seen, void *owner)
{
	struct run *run = owner;

	assert_false(run->is_done || run->has_failed);
	assert_true(str_ends(run->stages, " ") || run->stages[0] == '\0');
	assert_non_null(stage);
	run->has_failed = true;
	run->err = *err;
	(void)snprintf(run->seen, sizeof(run->seen), "%s", seen);
	bootstrap_cancel(b);
}

static const struct bootstrap_events events = {
	.on_stage = on_stage,
	.on_done = on_done,
	.on_fail = on_fail,
};

/* As a login of `shell' with our own HOME and a PATH with our program. */
static void
run_with(struct run *run, const char *shell)
{
	static char name[] = "there";
	struct machine machine = { .name = name };
	AUTO_STRV char **prefix = NULL, **env = NULL;
	struct bootstrap_config config = { .machine = &machine,
					   .may_install = run->may_install,
					   .programs = "/nonexistent" };
	struct transport *transport;
	struct err err = ERR_INIT;
	uv_loop_t loop;

	strv_add(&prefix, shell);
	strv_add(&prefix, "-c");
	strv_give(&env, xasprintf("HOME=%s", dir));
	strv_give(&env, xasprintf("PATH=%s/bin:/usr/bin:/bin", dir));
	(void)uv_loop_init(&loop);
	config.loop = &loop;
	transport = shell_transport_new(&loop, prefix, env);
	if (run->cut_after)
		shell_transport_cut(transport, run->cut_after);
	assert_non_null(
	    bootstrap_start(transport, &config, &events, run, &err));
	assert_string_equal(run->stages, "");
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
	shell_transport_free(transport);
}

static void
run_fini(struct run *run)
{
	free(run->version);
	free(run->life);
}

/* The program in PATH: what it says to `hello' and to `up'. */
static void
put_program(const char *hello, const char *up)
{
	AUTO_FREE char *bin = path_join(dir, "bin");
	AUTO_FREE char *path = path_join(bin, "berthd");
	AUTO_FREE char *text = xasprintf(
	    "#!/bin/sh\ncase $1 in\nhello) echo '%s';;\nup) %s;;\nesac\n",
	    hello, up);
	AUTO_CLOSE int fd = -1;

	(void)mkdir(bin, 0700);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
}

static char *
hello_of(int api, unsigned uid, const char *life)
{
	return xasprintf("{\"program\":{\"path\":\"/b\",\"version\":\"0.1.0\","
			 "\"api\":%d},\"daemon\":{\"version\":\"9.9.9\","
			 "\"api\":%d,\"uid\":%u,\"host_id\":\"h\","
			 "\"nonce\":\"n\"},\"socket\":\"/s\","
			 "\"life\":\"%s\"}",
			 api, api, uid, life);
}

static const char stopped[] = "{\"program\":{\"path\":\"/b\",\"version\":"
			      "\"0.1.0\",\"api\":1},\"daemon\":null}";

static void
every_shell_finds_the_daemon(void **state UNUSED)
{
	static const char *const shells[] = {
		"/bin/sh",	 "/bin/bash",	  "/usr/bin/zsh",
		"/usr/bin/fish", "/usr/bin/csh",  "/usr/bin/tcsh",
		"/usr/bin/ksh",	 "/usr/bin/mksh",
	};
	AUTO_FREE char *hello = hello_of(1, geteuid(), "detached");

	put_program(hello, "exit 9");
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		struct run run = { .cancel_at = NULL };

		if (access(shells[i], X_OK) < 0)
			continue;
		run_with(&run, shells[i]);
		if (!run.is_done)
			print_error("%s: %s (%s)\n", shells[i], run.err.msg,
				    run.seen);
		assert_true(run.is_done);
		assert_string_equal(run.stages, "shell probe identity ");
		assert_string_equal(run.version, "9.9.9");
		assert_false(run.keeps);
		run_fini(&run);
	}
}

static void
one_release_of_skew_is_bridged_and_no_more(void **state UNUSED)
{
	for (int api = 1; api <= 4; api++) {
		AUTO_FREE char *hello = hello_of(api, geteuid(), "detached");
		struct run run = { .may_install = true };

		put_program(hello, "exit 9");
		run_with(&run, "/bin/sh");
		assert_int_equal(run.is_done, api <= 2);
		if (api > 2) {
			assert_int_equal(run.err.code, ERR_UNSUPPORTED);
			assert_non_null(strstr(run.err.msg, "too new"));
		}
		run_fini(&run);
	}
}

static void
a_daemon_of_another_user_is_refused(void **state UNUSED)
{
	AUTO_FREE char *hello = hello_of(1, geteuid() + 1, "detached");
	struct run run = { .may_install = true };

	put_program(hello, "exit 9");
	run_with(&run, "/bin/sh");
	assert_true(run.has_failed);
	assert_non_null(strstr(run.err.msg, "another user"));
}

static void
a_stopped_daemon_is_started(void **state UNUSED)
{
	AUTO_FREE char *hello = hello_of(1, geteuid(), "attached");
	AUTO_FREE char *up = xasprintf("echo '%s'", hello);
	struct run run = { .cancel_at = NULL };

	put_program(stopped, up);
	run_with(&run, "/bin/sh");
	assert_true(run.is_done && run.keeps);
	assert_string_equal(run.stages, "shell probe start identity ");
	assert_string_equal(run.life, "attached");
	run_fini(&run);
}

static void
its_own_words_say_why_it_does_not_start(void **state UNUSED)
{
	struct run run = { .cancel_at = NULL };

	put_program(stopped, "echo 'berthd: no'; echo way >&2; exit 1");
	run_with(&run, "/bin/sh");
	assert_true(run.has_failed);
	assert_int_equal(run.err.code, ERR_REMOTE);
	assert_non_null(strstr(run.err.msg, "berthd: no way"));
}

static void
nothing_is_installed_against_our_will(void **state UNUSED)
{
	struct run run = { .cancel_at = NULL }, other = { .may_install = true };

	put_program("garbage", "exit 9");
	run_with(&run, "/bin/sh");
	assert_true(run.has_failed);
	assert_int_equal(run.err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(run.err.hint, "berth machine up there"));
	/* And nothing can be where we have no program to send. */
	run_with(&other, "/bin/sh");
	assert_true(other.has_failed);
	assert_int_equal(other.err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(other.err.msg, "not installed here"));
}

static void
a_login_that_runs_nothing_is_told_of(void **state UNUSED)
{
	struct run run = { .cancel_at = NULL };

	run_with(&run, "/bin/false");
	assert_true(run.has_failed);
	assert_int_equal(run.err.code, ERR_REMOTE);
	assert_non_null(strstr(run.err.msg, "ended with status 1"));
}

static void
a_cancelled_bootstrap_never_calls_back(void **state UNUSED)
{
	static const char *const stages[] = { "shell", "probe", "start",
					      "identity" };
	AUTO_FREE char *hello = hello_of(1, geteuid(), "detached");
	AUTO_FREE char *up = xasprintf("echo '%s'", hello);

	put_program(stopped, up);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		struct run run = { .cancel_at = stages[i] };

		run_with(&run, "/bin/sh");
		assert_false(run.is_done || run.has_failed);
		assert_true(strstr(run.stages, stages[i]) != NULL);
	}
}

/* Whatever of the answers came: it fails once, and may be tried again. */
static void
a_connection_may_break_at_any_byte(void **state UNUSED)
{
	AUTO_FREE char *hello = hello_of(1, geteuid(), "detached");
	AUTO_FREE char *up = xasprintf("echo '%s'", hello);
	bool was_done = false;

	put_program(stopped, up);
	for (size_t n = 1; !was_done; n += 5) {
		struct run run = { .cut_after = n };

		assert_true(n < 4096);
		run_with(&run, "/bin/sh");
		assert_true(run.is_done != run.has_failed);
		assert_true(run.is_done || run.err.code == ERR_UNREACHABLE);
		was_done = run.is_done;
		run_fini(&run);
	}
}

static void
the_script_is_sent_without_its_comments(void **state UNUSED)
{
	assert_null(strstr(bootstrap_script, "\n#"));
	assert_true(str_starts(bootstrap_script, "umask 077\n"));
	assert_true(str_ends(bootstrap_script, "esac\ndone\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shell_finds_the_daemon),
		cmocka_unit_test(one_release_of_skew_is_bridged_and_no_more),
		cmocka_unit_test(a_daemon_of_another_user_is_refused),
		cmocka_unit_test(a_stopped_daemon_is_started),
		cmocka_unit_test(its_own_words_say_why_it_does_not_start),
		cmocka_unit_test(nothing_is_installed_against_our_will),
		cmocka_unit_test(a_login_that_runs_nothing_is_told_of),
		cmocka_unit_test(a_cancelled_bootstrap_never_calls_back),
		cmocka_unit_test(a_connection_may_break_at_any_byte),
		cmocka_unit_test(the_script_is_sent_without_its_comments),
	};

	dir = unit_temp_dir();
	return RUN_TESTS(tests);
}
