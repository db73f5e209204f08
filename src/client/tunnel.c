/* SPDX-License-Identifier: ISC */

/*
 * Tunnels; see tunnel.h.
 *
 * ssh does not say when its forward listens, so the kernel's list of listeners
 * is asked, which also says whose they are.  ssh ends if it cannot listen
 * (ExitOnForwardFailure), so that a listener of ours with ssh alive is ssh's.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/tunnel.h"
#include "machine/machine.h"
#include "machine/resolve.h"

#define MAX_ATTEMPTS 3
#define FIRST_PAUSE_MS 250
#define LOOK_EVERY_MS 10
#define HEALTH_TIMEOUT_MS 3000

/* A password is typed in that time. */
#define TYPING_MS 120000
#define MAX_WORDS 4096
#define MAX_LISTENERS (16u << 20)

#define TCP_LISTENING 0x0a

/* Whose */

/* The line of /proc/net/tcp for a listener on 127.0.0.1:`port', if it is. */
static bool
is_listener(const char *line, uint16_t port, uid_t *ret_uid)
{
	unsigned address, state, uid;
	unsigned at;

	if (sscanf(line, " %*u: %8x:%4x %*8x:%*4x %2x %*x:%*x %*x:%*x %*x %u",
		   &address, &at, &state, &uid) != 4)
		return false;
	*ret_uid = (uid_t)uid;
	return address == htonl(INADDR_LOOPBACK) && at == port &&
	       state == TCP_LISTENING;
}

/* 1: ours listens there; 0: nobody; -1: somebody else. */
static int
look_for_listener(uint16_t port)
{
	AUTO_BUF text = BUF_INIT(MAX_LISTENERS);
	struct err err = ERR_INIT;
	uid_t uid;

	if (fs_read_file(AT_FDCWD, "/proc/net/tcp", &text, &err) < 0)
		return 0;
	for (const char *line = buf_text(&text); line && *line;) {
		if (is_listener(line, port, &uid))
			return uid == geteuid() ? 1 : -1;
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return 0;
}

/* A port that was free a moment ago. */
static int
pick_port(uint16_t *ret, struct err *err)
{
	AUTO_CLOSE int fd = sock_listen_tcp("127.0.0.1:0", err);
	struct sockaddr_in name;
	socklen_t len = sizeof(name);

	if (fd < 0)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		return err_sys(err, "getsockname");
	*ret = ntohs(name.sin_port);
	return 0;
}

/* ssh */

static char **
make_argv(const struct tunnel *tunnel)
{
	AUTO_FREE char *forward = xasprintf("127.0.0.1:%u:127.0.0.1:%d",
					    tunnel->port,
					    (int)tunnel->daemon_port);
	AUTO_FREE char *timeout = xasprintf(
	    "ConnectTimeout=%u", (unsigned)(tunnel->timeout + 999) / 1000);
	const char *const options[] = {
		"ExitOnForwardFailure=yes",
		"ControlMaster=no",
		"ControlPath=none",
		"ForwardAgent=no",
		"ForwardX11=no",
		"PermitLocalCommand=no",
		"RemoteCommand=none",
		tunnel->asks ? "BatchMode=no" : "BatchMode=yes",
		timeout,
	};
	char **argv = NULL;

	strv_add(&argv, "ssh");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		strv_add(&argv, "-o");
		strv_add(&argv, options[i]);
	}
	strv_add(&argv, "-T");
	strv_add(&argv, "-N");
	strv_add(&argv, "-L");
	strv_add(&argv, forward);
	for (char **word = tunnel->where; word && *word; word++)
		strv_add(&argv, *word);
	return argv;
}

