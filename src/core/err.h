/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_ERR_H
#define BERTH_CORE_ERR_H

/*
 * An error is a value: a code to branch on, the errno behind it if any, one
 * sentence for a person, and one for what to do next.  Both are one line each,
 * whatever they quote.
 *
 * It is raised once (err_set, err_sys), gains context on the way up
 * (err_wrap), and is shown once, by whoever has nobody above.  A function that
 * can fail takes `struct err *' last, never NULL, and returns -1 or NULL; all
 * three helpers return -1 so that they can be returned.
 */

#include <stdarg.h>
#include <stdbool.h>

#include "core/macros.h"

/* The row of each code (JSON word, exit status, HTTP status) is in wire/. */
enum err_code {
	ERR_NONE,
	ERR_SYSTEM,    /* the operating system refused; `sys' says why */
	ERR_INVALID,   /* the caller's input is wrong */
	ERR_CONFIG,    /* a configuration file is wrong */
	ERR_NOT_FOUND, /* what was named does not exist */
	ERR_CONFLICT,  /* it exists already, or in a state that forbids this */
	ERR_DENIED,    /* known caller, not allowed */
	ERR_UNAUTHORIZED, /* unknown caller */
	ERR_LIMIT,	  /* too large, too many */
	ERR_TIMEOUT,	  /* a deadline passed */
	ERR_PROTO,	  /* the peer does not speak as agreed */
	ERR_UNREACHABLE,  /* the peer is not there, or went away */
	ERR_REMOTE,	  /* the peer's own failure, in its words */
	ERR_UNSUPPORTED,  /* this machine or version cannot */
	ERR_AUTH,	  /* a machine did not let us in */
	ERR_HOST_KEY,	  /* a machine is not the one it was, or unknown */
	ERR_CODES
};

struct err {
	enum err_code code;
	bool is_final;	/* do not try again, whatever the code suggests */
	int sys;	/* errno, or 0 */
	char msg[512];	/* start exec: connect: timed out */
	char hint[256]; /* what to do next; may be empty */
};

#define ERR_INIT                                                               \
	{                                                                      \
		.code = ERR_NONE                                               \
	}

/* Raise: replaces whatever `err' held. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);

/* Raise ERR_SYSTEM with the current errno; ": strerror" is appended. */
int err_sys(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* Put "context: " in front of what is there. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* Say what to do next; replaces an earlier hint. */
int err_hint(struct err *err, const char *fmt, ...) PRINTF(2, 3);

#endif
