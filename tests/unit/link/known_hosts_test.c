/* SPDX-License-Identifier: ISC */

#include "link/known_hosts.h"
#include "tests/unit/unit.h"

#include "core/buf.h"

#include <string.h>

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIAAA"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIBBB"

static struct known_answer
check(const char *text, const char *host)
{
	struct known_answer answer = { .line = 0 };

	known_hosts_check(text, strlen(text), host, "ssh-ed25519", KEY,
			  &answer);
	return answer;
}

static void
assert_verdict(const char *text, const char *host, enum known_verdict verdict)
{
	if (check(text, host).verdict != verdict)
		fail_msg("%s in %s: %d", host, text, check(text, host).verdict);
}

static void
names_and_patterns_are_matched(void **state)
{
	static const struct {
		const char *names, *host;
		bool is_match;
	} rows[] = {
		{ "a", "a", true },
		{ "A.Example", "a.eXAMPLE", true },
		{ "a", "ab", false },
		{ "a,b,c", "b", true },
		{ "*.lab", "x.lab", true },
		{ "*.lab", "lab", false },
		{ "h?", "h1", true },
		{ "h?", "h", false },
		{ "*,!b", "b", false },
		{ "!b,*", "c", true },
		{ "!b", "c", false },
		{ "[h]:22022", "[h]:22022", true },
		{ "h", "[h]:22022", false },
		{ "*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char line[256];

		snprintf(line, sizeof(line), "%s ssh-ed25519 " KEY " c\n",
			 rows[i].names);
		assert_verdict(line, rows[i].host,
			       rows[i].is_match ? KNOWN_GOOD : KNOWN_UNKNOWN);
	}
}

/* Made by ssh-keygen -H. */
static void
hashed_names_are_matched(void **state)
{
	static const char line[] =
	    "|1|122SORpQskZywRuuVwLSkmKHszo=|/77WOlrYqH1tcjTEwQPWU+PZf7A= "
	    "ssh-ed25519 " KEY "\n";

	assert_verdict(line, "h.example", KNOWN_GOOD);
	assert_verdict(line, "g.example", KNOWN_UNKNOWN);
	assert_verdict("|1|x|y ssh-ed25519 " KEY "\n", "h", KNOWN_UNKNOWN);
}

static void
another_key_is_a_change_unless_one_is_right(void **state)
{
	assert_verdict("h ssh-ed25519 " OTHER "\n", "h", KNOWN_CHANGED);
	assert_verdict("h ssh-rsa " KEY "\n", "h", KNOWN_CHANGED);
	assert_verdict("h ssh-ed25519 " OTHER "\nh ssh-ed25519 " KEY "\n", "h",
		       KNOWN_GOOD);
	assert_int_equal(check("#\n\nh ssh-ed25519 " OTHER "\n", "h").line, 3);
}

static void
a_revoked_key_is_revoked_in_any_order(void **state)
{
	static const char good[] = "h ssh-ed25519 " KEY "\n";
	static const char bad[] = "@revoked * ssh-ed25519 " KEY "\n";
	char both[256];

	snprintf(both, sizeof(both), "%s%s", good, bad);
	assert_verdict(both, "h", KNOWN_REVOKED);
	snprintf(both, sizeof(both), "%s%s", bad, good);
	assert_verdict(both, "h", KNOWN_REVOKED);
	assert_verdict("@revoked * ssh-ed25519 " OTHER "\n", "h",
		       KNOWN_UNKNOWN);
}

static void
an_authority_makes_no_key_good(void **state)
{
	static const char line[] = "@cert-authority *.lab ssh-ed25519 " KEY;

	assert_verdict(line, "a.lab", KNOWN_UNKNOWN);
	assert_true(check(line, "a.lab").has_authority);
	assert_false(check(line, "a").has_authority);
	assert_verdict("@other h ssh-ed25519 " KEY, "h", KNOWN_UNKNOWN);
}

static void
broken_lines_are_skipped(void **state)
{
	static const char text[] = "h\nh ssh-ed25519\n@revoked\n@revoked h\n"
				   "h ssh-ed25519 " KEY "\r\n";
	static const char nul[] = "x\0y\nh ssh-ed25519 " KEY;
	struct known_answer answer = { .line = 0 };

	assert_verdict(text, "h", KNOWN_GOOD);
	assert_verdict("", "h", KNOWN_UNKNOWN);
	known_hosts_check(nul, sizeof(nul) - 1, "h", "ssh-ed25519", KEY,
			  &answer);
	assert_int_equal(answer.verdict, KNOWN_GOOD);
}

static void
types_of_known_keys_are_listed(void **state)
{
	static const char text[] = "h ssh-rsa AAAA\nother ssh-dss AAAA\n"
				   "@revoked h ssh-x AAAA\n*h ssh-ed25519 " KEY;
	AUTO_BUF types = BUF_INIT(256);

	known_hosts_types(text, sizeof(text) - 1, "h", &types);
	assert_string_equal(buf_text(&types), "ssh-rsa,ssh-ed25519,");
}

static void
a_line_that_is_made_is_understood(void **state)
{
	for (int is_hashed = 0; is_hashed < 2; is_hashed++) {
		AUTO_BUF line = BUF_INIT(4096);

		known_hosts_line(&line, "[h]:2222", "ssh-ed25519", KEY,
				 is_hashed);
		assert_verdict(buf_text(&line), "[h]:2222", KNOWN_GOOD);
		assert_verdict(buf_text(&line), "h", KNOWN_UNKNOWN);
		assert_int_equal(strstr(buf_text(&line), "2222") == NULL,
				 is_hashed);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_patterns_are_matched),
		cmocka_unit_test(hashed_names_are_matched),
		cmocka_unit_test(another_key_is_a_change_unless_one_is_right),
		cmocka_unit_test(a_revoked_key_is_revoked_in_any_order),
		cmocka_unit_test(an_authority_makes_no_key_good),
		cmocka_unit_test(broken_lines_are_skipped),
		cmocka_unit_test(types_of_known_keys_are_listed),
		cmocka_unit_test(a_line_that_is_made_is_understood),
	};

	return RUN_TESTS(tests);
}
