/* SPDX-License-Identifier: ISC */

#include "core/text.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"

static void
prefixes_and_suffixes_are_seen(void **state UNUSED)
{
	assert_true(str_starts("abc", "ab") && str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc") && str_ends("abc", ""));
	assert_false(str_ends("bc", "abc"));
	assert_true(str_eq("", "") && !str_eq("a", "A"));
}

static void
visible_ascii_has_no_space_and_ends_before_delete(void **state UNUSED)
{
	assert_true(str_is_visible("") && str_is_visible("!a~"));
	assert_false(str_is_visible("a b") || str_is_visible("a\n"));
	assert_false(str_is_visible("a\x7f") || str_is_visible("\xc3\xa4"));
}

static void
utf8_is_read_as_the_standard_says(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t n, len;
		uint32_t rune;
	} rows[] = {
		{ "A", 1, 1, 'A' },
		{ "\xc3\xa9", 2, 2, 0xe9 },
		{ "\xe2\x82\xac", 3, 3, 0x20ac },
		{ "\xf0\x9f\x9a\xa2", 4, 4, 0x1f6a2 },
		{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
		{ "\xed\x9f\xbf", 3, 3, 0xd7ff },
		{ "", 0, 0, 0 },
		{ "\xc0\x80", 2, 0, 0 },	 /* overlong NUL */
		{ "\xc1\xbf", 2, 0, 0 },	 /* overlong */
		{ "\xe0\x80\xaf", 3, 0, 0 },	 /* overlong */
		{ "\xf0\x80\x80\xaf", 4, 0, 0 }, /* overlong */
		{ "\xed\xa0\x80", 3, 0, 0 },	 /* surrogate */
		{ "\xed\xbf\xbf", 3, 0, 0 },	 /* surrogate */
		{ "\xf4\x90\x80\x80", 4, 0, 0 }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 4, 0, 0 },
		{ "\xff", 1, 0, 0 },
		{ "\x80", 1, 0, 0 },	 /* continuation alone */
		{ "\xc3", 1, 0, 0 },	 /* cut */
		{ "\xe2\x82", 2, 0, 0 }, /* cut */
		{ "\xc3\x28", 2, 0, 0 }, /* no continuation */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint8_t *s = (const uint8_t *)rows[i].bytes;
		uint32_t rune = 0;

		assert_int_equal(utf8_sequence(s, rows[i].n, &rune),
				 rows[i].len);
		assert_int_equal(rune, rows[i].rune);
		assert_int_equal(utf8_valid(s, rows[i].n),
				 rows[i].len == rows[i].n);
	}
}

/* The fast path reads eight bytes at a time: a bad one at each place of it. */
static void
bad_byte_is_found_wherever_it_stands(void **state UNUSED)
{
	char text[41];

	for (size_t at = 0; at < 40; at++) {
		memset(text, 'a', sizeof(text));
		assert_true(utf8_valid(text, sizeof(text)));
		text[at] = '\xff';
		assert_false(utf8_valid(text, sizeof(text)));
	}
}

static void
terminal_is_shown_text_and_obeys_none(void **state UNUSED)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "plain\ttext\n", "plain\ttext\n" },
		{ "\xc3\xa9 \xf0\x9f\x9a\xa2", "\xc3\xa9 \xf0\x9f\x9a\xa2" },
		{ "\033[31mred", "\\x1b[31mred" },
		{ "a\rb\bc\x7f", "a\\x0db\\x08c\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		  "\\u{9b}31m" }, /* CSI as one C1 character */
		{ "\x9b"
		  "31m",
		  "\\x9b31m" },
		{ "\xe2\x80\xae"
		  "abc",
		  "\\u{202e}abc" }, /* right-to-left override */
		{ "\xe2\x81\xa6x", "\\u{2066}x" },
		{ "\xef\xbb\xbfx", "\\u{feff}x" },
		{ "\xff\xfe", "\\xff\\xfe" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF out = BUF_INIT(1000);

		assert_int_equal(vis_add(&out, rows[i].in, strlen(rows[i].in)),
				 0);
		assert_string_equal(buf_text(&out), rows[i].out);
	}
}

static void
visible_text_is_cut_between_characters(void **state UNUSED)
{
	char out[8];

	assert_string_equal(vis(out, sizeof(out), "abcdefghi"), "abcdefg");
	assert_string_equal(vis(out, sizeof(out), "abcde\033x"), "abcde");
	assert_string_equal(vis(out, sizeof(out), "abcdef\xc3\xa9"), "abcdef");
	assert_string_equal(vis(out, 1, "abc"), "");
}

