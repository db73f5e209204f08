/* SPDX-License-Identifier: ISC */

/*
 * Matching lines; see log_match.h.
 *
 * The C library turns an expression into states of an automaton as the text
 * needs them, and keeps them all.  An innocent expression needs a few dozen,
 * (a|b)*a(a|b){50} a new one for nearly every byte.  How much was hoarded shows
 * in the time it took, so after each REBUILD_NS of matching the expression is
 * compiled anew, which costs about a tenth of a millisecond.
 */

#include <regex.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "berthd/exec/log_match.h"

#define REBUILD_NS (50 * NS_PER_MS)
#define MAX_DEPTH 32

#define EMPTY_TIMES 8 /* see weight */

struct log_match {
	char *pattern;
	size_t len;
	bool is_regex;
	bool is_compiled;
	regex_t regex;
	uint64_t spent_ns; /* since it was compiled */
};

/* Where the expression is read. */
struct measure {
	const char *p;
	unsigned depth;
};

/* Of a part of it. */
struct extent {
	uint64_t atoms; /* with repetitions written out */
	bool can_be_empty;
	bool has_anchor;
};

static int measure_alternatives(struct measure *m, struct extent *ret,
				struct err *err);

static int
too_long(struct err *err)
{
	return err_set(err, ERR_INVALID,
		       "the expression is too long, or repeats too much");
}

/* "[^]a[:alpha:]]": from behind the bracket to behind its end. */
static const char *
skip_bracket(const char *p)
{
	p += *p == '^';
	p += *p == ']';
	while (*p && *p != ']') {
		char kind = p[1];

		if (*p == '[' && (kind == ':' || kind == '.' || kind == '=')) {
			const char end[] = { kind, ']', '\0' };
			const char *close = strstr(p + 2, end);

			p = close ? close + 2 : p + 2;
		} else {
			p++;
		}
	}
	return p + (*p == ']');
}

/*
 * How much more the repetition of an atom counts.  Where an expression has an
 * anchor, the time to compile it explodes with repetitions of what can be
 * empty, if they are written out or have the anchor in them.
 */
static uint64_t
weight(const struct extent *atom, bool is_written_out)
{
	bool explodes = atom->can_be_empty &&
			(is_written_out || atom->has_anchor);

	return explodes ? EMPTY_TIMES : 1;
}

/* "{2,7}" at the cursor: how often it is written out. */
static void
measure_interval(struct measure *m, struct extent *atom)
{
	uint64_t n = 0, most = 0, least = UINT64_MAX;

	for (m->p++; *m->p && *m->p != '}'; m->p++) {
		if (*m->p >= '0' && *m->p <= '9') {
			n = MIN(n * 10 + (uint64_t)(*m->p - '0'), 1000000u);
		} else {
			least = MIN(least, n);
			n = 0;
		}
		most = MAX(most, n);
	}
	m->p += *m->p == '}';
	least = MIN(least, most);
	atom->atoms *= (most + 1) * weight(atom, true);
	atom->can_be_empty |= least == 0;
}

/*
 * The repetition at the cursor.  x+ is written out as xx*; x* and x? are not,
 * but compiling them takes time that doubles when they are nested.
 */
static void
measure_repetition(struct measure *m, struct extent *atom)
{
	char c = *m->p;

	if (c == '{') {
		measure_interval(m, atom);
		return;
	}
	m->p++;
	atom->atoms *= 2 * weight(atom, c == '+');
	atom->can_be_empty |= c != '+';
}

static int
measure_atom(struct measure *m, struct extent *ret, struct err *err)
{
	char c = *m->p++;

	*ret = (struct extent){ .atoms = 1,
				.has_anchor = c == '^' || c == '$' };
	if (c == '[') {
		m->p = skip_bracket(m->p);
	} else if (c == '\\' && *m->p) {
		if (*m->p >= '1' && *m->p <= '9')
			return err_set(err, ERR_INVALID,
				       "the expression refers back with \\%c, "
				       "which is not supported",
				       *m->p);
		ret->has_anchor = strchr("<>bB`'", *m->p) != NULL;
		m->p++;
	} else if (c == '(') {
		if (++m->depth > MAX_DEPTH)
			return too_long(err);
		if (measure_alternatives(m, ret, err) < 0)
			return -1;
		m->p += *m->p == ')';
		m->depth--;
		return 0;
	}
	ret->can_be_empty = ret->has_anchor;
	return 0;
}

