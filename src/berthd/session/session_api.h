/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_SESSION_API_H
#define BERTHD_SESSION_SESSION_API_H

/*
 * The routes below /v1/session.  Each handler answers every outcome itself.
 */

struct daemon;
struct http_exchange;

typedef void session_api_fn(struct daemon *daemon, struct http_exchange *x,
			    const char *name);

/* session_api.c */
session_api_fn session_api_list, session_api_get, session_api_capture;
session_api_fn session_api_rename;

/* session_new.c, session_send.c, session_kill.c, session_wait.c, attach.c */
session_api_fn session_api_new, session_api_send, session_api_kill;
session_api_fn session_api_wait, session_api_attach;

#endif
