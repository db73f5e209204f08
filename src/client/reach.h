/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_REACH_H
#define BERTH_CLIENT_REACH_H

/*
 * How to get a connection to the daemon of a machine.
 *
 * Four ways: the private socket of this host, where a daemon is started if
 * there is none; the TCP address of a daemon that was given a port, for which a
 * token may be needed; a tunnel of ours to such a port (tunnel.h); and the link
 * to a machine, which is started and made to connect.  The first connection
 * over a link may ask a person and takes its time; later ones never do either:
 * the link makes them wait.
 */

#include <stdbool.h>

#include "core/err.h"
#include "client/tunnel.h"

struct link_asker;

struct reach_config {
	const char *machine;	/* NULL or "local" */
	const char *addr;	/* "http://127.0.0.1:7337"; NULL: by machine */
	const char *token_file; /* NULL: none */
	bool no_start;		/* a daemon that is not there stays away */
	const struct link_asker *asker; /* of questions; NULL: nobody; borrowed
					   for good */
};

struct reach {
	char *machine; /* the name for messages and answers */
	char *address; /* "127.0.0.1:7337", or NULL */
	char *host;    /* the Host header, or NULL */
	char *token;   /* a secret; cleared by fini */
	char *base_url;
	char *words; /* to reach it by a command line: "", " -m gpu" */
	bool no_start;
	bool is_linked; /* by a link */
	bool is_up;	/* the link was active once */
	bool is_fresh;	/* ... and nothing has used that yet */
	const struct link_asker *asker;
	bool is_tunnelled;
	struct tunnel tunnel;

	/* What holds on the machine unless a request says otherwise. */
	char *workdir, *shell;
	char **env;
};

#define REACH_INIT                                                             \
	{                                                                      \
		.tunnel = TUNNEL_INIT                                          \
	}

/*
 * Understand the configuration; nothing is connected.  ERR_INVALID: no such
 * address; ERR_NOT_FOUND: no such machine; ERR_DENIED: the token file can be
 * read by others.
 */
int reach_init(struct reach *reach, const struct reach_config *config,
	       struct err *err);
void reach_fini(struct reach *reach);

/* A connected descriptor; -1 with ERR_UNREACHABLE and others. */
int reach_connect(struct reach *reach, struct err *err);

/*
 * Is there a shorter way for much?  It is one by the link's leave: `*ret_lease'
 * stays open as long as the connection.  -1: there is none now.
 */
bool reach_is_near(const struct reach *reach);
int reach_connect_near(struct reach *reach, int *ret_lease);

/*
 * Have the link active, or the tunnel open, if there is one: now is a good time
 * for questions.
 */
int reach_prepare(struct reach *reach, struct err *err);

/*
 * Of a hint that begins with a command of berth in quotes ('berth session ls'
 * shows ...), which is the daemon's, make one that is right here: 'berth
 * session ls -m gpu' shows ...
 */
void reach_hint(const struct reach *reach, struct err *err);

#endif
