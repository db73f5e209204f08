/* SPDX-License-Identifier: ISC */

/*
 * What comes through a login shell: whatever a machine prints, our lines are
 * the same however it is cut, what a person is shown is harmless, and a hello
 * that is taken is complete.
 */

#include <assert.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "fuzz/fuzz.h"
#include "link/bootstrap_hello.h"
#include "link/talk.h"

#define TOKEN "T0k"

static void
check_hello(const char *text)
{
	struct bootstrap_hello h = { 0 };
	struct err err = ERR_INIT;

	if (bootstrap_hello_read(text, strlen(text), &h, &err) < 0) {
		assert(err.code == ERR_PROTO && h.program == NULL);
		return;
	}
	assert(h.program && h.program_version && h.program_api >= 1);
	if (h.is_running)
		assert(h.version && h.nonce && h.host_id && h.life &&
		       h.uid >= 0 && h.socket[0] == '/');
	(void)version_cmp(h.program_version, "0.1.0");
	bootstrap_hello_fini(&h);
}

static void
check_seen(const struct talk *talk)
{
	char seen[100];

	talk_seen(talk, seen, sizeof(seen));
	assert(utf8_valid(seen, strlen(seen)));
	for (const char *c = seen; *c; c++)
		assert((uint8_t)*c >= ' ' || *c == '\t' || *c == '\n');
}

/* All lines that come of it, fed in pieces of `step' bytes. */
static void
collect(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
	struct talk talk;
	struct talk_line line;
	struct err err = ERR_INIT;

	talk_init(&talk, TOKEN);
	for (size_t at = 0; at < size; at += step) {
		size_t n = MIN(step, size - at);

		talk_feed_error(&talk, data + at, n);
		if (talk_feed(&talk, data + at, n, &err) < 0)
			break;
		check_seen(&talk);
		while (talk_next(&talk, &line)) {
			(void)buf_addf(out, "%s %s\n", line.word, line.rest);
			check_hello(line.rest);
		}
	}
	talk_fini(&talk);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF whole = BUF_INIT(1u << 24), pieces = BUF_INIT(1u << 24);

	/* Longer, a line may be refused, or not, by where it is cut. */
	if (size == 0 || size > TALK_MAX_LINE / 2)
		return 0;
	collect(data, size, size, &whole);
	collect(data, size, 1 + data[0] % 7, &pieces);
	assert(whole.len == pieces.len);
	assert(memcmp(buf_bytes(&whole), buf_bytes(&pieces), whole.len) == 0);
	return 0;
}
