/* SPDX-License-Identifier: ISC */

#include "link/askpass.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
questions_are_told_apart(void **state)
{
	static const struct {
		const char *text, *hint;
		enum prompt_kind kind;
		bool echo, is_notice;
	} rows[] = {
		{ "The authenticity of host 'h (1.2.3.4)' can't be "
		  "established.\nED25519 key fingerprint is SHA256:abc+/x.\n"
		  "Are you sure you want to continue connecting "
		  "(yes/no/[fingerprint])? ",
		  NULL, PROMPT_HOST_KEY, true, false },
		{ "Please type 'yes', 'no' or the fingerprint: ", "",
		  PROMPT_HOST_KEY, true, false },
		{ "Enter passphrase for key '/k': ", NULL, PROMPT_PASSPHRASE,
		  false, false },
		{ "me@h's password: ", NULL, PROMPT_PASSWORD, false, false },
		{ "(me@h) Password: ", NULL, PROMPT_PASSWORD, false, false },
		{ "(me@h) Verification code: ", NULL, PROMPT_CODE, false,
		  false },
		{ "Enter PIN for ED25519-SK key /k: ", NULL, PROMPT_CODE, false,
		  false },
		{ "Allow use of key?", "confirm", PROMPT_CONFIRM, true, false },
		{ "Confirm user presence for key", "none", PROMPT_CONFIRM, true,
		  true },
		/* A machine cannot ask in the words of ssh. */
		{ "(me@h) Enter passphrase for key '/k': ", NULL, PROMPT_CODE,
		  false, false },
		{ "(me@h) The authenticity of host ", NULL, PROMPT_CODE, false,
		  false },
		{ "(me@h) x", "confirm", PROMPT_CODE, false, false },
	};
	struct askpass_question q;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		askpass_read(rows[i].text, rows[i].hint, &q);
		if (q.prompt.kind != rows[i].kind)
			fail_msg("%s: kind %d", rows[i].text, q.prompt.kind);
		assert_int_equal(q.prompt.echo, rows[i].echo);
		assert_int_equal(q.prompt.is_notice, rows[i].is_notice);
	}
	askpass_read(rows[0].text, NULL, &q);
	assert_string_equal(q.prompt.fingerprint, "SHA256:abc+/x");
}

static void
what_is_shown_obeys_no_terminal(void **state)
{
	struct askpass_question q;

	askpass_read("(me@h) \033[2JCode: ", NULL, &q);
	assert_null(strchr(q.text, '\033'));
	assert_non_null(strstr(q.text, "[2JCode:"));
	assert_null(q.prompt.fingerprint);
}

static void
the_helper_is_known_by_its_name(void **state)
{
	char *const helper[] = { (char *)(uintptr_t) "/x/berth-askpass", NULL };
	char *const other[] = { (char *)(uintptr_t) "berth-link", NULL };

	assert_false(askpass_is_meant(helper));
	setenv("BERTH_ASKPASS_SOCKET", "/x/s", 1);
	assert_true(askpass_is_meant(helper));
	assert_false(askpass_is_meant(other));
	unsetenv("BERTH_ASKPASS_SOCKET");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_told_apart),
		cmocka_unit_test(what_is_shown_obeys_no_terminal),
		cmocka_unit_test(the_helper_is_known_by_its_name),
	};

	return RUN_TESTS(tests);
}
