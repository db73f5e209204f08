/* SPDX-License-Identifier: ISC */

/* Numbers from text; see parse.h. */

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

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

static const struct unit byte_units[] = {
	{ "", 1 },	     { "B", 1 },	  { "K", 1ull << 10 },
	{ "M", 1ull << 20 }, { "G", 1ull << 30 }, { "T", 1ull << 40 },
};

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

	if (!take_digits(&p, &n) || *p != '\0' || n > INT64_MAX)
		return err_set(err, ERR_INVALID, "\"%.64s\" is not a number",
			       text);
	value = negative ? -(int64_t)n : (int64_t)n;
	if (value < min || value > max)
		return err_set(err, ERR_INVALID,
			       "%.24s is not between %" PRId64 " and %" PRId64,
			       text, min, max);
	*ret = value;
	return 0;
}

/* "64KiB" and "64KB" are "64K". */
static const struct unit *
find_byte_unit(const char *text)
{
	size_t len = strlen(text);

	if (len == 3 && strcasecmp(text + 1, "iB") == 0)
		len = 1;
	if (len == 2 && strcasecmp(text + 1, "B") == 0)
		len = 1;
	for (size_t i = 0; i < ARRAY_SIZE(byte_units); i++) {
		if (strlen(byte_units[i].name) == len &&
		    strncasecmp(byte_units[i].name, text, len) == 0)
			return &byte_units[i];
	}
	return NULL;
}

int
parse_bytes(const char *text, uint64_t *ret, struct err *err)
{
	const struct unit *unit;
	const char *p = text;
	uint64_t n, part, fraction = 0, scale = 1;

	if (!take_digits(&p, &n))
		goto bad;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9' && scale < 1000000; p++) {
			fraction = fraction * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
		if (scale == 1)
			goto bad;
	}
	unit = find_byte_unit(p);
	if (unit == NULL || __builtin_mul_overflow(n, unit->factor, &n))
		goto bad;
	part = (uint64_t)((double)fraction / (double)scale *
			  (double)unit->factor);
	if (__builtin_add_overflow(n, part, &n))
		goto bad;
	*ret = n;
	return 0;
bad:
	return err_set(err, ERR_INVALID,
		       "\"%.64s\" is not a size such as 512K, 10M or 2G", text);
}

int
parse_duration(const char *text, uint64_t *ret_ms, struct err *err)
{
	const char *p = text;
	uint64_t n, total = 0;
	size_t i;

	do {
		if (!take_digits(&p, &n))
			goto bad;
		if (*p == '\0' && total == 0) {
			/* A bare number is seconds. */
			if (__builtin_mul_overflow(n, 1000, &total))
				goto bad;
			break;
		}
		for (i = 0; i < ARRAY_SIZE(duration_units); i++) {
			size_t len = strlen(duration_units[i].name);

			if (strncmp(p, duration_units[i].name, len) == 0) {
				p += len;
				break;
			}
		}
		if (i == ARRAY_SIZE(duration_units) ||
		    __builtin_mul_overflow(n, duration_units[i].factor, &n) ||
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
