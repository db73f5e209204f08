/* SPDX-License-Identifier: ISC */

/* Routing and admission; see api.h. */

#include <string.h>

#include "berthd/api.h"
#include "berthd/daemon.h"
#include "berthd/exec/exec_api.h"
#include "berthd/file/bulk_api.h"
#include "berthd/file/content_api.h"
#include "berthd/file/file_api.h"
#include "berthd/file/list_api.h"
#include "berthd/file/sync_api.h"
#include "berthd/file/tree_api.h"
#include "berthd/reply.h"
#include "berthd/session/session_api.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/routes.h"

#define MAX_ID 128

static api_fn on_file_read, on_file_write, on_sync_upload, on_sync_download;

/* berth's own file routes, which ask nothing of the daemon but their policy. */
typedef void own_file_fn(struct http_exchange *x,
			 const struct file_policy *policy);

static own_file_fn *const own_file_handlers[ROUTES] = {
	[ROUTE_FILE_GET] = content_api_get,
	[ROUTE_FILE_PUT] = content_api_put,
	[ROUTE_FILE_UPLOAD] = content_api_upload,
	[ROUTE_FILE_LIST] = list_api_list,
	[ROUTE_FILE_STAT] = tree_api_stat,
	[ROUTE_FILE_MKDIR] = tree_api_mkdir,
	[ROUTE_FILE_REMOVE] = tree_api_remove,
	[ROUTE_FILE_RENAME] = tree_api_rename,
	[ROUTE_FILE_COPY] = bulk_api_copy,
	[ROUTE_FILE_LINK] = tree_api_link,
	[ROUTE_FILE_SET] = tree_api_set,
	[ROUTE_SYNC_FETCH] = list_api_fetch,
	[ROUTE_SYNC_PACK] = bulk_api_pack,
	[ROUTE_SYNC_UNPACK] = bulk_api_unpack,
};

static api_fn *const handlers[ROUTES] = {
	[ROUTE_HEALTH] = api_health,
	[ROUTE_METRICS] = api_metrics,
	[ROUTE_HELLO] = api_hello,
	[ROUTE_DAEMON] = api_daemon,
	[ROUTE_DAEMON_STOP] = api_stop,
	[ROUTE_DAEMON_HANDOVER] = api_handover,
	[ROUTE_EXEC_START] = exec_api_start,
	[ROUTE_EXEC_RUN] = exec_api_run,
	[ROUTE_EXEC_LIST] = exec_api_list,
	[ROUTE_EXEC_GET] = exec_api_get,
	[ROUTE_EXEC_REMOVE] = exec_api_remove,
	[ROUTE_EXEC_LOGS] = exec_api_logs,
	[ROUTE_EXEC_CANCEL] = exec_api_cancel,
	[ROUTE_EXEC_SIGNAL] = exec_api_signal,
	[ROUTE_EXEC_RESIZE] = exec_api_resize,
	[ROUTE_EXEC_STDIN] = exec_api_stdin,
	[ROUTE_EXEC_ARTIFACT] = exec_api_artifact,
	[ROUTE_SESSION_NEW] = session_api_new,
	[ROUTE_SESSION_LIST] = session_api_list,
	[ROUTE_SESSION_GET] = session_api_get,
	[ROUTE_SESSION_KILL] = session_api_kill,
	[ROUTE_SESSION_SEND] = session_api_send,
	[ROUTE_SESSION_CAPTURE] = session_api_capture,
	[ROUTE_SESSION_WAIT] = session_api_wait,
	[ROUTE_SESSION_RENAME] = session_api_rename,
	[ROUTE_SESSION_ATTACH] = session_api_attach,
	[ROUTE_FILE_READ] = on_file_read,
	[ROUTE_FILE_WRITE] = on_file_write,
	[ROUTE_SYNC_UPLOAD] = on_sync_upload,
	[ROUTE_SYNC_DOWNLOAD] = on_sync_download,
};

