/* SPDX-License-Identifier: ISC */

/*
 * SSH_ORIGINAL_COMMAND: words, or a refusal.  What words_show makes of the
 * words is read back as just as many words.
 */

#include <string.h>

#include "berthd/login/words.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_STRV char **words = NULL, **again = NULL;
	AUTO_FREE char *value = NULL;
	AUTO_BUF shown = BUF_INIT(16u << 20);
	struct err err = ERR_INIT;

	(void)words_value(text, &value, &err);
	if (words_split(text, &words, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	assert(words_show(words, &shown) == 0);
	if (shown.len <= WORDS_MAX_TEXT) {
		assert(words_split(buf_text(&shown), &again, &err) == 0);
		assert(strv_len(again) == strv_len(words));
	}
	return 0;
}
