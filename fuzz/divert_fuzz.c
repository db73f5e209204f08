/* SPDX-License-Identifier: ISC */

/*
 * A string taken out of JSON: if the text is an object, the rest is the same
 * object with that string empty, and what was taken is what JSON says it is.
 */

#include <string.h>

#include "berthd/file/divert.h"
#include "core/json.h"
#include "core/macros.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

#define MAX_TEXT (1u << 20)

static bool
is_ascii(const char *text)
{
	for (; *text; text++) {
		if (*text & 0x80)
			return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF out = BUF_INIT(MAX_TEXT);
	struct err err = ERR_INIT, why = ERR_INIT;
	AUTO_JSON *whole = json_parse(data, size, &err);
	const char *expected;
	struct divert divert;
	size_t piece = size ? data[size - 1] + 1u : 1;
	int rc = 0;

	divert_init(&divert, "c", MAX_TEXT);
	for (size_t at = 0; at < size && rc == 0; at += piece)
		rc = divert_add(&divert, (const char *)data + at,
				MIN(piece, size - at), &out, &why);
	expected = whole ? json_get_text(whole, "c", NULL) : NULL;
	if (rc == 0 && whole) {
		AUTO_JSON *rest = json_parse(buf_bytes(&divert.rest),
					     divert.rest.len, &err);

		assert(rest);
		assert(!divert_is_inside(&divert));
		assert(json_len(rest) == json_len(whole));
		if (out.len > 0)
			assert(expected && str_eq(buf_text(&out), expected) &&
			       str_eq(json_get_text(rest, "c", "?"), ""));
	}
	if (rc < 0 && whole && expected)
		assert(!is_ascii(expected) || strlen(expected) < size);
	divert_fini(&divert);
	return 0;
}
