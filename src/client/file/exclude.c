/* SPDX-License-Identifier: ISC */

/*
 * Patterns of names; see exclude.h.
 *
 * A pattern is matched component by component, and each component byte by byte,
 * both by going back to the last star only: that is enough, since what a star
 * took can always be given to the next one.  So no pattern takes longer than
 * the product of the lengths.
 */

#include <string.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/file/exclude.h"

struct pattern {
	char *text;   /* without '!' and slashes at its ends */
	bool is_kept; /* '!' */
	bool is_anchored;
	bool is_dir_only;
};

struct exclude {
	struct pattern *patterns;
	size_t n;
};

static int
parse(struct pattern *p, const char *text, struct err *err)
{
	const char *whole = text;
	size_t n;

	p->is_kept = *text == '!';
	text += p->is_kept;
	n = strlen(text);
	while (n > 0 && text[n - 1] == '/') {
		p->is_dir_only = true;
		n--;
	}
	p->is_anchored = memchr(text, '/', n) != NULL;
	while (n > 0 && *text == '/') {
		text++;
		n--;
	}
	if (n == 0)
		return err_set(err, ERR_INVALID, "exclude %.64s: not a pattern",
			       whole);
	p->text = xstrndup(text, n);
	return 0;
}

struct exclude *
exclude_new(char *const *patterns, struct err *err)
{
	struct exclude *exclude = xcalloc(1, sizeof(*exclude));
	size_t n = strv_len(patterns);

	exclude->patterns = xcalloc(n + 1, sizeof(*exclude->patterns));
	for (; exclude->n < n; exclude->n++) {
		if (parse(&exclude->patterns[exclude->n], patterns[exclude->n],
			  err) < 0) {
			exclude_free(exclude);
			return NULL;
		}
	}
	return exclude;
}

void
exclude_free(struct exclude *exclude)
{
	if (exclude == NULL)
		return;
	for (size_t i = 0; i < exclude->n; i++)
		free(exclude->patterns[i].text);
	free(exclude->patterns);
	free(exclude);
}

/* A component: text and where it ends. */
struct part {
	const char *at, *end;
};

static struct part
part_of(const char *at)
{
	return (struct part){ at, at + strcspn(at, "/") };
}

/* Does the set at `p' (behind its '[') hold `c'?  *ret_end: behind its ']'. */
static bool
in_set(const char *p, const char *end, unsigned char c, const char **ret_end)
{
	bool is_negated = p < end && (*p == '!' || *p == '^'), found = false;
	const char *first;

	p += is_negated;
	for (first = p; p < end && (*p != ']' || p == first); p++) {
		unsigned char low, high;

		if (*p == '\\' && p + 1 < end)
			p++;
		low = high = (unsigned char)*p;
		if (end - p > 2 && p[1] == '-' && p[2] != ']') {
			high = (unsigned char)p[2];
			p += 2;
		}
		found = found || (c >= low && c <= high);
	}
	/* A set that does not end is a bracket. */
	*ret_end = p < end ? p + 1 : NULL;
	return found != is_negated;
}

/* Does one element of the pattern match `c'?  *p moves behind it. */
static bool
match_one(const char **p, const char *end, unsigned char c)
{
	const char *behind;
	bool has;

	if (**p == '?') {
		(*p)++;
		return true;
	}
	if (**p == '[') {
		has = in_set(*p + 1, end, c, &behind);
		if (behind) {
			*p = behind;
			return has;
		}
	}
	if (**p == '\\' && *p + 1 < end)
		(*p)++;
	return (unsigned char)*(*p)++ == c;
}

static bool
match_part(struct part pattern, struct part text)
{
	const char *p = pattern.at, *t = text.at;
	const char *star = NULL, *star_t = NULL;

	while (t < text.end) {
		if (p < pattern.end && *p == '*') {
			star = ++p;
			star_t = t;
			continue;
		}
		if (p < pattern.end &&
		    match_one(&p, pattern.end, (unsigned char)*t)) {
			t++;
			continue;
		}
		if (star == NULL)
			return false;
		p = star;
		t = ++star_t;
	}
	while (p < pattern.end && *p == '*')
		p++;
	return p == pattern.end;
}

static bool
is_double_star(struct part part)
{
	return part.end - part.at == 2 && memcmp(part.at, "**", 2) == 0;
}

/* The component behind `part', or NULL. */
static const char *
behind(struct part part)
{
	return *part.end == '/' ? part.end + 1 : NULL;
}

static bool
match_path(const char *p, const char *t)
{
	const char *star = NULL, *star_t = NULL;

	while (t) {
		struct part pattern = part_of(p ? p : "");
		struct part text = part_of(t);

		if (p && is_double_star(pattern)) {
			star = behind(pattern);
			/* At the end it wants one component at least. */
			if (star == NULL)
				return true;
			p = star;
			star_t = t;
			continue;
		}
		if (p && match_part(pattern, text)) {
			p = behind(pattern);
			t = behind(text);
			continue;
		}
		if (star == NULL)
			return false;
		p = star;
		star_t = behind(part_of(star_t));
		t = star_t;
		if (t == NULL)
			return false;
	}
	return p == NULL;
}

static bool
matches(const struct pattern *p, const char *path, bool is_dir)
{
	const char *base = strrchr(path, '/');

	if (p->is_dir_only && !is_dir)
		return false;
	if (p->is_anchored)
		return match_path(p->text, path);
	return match_path(p->text, base ? base + 1 : path);
}

bool
exclude_has(const struct exclude *exclude, const char *path, bool is_dir)
{
	for (size_t i = exclude->n; i-- > 0;) {
		if (matches(&exclude->patterns[i], path, is_dir))
			return !exclude->patterns[i].is_kept;
	}
	return false;
}
