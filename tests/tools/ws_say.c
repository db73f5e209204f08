/* SPDX-License-Identifier: ISC */

/*
 * A WebSocket client that says one thing.
 *
 *	ws_say ADDRESS TARGET <MESSAGE
 *
 * ADDRESS is the path of a unix socket or "127.0.0.1:PORT".  Standard input is
 * sent as one binary message; the first message that comes back is printed,
 * and the connection closed.  At the end "closed CODE REASON" is printed to
 * standard error, or why there was no connection.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/fs.h"
#include "core/sock.h"
#include "http/client.h"
#include "http/ws.h"

#define MAX_MESSAGE (64u << 20)

static struct {
	uv_loop_t loop;
	struct buf input;
	char key[WS_KEY_SIZE];
	bool is_done;
} program;

static void
fail(const struct err *err)
{
	fprintf(stderr, "ws_say: %s\n", err->msg);
	exit(1);
}

static void
on_message(struct ws *ws, const void *bytes, size_t n, bool is_text,
	   void *owner)
{
	(void)write_full(STDOUT_FILENO, bytes, n);
	program.is_done = true;
	ws_close(ws, 1000, "thank you");
}

static void
on_close(struct ws *ws, unsigned code, const char *reason, void *owner)
{
	fprintf(stderr, "closed %u %s\n", code, reason);
	ws_free(ws);
}

static void
on_head(struct http_call *call, const struct http_head *head, void *owner)
{
	static const struct ws_events events = {
		.on_message = on_message,
		.on_close = on_close,
	};
	struct ws_config config = { .events = &events,
				    .max_message = MAX_MESSAGE };
	struct err err = ERR_INIT;
	struct ws *ws = ws_connected(call, program.key, &config, &err);

	if (ws == NULL)
		fail(&err);
	ws_send_bytes(ws, buf_bytes(&program.input), program.input.len);
}

static void
on_end(struct http_call *call, const struct err *err, void *owner)
{
	if (err)
		fail(err);
}

int
main(int argc, char **argv)
{
	static const struct http_call_events events = { .on_head = on_head,
							.on_end = on_end };
	struct http_client_config config = { .loop = &program.loop };
	struct http_request request = { .method = "GET" };
	struct http_client *client;
	struct http_header headers[4];
	struct err err = ERR_INIT;

	if (argc != 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	buf_init(&program.input, MAX_MESSAGE);
	if (fs_read_fd(STDIN_FILENO, &program.input, &err) < 0)
		fail(&err);
	config.in_fd = strchr(argv[1], '/') ? sock_connect_unix(argv[1], &err)
					    : sock_connect_tcp(argv[1], &err);
	config.out_fd = config.in_fd;
	if (config.in_fd < 0)
		fail(&err);
	uv_loop_init(&program.loop);
	client = http_client_new(&config, &err);
	if (client == NULL)
		fail(&err);
	request.target = argv[2];
	request.headers = headers;
	request.n_headers = ws_request_headers(program.key, headers);
	if (http_call_start(client, &request, &events, NULL, &err) == NULL)
		fail(&err);
	uv_run(&program.loop, UV_RUN_DEFAULT);
	buf_fini(&program.input);
	return uv_loop_close(&program.loop) == 0 && program.is_done ? 0 : 1;
}
