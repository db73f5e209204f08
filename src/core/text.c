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

int
base64_decode(struct buf *out, const char *text, size_t n)
{
	size_t pad = 0;
	uint8_t *room;
	size_t len;

	if (n % 4 != 0)
		return -1;
	if (n == 0)
		return 0;
	while (pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	len = n / 4 * 3;
	room = buf_reserve(out, len);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < n; i += 4) {
		size_t missing = i + 4 == n ? pad : 0;
		uint32_t word = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = j < 4 - missing ? base64_value(text[i + j])
						    : 0;

			if (value < 0)
				return -1;
			word = word << 6 | (uint32_t)value;
		}
		/* Bits that no byte uses would let two texts mean one thing. */
		if ((missing == 1 && (word & 0xff)) ||
		    (missing == 2 && (word & 0xffff)))
			return -1;
		*room++ = (uint8_t)(word >> 16);
		*room++ = (uint8_t)(word >> 8);
		*room++ = (uint8_t)word;
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

int
shell_quote(struct buf *out, const char *word)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "_-./:@%+,=";

	/* A leading '=' is expanded by zsh. */
	if (*word && *word != '=' && word[strspn(word, plain)] == '\0')
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
