/* SPDX-License-Identifier: ISC */

/* Programs that serve in the background; see detach.h. */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/detach.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/text.h"

#define LOOK_AGAIN_MS 5
#define MAX_DEATHS 3

/* Where the child tells of itself. */
#define READY_FD 3

int
detach_open_log(const char *path, uint64_t max, struct err *err)
{
	AUTO_FREE char *old = xasprintf("%s.1", path);
	struct stat st;
	int fd;

	if (stat(path, &st) == 0 && (uint64_t)st.st_size > max)
		(void)rename(path, old);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, "open %s", path) : fd;
}

/* By hand: a child that closes all descriptors cannot use libuv before. */
bool
detach_does_answer(int fd, const char *path, uint64_t deadline_ms)
{
	AUTO_FREE char *question = xasprintf("GET %s HTTP/1.1\r\n"
					     "Host: localhost\r\n"
					     "Connection: close\r\n\r\n",
					     path);
	struct pollfd watch = { .fd = fd, .events = POLLIN };
	char byte;

	return send(fd, question, strlen(question), MSG_NOSIGNAL) > 0 &&
	       poll(&watch, 1, (int)deadline_ms) > 0 && read(fd, &byte, 1) > 0;
}

void
detach_say_ready(int ready_fd)
{
	(void)!write(ready_fd, "", 1);
	close(ready_fd);
}

static void __attribute__((noreturn))
run_child(const struct detach_ops *ops, void *owner, int log_fd, int ready_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int in = ops->keeps_input ? STDIN_FILENO : null;
	struct err err = ERR_INIT;

	(void)setsid();
	/* Never a session leader again, so never a controlling terminal. */
	if (fork() != 0)
		_exit(0);
	if (null < 0 || dup2(in, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(log_fd, 2) < 0 || dup2(ready_fd, READY_FD) < 0)
		_exit(1);
	(void)close_range(READY_FD + 1, ~0u, 0);
	fd_set_cloexec(READY_FD, true);
	(void)!chdir("/");
	if (ops->serve(owner, READY_FD, &err) == 0)
		_exit(0);
	/* Heard only while nobody is told of readiness yet. */
	(void)!write(READY_FD, &err, sizeof(err));
	_exit(1);
}

/* 0: it serves; -1 with what the child said; 1: it died without a word. */
static int
await_ready(const struct detach_ops *ops, int fd, struct err *err)
{
	struct pollfd watch = { .fd = fd, .events = POLLIN };
	struct err said;
	ssize_t n;

	if (poll(&watch, 1, (int)ops->deadline_ms) <= 0)
		return err_set(err, ERR_TIMEOUT,
			       "%s does not come up; see its log", ops->what);
	n = read(fd, &said, sizeof(said));
	if (n == 1)
		return 0;
	if (n == (ssize_t)sizeof(said)) {
		*err = said;
		return -1;
	}
	err_set(err, ERR_SYSTEM, "%s died while starting; see its log",
		ops->what);
	return 1;
}

/* As await_ready. */
static int
start(const struct detach_ops *ops, void *owner, struct err *err)
{
	AUTO_CLOSE int log_fd = ops->open_log(owner, err);
	AUTO_CLOSE int ready_fd = -1;
	int ends[2];
	pid_t pid;

	if (log_fd < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	ready_fd = ends[0];
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child(ops, owner, log_fd, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return err_sys(err, "fork");
	(void)waitpid(pid, NULL, 0);
	return await_ready(ops, ready_fd, err);
}

/*
 * A lost race is won by somebody who will serve soon, or has just stopped.  Who
 * dies without a word was killed, and another is started, unless the input that
 * was for the one is gone.
 */
int
detach_ensure(const struct detach_ops *ops, void *owner, struct err *err)
{
	uint64_t deadline = clock_mono_ms() + ops->deadline_ms;
	unsigned n_deaths = 0;
	int rc;

	for (;;) {
		rc = ops->is_served(owner) ? 0 : start(ops, owner, err);
		if (rc == 0)
			return 0;
		if (rc > 0 && (ops->keeps_input || ++n_deaths == MAX_DEATHS))
			return -1;
		if (rc < 0 &&
		    (err->code != ERR_CONFLICT || clock_mono_ms() > deadline))
			return -1;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}
