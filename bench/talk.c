/* SPDX-License-Identifier: ISC */

/* A blocking HTTP client for one purpose; see talk.h. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/rig.h"
#include "bench/talk.h"
#include "core/fs.h"
#include "core/mem.h"

#define ROOM (256u << 10)

static int
dial(const char *socket_path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
talk_try(const char *socket_path)
{
	int fd = dial(socket_path);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

void
talk_open(struct talk *talk, const char *socket_path)
{
	*talk = (struct talk){ .fd = dial(socket_path),
			       .bytes = xmalloc(ROOM) };
	if (talk->fd < 0)
		give_up("connect to %s: %s", socket_path, strerror(errno));
}

void
talk_close(struct talk *talk)
{
	close(talk->fd);
	free(talk->bytes);
	*talk = (struct talk){ .fd = -1 };
}

static void
fill(struct talk *talk)
{
	ssize_t got;

	if (talk->start == talk->end) {
		talk->start = talk->end = 0;
	} else if (talk->end == ROOM) {
		memmove(talk->bytes, talk->bytes + talk->start,
			talk->end - talk->start);
		talk->end -= talk->start;
		talk->start = 0;
	}
	got = read(talk->fd, talk->bytes + talk->end, ROOM - talk->end);
	if (got <= 0)
		give_up("the daemon hung up");
	talk->end += (size_t)got;
}

/* A line of the head or of a chunk, without its end; valid until the next. */
static const char *
get_line(struct talk *talk)
{
	for (;;) {
		uint8_t *from = talk->bytes + talk->start;
		uint8_t *nl = memchr(from, '\n', talk->end - talk->start);

		if (nl) {
			talk->start += (size_t)(nl - from) + 1;
			*nl = '\0';
			if (nl > from && nl[-1] == '\r')
				nl[-1] = '\0';
			return (const char *)from;
		}
		fill(talk);
	}
}

static void
get_bytes(struct talk *talk, uint64_t n, struct buf *ret)
{
	while (n > 0) {
		size_t there;

		if (talk->start == talk->end)
			fill(talk);
		there = (size_t)MIN((uint64_t)(talk->end - talk->start), n);
		if (ret && buf_add(ret, talk->bytes + talk->start, there) < 0)
			give_up("an answer is too large");
		talk->start += there;
		n -= there;
	}
}

static uint64_t
get_chunks(struct talk *talk, struct buf *ret)
{
	uint64_t total = 0, n;

	do {
		n = strtoull(get_line(talk), NULL, 16);
		get_bytes(talk, n, ret);
		total += n;
		(void)get_line(talk);
	} while (n > 0);
	return total;
}

static uint64_t
get_answer(struct talk *talk, struct buf *ret, int *ret_status)
{
	const char *line = get_line(talk);
	bool is_chunked = false;
	uint64_t n = 0;

	*ret_status = (int)strtol(line + strcspn(line, " "), NULL, 10);
	while (line = get_line(talk), *line) {
		if (strncasecmp(line, "content-length:", 15) == 0)
			n = strtoull(line + 15, NULL, 10);
		else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
			is_chunked = true;
	}
	if (is_chunked)
		return get_chunks(talk, ret);
	get_bytes(talk, n, ret);
	return n;
}

uint64_t
talk_ask(struct talk *talk, const char *method, const char *path,
	 const char *body, struct buf *ret)
{
	AUTO_FREE char *request = NULL;
	uint64_t n;
	int status;

	request = xasprintf("%s %s HTTP/1.1\r\nHost: berth\r\n"
			    "Content-Type: application/json\r\n"
			    "Content-Length: %zu\r\n\r\n%s",
			    method, path, body ? strlen(body) : 0,
			    body ? body : "");
	if (write_full(talk->fd, request, strlen(request)) < 0)
		give_up("send: %s", strerror(errno));
	n = get_answer(talk, ret, &status);
	if (status != 200)
		give_up("%s %s: %d %s", method, path, status,
			ret ? buf_text(ret) : "");
	return n;
}

void
talk_start(struct talk *talk, const char *body, char ret_id[27])
{
	AUTO_BUF answer = BUF_INIT(65536);
	const char *at;

	(void)talk_ask(talk, "POST", "/v1/exec", body, &answer);
	at = strstr(buf_text(&answer), "\"exec_id\":\"");
	if (at == NULL)
		give_up("no exec_id: %s", buf_text(&answer));
	snprintf(ret_id, 27, "%.26s", at + strlen("\"exec_id\":\""));
}

void
talk_wait(struct talk *talk, const char *id)
{
	AUTO_FREE char *path = xasprintf("/v1/exec/%s?wait=60", id);
	bool is_running = true;

	while (is_running) {
		AUTO_BUF answer = BUF_INIT(1u << 20);

		(void)talk_ask(talk, "GET", path, NULL, &answer);
		is_running = strstr(buf_text(&answer),
				    "\"status\":\"running\"") != NULL;
	}
}

void
talk_wait_all(struct talk *talk)
{
	for (;;) {
		AUTO_BUF answer = BUF_INIT(1u << 20);

		(void)talk_ask(talk, "GET", "/v1/exec?state=running&limit=1",
			       NULL, &answer);
		if (strstr(buf_text(&answer), "\"execs\":[]"))
			return;
		usleep(2000);
	}
}

void
talk_cancel_all(struct talk *talk)
{
	AUTO_BUF list = BUF_INIT(16u << 20);
	const char *at, key[] = "\"exec_id\":\"";

	(void)talk_ask(talk, "GET", "/v1/exec?state=running&limit=0", NULL,
		       &list);
	for (at = buf_text(&list); (at = strstr(at, key)) != NULL; at++) {
		AUTO_FREE char *path = xasprintf("/v1/exec/%.26s/cancel",
						 at + strlen(key));

		(void)talk_ask(talk, "POST", path, NULL, NULL);
	}
}
