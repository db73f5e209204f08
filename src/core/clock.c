/* SPDX-License-Identifier: ISC */

/* Time; see clock.h. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/parse.h"

static uint64_t
read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_mono_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

uint64_t
clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t
clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

struct timespec
clock_timespec(int64_t wall_ns)
{
	const int64_t ns_per_s = NS_PER_S;
	struct timespec time = { .tv_sec = wall_ns / ns_per_s,
				 .tv_nsec = wall_ns % ns_per_s };

	/* The fraction counts up, whatever the sign. */
	if (time.tv_nsec < 0) {
		time.tv_nsec += ns_per_s;
		time.tv_sec--;
	}
	return time;
}

void
clock_base_init(struct clock_base *base)
{
	base->wall_ns = clock_wall_ns();
	base->boot_ns = clock_boot_ns();
}

uint64_t
clock_base_ns(const struct clock_base *base)
{
	return base->wall_ns + (clock_boot_ns() - base->boot_ns);
}

/* Days since 1970-01-01 of a civil date (Hinnant's algorithm). */
static int64_t
days_from_civil(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

/* The same backwards. */
static void
civil_from_days(uint64_t days, unsigned *y, unsigned *m, unsigned *d)
{
	uint64_t z = days + 719468, era = z / 146097;
	unsigned doe = (unsigned)(z % 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = (unsigned)(era * 400) + yoe + (*m <= 2);
}

/* `width' digits of `n' and the character that follows them. */
static char *
put_digits(char *out, unsigned n, size_t width, char after)
{
	for (size_t i = width; i > 0; i--) {
		out[i - 1] = (char)('0' + n % 10);
		n /= 10;
	}
	out[width] = after;
	return out + width + 1;
}

/*
 * Not by gmtime and strftime: a log of many lines has as many times, and the C
 * library looks for time zones in each.
 */
const char *
rfc3339_format(char out[RFC3339_SIZE], uint64_t wall_ns)
{
	uint64_t seconds = wall_ns / NS_PER_S;
	unsigned of_day = (unsigned)(seconds % 86400);
	unsigned fraction = (unsigned)(wall_ns % NS_PER_S);
	unsigned year, month, day;
	char *p = out;

	civil_from_days(seconds / 86400, &year, &month, &day);
	p = put_digits(p, year, 4, '-');
	p = put_digits(p, month, 2, '-');
	p = put_digits(p, day, 2, 'T');
	p = put_digits(p, of_day / 3600, 2, ':');
	p = put_digits(p, of_day / 60 % 60, 2, ':');
	p = put_digits(p, of_day % 60, 2, fraction > 0 ? '.' : 'Z');
	if (fraction > 0) {
		p = put_digits(p, fraction, 9, 'Z');
		while (p[-2] == '0')
			p--;
		p[-1] = 'Z';
	}
	*p = '\0';
	return out;
}

static bool
take_number(const char **p, size_t digits, unsigned min, unsigned max,
	    unsigned *ret)
{
	unsigned n = 0;

	for (size_t i = 0; i < digits; i++) {
		char c = (*p)[i];

		if (c < '0' || c > '9')
			return false;
		n = n * 10 + (unsigned)(c - '0');
	}
	*p += digits;
	*ret = n;
	return n >= min && n <= max;
}

static bool
take_char(const char **p, const char *any)
{
	if (**p == '\0' || strchr(any, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static bool
has_day(unsigned year, unsigned month, unsigned day)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return day <= days[month - 1] + (leap && month == 2 ? 1u : 0u);
}

static bool
take_date(const char **p, int64_t *ret_seconds)
{
	unsigned year, month, day, hour, minute, second;

	if (!take_number(p, 4, 1970, 9999, &year) || !take_char(p, "-") ||
	    !take_number(p, 2, 1, 12, &month) || !take_char(p, "-") ||
	    !take_number(p, 2, 1, 31, &day) || !has_day(year, month, day) ||
	    !take_char(p, "Tt ") || !take_number(p, 2, 0, 23, &hour) ||
	    !take_char(p, ":") || !take_number(p, 2, 0, 59, &minute) ||
	    !take_char(p, ":") || !take_number(p, 2, 0, 60, &second))
		return false;
	*ret_seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 +
		       minute * 60 + second;
	return true;
}

static bool
take_fraction(const char **p, uint64_t *ret_ns)
{
	uint64_t ns = 0;
	unsigned digits = 0;

	*ret_ns = 0;
	if (!take_char(p, "."))
		return true;
	for (; **p >= '0' && **p <= '9'; (*p)++, digits++) {
		if (digits < 9)
			ns = ns * 10 + (uint64_t)(**p - '0');
	}
	for (unsigned i = digits; i < 9; i++)
		ns *= 10;
	*ret_ns = ns;
	return digits > 0;
}

static bool
take_offset(const char **p, int64_t *ret_seconds)
{
	unsigned hour, minute;
	bool negative;

	*ret_seconds = 0;
	if (take_char(p, "Zz"))
		return true;
	negative = **p == '-';
	if (!take_char(p, "+-") || !take_number(p, 2, 0, 23, &hour) ||
	    !take_char(p, ":") || !take_number(p, 2, 0, 59, &minute))
		return false;
	*ret_seconds = (int64_t)(hour * 3600 + minute * 60);
	if (negative)
		*ret_seconds = -*ret_seconds;
	return true;
}

int
rfc3339_parse(const char *text, uint64_t *ret_wall_ns, struct err *err)
{
	const char *p = text;
	int64_t seconds, offset;
	uint64_t ns, total;

	if (!take_date(&p, &seconds) || !take_fraction(&p, &ns) ||
	    !take_offset(&p, &offset) || *p != '\0' || seconds < offset ||
	    __builtin_mul_overflow(seconds - offset, NS_PER_S, &total) ||
	    __builtin_add_overflow(total, ns, &total))
		return err_set(err, ERR_INVALID,
			       "\"%.64s\" is not a time such as "
			       "2026-01-31T09:30:00Z",
			       text);
	*ret_wall_ns = total;
	return 0;
}

int
moment_parse(const char *text, uint64_t now_ns, uint64_t *ret_wall_ns,
	     struct err *err)
{
	uint64_t ms;

	if (rfc3339_parse(text, ret_wall_ns, err) == 0)
		return 0;
	if (parse_duration(text, &ms, err) < 0)
		return err_set(
		    err, ERR_INVALID,
		    "\"%.64s\" is neither a time such as "
		    "2026-01-31T09:30:00Z nor a duration such as 10m",
		    text);
	*ret_wall_ns = ms < now_ns / NS_PER_MS ? now_ns - ms * NS_PER_MS : 0;
	return 0;
}
