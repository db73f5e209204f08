/* SPDX-License-Identifier: ISC */

/*
 * Cutting a command line into words; see words.h.
 *
 * One pass over the text.  `word' collects the current word, `in_word' tells
 * an empty quoted word ('') from none at all, and `bare' that nothing of the
 * word was quoted so far: NAME=VALUE, ~ and # mean something only then.
 */

#include <string.h>

#include "berthd/exec/environment.h"
#include "berthd/login/words.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

struct splitter {
	const char *at;
	struct buf word;
	char **words;
	bool in_word;
	bool bare;
};

/* What each character would do, outside quotes. */
static const struct {
	char c;
	const char *what;
} meanings[] = {
	{ '$', "\"$\" (an expansion)" },
	{ '`', "\"`\" (a command substitution)" },
	{ '|', "\"|\" (a pipe)" },
	{ '&', "\"&\" (a second command)" },
	{ ';', "\";\" (a second command)" },
	{ '<', "\"<\" (a redirection)" },
	{ '>', "\">\" (a redirection)" },
	{ '(', "\"(\" (a subshell)" },
	{ ')', "\")\" (a subshell)" },
	{ '*', "\"*\" (a pattern)" },
	{ '?', "\"?\" (a pattern)" },
	{ '[', "\"[\" (a pattern)" },
	{ '{', "\"{\" (a group)" },
	{ '}', "\"}\" (a group)" },
	{ '!', "\"!\" (a negation)" },
	{ '\n', "a line break (a second command)" },
};

static int
refuse(struct err *err, const char *what)
{
	err_set(err, ERR_DENIED,
		"the command has %s, and there is no shell here", what);
	return err_hint(err, "quote it if it is meant as it stands");
}

static int
unfinished(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "the command ends inside %s", what);
}

static int
put(struct splitter *s, char c)
{
	s->in_word = true;
	return buf_addc(&s->word, c);
}

/* 'text' */
static int
single_quoted(struct splitter *s, struct err *err)
{
	s->in_word = true;
	s->bare = false;
	for (s->at++; *s->at != '\''; s->at++) {
		if (*s->at == '\0')
			return unfinished(err, "single quotes");
		(void)put(s, *s->at);
	}
	s->at++;
	return 0;
}

/* "text": a backslash counts before $ ` " \ and a line break only. */
static int
double_quoted(struct splitter *s, struct err *err)
{
	s->in_word = true;
	s->bare = false;
	for (s->at++; *s->at != '"'; s->at++) {
		if (*s->at == '\0')
			return unfinished(err, "double quotes");
		if (*s->at == '$')
			return refuse(err, "\"$\" (an expansion)");
		if (*s->at == '`')
			return refuse(err, "\"`\" (a command substitution)");
		if (*s->at == '\\' && s->at[1] && strchr("$`\"\\\n", s->at[1]))
			s->at++;
		else {
			(void)put(s, *s->at);
			continue;
		}
		if (*s->at != '\n')
			(void)put(s, *s->at);
	}
	s->at++;
	return 0;
}

static int
escaped(struct splitter *s, struct err *err)
{
	if (s->at[1] == '\0')
		return unfinished(err, "an escape (a backslash)");
	if (s->at[1] != '\n') {
		s->bare = false;
		(void)put(s, s->at[1]);
	}
	s->at += 2;
	return 0;
}

