/* SPDX-License-Identifier: ISC */

/* JSON out; see jsonw.h. */

#include <inttypes.h>
#include <string.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/text.h"

/* Room for `n' bytes, which are then there; NULL: no, now and ever after. */
static uint8_t *
take_room(struct jsonw *w, size_t n)
{
	uint8_t *room = w->failed ? NULL : buf_reserve(w->out, n);

	if (room)
		buf_commit(w->out, n);
	else
		w->failed = true;
	return room;
}

static void
add(struct jsonw *w, const void *bytes, size_t n)
{
	uint8_t *room = take_room(w, n);

	if (room && n > 0)
		memcpy(room, bytes, n);
}

/* Plain characters are copied in runs; this says where a run ends. */
static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#define EACH_BYTE(c) (0x0101010101010101ull * (c))

/* A bit per byte that is 0; bits above the lowest one may be wrong. */
static uint64_t
zero_bytes(uint64_t word)
{
	return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* How many plain characters `s' begins with: eight at a time. */
static size_t
plain_run(const uint8_t *s, size_t n)
{
	size_t run = 0;

	for (; n - run >= 8; run += 8) {
		uint64_t word;

		memcpy(&word, s + run, sizeof(word));
		if ((word & EACH_BYTE(0x80)) |
		    ((word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80)) |
		    zero_bytes(word ^ EACH_BYTE('"')) |
		    zero_bytes(word ^ EACH_BYTE('\\')))
			break;
	}
	while (run < n && is_plain(s[run]))
		run++;
	return run;
}

static void
add_escaped(struct jsonw *w, uint8_t c)
{
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	char text[8];
	int n;

	for (const char *p = letters; *p; p += 2) {
		if ((uint8_t)*p == c) {
			text[0] = '\\';
			text[1] = p[1];
			add(w, text, 2);
			return;
		}
	}
	n = snprintf(text, sizeof(text), "\\u%04x", c);
	add(w, text, (size_t)n);
}

/* One character that is not plain; how many bytes it is. */
static size_t
add_special(struct jsonw *w, const uint8_t *s, size_t n)
{
	uint32_t rune;
	size_t len = s[0] < 0x80 ? 1 : utf8_sequence(s, n, &rune);

	if (len == 0)
		add(w, "\xef\xbf\xbd", 3);
	else if (len == 1)
		add_escaped(w, s[0]);
	else
		add(w, s, len);
	return len ? len : 1;
}

/* Most strings are plain, and are written at once with what is around them. */
static void
add_quoted(struct jsonw *w, const uint8_t *s, size_t n, bool is_key)
{
	size_t run = plain_run(s, n), step;
	bool is_whole = run == n;
	uint8_t *room = take_room(w, run + 1 + (is_whole ? 1 + is_key : 0));

	if (room == NULL)
		return;
	*room++ = '"';
	if (run > 0)
		memcpy(room, s, run);
	room += run;
	if (is_whole) {
		*room++ = '"';
		if (is_key)
			*room = ':';
		return;
	}
	for (s += run, n -= run; n > 0; s += step, n -= step) {
		step = plain_run(s, n);
		if (step > 0)
			add(w, s, step);
		else
			step = add_special(w, s, n);
	}
	add(w, "\":", 1u + is_key);
}

static void
add_string(struct jsonw *w, const uint8_t *s, size_t n)
{
	add_quoted(w, s, n, false);
}

static void
start(struct jsonw *w, const char *key)
{
	if (w->comma)
		add(w, ",", 1);
	w->comma = true;
	if (key)
		add_quoted(w, (const uint8_t *)key, strlen(key), true);
}

static void
open_with(struct jsonw *w, const char *key, const char *bracket)
{
	start(w, key);
	add(w, bracket, 1);
	w->comma = false;
}

static void
close_with(struct jsonw *w, const char *bracket)
{
	add(w, bracket, 1);
	w->comma = true;
}

void
jsonw_object(struct jsonw *w, const char *key)
{
	open_with(w, key, "{");
}

void
jsonw_object_end(struct jsonw *w)
{
	close_with(w, "}");
}

void
jsonw_array(struct jsonw *w, const char *key)
{
	open_with(w, key, "[");
}

void
jsonw_array_end(struct jsonw *w)
{
	close_with(w, "]");
}

void
jsonw_raw(struct jsonw *w, const char *key, const char *json)
{
	start(w, key);
	add(w, json, strlen(json));
}

void
jsonw_strn(struct jsonw *w, const char *key, const void *text, size_t n)
{
	start(w, key);
	add_string(w, text, n);
}

void
jsonw_str(struct jsonw *w, const char *key, const char *text)
{
	if (text == NULL)
		jsonw_null(w, key);
	else
		jsonw_strn(w, key, text, strlen(text));
}

static void
add_number(struct jsonw *w, const char *key, uint64_t n, bool is_negative)
{
	char digits[21];
	size_t at = sizeof(digits);

	start(w, key);
	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (is_negative)
		digits[--at] = '-';
	add(w, digits + at, sizeof(digits) - at);
}

void
jsonw_int(struct jsonw *w, const char *key, int64_t n)
{
	add_number(w, key, n < 0 ? -(uint64_t)n : (uint64_t)n, n < 0);
}

void
jsonw_u64(struct jsonw *w, const char *key, uint64_t n)
{
	add_number(w, key, n, false);
}

void
jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_raw(w, key, value ? "true" : "false");
}

void
jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_raw(w, key, "null");
}

void
jsonw_time(struct jsonw *w, const char *key, uint64_t wall_ns)
{
	char text[RFC3339_SIZE];

	if (wall_ns == 0)
		jsonw_null(w, key);
	else
		jsonw_str(w, key, rfc3339_format(text, wall_ns));
}

void
jsonw_seconds(struct jsonw *w, const char *key, uint64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", ms / 1000,
		 (unsigned)(ms % 1000));
	jsonw_raw(w, key, text);
}

void
jsonw_strv(struct jsonw *w, const char *key, char *const *v)
{
	jsonw_array(w, key);
	for (; v && *v; v++)
		jsonw_str(w, NULL, *v);
	jsonw_array_end(w);
}

void
jsonw_env(struct jsonw *w, const char *key, char *const *v)
{
	jsonw_object(w, key);
	for (; v && *v; v++) {
		size_t n = strcspn(*v, "=");
		const char *text = (*v)[n] ? *v + n + 1 : "";

		start(w, NULL);
		add_string(w, (const uint8_t *)*v, n);
		add(w, ":", 1);
		add_string(w, (const uint8_t *)text, strlen(text));
	}
	jsonw_object_end(w);
}

int
jsonw_done(const struct jsonw *w)
{
	return w->failed ? -1 : 0;
}
