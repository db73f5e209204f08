/* SPDX-License-Identifier: ISC */

/*
 * supervise SOCKET COMMAND [ARGUMENT...]
 *
 * What systemd does for a service with Type=notify and a socket unit, and no
 * more: listens on SOCKET, passes the listener as descriptor 3, and prints what
 * the service notifies.  A line on standard input restarts the service by
 * SIGTERM, and its end ends everything; the socket stays open meanwhile.
 *
 * Prints "started PID", "notify TEXT" (a line each) and "ended STATUS".
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSED_FD 3

static int
bind_unix(const char *path, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	(void)unlink(path);
	(void)umask(0077);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 128) < 0)) {
		perror(path);
		exit(1);
	}
	return fd;
}

static pid_t
start(int listener, char **argv)
{
	char pid_text[16];
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(pid_text, sizeof(pid_text), "%d", (int)getpid());
		(void)setenv("LISTEN_PID", pid_text, 1);
		(void)setenv("LISTEN_FDS", "1", 1);
		/* dup2 onto itself would leave it to be closed. */
		if ((listener == PASSED_FD || dup2(listener, PASSED_FD) >= 0) &&
		    fcntl(PASSED_FD, F_SETFD, 0) == 0)
			execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	printf("started %d\n", (int)pid);
	return pid;
}

/* One datagram may hold several lines. */
static void
show_notices(int fd)
{
	char text[1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return;
	text[n] = '\0';
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
		printf("notify %s\n", line);
}

static void
await_end(pid_t pid)
{
	int status = 0;

	(void)waitpid(pid, &status, 0);
	printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status)
					       : 128 + WTERMSIG(status));
}

/* True: restart; false: the end. */
static bool
watch(int notify)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = notify, .events = POLLIN } };
	char line[16];

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			return false;
		if (fds[1].revents)
			show_notices(notify);
		if (fds[0].revents)
			return read(STDIN_FILENO, line, sizeof(line)) > 0;
	}
}

int
main(int argc, char **argv)
{
	int listener, notify;
	char path[100];
	bool again;

	if (argc < 3) {
		fprintf(stderr, "usage: supervise SOCKET COMMAND...\n");
		return 64;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	listener = bind_unix(argv[1], SOCK_STREAM);
	snprintf(path, sizeof(path), "%s.notify", argv[1]);
	notify = bind_unix(path, SOCK_DGRAM);
	(void)setenv("NOTIFY_SOCKET", path, 1);
	do {
		pid_t pid = start(listener, argv + 2);

		again = watch(notify);
		(void)kill(pid, SIGTERM);
		await_end(pid);
		show_notices(notify);
	} while (again);
	return 0;
}
