/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_MUX_H
#define BERTH_LINK_MUX_H

/*
 * Channels through a running OpenSSH master, by its control socket.
 *
 * We ask the master to be a proxy of the connection protocol and then speak
 * that protocol with the machine ourselves; ssh encrypts and passes on.  The
 * functions on channels are those of a transport (transport.h), which says
 * what they promise; this is what transport_openssh is made of.
 *
 * Flow: the other side may send a window of 4 MiB per channel beyond what was
 * taken from us, and no more while a channel is paused.  We keep to the window
 * it gives us and hold the rest per channel.
 */

#include "link/transport.h"

struct mux;

struct mux_events {
	/* Granted: channels can be opened.  `pid' is the master's. */
	void (*on_up)(struct mux *, uint32_t pid, void *owner);

	/*
	 * Once.  The channels are silent from now on, until mux_end tells them.
	 */
	void (*on_down)(struct mux *, const struct err *why, void *owner);
};

/*
 * Take the connected socket `fd', even on failure.  The channels will begin
 * with `ops'.
 */
struct mux *mux_new(struct uv_loop_s *loop, int fd,
		    const struct transport_ops *ops,
		    const struct mux_events *events, void *owner,
		    struct err *err);

/* Nothing is told; the pointer is dead, and all its channels.  NULL too. */
void mux_free(struct mux *mux);

/* The same, but its channels are told first.  Of one that is down.  NULL too.
 */
void mux_end(struct mux *mux, const struct err *why);

struct channel *mux_open(struct mux *mux, const struct channel_spec *spec,
			 const struct channel_events *events, void *owner,
			 struct err *err);
bool mux_write(struct channel *channel, const void *bytes, size_t n);
void mux_write_end(struct channel *channel);
void mux_pause(struct channel *channel);
void mux_resume(struct channel *channel);
void mux_resize(struct channel *channel, uint16_t cols, uint16_t rows);
void mux_signal(struct channel *channel, const char *name);
void mux_close(struct channel *channel);

/* Asked again before the answer came, it is one question. */
void mux_ping(struct mux *mux, void (*on_pong)(void *owner, uint64_t us),
	      void *owner);

#endif
