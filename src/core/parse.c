/* SPDX-License-Identifier: ISC */

/* Numbers from text; see parse.h. */

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/parse.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Longer names before their prefixes: the first match wins. */
static const struct unit duration_units[] = {
	{ "ms", 1 },	  { "s", 1000 },     { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
};

/* "K", "KB" and "KiB" are one. */
static const struct unit byte_units[] = {
	{ "K", 1ull << 10 },
	{ "M", 1ull << 20 },
	{ "G", 1ull << 30 },
	{ "T", 1ull << 40 },
};

static const struct unit bytes_alone = { "", 1 };

/* Digits at *text to *ret; false without a digit or on overflow. */
static bool
take_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	}
	*text = p;
	*ret = n;
	return true;
}

int
parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret,
	  struct err *err)
{
	const char *p = text;
	uint64_t n;

	if (!take_digits(&p, &n) || *p != '\0')
		return err_set(err, ERR_INVALID, "\"%.64s\" is not a number",
			       text);
	if (n < min || n > max)
		return err_set(err, ERR_INVALID,
			       "%.24s is not between %" PRIu64 " and %" PRIu64,
			       text, min, max);
	*ret = n;
	return 0;
}

int
parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret,
	  struct err *err)
{
	bool negative = *text == '-';
	const char *p = text + negative;
	uint64_t n;
	int64_t value;

	if (!take_digits(&p, &n) || *p != '\0' ||
	    n > (uint64_t)INT64_MAX + negative)
		return err_set(err, ERR_INVALID, "\"%.64s\" is not a number",
			       text);
	value = (int64_t)(negative ? 0 - n : n);
	if (value < min || value > max)
		return err_set(err, ERR_INVALID,
			       "%.24s is not between %" PRId64 " and %" PRId64,
			       text, min, max);
	*ret = value;
	return 0;
}

static const struct unit *
find_byte_unit(const char *text)
{
	if (text[0] == '\0' || strcasecmp(text, "B") == 0)
		return &bytes_alone;
	for (size_t i = 0; i < ARRAY_SIZE(byte_units); i++) {
		if (strncasecmp(text, byte_units[i].name, 1) == 0 &&
		    (text[1] == '\0' || strcasecmp(text + 1, "B") == 0 ||
		     strcasecmp(text + 1, "iB") == 0))
			return &byte_units[i];
	}
	return NULL;
}

/* ".25": up to six digits and the power of ten below them. */
static bool
take_fraction(const char **text, uint64_t *ret, uint64_t *ret_scale)
{
	const char *p = *text;
	uint64_t n = 0, scale = 1;

	for (p++; *p >= '0' && *p <= '9' && scale < 1000000; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		scale *= 10;
	}
	*text = p;
	*ret = n;
	*ret_scale = scale;
	return scale > 1;
}

int
parse_bytes(const char *text, uint64_t *ret, struct err *err)
{
	const struct unit *unit;
	const char *p = text;
	uint64_t n, fraction = 0, scale = 1;

	if (!take_digits(&p, &n) ||
	    (*p == '.' && !take_fraction(&p, &fraction, &scale)))
		goto bad;
	unit = find_byte_unit(p);
	if (unit == NULL || (unit == &bytes_alone && scale > 1) ||
	    __builtin_mul_overflow(n, unit->factor, &n) ||
	    __builtin_add_overflow(n, fraction * unit->factor / scale, &n))
		goto bad;
	*ret = n;
	return 0;
bad:
	return err_set(err, ERR_INVALID,
		       "\"%.64s\" is not a size such as 512K, 10M or 2G", text);
}

/* "10m" or "1.5h" at *text in milliseconds. */
static bool
take_duration(const char **text, uint64_t *ret_ms)
{
	uint64_t n, fraction = 0, scale = 1;

	if (!take_digits(text, &n) ||
	    (**text == '.' && !take_fraction(text, &fraction, &scale)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		const struct unit *unit = &duration_units[i];

		if (strncmp(*text, unit->name, strlen(unit->name)) != 0)
			continue;
		*text += strlen(unit->name);
		return !__builtin_mul_overflow(n, unit->factor, ret_ms) &&
		       !__builtin_add_overflow(
			   *ret_ms, fraction * unit->factor / scale, ret_ms);
	}
	return false;
}

int
parse_duration(const char *text, uint64_t *ret_ms, struct err *err)
{
	const char *p = text;
	AUTO_FREE char *seconds = NULL;
	uint64_t n, total = 0;

	/* A bare number is seconds. */
	if (text[strspn(text, "0123456789.")] == '\0')
		p = seconds = xasprintf("%ss", text);
	do {
		if (!take_duration(&p, &n) ||
		    __builtin_add_overflow(total, n, &total))
			goto bad;
	} while (*p != '\0');
	*ret_ms = total;
	return 0;
bad:
	return err_set(err, ERR_INVALID,
		       "\"%.64s\" is not a duration such as 250ms, 90s, 10m or "
		       "1h30m",
		       text);
}
