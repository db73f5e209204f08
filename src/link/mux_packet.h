/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_MUX_PACKET_H
#define BERTH_LINK_MUX_PACKET_H

/*
 * Packets on the control socket of an OpenSSH master: OpenSSH's PROTOCOL.mux
 * until the proxy request is granted, the connection protocol of RFC 4254
 * after it.  Both are frames of a 32-bit length and a body.
 *
 * Pure: bytes to structs and back.  Whatever is in a struct points into the
 * frame it was read from.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;

/* What OpenSSH allows; a longer frame is an attack or a lost byte. */
#define MUX_MAX_BODY (256u << 10)

#define MUX_VERSION 4

enum mux_type {
	MUX_HELLO = 0x00000001,
	MUX_C_ALIVE = 0x10000004,
	MUX_C_OPEN_FWD = 0x10000006,
	MUX_C_PROXY = 0x1000000f,
	MUX_S_OK = 0x80000001,
	MUX_S_DENIED = 0x80000002,
	MUX_S_FAILURE = 0x80000003,
	MUX_S_ALIVE = 0x80000005,
	MUX_S_PROXY = 0x8000000f,
};

/* In a MUX_C_OPEN_FWD: to be listened for here; a path and no port. */
#define MUX_FWD_LOCAL 1
#define MUX_PORT_STREAMLOCAL 0xfffffffeu

enum ssh_type {
	SSH_DISCONNECT = 1,
	SSH_IGNORE = 2,
	SSH_UNIMPLEMENTED = 3,
	SSH_DEBUG = 4,
	SSH_GLOBAL_REQUEST = 80,
	SSH_REQUEST_SUCCESS = 81,
	SSH_REQUEST_FAILURE = 82,
	SSH_CHANNEL_OPEN = 90,
	SSH_CHANNEL_OPEN_CONFIRMATION = 91,
	SSH_CHANNEL_OPEN_FAILURE = 92,
	SSH_CHANNEL_WINDOW_ADJUST = 93,
	SSH_CHANNEL_DATA = 94,
	SSH_CHANNEL_EXTENDED_DATA = 95,
	SSH_CHANNEL_EOF = 96,
	SSH_CHANNEL_CLOSE = 97,
	SSH_CHANNEL_REQUEST = 98,
	SSH_CHANNEL_SUCCESS = 99,
	SSH_CHANNEL_FAILURE = 100,
};

#define SSH_EXTENDED_STDERR 1

/* Bytes of the frame; not a string. */
struct mux_text {
	const char *bytes;
	size_t n;
};

/* A message before the proxy request is granted. */
struct mux_control {
	uint32_t type;
	uint32_t request; /* 0 in a hello */
	uint32_t value;	  /* version of a hello, pid of an alive */
	struct mux_text reason;
};

/* A message of the connection protocol; only what its type has is set. */
struct mux_message {
	uint8_t type;
	uint32_t channel; /* the receiver's name for it */

	uint32_t peer;	   /* OPEN, CONFIRMATION: the sender's name for it */
	uint32_t window;   /* OPEN, CONFIRMATION, WINDOW_ADJUST */
	uint32_t max_data; /* OPEN, CONFIRMATION */
	uint32_t reason;   /* OPEN_FAILURE; data type of EXTENDED_DATA */

	/* Data; words of a failure; name of an OPEN or a REQUEST. */
	struct mux_text text;

	bool wants_reply;	/* CHANNEL_REQUEST, GLOBAL_REQUEST */
	uint32_t status;	/* CHANNEL_REQUEST exit-status */
	struct mux_text signal; /* CHANNEL_REQUEST exit-signal */
};

bool mux_text_is(struct mux_text text, const char *word);

/*
 * The frame at the front of `n' bytes: 1 and its body, 0 if it is not whole
 * (*ret_need is the length of the frame, or 4), -1 if it is too long.
 */
int mux_frame(const uint8_t *bytes, size_t n, const uint8_t **ret_body,
	      size_t *ret_n_body, size_t *ret_need);

/* ERR_PROTO; a type that is not known is read, and nothing of it is set. */
int mux_control_read(const uint8_t *body, size_t n, struct mux_control *ret,
		     struct err *err);
int mux_message_read(const uint8_t *body, size_t n, struct mux_message *ret,
		     struct err *err);

/*
 * Append a frame: begin, its members in order, end.  The buffer has room
 * enough for what we say.
 */
size_t mux_control_begin(struct buf *out, uint32_t type);
size_t mux_message_begin(struct buf *out, uint8_t type);
void mux_add_u8(struct buf *out, uint8_t value);
void mux_add_u32(struct buf *out, uint32_t value);
void mux_add_string(struct buf *out, const char *text);
void mux_frame_end(struct buf *out, size_t begin);

/* What goes before `n' bytes of data for the peer's channel `peer'. */
#define MUX_DATA_HEADER 14
void mux_data_header(uint8_t out[MUX_DATA_HEADER], uint32_t peer, size_t n);

#endif
