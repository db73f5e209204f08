/* SPDX-License-Identifier: ISC */

/* The command's input; see holder_own.h. */

#include <errno.h>
#include <unistd.h>

#include "berthd/exec/holder_own.h"
#include "core/fs.h"

void
holder_close_input(struct holder *h)
{
	struct control_msg msg = { .type = CONTROL_STDIN_TAKEN,
				   .a = h->in_taken,
				   .b = 1 };

	fd_close(&h->in_fd);
	buf_clear(&h->in);
	control_server_send_all(&h->control, &msg, NULL, 0);
}

void
holder_write_input(struct holder *h)
{
	struct control_msg msg = { .type = CONTROL_STDIN_TAKEN,
				   .a = h->in_taken };
	bool had = h->in.len > 0;

	while (h->in_fd >= 0 && h->in.len > 0) {
		ssize_t put = write(h->in_fd, buf_bytes(&h->in), h->in.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0) {
			holder_close_input(h);
			return;
		}
		buf_consume(&h->in, (size_t)put);
	}
	if (h->in_eof && h->in_fd >= 0) {
		holder_close_input(h);
		return;
	}
	if (had)
		control_server_send_all(&h->control, &msg, NULL, 0);
}

void
holder_take_input(struct holder *h, const struct control_msg *msg,
		  const uint8_t *data, size_t n)
{
	uint64_t skip;

	if (h->in_fd < 0) {
		holder_close_input(h);
		return;
	}
	/* A repeated request begins before what is here already. */
	if (msg->a > h->in_taken)
		return;
	skip = MIN(h->in_taken - msg->a, (uint64_t)n);
	if (buf_add(&h->in, data + skip, n - skip) < 0)
		return;
	h->in_taken += n - skip;
	if (msg->b == 1 && h->in_is_tty)
		/* A terminal has no end; ^D at the start of a line is one. */
		(void)buf_addc(&h->in, '\004');
	else if (msg->b == 1)
		h->in_eof = true;
	if (h->in.len > 0) {
		holder_write_input(h);
	} else {
		struct control_msg taken = { .type = CONTROL_STDIN_TAKEN,
					     .a = h->in_taken };

		if (h->in_eof)
			holder_write_input(h);
		else
			control_server_send_all(&h->control, &taken, NULL, 0);
	}
}
