/* SPDX-License-Identifier: ISC */

#include "berthd/login/words.h"
#include "tests/unit/unit.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

extern char **environ;

/* The words, each in <>. */
static char *
split(const char *text)
{
	AUTO_STRV char **words = NULL;
	AUTO_BUF out = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	if (words_split(text, &words, &err) < 0)
		return xasprintf("%d %s", err.code == ERR_DENIED, err.msg);
	for (char **word = words; word && *word; word++)
		(void)buf_addf(&out, "<%s>", *word);
	return xstrdup(buf_text(&out));
}

static void
assert_split(const char *text, const char *wanted)
{
	AUTO_FREE char *got = split(text);

	assert_string_equal(got, wanted);
}

static void
assert_refused(const char *text, const char *part)
{
	AUTO_STRV char **words = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(words_split(text, &words, &err), -1);
	assert_err(err, err.code, part);
}

static void
quotes_and_backslashes_are_those_of_sh(void **state UNUSED)
{
	assert_split("", "");
	assert_split("  \t ", "");
	assert_split("a  b\tc ", "<a><b><c>");
	assert_split("'a b' \"c d\"e''", "<a b><c de>");
	assert_split("'' \"\"", "<><>");
	assert_split("a\\ b \\' \\\\", "<a b><'><\\>");
	assert_split("\"a\\b\\\\ \\\" \\$ \\`\"", "<a\\b\\ \" $ `>");
	assert_split("'$HOME `id` ; | & > \\'", "<$HOME `id` ; | & > \\>");
	assert_split("a\\\nb 'c\nd' \"e\\\nf\"", "<ab><c\nd><ef>");
	assert_split("--a=b x=1 a#b a~", "<--a=b><x=1><a#b><a~>");
	assert_split("\\X=1 'Y'=1", "<X=1><Y=1>");
	assert_split("HEAD^ a,b %d @x a:b", "<HEAD^><a,b><%d><@x><a:b>");
}

static void
what_only_a_shell_understands_is_refused_by_name(void **state UNUSED)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "echo $HOME", "an expansion" },
		{ "echo \"$HOME\"", "an expansion" },
		{ "echo $'a'", "an expansion" },
		{ "echo `id`", "a command substitution" },
		{ "echo \"`id`\"", "a command substitution" },
		{ "a | b", "a pipe" },
		{ "a && b", "a second command" },
		{ "a; b", "a second command" },
		{ "a\nb", "a line break" },
		{ "a < b", "a redirection" },
		{ "a 2>b", "a redirection" },
		{ "(a)", "a subshell" },
		{ "ls *", "a pattern" },
		{ "ls a?", "a pattern" },
		{ "ls [a]", "a pattern" },
		{ "ls {a,b}", "a group" },
		{ "! true", "a negation" },
		{ "ls ~/x", "a home directory" },
		{ "ls #x", "a comment" },
		{ "LD_PRELOAD=x ls", "an assignment" },
		{ "A= ls", "an assignment" },
		{ "'a", "single quotes" },
		{ "\"a", "double quotes" },
		{ "\"a\\\"", "double quotes" },
		{ "a\\", "an escape" },
		{ "a\rb", "0x0d" },
		{ "'\033[2J'", "0x1b" },
		{ "a\177", "0x7f" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_refused(rows[i].text, rows[i].part);
}

static void
too_much_is_refused(void **state UNUSED)
{
	AUTO_FREE char *text = xmalloc(WORDS_MAX_TEXT + 2);

	memset(text, 'a', WORDS_MAX_TEXT + 1);
	text[WORDS_MAX_TEXT + 1] = '\0';
	assert_refused(text, "64 KiB");
	for (size_t i = 0; i < WORDS_MAX_TEXT; i++)
		text[i] = i % 2 ? ' ' : 'a';
	text[WORDS_MAX_TEXT] = '\0';
	assert_refused(text, "words");
}

static void
a_value_is_one_word(void **state UNUSED)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "", "" },
		{ "a", "a" },
		{ "'a b'", "a b" },
		{ "~/x", "~/x" },
		{ "A=B=C", "A=B=C" },
		{ "#x", "#x" },
		{ "a # comment", NULL },
		{ "$(id)", NULL },
		{ "a b", NULL },
		{ "'a", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *value = NULL;
		int rc = words_value(rows[i].text, &value, &err);

		assert_int_equal(rc, rows[i].value ? 0 : -1);
		if (rows[i].value)
			assert_string_equal(value, rows[i].value);
	}
}

static void
secrets_are_masked_where_words_are_shown(void **state UNUSED)
{
	char *const words[] = { (char[]){ "curl" },
				(char[]){ "--token=abc" },
				(char[]){ "--password" },
				(char[]){ "hunter 2" },
				(char[]){ "API_TOKEN=x" },
				(char[]){ "a b" },
				NULL };
	AUTO_BUF out = BUF_INIT(1024);

	assert_int_equal(words_show(words, &out), 0);
	assert_string_equal(buf_text(&out),
			    "curl '--token=***' --password '***' "
			    "'API_TOKEN=***' 'a b'");
}

/* What sh makes of each text: "<word>" per word, and a line per text. */
static void
ask_sh(const char *script, struct buf *out)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, xstrdup(script),
			 NULL };
	posix_spawn_file_actions_t actions;
	struct err err = ERR_INIT;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	assert_int_equal(
	    posix_spawnp(&pid, "sh", &actions, NULL, argv, environ), 0);
	close(fds[1]);
	assert_int_equal(fs_read_fd(fds[0], out, &err), 0);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	posix_spawn_file_actions_destroy(&actions);
	free(argv[2]);
}

/* The text as the arguments of a function, as a shell would read it. */
static void
sh_reads_the_same_words_in_all_that_is_taken(void **state UNUSED)
{
	static const char alphabet[] = "ab =\t'\"\\$`|;&<>(){}*?[]!#~-/\n";
	AUTO_BUF script = BUF_INIT(8 << 20);
	AUTO_BUF wanted = BUF_INIT(8 << 20);
	AUTO_BUF got = BUF_INIT(8 << 20);
	size_t taken = 0;

	(void)buf_adds(&script, "show() { for w; do printf '<%s>' \"$w\"; done;"
				" echo; }\n");
	while (taken < 2000) {
		char text[12];
		size_t n = 1 + unit_below(sizeof(text) - 1);
		AUTO_STRV char **words = NULL;
		struct err err = ERR_INIT;

		for (size_t i = 0; i < n; i++)
			text[i] = alphabet[unit_below(sizeof(alphabet) - 1)];
		text[n] = '\0';
		if (words_split(text, &words, &err) < 0)
			continue;
		taken++;
		(void)buf_addf(&script, "show %s\n", text);
		for (char **word = words; word && *word; word++)
			(void)buf_addf(&wanted, "<%s>", *word);
		(void)buf_addc(&wanted, '\n');
	}
	ask_sh(buf_text(&script), &got);
	assert_string_equal(buf_text(&got), buf_text(&wanted));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_and_backslashes_are_those_of_sh),
		cmocka_unit_test(
		    what_only_a_shell_understands_is_refused_by_name),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(a_value_is_one_word),
		cmocka_unit_test(secrets_are_masked_where_words_are_shown),
		cmocka_unit_test(sh_reads_the_same_words_in_all_that_is_taken),
	};

	return RUN_TESTS(tests);
}
