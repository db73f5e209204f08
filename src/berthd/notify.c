/* SPDX-License-Identifier: ISC */

/* systemd's service protocol; see notify.h and sd_notify(3), sd_listen_fds(3). */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "berthd/notify.h"
#include "core/fs.h"
#include "core/parse.h"

#define FIRST_FD 3

void
notify_systemd(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;
	socklen_t len;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			  strlen(path));
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
			     (struct sockaddr *)&addr, len);
}

size_t
notify_take_sockets(int *fds, size_t max)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *n_text = getenv("LISTEN_FDS");
	struct err err = ERR_INIT;
	uint64_t pid, n = 0;

	if (pid_text == NULL || n_text == NULL ||
	    parse_u64(pid_text, 1, INT32_MAX, &pid, &err) < 0 ||
	    pid != (uint64_t)getpid() ||
	    parse_u64(n_text, 0, 64, &n, &err) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		int fd = FIRST_FD + (int)i;

		if (i < max) {
			fd_set_cloexec(fd, true);
			fd_set_nonblock(fd);
			fds[i] = fd;
		} else {
			close(fd);
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n < max ? (size_t)n : max;
}
