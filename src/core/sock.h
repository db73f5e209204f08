/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_SOCK_H
#define BERTH_CORE_SOCK_H

/*
 * Unix sockets that only their owner can reach, and TCP on given addresses.
 *
 * All descriptors are close-on-exec and non-blocking.  Names are never
 * resolved: a static program cannot, and a daemon need not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "core/err.h"

/*
 * Listen on `path', in a directory that fs_mkdir_private has approved.  The
 * socket appears under its name already private and listening, in place of
 * whatever was there: the caller holds the lock that says nobody else may.
 */
int sock_listen_unix(const char *path, struct err *err);

/*
 * ERR_NOT_FOUND: no such socket; ERR_UNREACHABLE: nobody listens;
 * ERR_DENIED: the listener is another user; ERR_TIMEOUT: it did not accept
 * for three seconds, which is as long as this call may block.
 */
int sock_connect_unix(const char *path, struct err *err);

/*
 * The numeric address `host' ("127.0.0.1", "::1", "fe80::1%eth0") as the kernel
 * wants it; false if it is none.
 */
bool sock_address(const char *host, uint16_t port, struct sockaddr_storage *ret,
		  socklen_t *ret_len);

/* "127.0.0.1:7337", "[::1]:0"; the address is numeric. */
int sock_listen_tcp(const char *address, struct err *err);
int sock_connect_tcp(const char *address, struct err *err);

/* "127.0.0.1:7337" of a bound or connected TCP socket; for messages. */
void sock_name(int fd, char *out, size_t size);

/* The peer's user by SO_PEERCRED; false on a TCP socket. */
bool sock_peer(int fd, uid_t *ret_uid, pid_t *ret_pid);

/* The kernel's own limit of descriptors in a message, SCM_MAX_FD. */
#define SOCK_MAX_FDS 253

/*
 * A message with descriptors.  Receive fills at most *n_fds descriptors and
 * sets it; more than were expected are closed and the message refused.
 */
int sock_send_fds(int fd, const void *bytes, size_t n, const int *fds,
		  size_t n_fds);
ssize_t sock_recv_fds(int fd, void *bytes, size_t n, int *fds, size_t *n_fds);

#endif
