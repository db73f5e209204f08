/* SPDX-License-Identifier: ISC */

/* Programs at the end of a stream; see process.h. */

#include <errno.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/macros.h"
#include "http/stream.h"
#include "client/file/process.h"

extern char **environ;

static int
start(char *const *argv, int fd)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

struct stream *
process_stream(struct uv_loop_s *loop, char *const *argv, struct err *err)
{
	struct stream *stream;
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		err_sys(err, "socketpair");
		return NULL;
	}
	ours = pair[0];
	theirs = pair[1];
	errno = start(argv, theirs);
	if (errno != 0) {
		err_sys(err, "failed to run %.200s", argv[0]);
		if (err->sys == ENOENT)
			err->code = ERR_NOT_FOUND;
		return NULL;
	}
	stream = stream_new(loop, ours, ours, NULL, NULL, err);
	if (stream)
		(void)TAKE_FD(ours);
	return stream;
}
