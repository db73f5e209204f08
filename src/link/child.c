/* SPDX-License-Identifier: ISC */

/*
 * Programs that work for this process; see child.h.
 *
 * The end is heard by a pidfd.  The child is reaped only after its group was
 * killed: as long as it is a zombie, the number of the group is its own and
 * cannot be somebody else's.  Its pipes are read to their last byte, not to
 * their end, since a grandchild that got away would hold them open.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "link/child.h"

#define MAX_LINE 4096

enum { END, OUT, ERR, HANDLES };

struct child_pipe {
	struct buf line;
	int fd;
};

struct child {
	uv_poll_t poll[HANDLES];
	struct child_pipe pipes[HANDLES];
	unsigned n_handles;
	const struct child_events *events;
	void *owner;
	pid_t pid; /* 0: reaped */
	bool is_busy;
	bool is_freed;
};

/* In the child: only what is safe after a fork.  Returns on failure. */
static void
become(char *const *argv, char *const *env, const int out[2], pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL);
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
	    null < 0 || dup2(null, 0) < 0 || dup2(out[0], 1) < 0 ||
	    dup2(out[1], 2) < 0)
		return;
	execvpe(argv[0], argv, env);
}

/* Fork and exec; the errno of a failed exec comes through a pipe. */
static pid_t
start(char *const *argv, char *const *env, const int out[2], struct err *err)
{
	pid_t parent = getpid(), pid;
	int report[2], why = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	pid = fork();
	if (pid == 0) {
		become(argv, env, out, parent);
		why = errno;
		(void)!write(report[1], &why, sizeof(why));
		_exit(127);
	}
	close(report[1]);
	n = pid < 0 ? 0 : read_full(report[0], &why, sizeof(why));
	close(report[0]);
	if (pid > 0 && n == 0)
		return pid;
	if (pid > 0) {
		(void)waitpid(pid, NULL, 0);
		errno = why;
	}
	err_sys(err, "start %s", argv[0]);
	if (pid > 0 && why == ENOENT)
		err->code = ERR_NOT_FOUND;
	return -1;
}

static void
on_handle_closed(uv_handle_t *h)
{
	struct child *c = h->data;

	if (--c->n_handles > 0)
		return;
	for (int i = 0; i < HANDLES; i++) {
		if (c->pipes[i].fd >= 0)
			close(c->pipes[i].fd);
		buf_fini(&c->pipes[i].line);
	}
	free(c);
}

static void
tell_line(struct child *c, int fd)
{
	struct buf *line = &c->pipes[fd].line;

	if (!c->is_freed && c->events->on_line)
		c->events->on_line(c, fd, buf_text(line), line->len, c->owner);
	buf_clear(line);
}

static void
take_text(struct child *c, int fd, const char *text, size_t n)
{
	struct buf *line = &c->pipes[fd].line;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || line->len == MAX_LINE)
			tell_line(c, fd);
		if (text[i] != '\n' && text[i] != '\r')
			(void)buf_addc(line, text[i]);
	}
}

/* What there is now; false at the end. */
static bool
read_pipe(struct child *c, int fd)
{
	char text[8192];
	ssize_t n;

	while (!c->is_freed) {
		n = read(c->pipes[fd].fd, text, sizeof(text));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		take_text(c, fd, text, (size_t)n);
		if ((size_t)n < sizeof(text))
			break;
	}
	return true;
}

static void
on_pipe(uv_poll_t *poll, int status, int events)
{
	struct child *c = poll->data;

	c->is_busy = true;
	if (!read_pipe(c, (int)(poll - c->poll)) || status < 0)
		uv_poll_stop(poll);
	c->is_busy = false;
	if (c->is_freed) {
		c->is_freed = false;
		child_free(c);
	}
}

/* Its group first; see above. */
static int
reap(struct child *c)
{
	int status = 0;

	(void)kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	return status;
}

static void
on_ended(uv_poll_t *poll, int status, int events)
{
	struct child *c = poll->data;
	int how;

	uv_poll_stop(poll);
	c->is_busy = true;
	how = reap(c);
	for (int fd = OUT; fd <= ERR && !c->is_freed; fd++) {
		(void)read_pipe(c, fd);
		if (!c->is_freed && c->pipes[fd].line.len > 0)
			tell_line(c, fd);
		uv_poll_stop(&c->poll[fd]);
	}
	if (!c->is_freed)
		c->events->on_exit(c, how, c->owner);
	c->is_busy = false;
	if (c->is_freed) {
		c->is_freed = false;
		child_free(c);
	}
}

static void
watch(struct child *c, struct uv_loop_s *loop, int which, int fd)
{
	c->pipes[which].fd = fd;
	buf_init(&c->pipes[which].line, MAX_LINE);
	fd_set_nonblock(fd);
	uv_poll_init(loop, &c->poll[which], fd);
	c->poll[which].data = c;
	c->n_handles++;
	uv_poll_start(&c->poll[which], UV_READABLE,
		      which == END ? on_ended : on_pipe);
}

struct child *
child_new(struct uv_loop_s *loop, char *const *argv, char *const *env,
	  const struct child_events *events, void *owner, struct err *err)
{
	struct child *c;
	int out[2], errors[2], end;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0) {
		err_sys(err, "pipe");
		return NULL;
	}
	if (pipe2(errors, O_CLOEXEC) < 0) {
		err_sys(err, "pipe");
		close(out[0]);
		close(out[1]);
		return NULL;
	}
	pid = start(argv, env, (const int[]){ out[1], errors[1] }, err);
	close(out[1]);
	close(errors[1]);
	if (pid < 0) {
		close(out[0]);
		close(errors[0]);
		return NULL;
	}
	end = (int)syscall(SYS_pidfd_open, pid, 0);
	if (end < 0) {
		err_sys(err, "watch %s", argv[0]);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		close(out[0]);
		close(errors[0]);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->events = events;
	c->owner = owner;
	c->pid = pid;
	watch(c, loop, END, end);
	watch(c, loop, OUT, out[0]);
	watch(c, loop, ERR, errors[0]);
	return c;
}

void
child_free(struct child *c)
{
	if (c == NULL || c->is_freed)
		return;
	c->is_freed = true;
	if (c->is_busy)
		return;
	if (c->pid)
		(void)reap(c);
	for (int i = 0; i < HANDLES; i++)
		uv_close((uv_handle_t *)&c->poll[i], on_handle_closed);
}

void
child_terminate(struct child *c)
{
	if (c->pid)
		(void)kill(c->pid, SIGTERM);
}

pid_t
child_pid(const struct child *c)
{
	return c->pid;
}
