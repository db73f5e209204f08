/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_ROUTES_H
#define BERTH_WIRE_ROUTES_H

/*
 * The routes of berthd, one row each; docs/openapi.yaml says the same at
 * length and changes in the same commit.
 */

#include <stdbool.h>
#include <stddef.h>

enum route {
	ROUTE_HEALTH,
	ROUTE_METRICS,
	ROUTE_HELLO,
	ROUTE_DAEMON,
	ROUTE_DAEMON_STOP,
	ROUTE_DAEMON_HANDOVER,
	ROUTE_EXEC_START,
	ROUTE_EXEC_RUN,
	ROUTE_EXEC_LIST,
	ROUTE_EXEC_GET,
	ROUTE_EXEC_REMOVE,
	ROUTE_EXEC_LOGS,
	ROUTE_EXEC_CANCEL,
	ROUTE_EXEC_SIGNAL,
	ROUTE_EXEC_RESIZE,
	ROUTE_EXEC_STDIN,
	ROUTE_EXEC_ARTIFACT,
	ROUTE_SESSION_NEW,
	ROUTE_SESSION_LIST,
	ROUTE_SESSION_GET,
	ROUTE_SESSION_KILL,
	ROUTE_SESSION_SEND,
	ROUTE_SESSION_CAPTURE,
	ROUTE_SESSION_WAIT,
	ROUTE_SESSION_RENAME,
	ROUTE_SESSION_ATTACH,
	ROUTE_FILE_READ,
	ROUTE_FILE_WRITE,
	ROUTE_FILE_GET,
	ROUTE_FILE_PUT,
	ROUTE_FILE_UPLOAD,
	ROUTE_FILE_LIST,
	ROUTE_FILE_STAT,
	ROUTE_FILE_MKDIR,
	ROUTE_FILE_REMOVE,
	ROUTE_FILE_RENAME,
	ROUTE_FILE_COPY,
	ROUTE_FILE_LINK,
	ROUTE_FILE_SET,
	ROUTE_SYNC_UPLOAD,
	ROUTE_SYNC_DOWNLOAD,
	ROUTE_SYNC_FETCH,
	ROUTE_SYNC_PACK,
	ROUTE_SYNC_UNPACK,
	ROUTES
};

enum route_flags {
	ROUTE_OPEN = 1u << 0,	  /* without a token */
	ROUTE_LENIENT = 1u << 1,  /* codexd's: unknown parameters pass */
	ROUTE_PRIVATE = 1u << 2,  /* on the unix socket only */
	ROUTE_UNQUERIED = 1u << 3 /* the handler judges the parameters */
};

struct route_row {
	const char *method;
	const char *pattern; /* "{id}" stands for one segment */
	unsigned flags;
	const char *query[10]; /* known parameters, NULL-terminated */
};

const struct route_row *route_row(enum route route);

/*
 * Find the route; `id' receives the segment that "{id}" stands for.
 * ROUTES if the path is unknown; then *ret_other_method tells whether it
 * exists for another method.
 */
enum route route_find(const char *method, const char *path, char *id,
		      size_t id_size, bool *ret_other_method);

#endif