/* Whatever goes in, what comes out is UTF-8 without a control character. */
static void
random_bytes_become_harmless(void **state UNUSED)
{
	for (int round = 0; round < 3000; round++) {
		AUTO_BUF out = BUF_INIT(1000);
		uint8_t in[64];
		size_t n = unit_below(sizeof(in));

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)unit_random();
		assert_int_equal(vis_add(&out, in, n), 0);
		assert_true(utf8_valid(buf_bytes(&out), out.len));
		for (size_t i = 0; i < out.len; i++) {
			uint8_t c = buf_bytes(&out)[i];

			assert_true(c >= 0x20 || c == '\t' || c == '\n');
			assert_true(c != 0x7f);
		}
	}
}

/* RFC 4648. */
static void
base64_has_its_published_forms(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfd", "//79" },
		{ "\xfb\xef\xbe", "++++" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF coded = BUF_INIT(100), plain = BUF_INIT(100);
		size_t n = strlen(rows[i][1]);

		assert_int_equal(
		    base64_add(&coded, rows[i][0], strlen(rows[i][0])), 0);
		assert_string_equal(buf_text(&coded), rows[i][1]);
		assert_int_equal(base64_decode(&plain, rows[i][1], n), 0);
		assert_string_equal(buf_text(&plain), rows[i][0]);
	}
}

static void
what_is_not_exactly_base64_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"Zg",	    "Zg=",  "Z",    "Z===",	"====",	 "=Zg=",
		"Zg==Zg==", "Zh==", "Zm9=", "Zm9v\n",	"Zm 9v", "Zm9-",
		"Zm9_",	    "Zg=a", "Z=g=", "Zm9v====",
	};
	AUTO_BUF out = BUF_INIT(100);

	assert_int_equal(buf_adds(&out, "kept"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(base64_decode(&out, bad[i], strlen(bad[i])),
				 -1);
		assert_string_equal(buf_text(&out), "kept");
	}
}

/* A file of exactly the greatest size allowed must fit, whatever its padding.
 */
static void
decoded_bytes_alone_count_against_the_maximum(void **state UNUSED)
{
	AUTO_BUF one = BUF_INIT(1), two = BUF_INIT(2), less = BUF_INIT(1);

	assert_int_equal(base64_decode(&one, "Zg==", 4), 0);
	assert_int_equal(base64_decode(&two, "Zm8=", 4), 0);
	assert_int_equal(base64_decode(&less, "Zm8=", 4), -1);
}

static void
random_bytes_survive_base64(void **state UNUSED)
{
	for (int round = 0; round < 2000; round++) {
		AUTO_BUF coded = BUF_INIT(1000), plain = BUF_INIT(1000);
		uint8_t in[100];
		size_t n = unit_below(sizeof(in));

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)unit_random();
		assert_int_equal(base64_add(&coded, in, n), 0);
		assert_int_equal(
		    base64_decode(&plain, buf_text(&coded), coded.len), 0);
		assert_int_equal(plain.len, n);
		assert_memory_equal(buf_bytes(&plain), in, n);
	}
}

static void
secrets_are_equal_only_if_they_are(void **state UNUSED)
{
	assert_true(secret_eq("token", "token"));
	assert_true(secret_eq("", ""));
	assert_false(secret_eq("token", "tokem"));
	assert_false(secret_eq("token", "toke"));
	assert_false(secret_eq("token", ""));
	assert_false(secret_eq("", "token"));
	assert_false(secret_eq("abab", "ab"));
	assert_false(secret_eq("ab", "abab"));
}

static void
bytes_are_written_as_hex(void **state UNUSED)
{
	char out[9];

	hex_encode(out, "\x00\x7f\x80\xff", 4);
	assert_string_equal(out, "007f80ff");
}

static void
assert_quoted(const char *word, const char *want)
{
	AUTO_BUF out = BUF_INIT(1000);

	assert_int_equal(shell_quote(&out, word), 0);
	assert_string_equal(buf_text(&out), want);
}

static void
words_are_quoted_only_where_they_must_be(void **state UNUSED)
{
	assert_quoted("make", "make");
	assert_quoted("--cwd=/tmp/x.y", "--cwd=/tmp/x.y");
	assert_quoted("", "''");
	assert_quoted("two words", "'two words'");
	assert_quoted("it's", "'it'\\''s'");
	assert_quoted("~", "'~'");
	assert_quoted("=ls", "'=ls'");
	assert_quoted("A=b", "'A=b'");
	assert_quoted("if", "'if'");
	assert_quoted("a\nb", "'a\nb'");
}

