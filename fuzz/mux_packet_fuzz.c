/* SPDX-License-Identifier: ISC */

/*
 * Frames of an OpenSSH master: whatever a message says lies within its body,
 * and however a stream is cut, the same frames come out.
 */

#include <string.h>

#include "fuzz/fuzz.h"
#include "link/mux_packet.h"
#include "link/ssh_report.h"

static void
check_within(struct mux_text text, const uint8_t *body, size_t n)
{
	const uint8_t *at = (const uint8_t *)text.bytes;

	if (text.n > 0)
		assert(at >= body && at + text.n <= body + n);
}

static void
read_body(const uint8_t *body, size_t n)
{
	struct err err = ERR_INIT;
	struct mux_control control;
	struct mux_message message;

	if (mux_control_read(body, n, &control, &err) == 0)
		check_within(control.reason, body, n);
	if (mux_message_read(body, n, &message, &err) == 0) {
		check_within(message.text, body, n);
		check_within(message.signal, body, n);
	}
}

/* Lines of ssh come from where its packets come from. */
static void
read_lines(const char *text, size_t n)
{
	struct ssh_report report;
	struct err err = ERR_INIT;

	ssh_report_init(&report);
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;

		ssh_report_add(&report, text, len);
		len += end != NULL;
		text += len;
		n -= len;
	}
	assert(report.stage < SSH_STAGES);
	assert(ssh_report_error(&report, "m", "h", &err) == -1);
	assert(err.code != ERR_NONE && err.msg[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *body, *again;
	size_t n_body, n_again, need;

	read_lines((const char *)bytes, n);
	while (mux_frame(bytes, n, &body, &n_body, &need) > 0) {
		assert(need == n_body + 4 && n_body <= MUX_MAX_BODY);
		assert(mux_frame(bytes, need - 1, &again, &n_again, &n_again) ==
		       0);
		read_body(body, n_body);
		bytes += need;
		n -= need;
	}
	return 0;
}
