/* SPDX-License-Identifier: ISC */

/*
 * The spawner; see spawner.h.
 *
 * An order is one message: its bytes and the channel, or, if it has more bytes
 * than a message should, one byte, the channel and a memfd.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/control.h"
#include "berthd/exec/holder.h"
#include "berthd/exec/spawner.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/proc.h"
#include "core/sock.h"

enum { ORDER_CHANNEL, ORDER_LAUNCH, ORDER_FDS };

#define MAX_INLINE CONTROL_MAX_DATA

static void
refuse(int channel, int sys)
{
	struct {
		struct control_msg msg;
		char text[128];
	} packet = { .msg = { .type = CONTROL_FAILED, .a = ERR_LIMIT } };
	int n = snprintf(packet.text, sizeof(packet.text), "fork a holder: %s",
			 strerror(sys));

	(void)!write(channel, &packet, sizeof(packet.msg) + (size_t)n);
}

static void
serve_order(int daemon_fd, const struct holder_order *order, int channel)
{
	pid_t pid;

	holder_prepare();
	pid = fork();
	if (pid == 0) {
		close(daemon_fd);
		holder_run(channel, order);
	}
	if (pid < 0)
		refuse(channel, errno);
}

/*
 * Nothing of the daemon's may live on in it or in holders: not its log, not the
 * terminal or the pipe that it was started on, and all three standard
 * descriptors are there, so that no other gets their numbers.
 */
static int
keep_only(int daemon_fd)
{
	int kept = STDERR_FILENO + 1, null;

	if (dup2(daemon_fd, kept) < 0)
		_exit(1);
	fd_set_cloexec(kept, true);
	(void)close_range((unsigned)kept + 1, ~0u, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < kept; fd++) {
		if (null != fd && dup2(null, fd) < 0)
			_exit(1);
		fd_set_cloexec(fd, false);
	}
	if (null > kept)
		close(null);
	return kept;
}

static void __attribute__((noreturn)) run(int daemon_fd, uint64_t forked_ns)
{
	proc_start_check(forked_ns);
	proc_title_set("berthd: spawner");
	/* Orders hold secrets, and so do those that are made of them. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	daemon_fd = keep_only(daemon_fd);
	/* What is typed at the daemon's terminal ends the daemon, not this. */
	(void)setsid();
	proc_ignore_nothing();
	(void)signal(SIGPIPE, SIG_IGN);
	/* Nobody waits for holders. */
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		static uint8_t bytes[MAX_INLINE];
		int fds[ORDER_FDS] = { -1, -1 };
		size_t n_fds = ORDER_FDS;
		ssize_t got = sock_recv_fds(daemon_fd, bytes, sizeof(bytes),
					    fds, &n_fds);
		struct holder_order order = { .bytes = bytes,
					      .n = (size_t)got,
					      .fd = fds[ORDER_LAUNCH] };

		if (got <= 0)
			_exit(0);
		if (n_fds > 0)
			serve_order(daemon_fd, &order, fds[ORDER_CHANNEL]);
		while (n_fds > 0)
			close(fds[--n_fds]);
	}
}

int
spawner_start(struct spawner *spawner, struct err *err)
{
	uint64_t now = clock_boot_ns();
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, "socketpair");
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		run(ends[1], now);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(err, "fork the spawner");
	}
	*spawner = (struct spawner){ .fd = ends[0], .pid = pid };
	return 0;
}

void
spawner_stop(struct spawner *spawner)
{
	fd_close(&spawner->fd);
	if (spawner->pid > 0)
		(void)waitpid((pid_t)spawner->pid, NULL, 0);
	spawner->pid = -1;
}

/* What a message should not hold, as a memfd. */
static int
write_order(const void *order, size_t n, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("launch", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "memfd");
	if (write_full(fd, order, n) < 0)
		return err_sys(err, "write the launch order");
	return TAKE_FD(fd);
}

static int
send_order(const struct spawner *spawner, int channel, const void *order,
	   size_t n, struct err *err)
{
	int fds[ORDER_FDS] = { [ORDER_CHANNEL] = channel };
	AUTO_CLOSE int large = -1;
	int sent;

	if (n <= MAX_INLINE) {
		sent = sock_send_fds(spawner->fd, order, n, fds, 1);
	} else {
		large = write_order(order, n, err);
		if (large < 0)
			return -1;
		fds[ORDER_LAUNCH] = large;
		sent = sock_send_fds(spawner->fd, "L", 1, fds, ORDER_FDS);
	}
	return sent < 0 ? err_sys(err, "order a holder") : 0;
}

int
spawner_launch(const struct spawner *spawner, const void *order, size_t n,
	       struct err *err)
{
	AUTO_CLOSE int theirs = -1;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, "socketpair");
	theirs = ends[1];
	if (send_order(spawner, theirs, order, n, err) < 0) {
		close(ends[0]);
		return -1;
	}
	return ends[0];
}