/* What `SHELL -c COMMAND' wrote to its standard output. */
static void
run_shell(const char *shell, const char *command, struct buf *out)
{
	struct err err = ERR_INIT;
	int ends[2], status;
	pid_t pid;

	assert_return_code(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(shell, shell, "-c", command, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	assert_int_equal(fs_read_fd(ends[0], out, &err), 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Random words, most of them of characters that mean something to a shell. */
static char *
random_word(void)
{
	static const char odd[] = "'\"\\$`!*?[]{}()<>|&;~#=%^ \t\n-a1\xc3\xff";
	size_t n = unit_below(12);
	char *word = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		word[i] = unit_below(4) ? odd[unit_below(sizeof(odd) - 1)]
					: (char)(1 + unit_below(255));
	word[n] = '\0';
	return word;
}

static void
sh_reads_back_exactly_the_words_that_were_quoted(void **state UNUSED)
{
	for (int round = 0; round < 20; round++) {
		AUTO_BUF command = BUF_INIT(1u << 20);
		AUTO_BUF want = BUF_INIT(1u << 20), got = BUF_INIT(1u << 20);

		assert_int_equal(buf_adds(&command, "printf '%s\\0'"), 0);
		for (int i = 0; i < 200; i++) {
			AUTO_FREE char *word = random_word();

			assert_int_equal(buf_addc(&command, ' '), 0);
			assert_int_equal(shell_quote(&command, word), 0);
			assert_int_equal(buf_add(&want, word, strlen(word) + 1),
					 0);
		}
		run_shell("/bin/sh", buf_text(&command), &got);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(buf_bytes(&got), buf_bytes(&want),
				    want.len);
	}
}

static void
assert_runs(const char *shell, const char *dir, const char *name)
{
	AUTO_BUF command = BUF_INIT(1000), got = BUF_INIT(1000);

	assert_int_equal(buf_addf(&command, "PATH=%s; ", dir), 0);
	assert_int_equal(shell_quote(&command, name), 0);
	assert_int_equal(buf_adds(&command, " ran"), 0);
	run_shell(shell, buf_text(&command), &got);
	assert_string_equal(buf_text(&got), "ran\n");
}

/* In the place of the command too: no assignment, no keyword, no expansion. */
static void
first_word_is_a_command_whatever_it_says(void **state UNUSED)
{
	static const char *const names[] = {
		"if",	    "then", "else",    "elif",	    "fi",
		"do",	    "done", "case",    "esac",	    "while",
		"until",    "for",  "in",      "{",	    "}",
		"!",	    "time", "A=b",     "_x1=",	    "x+=1",
		"a[1]=",    "=ls",  "select",  "coproc",    "[[",
		"function", "#x",   "~",       "a b",	    "x=",
		"repeat",   "end",  "foreach", "nocorrect",
	};
	static const char *const shells[] = { "/bin/sh", "/bin/bash",
					      "/bin/zsh" };
	const char *dir = unit_temp_dir();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names[i]);

		assert_return_code(symlink("/bin/echo", path), 0);
		for (size_t j = 0; j < ARRAY_SIZE(shells); j++) {
			if (access(shells[j], X_OK) == 0)
				assert_runs(shells[j], dir, names[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_and_suffixes_are_seen),
		cmocka_unit_test(
		    visible_ascii_has_no_space_and_ends_before_delete),
		cmocka_unit_test(utf8_is_read_as_the_standard_says),
		cmocka_unit_test(bad_byte_is_found_wherever_it_stands),
		cmocka_unit_test(terminal_is_shown_text_and_obeys_none),
		cmocka_unit_test(visible_text_is_cut_between_characters),
		cmocka_unit_test(random_bytes_become_harmless),
		cmocka_unit_test(base64_has_its_published_forms),
		cmocka_unit_test(what_is_not_exactly_base64_is_refused),
		cmocka_unit_test(decoded_bytes_alone_count_against_the_maximum),
		cmocka_unit_test(random_bytes_survive_base64),
		cmocka_unit_test(secrets_are_equal_only_if_they_are),
		cmocka_unit_test(bytes_are_written_as_hex),
		cmocka_unit_test(words_are_quoted_only_where_they_must_be),
		cmocka_unit_test(
		    sh_reads_back_exactly_the_words_that_were_quoted),
		cmocka_unit_test(first_word_is_a_command_whatever_it_says),
	};

	return RUN_TESTS(tests);
}