static int
end_word(struct splitter *s, struct err *err)
{
	if (!s->in_word)
		return 0;
	if (strv_len(s->words) >= WORDS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d words", WORDS_MAX);
	strv_give(&s->words, xstrdup(buf_text(&s->word)));
	buf_clear(&s->word);
	s->in_word = false;
	s->bare = true;
	return 0;
}

static bool
is_name(const char *text, size_t n)
{
	if (n == 0 || (text[0] >= '0' && text[0] <= '9'))
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (!(c == '_' || (c >= '0' && c <= '9') ||
		      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return true;
}

static int
plain(struct splitter *s, struct err *err)
{
	char c = *s->at;

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (meanings[i].c == c)
			return refuse(err, meanings[i].what);
	}
	if (c == '~' && !s->in_word)
		return refuse(err, "\"~\" (a home directory)");
	if (c == '#' && !s->in_word)
		return refuse(err, "\"#\" (a comment)");
	/* In front of the command, and everything before is one bare name. */
	if (c == '=' && s->bare && s->words == NULL &&
	    is_name(buf_text(&s->word), s->word.len))
		return refuse(err, "an assignment in front");
	s->at++;
	(void)put(s, c);
	return 0;
}

static int
step(struct splitter *s, struct err *err)
{
	switch (*s->at) {
	case ' ':
	case '\t':
		s->at++;
		return end_word(s, err);
	case '\'':
		return single_quoted(s, err);
	case '"':
		return double_quoted(s, err);
	case '\\':
		return escaped(s, err);
	default:
		return plain(s, err);
	}
}

/* Terminals act on these, and no word needs them. */
static int
check_text(const char *text, struct err *err)
{
	if (strlen(text) > WORDS_MAX_TEXT)
		return err_set(err, ERR_LIMIT, "a command of more than %u KiB",
			       WORDS_MAX_TEXT >> 10);
	for (; *text; text++) {
		if (((unsigned char)*text < 0x20 && *text != '\t' &&
		     *text != '\n') ||
		    *text == 0x7f)
			return err_set(err, ERR_INVALID,
				       "the command has a control character "
				       "(0x%02x)",
				       (unsigned char)*text);
	}
	return 0;
}

int
words_split(const char *text, char ***ret, struct err *err)
{
	struct splitter s = { .at = text, .bare = true };
	int rc = check_text(text, err);

	buf_init(&s.word, WORDS_MAX_TEXT + 1);
	while (rc == 0 && *s.at)
		rc = step(&s, err);
	if (rc == 0)
		rc = end_word(&s, err);
	buf_fini(&s.word);
	if (rc < 0)
		strv_free(s.words);
	else
		*ret = s.words;
	return rc;
}

int
words_value(const char *text, char **ret, struct err *err)
{
	bool home = str_starts(text, "~/");
	AUTO_FREE char *shielded = NULL;
	AUTO_STRV char **words = NULL;

	/* What stands before "=" and "~" of a value is not their place. */
	shielded = xasprintf("''%s", text + (home ? 2 : 0));
	if (words_split(shielded, &words, err) < 0)
		return -1;
	if (strv_len(words) > 1)
		return err_set(err, ERR_INVALID,
			       "several words: put the value in quotes");
	*ret = xasprintf("%s%s", home ? "~/" : "", words ? words[0] : "");
	return 0;
}

/* Would the value after `name' be a secret's? */
static bool
is_secret_name(const char *name)
{
	AUTO_FREE char *pair = xasprintf("%s=", name);
	char *const one[] = { pair, NULL };
	AUTO_STRV char **masked = environment_masked(one);

	return str_ends(masked[0], "***");
}

/* `--token=x' and `--token x' are as secret as TOKEN=x. */
static char *
masked_word(const char *word, const char *before)
{
	size_t n = strcspn(word, "=");
	AUTO_FREE char *name = xstrndup(word, n);

	if (before && before[0] == '-' && !strchr(before, '=') &&
	    is_secret_name(before))
		return xstrdup("***");
	if (word[n] == '=' && is_secret_name(name))
		return xasprintf("%s=***", name);
	return xstrdup(word);
}

int
words_show(char *const *words, struct buf *out)
{
	const char *before = NULL;
	int rc = 0;

	for (; rc == 0 && words && *words; words++) {
		AUTO_FREE char *word = masked_word(*words, before);

		rc = before ? buf_addc(out, ' ') : 0;
		if (rc == 0)
			rc = shell_quote(out, word);
		before = *words;
	}
	return rc;
}
