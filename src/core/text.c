/* SPDX-License-Identifier: ISC */

/* Foreign text made harmless; see text.h. */

#include <string.h>

#include "core/text.h"

bool
str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool
str_is_visible(const char *s)
{
	while (*s > ' ' && *s <= '~')
		s++;
	return *s == '\0';
}

size_t
utf8_sequence(const uint8_t *s, size_t n, uint32_t *ret_rune)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t rune;
	size_t len;

	if (n == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret_rune = s[0];
		return 1;
	}
	if ((s[0] & 0xe0) == 0xc0) {
		len = 2;
		rune = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3;
		rune = s[0] & 0x0f;
	} else if ((s[0] & 0xf8) == 0xf0) {
		len = 4;
		rune = s[0] & 0x07;
	} else {
		return 0;
	}
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (s[i] & 0x3f);
	}
	if (rune < smallest[len] || rune > 0x10ffff ||
	    (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	*ret_rune = rune;
	return len;
}

bool
utf8_valid(const void *bytes, size_t n)
{
	const uint8_t *s = bytes;
	uint32_t rune;
	size_t len;

	while (n > 0) {
		/* Most text is ASCII: eight bytes at a time while it lasts. */
		if (n >= 8) {
			uint64_t word;

			memcpy(&word, s, sizeof(word));
			if ((word & 0x8080808080808080ull) == 0) {
				s += 8;
				n -= 8;
				continue;
			}
		}
		len = utf8_sequence(s, n, &rune);
		if (len == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

/* Characters that a terminal or a reader's eye would obey, not show. */
static bool
is_harmful(uint32_t rune)
{
	if (rune == '\t' || rune == '\n')
		return false;
	return rune < 0x20 || (rune >= 0x7f && rune <= 0x9f) ||
	       rune == 0x200e || rune == 0x200f || rune == 0x061c ||
	       (rune >= 0x2028 && rune <= 0x202e) ||
	       (rune >= 0x2066 && rune <= 0x2069) || rune == 0xfeff;
}

int
vis_add(struct buf *out, const void *bytes, size_t n)
{
	const uint8_t *s = bytes;
	uint32_t rune;
	size_t len;
	int rc;

	while (n > 0) {
		len = utf8_sequence(s, n, &rune);
		if (len == 0 || (len == 1 && is_harmful(rune)))
			rc = buf_addf(out, "\\x%02x", s[0]);
		else if (is_harmful(rune))
			rc = buf_addf(out, "\\u{%x}", rune);
		else
			rc = buf_add(out, s, len);
		if (rc < 0)
			return -1;
		len = len ? len : 1;
		s += len;
		n -= len;
	}
	return 0;
}

const char *
vis(char *out, size_t size, const char *text)
{
	AUTO_BUF safe = BUF_INIT(size - 1);
	size_t n = strlen(text);

	/* What does not fit is cut between characters by the limit. */
	(void)vis_add(&safe, text, n);
	memcpy(out, buf_text(&safe), safe.len + 1);
	return out;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_add(struct buf *out, const void *bytes, size_t n)
{
	const uint8_t *s = bytes;
	uint8_t *room;
	size_t len = (n + 2) / 3 * 4;

	room = buf_reserve(out, len);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t word = (uint32_t)s[i] << 16;

		if (i + 1 < n)
			word |= (uint32_t)s[i + 1] << 8;
		if (i + 2 < n)
			word |= s[i + 2];
		*room++ = (uint8_t)base64_digits[word >> 18];
		*room++ = (uint8_t)base64_digits[word >> 12 & 63];
		*room++ = i + 1 < n ? (uint8_t)base64_digits[word >> 6 & 63]
				    : '=';
		*room++ = i + 2 < n ? (uint8_t)base64_digits[word & 63] : '=';
	}
	buf_commit(out, len);
	return 0;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Four digits, the last `pad' of them "=", to 3 - pad bytes. */
static int
decode_group(const char *text, size_t pad, uint8_t out[3])
{
	uint32_t word = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? base64_value(text[i]) : 0;

		if (value < 0)
			return -1;
		word = word << 6 | (uint32_t)value;
	}
	out[0] = (uint8_t)(word >> 16);
	out[1] = (uint8_t)(word >> 8);
	out[2] = (uint8_t)word;
	/* Bits that no byte uses would let two texts mean one thing. */
	return (pad > 0 && out[2]) || (pad > 1 && out[1]) ? -1 : 0;
}

int
base64_decode(struct buf *out, const char *text, size_t n)
{
	size_t pad = 0, len = n / 4 * 3;
	uint8_t *room, group[3];

	if (n % 4 != 0)
		return -1;
	while (n > 0 && pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	room = buf_reserve(out, len - pad);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < n / 4; i++) {
		size_t missing = i + 1 == n / 4 ? pad : 0;

		if (decode_group(text + i * 4, missing, group) < 0) {
			room[0] = '\0';
			return -1;
		}
		memcpy(room + i * 3, group, 3 - missing);
	}
	buf_commit(out, len - pad);
	return 0;
}

void
hex_encode(char *out, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *s = bytes;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[s[i] >> 4];
		*out++ = digits[s[i] & 15];
	}
	*out = '\0';
}

bool
secret_eq(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	volatile uint8_t diff = n != m;

	for (size_t i = 0; i < n; i++)
		diff |= (uint8_t)(a[i] ^ b[m ? i % m : 0]);
	return diff == 0;
}

/*
 * Would a shell take the word for something else than a command or argument?
 * Keywords of sh, bash and zsh; "name=", "name+=" and "name[...]=" assign.
 */
static bool
means_something(const char *word)
{
	static const char *const keywords[] = {
		"case",	     "coproc",	 "do",	    "done",   "elif",
		"else",	     "end",	 "esac",    "fi",     "for",
		"foreach",   "function", "if",	    "in",     "repeat",
		"select",    "then",	 "time",    "until",  "while",
		"nocorrect", "declare",	 "typeset", "export", "readonly",
		"local",     "float",	 "integer",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (str_eq(word, keywords[i]))
			return true;
	}
	return word[0] != '-' && word[0] != '/' && strchr(word, '=');
}

int
shell_quote(struct buf *out, const char *word)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "_-./:@%+,=";

	if (*word && word[strspn(word, plain)] == '\0' &&
	    !means_something(word))
		return buf_adds(out, word);
	if (buf_addc(out, '\'') < 0)
		return -1;
	for (; *word; word++) {
		int rc = *word == '\'' ? buf_adds(out, "'\\''")
				       : buf_addc(out, *word);

		if (rc < 0)
			return -1;
	}
	return buf_addc(out, '\'');
}