/* An atom with what repeats it. */
static int
measure_piece(struct measure *m, struct extent *ret, struct err *err)
{
	if (measure_atom(m, ret, err) < 0)
		return -1;
	while (*m->p && strchr("*+?{", *m->p)) {
		measure_repetition(m, ret);
		if (ret->atoms > LOG_MATCH_MAX_ATOMS)
			return too_long(err);
	}
	return 0;
}

static int
measure_alternatives(struct measure *m, struct extent *ret, struct err *err)
{
	struct extent total = { .atoms = 1 }, piece;
	bool is_empty = true; /* this alternative so far */

	while (*m->p && !(*m->p == ')' && m->depth > 0)) {
		if (*m->p == '|') {
			m->p++;
			piece.atoms = 1;
			total.can_be_empty |= is_empty;
			is_empty = true;
		} else {
			if (measure_piece(m, &piece, err) < 0)
				return -1;
			is_empty = is_empty && piece.can_be_empty;
			total.has_anchor |= piece.has_anchor;
		}
		total.atoms += piece.atoms;
		if (total.atoms > LOG_MATCH_MAX_ATOMS)
			return too_long(err);
	}
	total.can_be_empty |= is_empty;
	*ret = total;
	return 0;
}

static int
compile(struct log_match *match, struct err *err)
{
	char text[128];
	int rc = regcomp(&match->regex, match->pattern,
			 REG_EXTENDED | REG_NOSUB);

	if (rc != 0) {
		regerror(rc, &match->regex, text, sizeof(text));
		return err_set(err, ERR_INVALID, "the expression: %s", text);
	}
	match->is_compiled = true;
	match->spent_ns = 0;
	return 0;
}

struct log_match *
log_match_new(const char *pattern, bool is_regex, struct err *err)
{
	struct measure measure = { .p = pattern };
	struct log_match *match;
	struct extent whole;

	if (strchr(pattern, '\n')) {
		err_set(err, ERR_INVALID,
			"lines are matched one by one: the pattern cannot "
			"hold a line end");
		return NULL;
	}
	if (is_regex && measure_alternatives(&measure, &whole, err) < 0)
		return NULL;
	match = xcalloc(1, sizeof(*match));
	match->pattern = xstrdup(pattern);
	match->len = strlen(pattern);
	match->is_regex = is_regex;
	if (is_regex && compile(match, err) < 0) {
		log_match_free(match);
		return NULL;
	}
	return match;
}

void
log_match_free(struct log_match *match)
{
	if (match == NULL)
		return;
	if (match->is_compiled)
		regfree(&match->regex);
	free(match->pattern);
	free(match);
}

/* What was compiled once can be compiled again, unless memory is short. */
static bool
rebuild(struct log_match *match)
{
	if (match->is_compiled)
		regfree(&match->regex);
	match->is_compiled = false;
	return compile(match, &(struct err)ERR_INIT) == 0;
}

static bool
match_regex(struct log_match *match, const uint8_t *line, size_t n)
{
	char text[LOG_MATCH_MAX_LINE + 1];
	regmatch_t range = { .rm_eo = (regoff_t)n };
	uint64_t start = clock_boot_ns();
	bool found;

	/* REG_STARTEND lets a line hold NULs, but not everybody knows it. */
	memcpy(text, line, n);
	text[n] = '\0';
	found = regexec(&match->regex, text, 1, &range, REG_STARTEND) == 0;
	match->spent_ns += clock_boot_ns() - start;
	return found;
}

bool
log_match_line(struct log_match *match, const uint8_t *line, size_t n)
{
	if (!match->is_regex)
		return memmem(line, n, match->pattern, match->len) != NULL;
	if (match->spent_ns > REBUILD_NS && !rebuild(match))
		return false;
	return match_regex(match, line, MIN(n, (size_t)LOG_MATCH_MAX_LINE));
}
