/* SPDX-License-Identifier: ISC */

/* Ways to the files of a machine; see file_open.h. */

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "client/client.h"
#include "client/file/file_daemon.h"
#include "client/file/file_open.h"
#include "client/file/file_sftp.h"
#include "client/file/process.h"

/* Where distributions keep it; BERTH_SFTP_SERVER wins. */
static const char *const servers[] = {
	"/usr/lib/openssh/sftp-server",
	"/usr/libexec/openssh/sftp-server",
	"/usr/lib/ssh/sftp-server",
};

/* This host's own, without any SSH. */
static struct files *
open_local_sftp(struct client *client, struct err *err)
{
	const char *server = getenv("BERTH_SFTP_SERVER");
	char *argv[2] = { NULL, NULL };
	struct stream *stream;

	for (size_t i = 0; server == NULL && i < ARRAY_SIZE(servers); i++) {
		if (access(servers[i], X_OK) == 0)
			server = servers[i];
	}
	if (server == NULL) {
		err_set(err, ERR_UNSUPPORTED, "this host has no sftp-server");
		return NULL;
	}
	argv[0] = (char *)(uintptr_t)server;
	stream = process_stream(client_loop(client), argv, err);
	return stream ? file_sftp_new(stream) : NULL;
}

struct files *
file_open(struct client *client, const char *via, struct err *err)
{
	if (via == NULL || str_eq(via, "daemon"))
		return file_daemon_new(client);
	if (str_eq(via, "sftp"))
		return open_local_sftp(client, err);
	err_set(err, ERR_INVALID, "%.64s: no such way to files", via);
	return NULL;
}

char *
file_path(struct client *client, const char *path, struct err *err)
{
	const struct reach *reach = client_reach(client);
	char cwd[PATH_MAX];

	if (path[0] == '\0') {
		err_set(err, ERR_INVALID, "a path is empty");
		return NULL;
	}
	if (path[0] == '/' || str_eq(path, "~") || str_starts(path, "~/"))
		return xstrdup(path);
	if (reach->address)
		return xasprintf("~/%s", path);
	if (getcwd(cwd, sizeof(cwd)) == NULL) {
		err_sys(err, "no working directory");
		return NULL;
	}
	return path_join(cwd, path);
}
