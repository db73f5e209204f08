/* SPDX-License-Identifier: ISC */

/* The scripted daemon; see fake.h. */

#include "tests/unit/client/fake.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <uv.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "http/server.h"
#include "tests/unit/unit.h"

#define MAX_BODY (1u << 20)

static struct {
	pid_t pid;
	char *notes;
	char addr[64];

	/* in the child */
	fake_fn *fn;
	void *arg;
	int notes_fd;
	unsigned n;
	uv_loop_t loop;
	uv_idle_t cut;
	unsigned n_turns;
	struct http_exchange *to_cut;
} fake;

static void
on_body(struct http_exchange *x, const struct buf *body, void *owner UNUSED)
{
	struct fake_request request = { .number = fake.n++,
					.head = http_exchange_head(x),
					.body = body,
					.x = x };
	AUTO_BUF note = BUF_INIT(2 * MAX_BODY);

	(void)buf_addf(&note, "%s %s", request.head->method,
		       request.head->target);
	if (body->len > 0) {
		(void)buf_addc(&note, ' ');
		(void)buf_add(&note, buf_bytes(body), body->len);
	}
	(void)buf_addc(&note, '\n');
	if (write_full(fake.notes_fd, buf_bytes(&note), note.len) < 0)
		_exit(1);
	fake.fn(&request, fake.arg);
}

static void
on_request(struct http_exchange *x, void *owner UNUSED)
{
	http_exchange_own(x, NULL, NULL);
	http_exchange_collect(x, MAX_BODY, on_body);
}

/* Never returns. */
static void
serve(int fd)
{
	static const struct http_guard guard;
	struct http_server_config config = { .loop = &fake.loop,
					     .on_request = on_request };
	struct http_server *server;
	struct err err = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	uv_loop_init(&fake.loop);
	uv_idle_init(&fake.loop, &fake.cut);
	server = http_server_new(&config);
	if (http_server_listen(server, fd, &guard, &err) < 0)
		_exit(1);
	uv_run(&fake.loop, UV_RUN_DEFAULT);
	_exit(0);
}

static int
listen_unix(const char *home)
{
	AUTO_FREE char *run = path_join(home, "run");
	AUTO_FREE char *path = path_join(run, "berthd.sock");
	struct err err = ERR_INIT;
	int fd;

	assert_int_equal(fs_mkdir_private(run, &err), 0);
	fd = sock_listen_unix(path, &err);
	assert_true(fd >= 0);
	return fd;
}

static int
listen_tcp(void)
{
	struct err err = ERR_INIT;
	char name[48];
	int fd = sock_listen_tcp("127.0.0.1:0", &err);

	assert_true(fd >= 0);
	sock_name(fd, name, sizeof(name));
	snprintf(fake.addr, sizeof(fake.addr), "http://%s", name);
	return fd;
}

void
fake_start(fake_fn *fn, void *arg, unsigned flags)
{
	static const char *home;
	int fd;

	if (home == NULL)
		home = unit_temp_dir();
	setenv("BERTH_HOME", home, 1);
	setenv("BERTHD", "/nonexistent/berthd", 1);
	free(fake.notes);
	fake.notes = path_join(home, "notes");
	fake.fn = fn;
	fake.arg = arg;
	fake.n = 0;
	fake.notes_fd = open(fake.notes,
			     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fake.notes_fd >= 0);
	fd = flags & FAKE_TCP ? listen_tcp() : listen_unix(home);
	fake.pid = fork();
	assert_true(fake.pid >= 0);
	if (fake.pid == 0)
		serve(fd);
	close(fd);
	close(fake.notes_fd);
}

void
fake_stop(void)
{
	if (fake.pid <= 0)
		return;
	kill(fake.pid, SIGKILL);
	waitpid(fake.pid, NULL, 0);
	fake.pid = 0;
}

const char *
fake_addr(void)
{
	return fake.addr;
}

const char *
fake_requests(void)
{
	static struct buf text = BUF_INIT(16 * MAX_BODY);
	struct err err = ERR_INIT;

	buf_clear(&text);
	assert_int_equal(fs_read_file(AT_FDCWD, fake.notes, &text, &err), 0);
	return buf_text(&text);
}

void
fake_reply(const struct fake_request *r, unsigned status, const char *type,
	   const void *body, size_t n)
{
	http_reply(r->x, status, type, body, n);
}

void
fake_reply_json(const struct fake_request *r, unsigned status, const char *json)
{
	fake_reply(r, status, "application/json", json, strlen(json));
}

/* What was written leaves within a turn of the loop. */
static void
on_cut(uv_idle_t *idle)
{
	if (++fake.n_turns < 3)
		return;
	uv_idle_stop(idle);
	http_exchange_abort(fake.to_cut);
}

void
fake_reply_cut(const struct fake_request *r, const char *type, const void *body,
	       size_t n)
{
	http_reply_start(r->x, 200, type, -1);
	if (n > 0)
		http_reply_write(r->x, body, n);
	fake.to_cut = r->x;
	fake.n_turns = 0;
	uv_idle_start(&fake.cut, on_cut);
}

static void
put_le(uint8_t *p, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

void
fake_frame(struct buf *out, unsigned type, uint64_t offset, const void *payload,
	   size_t n)
{
	uint8_t header[16] = { (uint8_t)type };

	put_le(header + 4, n, 4);
	put_le(header + 8, offset, 8);
	assert_int_equal(buf_add(out, header, sizeof(header)), 0);
	assert_int_equal(buf_add(out, payload, n), 0);
}
