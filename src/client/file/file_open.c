/* SPDX-License-Identifier: ISC */

/* Ways to the files of a machine; see file_open.h. */

#include <limits.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "client/client.h"
#include "client/file/file_daemon.h"
#include "client/file/file_open.h"

struct files *
file_open(struct client *client, const char *via, struct err *err)
{
	if (via == NULL || str_eq(via, "daemon"))
		return file_daemon_new(client);
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
