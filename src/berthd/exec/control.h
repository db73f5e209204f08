/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_CONTROL_H
#define BERTHD_EXEC_CONTROL_H

/*
 * What daemon and holder say to each other, on a SOCK_SEQPACKET socket.
 *
 * The holder is born with one such socket, the channel, and listens on the
 * socket `ctl' in its exec's directory for daemons that come later.  To each it
 * says first what is (STATE), then whatever changes.  A daemon may be older or
 * newer than a holder: unknown types are ignored by both sides, and fields are
 * never given another meaning.
 */

#include <stdint.h>

#define CONTROL_SOCKET "ctl"

enum control_type {
	/* holder to daemon */
	CONTROL_STATE = 1,   /* text: a line of state.json */
	CONTROL_FAILED,	     /* a: enum err_code; text: why nothing started */
	CONTROL_STDIN_TAKEN, /* a: bytes of stdin taken in all; b: 1 if closed
			      */
	CONTROL_BEGUN,	     /* a: when; the state "starting" in short */
	CONTROL_FREE,	     /* the end was told; may be given a LAUNCH */
	/* daemon to holder */
	CONTROL_CANCEL = 100, /* a: grace in ms, or UINT64_MAX; b: signal */
	CONTROL_SIGNAL,	      /* a: signal */
	CONTROL_RESIZE,	      /* a: columns, b: rows */
	CONTROL_STDIN,	      /* a: offset of the first byte; b: 1 at the end */
	CONTROL_LAUNCH,	      /* bytes: an order (launch.h), after FREE */
};

struct control_msg {
	uint32_t type;
	uint32_t zero;
	uint64_t a, b;
	/* followed by text or bytes up to the end of the packet */
};

/* Bytes after the head: an upper bound for both directions. */
#define CONTROL_MAX_DATA (32u << 10)

#endif
