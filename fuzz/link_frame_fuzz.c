/* SPDX-License-Identifier: ISC */

/*
 * Frames of a command's client, whole and byte by byte: both readings agree,
 * and nothing beyond the bytes is touched.
 */

#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "link/frame.h"

/* Everything but how input was cut. */
static void
read_frames(const uint8_t *bytes, size_t n, size_t step, struct buf *log)
{
	struct frame_reader reader;
	enum frame_event event = FRAME_MORE;

	frame_reader_init(&reader);
	while (n > 0 && event != FRAME_BAD) {
		size_t part = MIN(n, step), left = part, size;
		const uint8_t *data;

		while ((event = frame_next(&reader, &bytes, &left, &data,
					   &size)) != FRAME_MORE) {
			if (event == FRAME_BAD)
				break;
			if (event == FRAME_INPUT)
				(void)buf_add(log, data, size);
			else
				(void)buf_addf(log, "<%d %u %u>", event,
					       reader.cols, reader.rows);
		}
		n -= part;
	}
	(void)buf_addf(log, "<%s>", event == FRAME_BAD ? "bad" : "good");
	frame_reader_fini(&reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_BUF whole = BUF_INIT(1u << 24), cut = BUF_INIT(1u << 24);

	read_frames(bytes, n, MAX(n, (size_t)1), &whole);
	read_frames(bytes, n, 1, &cut);
	assert(whole.len == cut.len);
	assert(memcmp(buf_bytes(&whole), buf_bytes(&cut), cut.len) == 0);
	return 0;
}
