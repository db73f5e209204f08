/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_LINK_CONTROL_H
#define BERTH_CLIENT_LINK_CONTROL_H

/*
 * The link to a machine, from the outside: having one, making it connect,
 * answering what it asks, and asking it things.
 *
 * All of it waits; nothing of it needs a loop.  The API is in docs/link.md.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define LINK_MAX_ANSWER (1u << 20)

struct link_question {
	char *id, *kind; /* "host_key", "password" ... */
	char *text;	 /* as the other side wrote it */
	char *fingerprint;
	bool echo;
	bool notice; /* nothing to answer */
};

/* How a person is asked and told. */
struct link_asker {
	/*
	 * The answer, a secret, to be freed; NULL: none.  Not of a notice.
	 * May be NULL: nobody is asked.
	 */
	char *(*ask)(const struct link_question *question, void *owner);
	/* "connect", "auth" ... was reached.  May be NULL. */
	void (*on_stage)(const char *stage, uint64_t ms, void *owner);
	/* It failed and is tried again.  May be NULL. */
	void (*on_retry)(const char *why, uint64_t in_ms, void *owner);
	/* It is over, with whatever end.  May be NULL. */
	void (*on_end)(void *owner);
	void *owner;
};

enum link_control_flags {
	LINK_NO_START = 1u << 0,  /* a link that is not there stays away */
	LINK_NO_WAIT = 1u << 1,	  /* do not wait until it is active */
	LINK_AGAIN = 1u << 2,	  /* the machine was reached before */
	LINK_NO_DAEMON = 1u << 3, /* one without a daemon will do */
};

/*
 * Have an active link; a new one is started if there is none.  `asker' may be
 * NULL: then nobody is asked.  Fails as the link does: ERR_UNREACHABLE,
 * ERR_AUTH, ERR_HOST_KEY ...
 */
int link_control_connect(const char *machine, unsigned flags,
			 const struct link_asker *asker, struct err *err);

/*
 * Have its daemon looked after anew, `upgrade'd if it is older than ours.
 */
int link_control_up(const char *machine, bool upgrade,
		    const struct link_asker *asker, struct err *err);

/* Is there a way past the link just now? */
bool link_control_is_near(const char *machine);

/*
 * A stream to the daemon past the link.  `*ret_lease' is a connection to the
 * link that has to stay open as long.
 */
int link_control_near(const char *machine, int *ret_lease, struct err *err);

/* Have its daemon stopped; its execs go on.  The link is disconnected then. */
int link_control_down(const char *machine, const struct link_asker *asker,
		      struct err *err);

/*
 * One request to a link that lives, at most `out->max' bytes of answer.
 * ERR_NOT_FOUND: there is none.
 */
int link_control_call(const char *machine, const char *method,
		      const char *target, struct buf *out, struct err *err);

/* A stream to the daemon of the machine; ERR_NOT_FOUND: there is no link. */
int link_control_stream(const char *machine, struct err *err);

/*
 * A stream of another kind, by the API's JSON; `protocol' is what to upgrade
 * to.  A connected descriptor, non-blocking.
 */
int link_control_open(const char *machine, const char *json,
		      const char *protocol, struct err *err);

/* The machines that have a link now, as a strv; NULL: none. */
char **link_control_list(struct err *err);

#endif
