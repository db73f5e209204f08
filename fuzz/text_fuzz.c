/* SPDX-License-Identifier: ISC */

/*
 * Text from elsewhere: what is made visible is harmless, what is encoded is
 * read back, what is quoted is one word of sh, what is parsed is printable
 * again.
 */

#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

static void
check_vis(const uint8_t *data, size_t size)
{
	AUTO_BUF out = BUF_INIT(SIZE_MAX / 4);
	int rc = vis_add(&out, data, size);

	assert(rc == 0 && utf8_valid(buf_bytes(&out), out.len));
	for (size_t i = 0; i < out.len; i++) {
		uint8_t c = buf_bytes(&out)[i];

		assert((c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n');
	}
}

static void
check_base64(const uint8_t *data, size_t size)
{
	AUTO_BUF coded = BUF_INIT(SIZE_MAX / 4), plain = BUF_INIT(size);
	AUTO_BUF other = BUF_INIT(size), again = BUF_INIT(SIZE_MAX / 4);
	int rc = base64_add(&coded, data, size);

	assert(rc == 0);
	rc = base64_decode(&plain, buf_text(&coded), coded.len);
	assert(rc == 0 && plain.len == size);
	assert(memcmp(buf_bytes(&plain), data, size) == 0);

	/* The input itself: if it is base64, it is the only form. */
	if (base64_decode(&other, (const char *)data, size) == 0) {
		rc = base64_add(&again, buf_bytes(&other), other.len);
		assert(rc == 0 && again.len == size);
		assert(memcmp(buf_bytes(&again), data, size) == 0);
	}
}

/* How sh reads a word: quotes, backslashes, and no character that acts. */
static void
check_quoted(const char *word, const char *quoted)
{
	static const char acting[] = " \t\n|&;<>()$`\"*?[]#~!{}";
	AUTO_BUF read = BUF_INIT(SIZE_MAX / 4);
	bool inside = false;
	int rc = 0;

	assert(*quoted != '\0' && !str_starts(quoted, "="));
	for (; *quoted; quoted++) {
		if (*quoted == '\'') {
			inside = !inside;
		} else if (*quoted == '\\' && !inside) {
			rc |= buf_addc(&read, *++quoted);
		} else {
			assert(inside || strchr(acting, *quoted) == NULL);
			rc |= buf_addc(&read, *quoted);
		}
	}
	assert(rc == 0 && !inside && str_eq(buf_text(&read), word));
}

static void
check_text(const char *text)
{
	AUTO_BUF quoted = BUF_INIT(SIZE_MAX / 4);
	AUTO_FREE char *clean = path_clean(text);
	AUTO_FREE char *again = path_clean(clean);
	char time[RFC3339_SIZE], cut[16];
	struct err err = ERR_INIT;
	uint64_t n, back;
	int64_t i;
	int rc = shell_quote(&quoted, text);

	assert(rc == 0 && str_eq(clean, again));
	check_quoted(text, buf_text(&quoted));
	assert(strlen(vis(cut, sizeof(cut), text)) < sizeof(cut));
	if (rfc3339_parse(text, &n, &err) == 0) {
		rc = rfc3339_parse(rfc3339_format(time, n), &back, &err);
		assert(rc == 0 && back == n);
	}
	(void)moment_parse(text, 0, &n, &err);
	(void)parse_bytes(text, &n, &err);
	(void)parse_duration(text, &n, &err);
	(void)parse_u64(text, 1, 100, &n, &err);
	(void)parse_i64(text, -5, INT64_MAX, &i, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);

	check_vis(data, size);
	check_base64(data, size);
	check_text(text);
	return 0;
}