/* Becomes ssh; ends with this program, whatever ends that. */
static __attribute__((noreturn)) void
run_ssh(char **argv, int words_fd, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* Ctrl-C is for the command; ssh leaves an ignored one ignored. */
	signal(SIGINT, SIG_IGN);
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	dup2(words_fd, STDERR_FILENO);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int
start_ssh(char **argv, int words_fd, struct tunnel *tunnel, struct err *err)
{
	pid_t parent = getpid();

	tunnel->pid = fork();
	if (tunnel->pid < 0) {
		tunnel->pid = 0;
		return err_sys(err, "start ssh");
	}
	if (tunnel->pid == 0)
		run_ssh(argv, words_fd, parent);
	tunnel->pidfd = (int)syscall(SYS_pidfd_open, tunnel->pid, 0);
	return tunnel->pidfd < 0 ? err_sys(err, "watch ssh") : 0;
}

/* Its last line. */
static int
fail_with_words(int words_fd, struct err *err)
{
	char words[MAX_WORDS], shown[400];
	char *line;
	ssize_t n;

	fd_set_nonblock(words_fd);
	n = read(words_fd, words, sizeof(words) - 1);
	words[MAX(n, 0)] = '\0';
	for (n = MAX(n, 0); n > 0 && strchr("\r\n", words[n - 1]); n--)
		words[n - 1] = '\0';
	line = strrchr(words, '\n');
	line = line ? line + 1 : words;
	vis(shown, sizeof(shown), str_starts(line, "ssh: ") ? line + 5 : line);
	return err_set(err, ERR_UNREACHABLE, "ssh: %s",
		       shown[0] ? shown : "ended without a word");
}

/* Until it listens, or is gone. */
static int
wait_for_listener(const struct tunnel *tunnel, int words_fd, uint64_t limit_ms,
		  struct err *err)
{
	uint64_t deadline = clock_mono_ms() + limit_ms;
	struct pollfd p = { .fd = tunnel->pidfd, .events = POLLIN };

	for (;;) {
		int whose = look_for_listener(tunnel->port);

		if (poll(&p, 1, whose == 0 ? LOOK_EVERY_MS : 0) > 0)
			return fail_with_words(words_fd, err);
		if (whose > 0)
			return 0;
		if (whose < 0)
			return err_set(err, ERR_DENIED,
				       "port %u belongs to another user",
				       tunnel->port);
		if (clock_mono_ms() > deadline)
			return err_set(err, ERR_UNREACHABLE,
				       "ssh opened no tunnel in %u s",
				       (unsigned)(limit_ms / 1000));
	}
}

/* The daemon */

static bool
send_all(int fd, const char *text)
{
	size_t n = strlen(text);

	return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* The first line of its answer. */
static bool
read_line(int fd, char *out, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n + 1 < size && memchr(out, '\n', n) == NULL) {
		ssize_t got;

		if (poll(&p, 1, HEALTH_TIMEOUT_MS) <= 0)
			return false;
		got = recv(fd, out + n, size - 1 - n, 0);
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return true;
}

static int
check_health(struct tunnel *tunnel, struct err *err)
{
	AUTO_FREE char *address = xasprintf("127.0.0.1:%u", tunnel->port);
	AUTO_CLOSE int fd = sock_connect_tcp(address, err);
	uint64_t start = clock_boot_ns();
	char line[256];

	if (fd < 0)
		return -1;
	if (!send_all(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\n"
			  "Connection: close\r\n\r\n") ||
	    !read_line(fd, line, sizeof(line))) {
		err_set(err, ERR_UNREACHABLE,
			"no daemon answers at the other end of the tunnel");
		return err_hint(err, "is it running, and on the port that "
				     "daemon_port says?");
	}
	tunnel->health_us = (clock_boot_ns() - start) / 1000;
	if (!str_starts(line, "HTTP/1.1 200 "))
		return err_set(err, ERR_PROTO,
			       "what listens at the other end "
			       "of the tunnel is no daemon");
	return 0;
}

/* ssh has nothing to put in order, and does not heed SIGTERM at all times. */
static void
close_tunnel(struct tunnel *tunnel)
{
	if (tunnel->pid > 0) {
		kill(tunnel->pid, SIGKILL);
		(void)waitpid(tunnel->pid, NULL, 0);
	}
	if (tunnel->pidfd >= 0)
		close(tunnel->pidfd);
	tunnel->pid = 0;
	tunnel->pidfd = -1;
}

static int
try_open(struct tunnel *tunnel, struct err *err)
{
	uint64_t limit_ms = tunnel->timeout + (tunnel->asks ? TYPING_MS : 0);
	AUTO_STRV char **argv = NULL;
	AUTO_CLOSE int read_fd = -1, write_fd = -1;
	int fds[2];

	if (pick_port(&tunnel->port, err) < 0)
		return -1;
	argv = make_argv(tunnel);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	if (start_ssh(argv, write_fd, tunnel, err) == 0 &&
	    wait_for_listener(tunnel, read_fd, limit_ms, err) == 0 &&
	    check_health(tunnel, err) == 0)
		return 0;
	close_tunnel(tunnel);
	return -1;
}

static bool
is_open(const struct tunnel *tunnel)
{
	struct pollfd p = { .fd = tunnel->pidfd, .events = POLLIN };

	return tunnel->pid > 0 && poll(&p, 1, 0) == 0;
}

int
tunnel_open(struct tunnel *tunnel, struct err *err)
{
	if (is_open(tunnel))
		return 0;
	close_tunnel(tunnel);
	for (unsigned i = 0;; i++) {
		struct err why = ERR_INIT;

		tunnel->n_retries = i;
		if (try_open(tunnel, &why) == 0)
			return 0;
		if (why.code != ERR_UNREACHABLE || i + 1 == MAX_ATTEMPTS) {
			*err = why;
			return err_wrap(err, "tunnel to %s", tunnel->machine);
		}
		log_debug("tunnel", "trying again", KV_ERR(&why));
		(void)poll(NULL, 0, FIRST_PAUSE_MS << i);
	}
}

int
tunnel_init(struct tunnel *tunnel, const struct machine *machine, bool asks,
	    struct err *err)
{
	*tunnel = (struct tunnel)TUNNEL_INIT;
	tunnel->machine = xstrdup(machine->name);
	tunnel->daemon_port = machine->daemon_port;
	tunnel->timeout = machine->connect_timeout;
	tunnel->asks = asks;
	return resolve_add_destination(machine, &tunnel->where, err);
}

void
tunnel_fini(struct tunnel *tunnel)
{
	close_tunnel(tunnel);
	strv_free(tunnel->where);
	free(tunnel->machine);
	*tunnel = (struct tunnel)TUNNEL_INIT;
}
