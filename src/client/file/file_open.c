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
#include "client/file/file_shell.h"
#include "client/file/process.h"
#include "client/link_control.h"
#include "http/stream.h"
#include "wire/duplex.h"

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

/* A stream of the machine's link. */
static struct stream *
open_linked(struct client *client, const char *json, const char *protocol,
	    struct err *err)
{
	const struct reach *reach = client_reach(client);
	unsigned flags = LINK_NO_DAEMON | (reach->no_start ? LINK_NO_START : 0);
	struct stream *stream;
	int fd;

	if (link_control_connect(reach->machine, flags, reach->asker, err) < 0)
		return NULL;
	fd = link_control_open(reach->machine, json, protocol, err);
	if (fd < 0)
		return NULL;
	stream = stream_new(client_loop(client), fd, fd, NULL, NULL, err);
	if (stream == NULL)
		close(fd);
	return stream;
}

static struct files *
open_sftp(struct client *client, struct err *err)
{
	struct stream *stream;

	if (!client_reach(client)->is_linked)
		return open_local_sftp(client, err);
	stream = open_linked(client,
			     "{\"kind\":\"subsystem\",\"name\":\"sftp\"}",
			     "berth-stream", err);
	return stream ? file_sftp_new(stream) : NULL;
}

/* Of this host: BERTH_FILE_SHELL, or the usual one. */
static struct files *
open_shell(struct client *client, struct err *err)
{
	const char *shell = getenv("BERTH_FILE_SHELL");
	const char *const argv[] = { shell ? shell : "sh", "-s", NULL };
	bool is_linked = client_reach(client)->is_linked;
	struct stream *stream;

	if (is_linked)
		stream = open_linked(client,
				     "{\"kind\":\"command\",\"command\":"
				     "\"" FILE_SHELL_COMMAND "\"}",
				     DUPLEX_PROTOCOL, err);
	else
		stream = process_stream(client_loop(client),
					(char **)(uintptr_t)argv, err);
	return stream ? file_shell_new(stream, is_linked) : NULL;
}

/* The machine lacks it, or lets nobody have it; it is there all the same. */
static bool
is_lack(const struct err *err)
{
	return err->code == ERR_UNSUPPORTED || err->code == ERR_NOT_FOUND ||
	       err->code == ERR_DENIED || err->code == ERR_REMOTE;
}

/*
 * Does the machine have a daemon?  -1: it cannot be reached at all.  One that
 * may run nothing of ours still has its SFTP.
 */
static int
has_daemon(struct client *client, struct err *err)
{
	if (client_prepare(client, err) == 0)
		return 1;
	return client_reach(client)->is_linked && is_lack(err) ? 0 : -1;
}

/*
 * SFTP, or else a shell.  A server may accept the subsystem and then have no
 * program for it, so it is asked something.
 */
static struct files *
open_without_daemon(struct client *client, struct err *err)
{
	struct files *files = open_sftp(client, err);
	struct file_stat home = FILE_STAT_INIT;
	int rc;

	if (files == NULL)
		return is_lack(err) ? open_shell(client, err) : NULL;
	rc = file_stat(files, "~", 0, &home, err);
	file_stat_fini(&home);
	if (rc == 0 || (err->code != ERR_UNREACHABLE && err->code != ERR_PROTO))
		return files;
	files_free(files);
	return open_shell(client, err);
}

struct files *
file_open(struct client *client, const char *via, struct err *err)
{
	int rc;

	if (via && str_eq(via, "sftp"))
		return open_sftp(client, err);
	if (via && str_eq(via, "shell"))
		return open_shell(client, err);
	if (via && !str_eq(via, "daemon")) {
		err_set(err, ERR_INVALID, "%.64s: no such way to files", via);
		return NULL;
	}
	rc = has_daemon(client, err);
	if (rc < 0 || (rc == 0 && via))
		return NULL;
	return rc > 0 ? file_daemon_new(client)
		      : open_without_daemon(client, err);
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
	if (reach->workdir)
		return path_join(reach->workdir, path);
	if (reach->address || reach->is_linked)
		return xasprintf("~/%s", path);
	if (getcwd(cwd, sizeof(cwd)) == NULL) {
		err_sys(err, "no working directory");
		return NULL;
	}
	return path_join(cwd, path);
}
