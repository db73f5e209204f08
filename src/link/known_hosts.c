/* SPDX-License-Identifier: ISC */

/*
 * Lines of known_hosts; see known_hosts.h.
 *
 *	[@marker] names type key [comment]
 *
 * A line that cannot be read is skipped, as OpenSSH does, and so is one with
 * a NUL: it must not hide what follows it.  A verdict only ever gets stronger:
 * revoked over good over changed over unknown, whatever the order of lines.
 */

#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/rand.h"
#include "core/sha1.h"
#include "core/text.h"

#include "link/known_hosts.h"

#define MAX_LINE 16384
#define MAX_HOST 512
#define BLOCK 64 /* of SHA-1 */

/* What is stronger, by verdict. */
static const int strength[] = {
	[KNOWN_UNKNOWN] = 0,
	[KNOWN_CHANGED] = 1,
	[KNOWN_GOOD] = 2,
	[KNOWN_REVOKED] = 3,
};

struct line {
	char *marker; /* NULL: none */
	char *names;
	char *type;
	char *key;
};

/* The next word; the text is cut behind it.  NULL: none. */
static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");
	size_t n = strcspn(word, " \t");

	if (n == 0)
		return NULL;
	*at = word + n;
	if (**at)
		*(*at)++ = '\0';
	return word;
}

static bool
read_line(char *text, struct line *ret)
{
	char *word = next_word(&text);

	*ret = (struct line){ .marker = NULL };
	if (word == NULL || *word == '#')
		return false;
	if (*word == '@') {
		ret->marker = word;
		word = next_word(&text);
	}
	ret->names = word;
	ret->type = word ? next_word(&text) : NULL;
	ret->key = ret->type ? next_word(&text) : NULL;
	return ret->key != NULL;
}

/* HMAC-SHA1 (RFC 2104) with a key of one block at most. */
static void
hmac(const uint8_t *key, size_t n_key, const char *text, uint8_t out[SHA1_SIZE])
{
	uint8_t inner[BLOCK + MAX_HOST], outer[BLOCK + SHA1_SIZE];
	size_t n = MIN(strlen(text), (size_t)MAX_HOST);

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (size_t i = 0; i < n_key; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	memcpy(inner + BLOCK, text, n);
	sha1(inner, BLOCK + n, outer + BLOCK);
	sha1(outer, sizeof(outer), out);
}

/* "|1|salt|hash" */
static bool
hash_matches(const char *names, const char *host)
{
	AUTO_BUF salt = BUF_INIT(BLOCK), hash = BUF_INIT(BLOCK);
	const char *text = names + 3, *bar = strchr(text, '|');
	uint8_t mine[SHA1_SIZE];

	if (!str_starts(names, "|1|") || bar == NULL ||
	    base64_decode(&salt, text, (size_t)(bar - text)) < 0 ||
	    base64_decode(&hash, bar + 1, strlen(bar + 1)) < 0 ||
	    hash.len != SHA1_SIZE)
		return false;
	hmac(buf_bytes(&salt), salt.len, host, mine);
	return memcmp(mine, buf_bytes(&hash), SHA1_SIZE) == 0;
}

/*
 * One pattern against the name, without regard to case.  A star that failed
 * is tried one byte further on: no more than length times length.
 */
static bool
pattern_matches(const char *p, size_t n, const char *name)
{
	const char *end = p + n, *star = NULL, *resume = NULL;

	while (*name) {
		if (p < end && *p == '*') {
			star = p++;
			resume = name;
		} else if (p < end &&
			   (*p == '?' || strncasecmp(p, name, 1) == 0)) {
			p++;
			name++;
		} else if (star) {
			p = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

/* A negated pattern that matches overrules all others of the line. */
static bool
names_match(const char *names, const char *host)
{
	bool found = false;

	if (*names == '|')
		return hash_matches(names, host);
	while (*names) {
		size_t n = strcspn(names, ",");
		bool is_negated = *names == '!';

		if (pattern_matches(names + is_negated, n - is_negated, host)) {
			if (is_negated)
				return false;
			found = true;
		}
		names += n + (names[n] == ',');
	}
	return found;
}

static void
decide(struct known_answer *answer, enum known_verdict verdict, unsigned line)
{
	if (strength[verdict] <= strength[answer->verdict])
		return;
	answer->verdict = verdict;
	answer->line = line;
}

static void
check_line(char *text, unsigned number, const char *host, const char *type,
	   const char *key, struct known_answer *answer)
{
	struct line line;
	bool is_same;

	if (!read_line(text, &line) || !names_match(line.names, host))
		return;
	is_same = str_eq(line.type, type) && str_eq(line.key, key);
	if (line.marker == NULL)
		decide(answer, is_same ? KNOWN_GOOD : KNOWN_CHANGED, number);
	else if (str_eq(line.marker, "@cert-authority"))
		answer->has_authority = true;
	else if (str_eq(line.marker, "@revoked") && is_same)
		decide(answer, KNOWN_REVOKED, number);
}

/* Call `each' for every line that can be read, without its end. */
static void
for_each_line(const char *text, size_t n,
	      void (*each)(char *line, unsigned number, void *owner),
	      void *owner)
{
	char line[MAX_LINE];
	unsigned number = 0;

	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;
		size_t used = len + (end != NULL);

		number++;
		if (len > 0 && text[len - 1] == '\r')
			len--;
		if (len < sizeof(line) && memchr(text, '\0', len) == NULL) {
			memcpy(line, text, len);
			line[len] = '\0';
			each(line, number, owner);
		}
		text += used;
		n -= used;
	}
}

struct question {
	const char *host, *type, *key;
	struct known_answer *answer;
	struct buf *types;
};

static void
on_line_to_check(char *line, unsigned number, void *owner)
{
	const struct question *q = owner;

	check_line(line, number, q->host, q->type, q->key, q->answer);
}

void
known_hosts_check(const char *text, size_t n, const char *host,
		  const char *type, const char *key,
		  struct known_answer *answer)
{
	struct question q = {
		.host = host, .type = type, .key = key, .answer = answer
	};

	if (strlen(host) <= MAX_HOST)
		for_each_line(text, n, on_line_to_check, &q);
}

static void
on_line_with_type(char *text, unsigned number UNUSED, void *owner)
{
	const struct question *q = owner;
	struct line line;

	if (read_line(text, &line) && line.marker == NULL &&
	    names_match(line.names, q->host))
		(void)buf_addf(q->types, "%s,", line.type);
}

void
known_hosts_types(const char *text, size_t n, const char *host,
		  struct buf *types)
{
	struct question q = { .host = host, .types = types };

	if (strlen(host) <= MAX_HOST)
		for_each_line(text, n, on_line_with_type, &q);
}

void
known_hosts_line(struct buf *out, const char *host, const char *type,
		 const char *key, bool is_hashed)
{
	uint8_t salt[SHA1_SIZE], hash[SHA1_SIZE];

	if (is_hashed) {
		rand_bytes(salt, sizeof(salt));
		hmac(salt, sizeof(salt), host, hash);
		(void)buf_adds(out, "|1|");
		(void)base64_add(out, salt, sizeof(salt));
		(void)buf_addc(out, '|');
		(void)base64_add(out, hash, sizeof(hash));
	} else {
		(void)buf_adds(out, host);
	}
	(void)buf_addf(out, " %s %s\n", type, key);
}
