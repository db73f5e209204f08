/* SPDX-License-Identifier: ISC */

/* A server for streams; see transport_echo.h. */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fs.h"
#include "tests/unit/link/transport_echo.h"

#define MAX_ECHOES 1024

/* What came goes back; false at the end, after a last word. */
static bool
echo_once(int fd)
{
	char bytes[65536];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		return write_full(fd, bytes, (size_t)n) == 0;
	(void)write_full(fd, "bye", 3);
	close(fd);
	return false;
}

static void
echo_all(int listener)
{
	static struct pollfd polls[MAX_ECHOES];
	nfds_t n = 1;

	polls[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
	while (poll(polls, n, -1) > 0) {
		for (nfds_t i = n; --i > 0;) {
			if (polls[i].revents && !echo_once(polls[i].fd))
				polls[i] = polls[--n];
		}
		if (polls[0].revents && n < MAX_ECHOES)
			polls[n++] = (struct pollfd){
				.fd = accept(listener, NULL, NULL),
				.events = POLLIN,
			};
	}
}

pid_t
echo_serve(int listener)
{
	pid_t pid = fork();

	if (pid != 0) {
		close(listener);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	echo_all(listener);
	_exit(1);
}

void
echo_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
