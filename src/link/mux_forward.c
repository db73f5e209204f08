/* SPDX-License-Identifier: ISC */

/*
 * Asking a master to forward a socket; see mux_forward.h.
 *
 * Greeting and request go out at once, and the second answer is the last.
 */

#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "http/stream.h"
#include "link/mux_packet.h"

#include "link/mux_forward.h"

#define REQUEST 1

struct mux_forward {
	struct stream *stream;
	struct buf in;
	mux_forward_done_fn *done;
	void *owner;
};

void
mux_forward_free(struct mux_forward *f)
{
	if (f == NULL)
		return;
	stream_close(f->stream);
	buf_fini(&f->in);
	free(f);
}

static void
finish(struct mux_forward *f, const struct err *err)
{
	mux_forward_done_fn *done = f->done;
	void *owner = f->owner;

	mux_forward_free(f);
	done(err, owner);
}

/* 1: granted; 0: not yet; -1: never. */
static int
judge(const struct mux_control *m, struct err *err)
{
	if (m->type == MUX_HELLO && m->value == MUX_VERSION)
		return 0;
	if (m->type == MUX_S_OK && m->request == REQUEST)
		return 1;
	if (m->type == MUX_S_DENIED || m->type == MUX_S_FAILURE)
		return err_set(err, ERR_DENIED, "ssh does not forward it: %.*s",
			       (int)MIN(m->reason.n, 200), m->reason.bytes);
	return err_set(err, ERR_PROTO, "ssh answers what was not asked");
}

/* The answers that have arrived; as judge. */
static int
take_answers(struct mux_forward *f, struct err *err)
{
	struct mux_control control;
	const uint8_t *body;
	size_t n_body, need;
	int rc;

	while ((rc = mux_frame(buf_bytes(&f->in), f->in.len, &body, &n_body,
			       &need)) > 0) {
		if (mux_control_read(body, n_body, &control, err) < 0)
			return -1;
		rc = judge(&control, err);
		if (rc != 0)
			return rc;
		buf_consume(&f->in, need);
	}
	if (rc < 0)
		return err_set(err, ERR_PROTO, "a message is too long");
	return 0;
}

static void
on_data(struct stream *s UNUSED, const void *bytes, size_t n, void *owner)
{
	struct mux_forward *f = owner;
	struct err err = ERR_INIT;
	int rc = buf_add(&f->in, bytes, n);

	if (rc < 0)
		err_set(&err, ERR_PROTO, "ssh says too much");
	else
		rc = take_answers(f, &err);
	if (rc != 0)
		finish(f, rc < 0 ? &err : NULL);
}

static void
on_end(struct stream *s UNUSED, const struct err *why UNUSED, void *owner)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNREACHABLE, "ssh ended");
	finish(owner, &err);
}

static const struct stream_events stream_events = {
	.on_data = on_data,
	.on_end = on_end,
};

static void
ask(struct mux_forward *f, const char *path, const char *remote)
{
	AUTO_BUF out = BUF_INIT(MUX_MAX_BODY);
	size_t begin = mux_control_begin(&out, MUX_HELLO);

	mux_add_u32(&out, MUX_VERSION);
	mux_frame_end(&out, begin);
	begin = mux_control_begin(&out, MUX_C_OPEN_FWD);
	mux_add_u32(&out, REQUEST);
	mux_add_u32(&out, MUX_FWD_LOCAL);
	mux_add_string(&out, path);
	mux_add_u32(&out, MUX_PORT_STREAMLOCAL);
	mux_add_string(&out, remote);
	mux_add_u32(&out, MUX_PORT_STREAMLOCAL);
	mux_frame_end(&out, begin);
	stream_write(f->stream, buf_bytes(&out), out.len);
}

struct mux_forward *
mux_forward_start(struct uv_loop_s *loop, int fd, const char *path,
		  const char *remote, mux_forward_done_fn *done, void *owner,
		  struct err *err)
{
	struct mux_forward *f = xcalloc(1, sizeof(*f));

	f->stream = stream_new(loop, fd, fd, &stream_events, f, err);
	if (f->stream == NULL) {
		close(fd);
		free(f);
		return NULL;
	}
	f->done = done;
	f->owner = owner;
	buf_init(&f->in, 4 + MUX_MAX_BODY);
	ask(f, path, remote);
	stream_resume(f->stream);
	return f;
}
