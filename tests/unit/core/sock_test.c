/* SPDX-License-Identifier: ISC */

#include "core/sock.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"

static void
assert_descriptor_is_ours(int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void
unix_socket_is_private_from_its_first_moment(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "s.sock");
	AUTO_CLOSE int listener = -1, client = -1, served = -1;
	struct err err = ERR_INIT;
	mode_t mask = umask(0);
	struct stat st;
	uid_t uid;
	pid_t pid;

	listener = sock_listen_unix(path, &err);
	assert_int_equal(umask(mask), 0);
	assert_descriptor_is_ours(listener);
	assert_return_code(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);

	client = sock_connect_unix(path, &err);
	assert_descriptor_is_ours(client);
	served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(served >= 0);
	assert_true(sock_peer(served, &uid, &pid));
	assert_int_equal(uid, geteuid());
	assert_int_equal(pid, getpid());
}

static void
stale_socket_and_file_are_replaced_by_the_listener(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "s.sock");
	AUTO_CLOSE int second = -1, client = -1, file = -1;
	struct err err = ERR_INIT;

	close(sock_listen_unix(path, &err));
	assert_int_equal(sock_connect_unix(path, &err), -1);
	assert_err(err, ERR_UNREACHABLE, "Connection refused");
	second = sock_listen_unix(path, &err);
	client = sock_connect_unix(path, &err);
	assert_true(client >= 0);

	assert_return_code(unlink(path), 0);
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(second);
	second = sock_listen_unix(path, &err);
	assert_true(second >= 0);
}

static void
listener_that_cannot_be_leaves_nothing_behind(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *taken = path_join(dir, "taken");
	AUTO_FREE char *inside = path_join(taken, "x");
	AUTO_FREE char *nowhere = path_join(dir, "no/s.sock");
	struct err err = ERR_INIT;
	char name[200];

	assert_int_equal(fs_mkdir_parents(inside, &err), 0);
	assert_int_equal(sock_listen_unix(taken, &err), -1);
	assert_err(err, ERR_SYSTEM, "listen on");
	assert_int_equal(sock_listen_unix(nowhere, &err), -1);
	assert_err(err, ERR_SYSTEM, "No such file");
	assert_return_code(rmdir(inside), 0);
	assert_return_code(rmdir(taken), 0);
	assert_return_code(rmdir(dir), 0); /* would fail if not empty */

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(sock_listen_unix(name, &err), -1);
	assert_err(err, ERR_CONFIG, "is longer than 107");
	assert_non_null(strstr(err.hint, "shorter"));
}

