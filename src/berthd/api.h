/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_API_H
#define BERTHD_API_H

/*
 * From a request to its handler: who asks, by which listener, for which route
 * of wire/routes.h; everything refused here never reaches a module.
 */

struct daemon;
struct http_exchange;

/* `id' is the path's segment that the route leaves open, or "". */
typedef void api_fn(struct daemon *daemon, struct http_exchange *x,
		    const char *id);

/* http_exchange_fn of the daemon's server; `owner' is the daemon. */
void api_on_request(struct http_exchange *x, void *owner);

/* api_daemon.c: the daemon about itself. */
api_fn api_health, api_metrics, api_hello, api_daemon, api_stop, api_handover;

#endif
