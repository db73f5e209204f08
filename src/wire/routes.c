/* SPDX-License-Identifier: ISC */

/* The routes; see routes.h. */

#include <stdio.h>
#include <string.h>

#include "core/macros.h"
#include "core/text.h"
#include "wire/routes.h"

static const struct route_row rows[] = {
	[ROUTE_HEALTH] = { "GET", "/health", ROUTE_OPEN | ROUTE_LENIENT },
	[ROUTE_METRICS] = { "GET", "/metrics" },
	[ROUTE_HELLO] = { "GET", "/v1/hello" },
	[ROUTE_DAEMON] = { "GET", "/v1/daemon" },
	[ROUTE_DAEMON_STOP] = { "POST", "/v1/daemon/stop", ROUTE_PRIVATE },
	[ROUTE_DAEMON_HANDOVER] = { "POST", "/v1/daemon/handover",
				    ROUTE_PRIVATE },
	[ROUTE_EXEC_START] = { "POST", "/v1/exec", ROUTE_LENIENT },
	[ROUTE_EXEC_RUN] = { "POST", "/v1/exec/run", ROUTE_LENIENT },
	[ROUTE_EXEC_LIST] = { "GET",
			      "/v1/exec",
			      0,
			      { "state", "limit", "before", "label", "q" } },
	[ROUTE_EXEC_GET] = { "GET", "/v1/exec/{id}", ROUTE_LENIENT },
	[ROUTE_EXEC_REMOVE] = { "DELETE", "/v1/exec/{id}" },
	[ROUTE_EXEC_LOGS] = { "GET", "/v1/exec/{id}/logs", ROUTE_UNQUERIED },
	[ROUTE_EXEC_CANCEL] = { "POST", "/v1/exec/{id}/cancel", ROUTE_LENIENT },
	[ROUTE_EXEC_SIGNAL] = { "POST", "/v1/exec/{id}/signal" },
	[ROUTE_EXEC_RESIZE] = { "POST", "/v1/exec/{id}/resize" },
	[ROUTE_EXEC_STDIN] = { "POST",
			       "/v1/exec/{id}/stdin",
			       0,
			       { "offset", "eof" } },
	[ROUTE_EXEC_ARTIFACT] = { "GET",
				  "/v1/exec/{id}/artifact",
				  0,
				  { "path" } },
	[ROUTE_SESSION_NEW] = { "POST", "/v1/session" },
	[ROUTE_SESSION_LIST] = { "GET", "/v1/session" },
	[ROUTE_SESSION_GET] = { "GET", "/v1/session/{id}" },
	[ROUTE_SESSION_KILL] = { "DELETE", "/v1/session/{id}", 0, { "grace" } },
	[ROUTE_SESSION_SEND] = { "POST", "/v1/session/{id}/send" },
	[ROUTE_SESSION_CAPTURE] = { "GET",
				    "/v1/session/{id}/capture",
				    0,
				    { "format", "lines", "join" } },
	[ROUTE_SESSION_WAIT] = { "GET",
				 "/v1/session/{id}/wait",
				 0,
				 { "until", "pattern", "regex", "quiet",
				   "timeout" } },
	[ROUTE_SESSION_RENAME] = { "POST", "/v1/session/{id}/rename" },
	[ROUTE_SESSION_ATTACH] = { "GET",
				   "/v1/session/{id}/attach",
				   0,
				   { "cols", "rows", "term", "colorterm",
				     "utf8", "read_only", "size", "alone" } },
	[ROUTE_FILE_READ] = { "POST", "/v1/file/read", ROUTE_LENIENT },
	[ROUTE_FILE_WRITE] = { "POST", "/v1/file/write", ROUTE_LENIENT },
	[ROUTE_FILE_GET] = { "GET", "/v1/file/content", 0, { "path" } },
	[ROUTE_FILE_PUT] = { "PUT",
			     "/v1/file/content",
			     0,
			     { "path", "mode", "mtime", "mkdir", "key",
			       "offset", "size", "sync" } },
	[ROUTE_FILE_UPLOAD] = { "GET",
				"/v1/file/upload",
				0,
				{ "path", "key" } },
	[ROUTE_FILE_LIST] = { "GET",
			      "/v1/file/list",
			      0,
			      { "path", "recursive", "sums", "sweep" } },
	[ROUTE_FILE_STAT] = { "GET", "/v1/file/stat", 0, { "path", "follow" } },
	[ROUTE_FILE_MKDIR] = { "POST",
			       "/v1/file/mkdir",
			       0,
			       { "path", "mode", "parents" } },
	[ROUTE_FILE_REMOVE] = { "POST",
				"/v1/file/remove",
				0,
				{ "path", "recursive" } },
	[ROUTE_FILE_RENAME] = { "POST",
				"/v1/file/rename",
				0,
				{ "path", "to", "new" } },
	[ROUTE_FILE_COPY] = { "POST",
			      "/v1/file/copy",
			      0,
			      { "path", "to", "new" } },
	[ROUTE_FILE_LINK] = { "POST",
			      "/v1/file/link",
			      0,
			      { "path", "target" } },
	[ROUTE_FILE_SET] = { "POST",
			     "/v1/file/set",
			     0,
			     { "path", "mode", "mtime" } },
	[ROUTE_SYNC_UPLOAD] = { "POST", "/v1/sync/upload", ROUTE_LENIENT },
	[ROUTE_SYNC_DOWNLOAD] = { "POST", "/v1/sync/download", ROUTE_LENIENT },
	[ROUTE_SYNC_FETCH] = { "GET",
			       "/v1/sync/fetch",
			       0,
			       { "path", "below" } },
	[ROUTE_SYNC_PACK] = { "POST", "/v1/sync/pack", 0, { "path" } },
	[ROUTE_SYNC_UNPACK] = { "POST",
				"/v1/sync/unpack",
				0,
				{ "path", "partial" } },
};
_Static_assert(ARRAY_SIZE(rows) == ROUTES, "a row per route");

static const char hole[] = "{id}";

const struct route_row *
route_row(enum route route)
{
	return &rows[route];
}

static bool
matches(const char *pattern, const char *path, char *id, size_t id_size)
{
	const char *at = strstr(pattern, hole);
	size_t head, segment;

	if (at == NULL)
		return str_eq(pattern, path);
	head = (size_t)(at - pattern);
	if (strncmp(pattern, path, head) != 0)
		return false;
	segment = strcspn(path + head, "/");
	if (segment == 0 || segment >= id_size ||
	    !str_eq(at + strlen(hole), path + head + segment))
		return false;
	snprintf(id, id_size, "%.*s", (int)segment, path + head);
	return true;
}

enum route
route_find(const char *method, const char *path, char *id, size_t id_size,
	   bool *ret_other_method)
{
	*ret_other_method = false;
	id[0] = '\0';
	for (unsigned i = 0; i < ROUTES; i++) {
		if (!matches(rows[i].pattern, path, id, id_size))
			continue;
		/* "run" in the place of an id is the other route's word. */
		if (i == ROUTE_EXEC_GET && str_eq(id, "run"))
			continue;
		if (str_eq(rows[i].method, method) ||
		    (str_eq(method, "HEAD") && str_eq(rows[i].method, "GET")))
			return (enum route)i;
		*ret_other_method = true;
	}
	return ROUTES;
}
