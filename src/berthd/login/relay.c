/* SPDX-License-Identifier: ISC */

/*
 * A terminal in the middle; see relay.h.
 *
 * It ends when the program does, once all that it wrote was passed on; others
 * may hold its terminal longer.  When the outer one goes away (the connection
 * was cut), the inner one is closed, which the program is told by SIGHUP.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "berthd/login/cast.h"
#include "berthd/login/relay.h"
#include "berthd/login/supervise.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/macros.h"

#define ROOM (16u << 10)

struct relay {
	int pty;
	int signals;
	pid_t pid;
	int status; /* of the program, once it has ended */
	bool ended;
	struct cast *cast;
	bool input;
};

static void
copy_size(struct relay *relay, bool tell)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	(void)ioctl(relay->pty, TIOCSWINSZ, &size);
	if (tell)
		cast_resize(relay->cast, size.ws_col, size.ws_row);
}

/* The name of the inner terminal's other end; it is ours at once. */
static int
open_pty(char *name, size_t size, struct err *err)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 ||
	    ptsname_r(fd, name, size) != 0) {
		err_sys(err, "make a terminal");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static _Noreturn void
be_child(const struct errand *errand, const char *tty)
{
	struct err err = ERR_INIT;
	sigset_t none;
	int fd;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	fd = open(tty, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(126);
	for (int i = 0; i < 3; i++)
		(void)dup2(fd, i);
	if (fd > 2)
		close(fd);
	(void)supervise_become(errand, &err);
	(void)write_full(STDERR_FILENO, err.msg, strlen(err.msg));
	_exit(127);
}

/* 0 to go on. */
static int
from_program(struct relay *relay)
{
	uint8_t bytes[ROOM];
	ssize_t n = read(relay->pty, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0 || write_full(STDOUT_FILENO, bytes, (size_t)n) < 0)
		return -1;
	cast_output(relay->cast, bytes, (size_t)n);
	return 0;
}

static int
from_person(struct relay *relay)
{
	uint8_t bytes[ROOM];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0 || write_full(relay->pty, bytes, (size_t)n) < 0)
		return -1;
	if (relay->input)
		cast_input(relay->cast, bytes, (size_t)n);
	return 0;
}

static int
from_kernel(struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH) {
		copy_size(relay, true);
		return 0;
	}
	if (info.ssi_signo != SIGCHLD)
		return -1;
	if (waitpid(relay->pid, &relay->status, WNOHANG) != relay->pid)
		return 0;
	relay->ended = true;
	fd_set_nonblock(relay->pty);
	while (from_program(relay) == 0)
		;
	return -1;
}

static void
pass_on(struct relay *relay)
{
	struct pollfd fds[] = {
		{ .fd = relay->pty, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = relay->signals, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (fds[0].revents && from_program(relay) < 0)
			return;
		if (fds[2].revents && from_kernel(relay) < 0)
			return;
		if (fds[1].revents && from_person(relay) < 0)
			return;
	}
}

static int
watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
start(struct relay *relay, const struct errand *errand, struct err *err)
{
	char tty[64];

	relay->signals = watch_signals();
	relay->pty = open_pty(tty, sizeof(tty), err);
	if (relay->pty < 0)
		return -1;
	copy_size(relay, false);
	relay->pid = fork();
	if (relay->pid == 0)
		be_child(errand, tty);
	return relay->pid < 0 ? err_sys(err, "fork") : 0;
}

int
relay_run(const struct errand *errand, struct cast *cast, bool input,
	  uint64_t *ret_duration_ms, struct err *err)
{
	struct relay relay = { .pty = -1, .cast = cast, .input = input };
	uint64_t began = clock_mono_ms();
	struct termios before, raw;
	int status;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return err_sys(err, "the terminal");
	if (start(&relay, errand, err) < 0)
		return -1;
	raw = before;
	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	pass_on(&relay);
	close(relay.pty);
	while (!relay.ended && waitpid(relay.pid, &relay.status, 0) < 0 &&
	       errno == EINTR)
		;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	if (relay.signals >= 0)
		close(relay.signals);
	status = supervise_status(relay.status);
	cast_close(cast, status);
	*ret_duration_ms = clock_mono_ms() - began;
	return status;
}