static void
on_file_read(struct daemon *daemon, struct http_exchange *x,
	     const char *id UNUSED)
{
	file_api_read(x, &daemon->files);
}

static void
on_file_write(struct daemon *daemon, struct http_exchange *x,
	      const char *id UNUSED)
{
	file_api_write(x, &daemon->files);
}

static void
on_sync_upload(struct daemon *daemon, struct http_exchange *x,
	       const char *id UNUSED)
{
	sync_api_upload(x, &daemon->files);
}

static void
on_sync_download(struct daemon *daemon, struct http_exchange *x,
		 const char *id UNUSED)
{
	sync_api_download(x, &daemon->files);
}

/* Does the request come from who may ask? */
static int
admit(const struct daemon *daemon, struct http_exchange *x, unsigned flags,
      struct err *err)
{
	const struct http_head *head = http_exchange_head(x);
	const char *sent = http_head_find(head, "Authorization");
	AUTO_FREE char *wanted = NULL;
	uid_t uid;
	pid_t pid;

	if (http_exchange_guard(x)->tag == LISTENER_UNIX) {
		/* The directory keeps others out already; ask the kernel. */
		if (!sock_peer(http_exchange_fd(x), &uid, &pid) ||
		    uid != geteuid())
			return err_set(err, ERR_DENIED,
				       "this is the daemon of uid %u",
				       geteuid());
		return 0;
	}
	if (flags & ROUTE_OPEN)
		return 0;
	/* A listener that was passed to us may have come without a token. */
	if (daemon->config->auth_token)
		wanted = xasprintf("Bearer %s", daemon->config->auth_token);
	if (sent == NULL || wanted == NULL || !secret_eq(sent, wanted)) {
		err_set(err, ERR_UNAUTHORIZED, "unauthorized");
		return err_hint(err, "send the daemon's token as "
				     "\"Authorization: Bearer TOKEN\"");
	}
	if (flags & ROUTE_PRIVATE)
		return err_set(err, ERR_DENIED,
			       "only on the daemon's private socket");
	return 0;
}

static int
check_query(const struct http_head *head, const struct route_row *row,
	    struct err *err)
{
	AUTO_FREE char *unknown = NULL;

	if (row->flags & (ROUTE_LENIENT | ROUTE_UNQUERIED))
		return 0;
	unknown = http_head_unknown_query(head, row->query);
	if (unknown)
		return err_set(err, ERR_INVALID,
			       "%.64s: unknown query parameter", unknown);
	return 0;
}

static void
reply_no_route(struct http_exchange *x, const struct http_head *head,
	       bool other_method)
{
	struct err err = ERR_INIT;

	if (other_method) {
		static const char text[] =
		    "{\"error\":{\"code\":\"INVALID\",\"message\":"
		    "\"this path has no such method\",\"retryable\":false,"
		    "\"hint\":null},\"schema_version\":1,"
		    "\"message\":\"this path has no such method\"}\n";

		http_reply(x, 405, REPLY_JSON, text, strlen(text));
		return;
	}
	err_set(&err, ERR_NOT_FOUND, "no such path: %.200s", head->path);
	reply_error(x, &err);
}

void
api_on_request(struct http_exchange *x, void *owner)
{
	struct daemon *daemon = owner;
	const struct http_head *head = http_exchange_head(x);
	struct err err = ERR_INIT;
	bool other_method;
	char id[MAX_ID];
	enum route route = route_find(head->method, head->path, id, sizeof(id),
				      &other_method);
	unsigned flags = route == ROUTES ? 0 : route_row(route)->flags;

	daemon->stats.requests++;
	if (admit(daemon, x, flags, &err) < 0 ||
	    (route != ROUTES &&
	     check_query(head, route_row(route), &err) < 0)) {
		daemon->stats.refused++;
		reply_error(x, &err);
		return;
	}
	if (route == ROUTES)
		reply_no_route(x, head, other_method);
	else if (own_file_handlers[route])
		own_file_handlers[route](x, &daemon->own_files);
	else
		handlers[route](daemon, x, id);
}