static void
connecting_says_what_is_wrong(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *path = path_join(dir, "s.sock");
	AUTO_FREE char *below = path_join(path, "x");
	struct err err = ERR_INIT;
	int file;

	assert_int_equal(sock_connect_unix(path, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "s.sock: No such file");
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(file);
	assert_int_equal(sock_connect_unix(path, &err), -1);
	assert_err(err, ERR_UNREACHABLE, "Connection refused");
	assert_int_equal(sock_connect_unix(below, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "Not a directory");
}

static bool
is_refused(void *path)
{
	struct err err = ERR_INIT;

	return sock_connect_unix(path, &err) == -1 && err.code == ERR_DENIED;
}

/*
 * Another user's socket in the way, reachable because somebody opened its
 * directory: the connection must not be used.  And one that is closed to us.
 */
static void
listener_of_another_user_is_refused(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *path = path_join(dir, "s.sock");
	AUTO_CLOSE int listener = -1;
	struct err err = ERR_INIT;

	if (geteuid() != 0)
		skip(); /* needs two users */
	listener = sock_listen_unix(path, &err);
	assert_return_code(chmod(dir, 0755), 0);
	unit_as_nobody(is_refused, path);
	assert_return_code(chmod(path, 0666), 0);
	unit_as_nobody(is_refused, path);
}

/* A daemon that was stopped by a signal accepts nothing: not a wait forever. */
static void
full_backlog_is_waited_for_only_so_long(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "s.sock");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_CLOSE int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct err err = ERR_INIT;
	uint64_t start = clock_mono_ms();
	int fds[8], n = 0, fd;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_return_code(
	    bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_return_code(listen(listener, 0), 0);
	while (n < 8 && (fd = sock_connect_unix(path, &err)) >= 0)
		fds[n++] = fd;
	assert_true(n > 0 && n < 8);
	assert_err(err, ERR_TIMEOUT, "does not accept");
	assert_true(clock_mono_ms() - start < 20000);
	while (n > 0)
		close(fds[--n]);
}

static void
tcp_listens_and_connects_on_numeric_addresses(void **state UNUSED)
{
	static const char *const addresses[] = { "127.0.0.1:0", "[::1]:0" };

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		AUTO_CLOSE int listener = -1, client = -1, second = -1;
		struct err err = ERR_INIT;
		char name[80], peer[80];
		uid_t uid;
		pid_t pid;

		listener = sock_listen_tcp(addresses[i], &err);
		if (listener < 0 && err.sys == EADDRNOTAVAIL)
			continue; /* a machine without IPv6 */
		assert_descriptor_is_ours(listener);
		sock_name(listener, name, sizeof(name));
		assert_memory_equal(name, addresses[i],
				    strlen(addresses[i]) - 1);
		client = sock_connect_tcp(name, &err);
		assert_descriptor_is_ours(client);
		sock_name(client, peer, sizeof(peer));
		assert_string_not_equal(peer, name);
		assert_false(sock_peer(client, &uid, &pid));

		second = sock_listen_tcp(name, &err);
		assert_int_equal(second, -1);
		assert_err(err, ERR_SYSTEM, "Address already in use");
		assert_non_null(strstr(err.hint, "--listen"));
	}
}

static void
refused_tcp_connection_is_unreachable(void **state UNUSED)
{
	struct err err = ERR_INIT;
	char name[80];
	int fd = sock_listen_tcp("127.0.0.1:0", &err);

	sock_name(fd, name, sizeof(name));
	close(fd);
	assert_int_equal(sock_connect_tcp(name, &err), -1);
	assert_err(err, ERR_UNREACHABLE, "Connection refused");
}

static void
what_is_not_an_address_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"7337",
		":7337",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"localhost:1",
		"127.0.0.1:-1",
		"127.0.0.1:1x",
		"::1:7337",
		"[::1]",
		"[::1]7337",
		"[::1:7337",
		"[127.0.0.1]:1",
		"127.0.0.1 :1",
		"[]:1",
		"0:1",
		"[::1%lo]:1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		if (sock_connect_tcp(bad[i], &err) != -1)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(sock_listen_tcp(bad[i], &err), -1);
	}
}

