/* SPDX-License-Identifier: ISC */

/*
 * Bytes to a server, as they are.
 *
 *	http_raw ADDRESS [QUIET_MS] <BYTES
 *
 * ADDRESS is the path of a unix socket or "127.0.0.1:PORT".  Standard input is
 * sent while what the server says is printed.  Then comes a line of its own:
 * "[closed]" or "[reset]" when the server ended the connection, "[open]" when
 * it has said nothing more for QUIET_MS (300).
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/parse.h"
#include "core/sock.h"

#define MAX_INPUT (64u << 20)
#define QUIET_MS 300

/* Send what the socket takes; a server that closed does not want it. */
static void
push(int fd, struct buf *input)
{
	ssize_t put = send(fd, buf_bytes(input), input->len,
			   MSG_NOSIGNAL | MSG_DONTWAIT);

	if (put > 0)
		buf_consume(input, (size_t)put);
	else if (errno != EAGAIN)
		buf_clear(input);
}

static const char *
converse(int fd, struct buf *input, int quiet_ms)
{
	char room[65536];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (input->len > 0)
			p.events |= POLLOUT;
		if (poll(&p, 1, quiet_ms) == 0)
			return "[open]";
		if (p.revents & POLLOUT)
			push(fd, input);
		if (!(p.revents & ~POLLOUT))
			continue;
		n = recv(fd, room, sizeof(room), MSG_DONTWAIT);
		if (n == 0)
			return "[closed]";
		if (n < 0 && errno != EAGAIN)
			return "[reset]";
		if (n > 0)
			(void)write_full(STDOUT_FILENO, room, (size_t)n);
	}
}

int
main(int argc, char **argv)
{
	AUTO_BUF input = BUF_INIT(MAX_INPUT);
	uint64_t quiet_ms = QUIET_MS;
	struct err err = ERR_INIT;
	int fd;

	if (argc < 2 || argc > 3)
		return 2;
	if (argc == 3 && parse_u64(argv[2], 1, 60000, &quiet_ms, &err) < 0)
		goto failed;
	if (fs_read_fd(STDIN_FILENO, &input, &err) < 0)
		goto failed;
	fd = strchr(argv[1], '/') ? sock_connect_unix(argv[1], &err)
				  : sock_connect_tcp(argv[1], &err);
	if (fd < 0)
		goto failed;
	printf("\n%s\n", converse(fd, &input, (int)quiet_ms));
	close(fd);
	return 0;
failed:
	fprintf(stderr, "http_raw: %s\n", err.msg);
	return 1;
}
