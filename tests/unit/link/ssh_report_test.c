/* SPDX-License-Identifier: ISC */

#include "link/ssh_report.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>

static struct err
error_of(const char *const *lines)
{
	struct ssh_report r;
	struct err err = ERR_INIT;

	ssh_report_init(&r);
	for (; *lines; lines++)
		ssh_report_add(&r, *lines, strlen(*lines));
	assert_int_equal(ssh_report_error(&r, "gpu", "h", &err), -1);
	return err;
}

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
each_failure_has_its_code(void **state)
{
	static const struct {
		const char *line;
		enum err_code code;
	} rows[] = {
		{ "ssh: Could not resolve hostname h: Name or service not "
		  "known",
		  ERR_UNREACHABLE },
		{ "ssh: connect to host h port 22: Connection refused",
		  ERR_UNREACHABLE },
		{ "ssh: connect to host h port 22: Connection timed out",
		  ERR_UNREACHABLE },
		{ "me@h: Permission denied (publickey).", ERR_AUTH },
		{ "Received disconnect from 1.2.3.4 port 22:2: Too many "
		  "authentication failures",
		  ERR_AUTH },
		{ "Host key verification failed.", ERR_HOST_KEY },
		{ "/x: line 3: Bad configuration option: nono", ERR_CONFIG },
		{ "Unable to negotiate with h port 22: no matching host key "
		  "type found.",
		  ERR_UNSUPPORTED },
		{ "client_loop: send disconnect: Broken pipe",
		  ERR_UNREACHABLE },
		{ "who knows", ERR_UNREACHABLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = error_of(LINES(rows[i].line));

		assert_err(err, rows[i].code, "");
	}
}

static void
the_telling_line_is_found_among_others(void **state)
{
	struct err err = error_of(
	    LINES("Connection closed by 1.2.3.4 port 22",
		  "me@h: Permission denied (publickey,password).", "bye"));

	assert_err(err, ERR_AUTH, "(it takes: publickey,password)");
}

static void
a_changed_key_is_told_with_its_place(void **state)
{
	struct err err = error_of(
	    LINES("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     "
		  "@",
		  "debug1: Server host key: ssh-ed25519 SHA256:new",
		  "Offending ED25519 key in /x/known_hosts:12",
		  "Host key verification failed."));

	assert_err(err, ERR_HOST_KEY, "/x/known_hosts, line 12");
	assert_non_null(strstr(err.msg, "SHA256:new"));
	assert_non_null(strstr(err.hint, "ssh-keygen -R h -f "));
}

static void
a_machine_cannot_speak_of_its_host_key(void **state)
{
	struct err err = error_of(
	    LINES("debug1: SSH2_MSG_NEWKEYS received",
		  "REMOTE HOST IDENTIFICATION HAS CHANGED",
		  "Offending ED25519 key in /etc/passwd:1",
		  "me@h: Permission denied (publickey)."));

	assert_err(err, ERR_AUTH, "did not let us in");
}

static void
stages_only_go_forward(void **state)
{
	static const char *const lines[] = {
		"debug1: Connecting to h [1.2.3.4] port 22.",
		"debug1: Connection established.",
		"debug1: SSH2_MSG_NEWKEYS received",
		"debug1: Connecting to elsewhere",
		"Authenticated to h ([1.2.3.4]:22) using \"publickey\".",
	};
	static const enum ssh_stage stages[] = { SSH_STAGE_CONNECT,
						 SSH_STAGE_HOST_KEY,
						 SSH_STAGE_AUTH, SSH_STAGE_AUTH,
						 SSH_STAGE_SHELL };
	struct ssh_report r;

	ssh_report_init(&r);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		ssh_report_add(&r, lines[i], strlen(lines[i]));
		assert_int_equal(r.stage, stages[i]);
	}
}

static void
an_end_without_a_reason_has_no_other_words(void **state)
{
	static const char *const routine[] = {
		"Authenticated to h ([1.2.3.4]:22) using \"publickey\".",
		"Transferred: sent 3004, received 2856 bytes, in 0.1 seconds",
		"Bytes per second: sent 1.0, received 2.0",
	};
	struct ssh_report r;
	struct err err = ERR_INIT;

	ssh_report_init(&r);
	for (size_t i = 0; i < ARRAY_SIZE(routine); i++)
		ssh_report_add(&r, routine[i], strlen(routine[i]));
	assert_int_equal(ssh_report_error(&r, "gpu", "h", &err), -1);
	assert_err(err, ERR_UNREACHABLE, "ssh ended without a word");
	r.signal = SIGKILL;
	assert_int_equal(ssh_report_error(&r, "gpu", "h", &err), -1);
	assert_err(err, ERR_UNREACHABLE, "ssh was killed (Killed)");
}

static void
what_is_kept_obeys_no_terminal(void **state)
{
	struct err err = error_of(LINES("evil \033[2J"));

	assert_null(strchr(err.msg, '\033'));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_has_its_code),
		cmocka_unit_test(the_telling_line_is_found_among_others),
		cmocka_unit_test(a_changed_key_is_told_with_its_place),
		cmocka_unit_test(a_machine_cannot_speak_of_its_host_key),
		cmocka_unit_test(stages_only_go_forward),
		cmocka_unit_test(an_end_without_a_reason_has_no_other_words),
		cmocka_unit_test(what_is_kept_obeys_no_terminal),
	};

	return RUN_TESTS(tests);
}
