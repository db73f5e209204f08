/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_UNIT_CLIENT_FAKE_H
#define BERTH_TESTS_UNIT_CLIENT_FAKE_H

/*
 * A daemon that does what a test says, in a process of its own: the clients
 * under test block.
 *
 * It listens where clients look for berthd, in a BERTH_HOME of its own, or on
 * TCP.  Every request is answered by the test's function and noted with its
 * body, so that the test can see what was asked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct http_exchange;
struct http_head;

/* A request as it came; its number counts from 0. */
struct fake_request {
	unsigned number;
	const struct http_head *head;
	const struct buf *body;
	struct http_exchange *x;
};

typedef void fake_fn(const struct fake_request *request, void *arg);

enum fake_flags {
	FAKE_TCP = 1u << 0, /* on 127.0.0.1, see fake_addr */
};

/* Start it; it ends with the test process, or by fake_stop. */
void fake_start(fake_fn *fn, void *arg, unsigned flags);
void fake_stop(void);

/* "http://127.0.0.1:PORT" */
const char *fake_addr(void);

/* All requests so far, "METHOD TARGET[ BODY]\n" each. */
const char *fake_requests(void);

/* Answers, to be called in the test's function. */
void fake_reply(const struct fake_request *r, unsigned status, const char *type,
		const void *body, size_t n);
void fake_reply_json(const struct fake_request *r, unsigned status,
		     const char *json);

/* An answer that breaks off behind its first `n' bytes of body. */
void fake_reply_cut(const struct fake_request *r, const char *type,
		    const void *body, size_t n);

/* Append a frame. */
void fake_frame(struct buf *out, unsigned type, uint64_t offset,
		const void *payload, size_t n);

#endif
