/* SPDX-License-Identifier: ISC */

#include "berthd/notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/path.h"
#include "tests/unit/unit.h"

/* A datagram socket at `path', as a supervisor has it. */
static int
listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void
readiness_reaches_the_supervisor(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "notify");
	int fd = listen_at(path);
	char text[64] = "";

	setenv("NOTIFY_SOCKET", path, 1);
	notify_systemd("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 7);
	assert_string_equal(text, "READY=1");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

static void
without_a_supervisor_nothing_happens(void **state UNUSED)
{
	unsetenv("NOTIFY_SOCKET");
	notify_systemd("READY=1");
	setenv("NOTIFY_SOCKET", "relative/path", 1);
	notify_systemd("READY=1");
	setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
	notify_systemd("READY=1");
	unsetenv("NOTIFY_SOCKET");
}

/* In a child, since the descriptors have fixed numbers. */
static int
take_in_child(const char *pid_text, const char *n_text, size_t max)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fds[4];
		char own[16];

		snprintf(own, sizeof(own), "%d", getpid());
		setenv("LISTEN_PID", pid_text ? pid_text : own, 1);
		setenv("LISTEN_FDS", n_text, 1);
		for (int fd = 3; fd < 6; fd++)
			(void)dup2(STDERR_FILENO, fd);
		size_t n = notify_take_sockets(fds, max);

		if (getenv("LISTEN_FDS") || getenv("LISTEN_PID"))
			_exit(99);
		if (n > 0 && fds[0] != 3)
			_exit(98);
		_exit((int)n);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
passed_sockets_are_taken_once(void **state UNUSED)
{
	assert_int_equal(take_in_child(NULL, "2", 4), 2);
	assert_int_equal(take_in_child(NULL, "3", 2), 2);
	assert_int_equal(take_in_child(NULL, "0", 4), 0);
}

static void
what_is_meant_for_others_is_left(void **state UNUSED)
{
	assert_int_equal(take_in_child("1", "2", 4), 0);
	assert_int_equal(take_in_child("x", "2", 4), 0);
	assert_int_equal(take_in_child(NULL, "-1", 4), 0);
	assert_int_equal(take_in_child(NULL, "65", 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readiness_reaches_the_supervisor),
		cmocka_unit_test(without_a_supervisor_nothing_happens),
		cmocka_unit_test(passed_sockets_are_taken_once),
		cmocka_unit_test(what_is_meant_for_others_is_left),
	};

	return RUN_TESTS(tests);
}
