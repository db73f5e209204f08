/* SPDX-License-Identifier: ISC */

/* JSON out; see jsonw.h. */

#include <inttypes.h>
#include <string.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/text.h"

static void
add(struct jsonw *w, const void *bytes, size_t n)
{
	if (!w->failed && buf_add(w->out, bytes, n) < 0)
		w->failed = true;
}

/* Plain characters are copied in runs; this says where a run ends. */
static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
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

static void
add_string(struct jsonw *w, const uint8_t *s, size_t n)
{
	size_t run, len;
	uint32_t rune;

	add(w, "\"", 1);
	while (n > 0) {
		for (run = 0; run < n && is_plain(s[run]); run++)
			;
		if (run > 0) {
			add(w, s, run);
			s += run;
			n -= run;
			continue;
		}
		len = s[0] < 0x80 ? 1 : utf8_sequence(s, n, &rune);
		if (len == 0)
			add(w, "\xef\xbf\xbd", 3);
		else if (len == 1)
			add_escaped(w, s[0]);
		else
			add(w, s, len);
		len = len ? len : 1;
		s += len;
		n -= len;
	}
	add(w, "\"", 1);
}

static void
start(struct jsonw *w, const char *key)
{
	if (w->comma)
		add(w, ",", 1);
	w->comma = true;
	if (key) {
		add_string(w, (const uint8_t *)key, strlen(key));
		add(w, ":", 1);
	}
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

void
jsonw_int(struct jsonw *w, const char *key, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	jsonw_raw(w, key, text);
}

void
jsonw_u64(struct jsonw *w, const char *key, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	jsonw_raw(w, key, text);
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
