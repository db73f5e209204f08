/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_MUX_PARTS_H
#define BERTH_LINK_MUX_PARTS_H

/*
 * What the parts of the mux client share: mux.c has the connection to the
 * master and the table of channels, mux_channel.c what one channel does,
 * mux_channel_send.c what it sends, and mux_channel_tell.c what its owner is
 * told.  For nobody else.
 */

#include <uv.h>

#include "core/buf.h"
#include "core/list.h"
#include "link/mux.h"
#include "link/mux_packet.h"

struct stream;

/*
 * Beyond what the owner took; 4 MiB fill 320 Mbit/s at 100 ms.  New room is
 * given in eighths, which the other side cannot notice.
 */
#define MUX_WINDOW (4u << 20)

#define MUX_LOW_WATER (64u << 10) /* so much waits: on_drain */

enum mux_state { MUX_GREETING, MUX_OPEN, MUX_DOWN };

struct mux_channel {
	struct channel base;
	struct mux *mux;
	const struct channel_events *events; /* NULL: nobody wants it */
	void *owner;

	/* What is asked for when it is confirmed. */
	enum channel_kind kind;
	char *what; /* a command or a subsystem */
	char *term; /* NULL: no terminal */
	uint16_t cols, rows;

	uint32_t id;	   /* ours; the index in the table */
	uint32_t peer;	   /* theirs */
	uint32_t in_room;  /* bytes they may still send */
	uint32_t in_taken; /* ... and those to be allowed anew */
	uint32_t out_room; /* bytes we may still send */
	uint32_t out_max;  /* ... in one message */

	struct buf out;	     /* waits for room */
	struct buf held;     /* arrived while paused: records */
	size_t n_last;	     /* bytes of the last record in it */
	struct buf awaited;  /* a letter per request whose reply is to come */
	struct list ready;   /* in mux.ready: something to be told */
	struct list sending; /* in mux.sending: bytes and room for them */
	struct list living;  /* in mux.living: confirmed, not closing */

	bool is_confirmed;
	bool is_started; /* it takes bytes */
	bool is_open;	 /* on_open was called */
	bool is_paused;
	bool is_full;	 /* on_drain is owed once there is room */
	bool has_ended;	 /* the owner writes no more */
	bool has_exited; /* its end was told */
	bool sent_data;	 /* so more room says that some was taken */
	bool sent_eof;
	bool sent_close;
	bool got_eof;
	bool got_close;
};

struct mux {
	struct uv_loop_s *loop;
	struct stream *stream;
	const struct transport_ops *ops;
	const struct mux_events *events;
	void *owner;
	enum mux_state state;
	uint32_t version; /* of the greeting; 0: not greeted */
	uint32_t pid;

	struct buf in;	/* the beginning of a frame */
	struct buf out; /* a frame in the making */

	struct mux_channel **channels; /* by id; NULL: free */
	uint32_t n_channels;	       /* size of the table */
	uint32_t *free_ids;
	uint32_t n_free;

	struct list ready, sending, living;
	uv_idle_t later;
	unsigned n_busy; /* callbacks we are in */
	bool is_freed;

	struct mux_ping {
		void (*on_pong)(void *owner, uint64_t us); /* NULL: none */
		void *owner;
		uint64_t start_ns;
		struct mux_channel *channel;
	} ping;
};

/* mux.c */
void mux_send(struct mux *mux); /* the frame in mux->out */
void mux_violated(struct mux *mux, const char *what);
void mux_later(struct mux *mux);
struct mux_channel *mux_channel_new(struct mux *mux, struct err *err);
void mux_channel_remove(struct mux_channel *ch);
void mux_pong(struct mux *mux);
void mux_ping_lost(struct mux *mux);

static inline struct mux_channel *
mux_channel_of(struct channel *base)
{
	return container_of(base, struct mux_channel, base);
}

/* mux_channel.c */
void mux_channel_fini(struct mux_channel *ch);
void mux_channel_message(struct mux_channel *ch, const struct mux_message *m);
void mux_channel_ask_open(struct mux_channel *ch,
			  const struct channel_spec *spec);
void mux_channel_ask_life(struct mux_channel *ch);

/* mux_channel_send.c */

/* A message about this channel; its members and mux_channel_end follow. */
size_t mux_channel_begin(struct mux_channel *ch, uint8_t type);
size_t mux_channel_begin_request(struct mux_channel *ch, const char *name,
				 char awaited);
void mux_channel_end(struct mux_channel *ch, size_t at);

/* One without members. */
void mux_channel_send_bare(struct mux_channel *ch, uint8_t type);

/* Once; nothing follows it. */
void mux_channel_send_close(struct mux_channel *ch);

/* Give what waits its turn; join or leave those who want one. */
void mux_channel_flush(struct mux_channel *ch);

/* Let the other side send more, once it is worth a message. */
void mux_channel_allow_more(struct mux_channel *ch);

/* mux_channel_tell.c */

/* Have mux_channel_deliver called from the loop. */
void mux_channel_ready(struct mux_channel *ch);

/* From the loop: everything the owner is owed. */
void mux_channel_deliver(struct mux_channel *ch);

enum mux_held {
	HELD_OUT = 1,
	HELD_ERR = 2,
	HELD_EOF,
	HELD_STATUS,
	HELD_SIGNAL,
	HELD_CLOSE
};

/* Now if somebody listens, later otherwise, never if nobody wants it. */
void mux_channel_give(struct mux_channel *ch, uint8_t what, const void *bytes,
		      size_t n);

/* It never became what was asked for; the other side still has to close. */
void mux_channel_fail_open(struct mux_channel *ch, const char *why);

/* The connection is down. */
void mux_channel_down(struct mux_channel *ch, const struct err *err);

#endif
