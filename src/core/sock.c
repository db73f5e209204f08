/* SPDX-License-Identifier: ISC */

/* Sockets; see sock.h. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/parse.h"
#include "core/sock.h"

#define BACKLOG 1024
/* Longer than a busy daemon is silent, shorter than a person's patience. */
#define CONNECT_SECONDS 3

static int
unix_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	size_t n = strlen(path);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n >= sizeof(ret->sun_path)) {
		err_set(err, ERR_CONFIG, "socket path %s is longer than %zu",
			path, sizeof(ret->sun_path) - 1);
		return err_hint(err, "set XDG_RUNTIME_DIR or BERTH_HOME to a "
				     "shorter directory");
	}
	memcpy(ret->sun_path, path, n + 1);
	return 0;
}

int
sock_listen_unix(const char *path, struct err *err)
{
	AUTO_FREE char *tmp = xasprintf("%s.%d", path, getpid());
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un addr;
	mode_t mask;
	int rc;

	if (unix_address(tmp, &addr, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "socket");
	(void)unlink(tmp);
	mask = umask(077);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (rc < 0)
		return err_sys(err, "bind %s", tmp);
	if (listen(fd, BACKLOG) < 0 || rename(tmp, path) < 0) {
		err_sys(err, "listen on %s", path);
		(void)unlink(tmp);
		return -1;
	}
	return TAKE_FD(fd);
}

static int
connect_error(const char *what, struct err *err)
{
	if (errno == EAGAIN || errno == EINPROGRESS) {
		err_set(err, ERR_TIMEOUT, "%s does not accept connections",
			what);
		return err_hint(err, "its process may be stopped or hung");
	}
	err_sys(err, "connect to %s", what);
	if (err->sys == ENOENT || err->sys == ENOTDIR)
		err->code = ERR_NOT_FOUND;
	else if (err->sys == EACCES || err->sys == EPERM)
		err->code = ERR_DENIED;
	else
		err->code = ERR_UNREACHABLE;
	return -1;
}

/*
 * Connect, waiting so long as the send timeout says; then without blocking.
 * A listener on this machine answers at once, unless its backlog is full.
 */
static int
connect_within(int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct timeval most = { .tv_sec = CONNECT_SECONDS };
	const struct timeval forever = { 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
	if (connect(fd, addr, len) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever,
			 sizeof(forever));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return 0;
}

int
sock_connect_unix(const char *path, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un addr;
	uid_t uid;
	pid_t pid;

	if (unix_address(path, &addr, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "socket");
	if (connect_within(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return connect_error(path, err);
	if (!sock_peer(fd, &uid, &pid))
		return err_sys(err, "peer of %s", path);
	if (uid != geteuid()) {
		err_set(err, ERR_DENIED, "%s is served by uid %u, not uid %u",
			path, uid, geteuid());
		return -1;
	}
	return TAKE_FD(fd);
}

/* "fe80::1%eth0": what is local to a link needs an interface to go out by. */
static bool
v6_address(const char *host, struct sockaddr_in6 *ret)
{
	const char *percent = strchr(host, '%');
	char text[INET6_ADDRSTRLEN] = "";
	size_t n = percent ? (size_t)(percent - host) : strlen(host);
	struct err err = ERR_INIT;
	uint64_t scope;

	if (n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	if (inet_pton(AF_INET6, text, &ret->sin6_addr) != 1)
		return false;
	if (percent == NULL)
		return true;
	if (!IN6_IS_ADDR_LINKLOCAL(&ret->sin6_addr))
		return false;
	if (parse_u64(percent + 1, 1, UINT32_MAX, &scope, &err) == 0)
		ret->sin6_scope_id = (uint32_t)scope;
	else
		ret->sin6_scope_id = if_nametoindex(percent + 1);
	return ret->sin6_scope_id != 0;
}

bool
sock_address(const char *host, uint16_t port, struct sockaddr_storage *ret,
	     socklen_t *ret_len)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(ret, &v4, sizeof(v4));
		*ret_len = sizeof(v4);
		return true;
	}
	if (!v6_address(host, &v6))
		return false;
	memcpy(ret, &v6, sizeof(v6));
	*ret_len = sizeof(v6);
	return true;
}

/* "host:port" with a numeric host, brackets round IPv6. */
static int
tcp_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
	    struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	AUTO_FREE char *host = xstrndup(text, n);
	uint64_t port;

	if (n == 0)
		goto bad;
	if (parse_u64(colon + 1, 0, 65535, &port, err) < 0)
		return err_wrap(err, "port of \"%.80s\"", text);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		if (strchr(host, ':') &&
		    sock_address(host + 1, (uint16_t)port, ret, ret_len))
			return 0;
	} else if (strchr(host, ':') == NULL &&
		   sock_address(host, (uint16_t)port, ret, ret_len)) {
		return 0;
	}
bad:
	return err_set(err, ERR_INVALID,
		       "\"%.80s\" is not an address such as 127.0.0.1:7337 or "
		       "[::1]:7337",
		       text);
}

int
sock_listen_tcp(const char *address, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_storage addr;
	socklen_t len;
	int on = 1;

	if (tcp_address(address, &addr, &len, err) < 0)
		return -1;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return err_sys(err, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, len) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		err_sys(err, "listen on %s", address);
		if (err->sys == EADDRINUSE)
			err_hint(err, "another process has that port; choose "
				      "another with --listen");
		return -1;
	}
	return TAKE_FD(fd);
}

int
sock_connect_tcp(const char *address, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_storage addr;
	socklen_t len;

	if (tcp_address(address, &addr, &len, err) < 0)
		return -1;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "socket");
	if (connect_within(fd, (struct sockaddr *)&addr, len) < 0)
		return connect_error(address, err);
	return TAKE_FD(fd);
}

void
sock_name(int fd, char *out, size_t size)
{
	struct sockaddr_storage addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&addr;
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN] = "?";

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		snprintf(out, size, "?");
	} else if (addr.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
	} else if (addr.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		snprintf(out, size, "unix");
	}
}

bool
sock_peer(int fd, uid_t *ret_uid, pid_t *ret_pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int domain = 0;
	socklen_t domain_len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) < 0 ||
	    domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	*ret_uid = cred.uid;
	*ret_pid = cred.pid;
	return true;
}

int
sock_send_fds(int fd, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes,
			     .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t sent;

	if (n_fds > SOCK_MAX_FDS) {
		errno = EINVAL;
		return -1;
	}
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : (int)sent;
}

/* Move up to `max' descriptors out of the message; close the rest. */
static size_t
take_fds(struct msghdr *msg, int *fds, size_t max, bool *ret_too_many)
{
	struct cmsghdr *cmsg;
	size_t n = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t count;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int got;

			memcpy(&got, CMSG_DATA(cmsg) + i * sizeof(int),
			       sizeof(got));
			if (n < max) {
				fds[n++] = got;
			} else {
				close(got);
				*ret_too_many = true;
			}
		}
	}
	return n;
}

ssize_t
sock_recv_fds(int fd, void *bytes, size_t n, int *fds, size_t *n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	bool too_many = false;
	ssize_t got;

	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	*n_fds = take_fds(&msg, fds, *n_fds, &too_many);
	if (too_many || (msg.msg_flags & MSG_CTRUNC)) {
		while (*n_fds > 0)
			close(fds[--*n_fds]);
		errno = EPROTO;
		return -1;
	}
	return got;
}