static void
address_of_a_link_needs_its_interface(void **state UNUSED)
{
	const struct {
		const char *host;
		unsigned scope; /* UINT_MAX: it is none */
	} rows[] = {
		{ "fe80::1", 0 },
		{ "fe80::1%lo", 1 },
		{ "fe80::1%7", 7 },
		{ "fe80::1%", UINT_MAX },
		{ "fe80::1%0", UINT_MAX },
		{ "fe80::1%4294967296", UINT_MAX },
		{ "fe80::1%none", UINT_MAX },
		{ "::1%lo", UINT_MAX },
		{ "127.0.0.1%lo", UINT_MAX },
		{ "%lo", UINT_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sockaddr_storage addr = { 0 };
		struct sockaddr_in6 v6;
		socklen_t len = 0;
		bool is_one = sock_address(rows[i].host, 22, &addr, &len);

		assert_int_equal(is_one, rows[i].scope != UINT_MAX);
		if (!is_one)
			continue;
		assert_int_equal(len, sizeof(v6));
		memcpy(&v6, &addr, sizeof(v6));
		assert_int_equal(v6.sin6_port, htons(22));
		assert_int_equal(v6.sin6_scope_id, rows[i].scope);
	}
}

static void
pair(int ends[2])
{
	assert_return_code(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static size_t
count_open(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
descriptors_travel_with_their_message(void **state UNUSED)
{
	int ends[2], pipe_ends[2], got[4];
	size_t n = ARRAY_SIZE(got);
	char text[8] = "";

	pair(ends);
	assert_return_code(pipe(pipe_ends), 0);
	assert_int_equal(sock_send_fds(ends[0], "hi", 2, pipe_ends, 2), 2);
	assert_int_equal(sock_recv_fds(ends[1], text, sizeof(text), got, &n),
			 2);
	assert_string_equal(text, "hi");
	assert_int_equal(n, 2);
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);

	assert_int_equal(write(got[1], "x", 1), 1);
	assert_int_equal(read(pipe_ends[0], text, 1), 1);
	assert_int_equal(text[0], 'x');
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(pipe_ends[i]);
		close(got[i]);
	}
}

static void
message_without_descriptors_brings_none(void **state UNUSED)
{
	int ends[2], got[4];
	size_t n = ARRAY_SIZE(got);
	char text[8];

	pair(ends);
	assert_int_equal(sock_send_fds(ends[0], "abc", 3, NULL, 0), 3);
	assert_int_equal(sock_recv_fds(ends[1], text, sizeof(text), got, &n),
			 3);
	assert_int_equal(n, 0);
	close(ends[0]);
	n = ARRAY_SIZE(got);
	assert_int_equal(sock_recv_fds(ends[1], text, sizeof(text), got, &n),
			 0);
	assert_int_equal(n, 0);
	errno = 0;
	assert_int_equal(sock_send_fds(ends[1], "x", 1, NULL, 0), -1);
	assert_int_equal(errno, EPIPE); /* and no signal */
	close(ends[1]);
}

/* More than expected, and more than there is room for: closed, not leaked. */
static void
too_many_descriptors_are_closed_and_refused(void **state UNUSED)
{
	int fds[SOCK_MAX_FDS + 1], ends[2], got[16];
	size_t before, n;
	char text[8];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = STDERR_FILENO;
	for (size_t many = 2; many <= ARRAY_SIZE(got); many *= 2) {
		pair(ends);
		before = count_open();
		n = many - 1;
		assert_int_equal(sock_send_fds(ends[0], "x", 1, fds, many), 1);
		errno = 0;
		assert_int_equal(sock_recv_fds(ends[1], text, 1, got, &n), -1);
		assert_int_equal(errno, EPROTO);
		assert_int_equal(n, 0);
		assert_int_equal(count_open(), before);
		close(ends[0]);
		close(ends[1]);
	}
	assert_int_equal(sock_send_fds(-1, "x", 1, fds, ARRAY_SIZE(fds)), -1);
	assert_int_equal(errno, EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unix_socket_is_private_from_its_first_moment),
		cmocka_unit_test(
		    stale_socket_and_file_are_replaced_by_the_listener),
		cmocka_unit_test(listener_that_cannot_be_leaves_nothing_behind),
		cmocka_unit_test(connecting_says_what_is_wrong),
		cmocka_unit_test(listener_of_another_user_is_refused),
		cmocka_unit_test(full_backlog_is_waited_for_only_so_long),
		cmocka_unit_test(tcp_listens_and_connects_on_numeric_addresses),
		cmocka_unit_test(refused_tcp_connection_is_unreachable),
		cmocka_unit_test(what_is_not_an_address_is_refused),
		cmocka_unit_test(address_of_a_link_needs_its_interface),
		cmocka_unit_test(descriptors_travel_with_their_message),
		cmocka_unit_test(message_without_descriptors_brings_none),
		cmocka_unit_test(too_many_descriptors_are_closed_and_refused),
	};

	return RUN_TESTS(tests);
}
