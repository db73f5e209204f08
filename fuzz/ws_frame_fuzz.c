/* SPDX-License-Identifier: ISC */

/*
 * WebSocket frames, to a server or a client, as the first byte says: however
 * they are cut, the reader says the same; what it accepts can be framed and
 * read again; and it never keeps more than it was given.
 */

#include <assert.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "fuzz/fuzz.h"
#include "http/ws_frame.h"

#define LOG_MAX (64u << 20)
#define MAX_MESSAGE 5000

/* Frame a message anew; reading it gives it back. */
static void
check_round_trip(enum ws_opcode opcode, bool is_masked, const uint8_t *data,
		 size_t n)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	AUTO_FREE uint8_t *frame = xmalloc(WS_MAX_HEADER + n);
	size_t at = ws_frame_header(frame, opcode, n, is_masked ? mask : NULL);
	const uint8_t *bytes = frame, *back = NULL;
	struct ws_reader r;
	size_t n_back = 0;

	if (is_masked)
		ws_frame_mask(frame + at, data, n, mask, 0);
	else if (n > 0)
		memcpy(frame + at, data, n);
	n += at;
	ws_reader_init(&r, is_masked, MAX_MESSAGE);
	assert(ws_reader_next(&r, &bytes, &n, &back, &n_back) ==
	       (opcode == WS_TEXT ? WS_EVENT_TEXT : WS_EVENT_BINARY));
	assert(n == 0 && n_back == (size_t)(bytes - frame) - at);
	assert(n_back == 0 || memcmp(back, data, n_back) == 0);
	ws_reader_fini(&r);
}

static bool
log_event(struct buf *log, struct ws_reader *r, const uint8_t **bytes,
	  size_t *n)
{
	const uint8_t *data = NULL;
	size_t n_data = 0;
	enum ws_event event = ws_reader_next(r, bytes, n, &data, &n_data);

	if (event == WS_EVENT_MORE)
		return false;
	if (event == WS_EVENT_BAD) {
		assert(r->why && ws_code_is_valid(r->code));
		buf_addf(log, "bad %u\n", r->code);
		return false;
	}
	buf_addf(log, "%d %zu ", event, n_data);
	buf_add(log, data, n_data);
	if (event == WS_EVENT_TEXT || event == WS_EVENT_CLOSE)
		assert(utf8_valid(data, n_data));
	if (event == WS_EVENT_TEXT || event == WS_EVENT_BINARY)
		check_round_trip(event == WS_EVENT_TEXT ? WS_TEXT : WS_BINARY,
				 r->expects_mask, data, n_data);
	return true;
}

static void
read_all(bool expects_mask, const uint8_t *bytes, size_t n, size_t step,
	 struct buf *log)
{
	struct ws_reader r;

	ws_reader_init(&r, expects_mask, MAX_MESSAGE);
	while (n > 0 && r.why == NULL) {
		size_t piece = MIN(n, step);

		n -= piece;
		while (log_event(log, &r, &bytes, &piece))
			assert(r.message.len <= MAX_MESSAGE);
		assert(r.why || piece == 0);
	}
	ws_reader_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_BUF whole = BUF_INIT(LOG_MAX), parts = BUF_INIT(LOG_MAX);
	bool expects_mask;

	if (n == 0)
		return 0;
	expects_mask = bytes[0] & 1;
	read_all(expects_mask, bytes + 1, n - 1, SIZE_MAX, &whole);
	read_all(expects_mask, bytes + 1, n - 1, 1 + bytes[0] / 16, &parts);
	assert(whole.len == parts.len);
	assert(memcmp(buf_bytes(&whole), buf_bytes(&parts), whole.len) == 0);
	return 0;
}
