/* SPDX-License-Identifier: ISC */

/* Listeners on addresses of loopback that share a port; some are too full. */

#include "link/dial.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/clock.h"
#include "core/sock.h"

#define A "127.0.0.2"
#define B "127.0.0.3"
#define C "127.0.0.4"

#define N_FILL 8

struct rig {
	uv_loop_t loop;
	uv_timer_t timer;
	struct dial *dial;
	uint16_t port;
	int swallows[4][1 + N_FILL];
	size_t n_swallows;
	int fd; /* what was told */
	struct err why;
	unsigned n_told;
	uint64_t began_ns, took_ms;
};

/* --- addresses --- */

static int
connect_to(const char *host, uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage addr;
	socklen_t len;

	assert_true(sock_address(host, port, &addr, &len));
	if (connect(fd, (struct sockaddr *)&addr, len) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* On the port of the rig, or any that becomes it. */
static int
listen_on(struct rig *rig, const char *host, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage addr;
	struct sockaddr_in v4;
	socklen_t len;

	assert_true(sock_address(host, rig->port, &addr, &len));
	assert_return_code(bind(fd, (struct sockaddr *)&addr, len), errno);
	assert_return_code(listen(fd, backlog), errno);
	len = sizeof(v4);
	assert_return_code(getsockname(fd, (struct sockaddr *)&v4, &len),
			   errno);
	rig->port = ntohs(v4.sin_port);
	return fd;
}

/* A listener without room: the kernel drops what asks for a connection. */
static void
swallow(struct rig *rig, const char *host)
{
	int *fds = rig->swallows[rig->n_swallows++];

	fds[0] = listen_on(rig, host, 0);
	for (int i = 1; i <= N_FILL; i++)
		fds[i] = connect_to(host, rig->port);
	/* The last one got no answer. */
	assert_int_equal(
	    poll(&(struct pollfd){ .fd = fds[N_FILL], .events = POLLOUT }, 1,
		 0),
	    0);
}

/* For whoever asks next. */
static void
make_room(struct rig *rig)
{
	int *fds = rig->swallows[0], fd;

	for (int i = 1; i <= N_FILL; i++) {
		close(fds[i]);
		fds[i] = -1;
	}
	assert_return_code(fcntl(fds[0], F_SETFL, O_NONBLOCK), errno);
	while ((fd = accept(fds[0], NULL, NULL)) >= 0)
		close(fd);
}

/* --- the rig --- */

static void
on_done(int fd, const struct err *why, void *owner)
{
	struct rig *rig = owner;

	rig->n_told++;
	rig->fd = fd;
	if (why)
		rig->why = *why;
	rig->took_ms = (clock_boot_ns() - rig->began_ns) / 1000000;
	dial_free(rig->dial);
}

static void
rig_init(struct rig *rig)
{
	*rig = (struct rig){ .fd = -1 };
	assert_int_equal(uv_loop_init(&rig->loop), 0);
}

static void
start(struct rig *rig, const char *const *addresses)
{
	const struct dial_config config = {
		.loop = &rig->loop,
		.addresses = (char *const *)(uintptr_t)addresses,
		.port = rig->port,
	};

	rig->began_ns = clock_boot_ns();
	rig->dial = dial_new(&config, on_done, rig);
	assert_int_equal(rig->n_told, 0);
}

static size_t
n_open(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
run(struct rig *rig)
{
	(void)uv_run(&rig->loop, UV_RUN_DEFAULT);
}

static void
rig_fini(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_swallows; i++) {
		for (int j = 0; j <= N_FILL; j++)
			close(rig->swallows[i][j]);
	}
	if (rig->fd >= 0)
		close(rig->fd);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
}

static void
assert_peer(int fd, const char *host)
{
	struct sockaddr_storage wanted;
	struct sockaddr_in found;
	socklen_t len = sizeof(found);

	assert_true(sock_address(host, 0, &wanted, &len));
	assert_return_code(getpeername(fd, (struct sockaddr *)&found, &len),
			   errno);
	assert_memory_equal(&found.sin_addr,
			    &((struct sockaddr_in *)&wanted)->sin_addr,
			    sizeof(found.sin_addr));
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

/* --- tests --- */

static void
the_first_that_answers_is_taken(void **state UNUSED)
{
	static const char *const addresses[] = { A, B, NULL };
	AUTO_CLOSE int a = -1, b = -1;
	struct rig rig;

	rig_init(&rig);
	a = listen_on(&rig, A, 8);
	b = listen_on(&rig, B, 8);
	start(&rig, addresses);
	run(&rig);
	assert_int_equal(rig.n_told, 1);
	assert_peer(rig.fd, A);
	/* The other one was not bothered. */
	assert_int_equal(
	    poll(&(struct pollfd){ .fd = b, .events = POLLIN }, 1, 0), 0);
	rig_fini(&rig);
}

static void
one_that_swallows_packets_costs_a_quarter_of_a_second(void **state UNUSED)
{
	static const char *const addresses[] = { A, B, C, NULL };
	AUTO_CLOSE int c = -1;
	struct rig rig;
	size_t before;

	rig_init(&rig);
	swallow(&rig, A);
	swallow(&rig, B);
	c = listen_on(&rig, C, 8);
	before = n_open();
	start(&rig, addresses);
	run(&rig);
	assert_int_equal(rig.n_told, 1);
	assert_peer(rig.fd, C);
	/* Two of them; the kernel asks again only after a second. */
	assert_true(rig.took_ms >= 490);
	assert_true(rig.took_ms < 1000 || getenv("BERTH_TEST_SLOW"));
	/* It leaves nothing but its answer. */
	assert_int_equal(n_open(), before + 1);
	rig_fini(&rig);
}

static void
one_that_refuses_costs_nothing(void **state UNUSED)
{
	static const char *const addresses[] = { A, "nonsense", B, NULL };
	AUTO_CLOSE int b = -1;
	struct rig rig;

	rig_init(&rig);
	b = listen_on(&rig, B, 8);
	start(&rig, addresses);
	run(&rig);
	assert_peer(rig.fd, B);
	assert_true(rig.took_ms < 200);
	rig_fini(&rig);
}

static void
one_that_answers_late_is_taken_all_the_same(void **state UNUSED)
{
	static const char *const addresses[] = { A, B, NULL };
	struct rig rig;

	rig_init(&rig);
	swallow(&rig, A);
	start(&rig, addresses);
	/* B refuses, and A has room by the time it is asked again. */
	while (rig.n_told == 0) {
		AUTO_FREE char *report = dial_describe(rig.dial);

		if (strstr(report, "refused"))
			break;
		(void)uv_run(&rig.loop, UV_RUN_ONCE);
	}
	make_room(&rig);
	run(&rig);
	assert_peer(rig.fd, A);
	rig_fini(&rig);
}

static void
if_all_fail_each_is_named_with_its_cause(void **state UNUSED)
{
	static const char *const addresses[] = { A, "nonsense", B, NULL };
	char wanted[200];
	struct rig rig;
	size_t before;

	rig_init(&rig);
	close(listen_on(&rig, A, 8));
	before = n_open();
	start(&rig, addresses);
	run(&rig);
	assert_int_equal(rig.n_told, 1);
	assert_int_equal(rig.fd, -1);
	snprintf(wanted, sizeof(wanted),
		 "connect to " A " port %u: Connection refused; nonsense: "
		 "Address family not supported by protocol; " B
		 ": Connection refused",
		 rig.port);
	assert_err(rig.why, ERR_UNREACHABLE, wanted);
	assert_int_equal(n_open(), before);
	rig_fini(&rig);
}

static void
on_enough(uv_timer_t *timer)
{
	struct rig *rig = container_of(timer, struct rig, timer);
	AUTO_FREE char *report = dial_describe(rig->dial);

	err_set(&rig->why, ERR_TIMEOUT, "%s", report);
	dial_free(rig->dial);
	uv_close((uv_handle_t *)timer, NULL);
}

static void
who_gives_up_learns_who_was_silent(void **state UNUSED)
{
	static const char *const addresses[] = { A, B, C, C, NULL };
	char wanted[200];
	struct rig rig;
	size_t before;

	rig_init(&rig);
	swallow(&rig, A);
	swallow(&rig, C);
	before = n_open();
	uv_timer_init(&rig.loop, &rig.timer);
	uv_timer_start(&rig.timer, on_enough, 350, 0);
	start(&rig, addresses);
	run(&rig);
	assert_int_equal(rig.n_told, 0);
	snprintf(wanted, sizeof(wanted),
		 A " port %u: no answer; " B ": Connection refused; " C
		   ": no answer",
		 rig.port);
	assert_string_equal(rig.why.msg, wanted);
	assert_int_equal(n_open(), before);
	rig_fini(&rig);
}

static void
the_families_take_turns(void **state UNUSED)
{
	static const char *const addresses[] = { "::1",	  "::1%1", "::1%2", A,
						 "::1%3", B,	   NULL };
	struct rig rig;

	rig_init(&rig);
	close(listen_on(&rig, A, 8));
	start(&rig, addresses);
	run(&rig);
	assert_err(rig.why, ERR_UNREACHABLE, "connect to ::1 port ");
	assert_err(rig.why, ERR_UNREACHABLE,
		   "; " A ": Connection refused; ::1%1: Address family not "
		   "supported by protocol; " B ": Connection refused; ::1%2: ");
	assert_err(rig.why, ERR_UNREACHABLE, "; ::1%3: ");
	rig_fini(&rig);
}

static void
run_from(struct rig *rig, int family, const char *from,
	 const char *const *addresses)
{
	const struct dial_config config = {
		.loop = &rig->loop,
		.addresses = (char *const *)(uintptr_t)addresses,
		.port = rig->port,
		.family = family,
		.from = from,
	};

	rig->dial = dial_new(&config, on_done, rig);
	run(rig);
}

static void
one_family_may_be_asked_for(void **state UNUSED)
{
	static const char *const addresses[] = { "::1", A, NULL };
	struct rig rig;

	rig_init(&rig);
	close(listen_on(&rig, A, 8));
	run_from(&rig, AF_INET, NULL, addresses);
	assert_err(rig.why, ERR_UNREACHABLE, "connect to " A " port");
	run_from(&rig, AF_INET6, NULL, addresses + 1);
	assert_err(rig.why, ERR_UNREACHABLE, "the host has no IPv6 address");
	rig_fini(&rig);
}

static void
it_goes_out_by_the_address_that_it_is_given(void **state UNUSED)
{
	static const char *const addresses[] = { "::1", A, NULL };
	AUTO_CLOSE int a = -1;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct rig rig;

	rig_init(&rig);
	a = listen_on(&rig, A, 8);
	run_from(&rig, AF_UNSPEC, C, addresses);
	assert_peer(rig.fd, A);
	assert_return_code(getsockname(rig.fd, (struct sockaddr *)&from, &len),
			   errno);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000004);
	close(TAKE_FD(rig.fd));
	run_from(&rig, AF_UNSPEC, "192.0.2.1", addresses);
	assert_err(rig.why, ERR_UNREACHABLE, "Cannot assign requested address");
	rig_fini(&rig);
}

static void
it_may_be_freed_before_it_began(void **state UNUSED)
{
	static const char *const addresses[] = { A, NULL };
	struct rig rig;

	rig_init(&rig);
	rig.port = 1;
	start(&rig, addresses);
	dial_free(rig.dial);
	run(&rig);
	assert_int_equal(rig.n_told, 0);
	dial_free(NULL);
	rig_fini(&rig);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_answers_is_taken),
		cmocka_unit_test(
		    one_that_swallows_packets_costs_a_quarter_of_a_second),
		cmocka_unit_test(one_that_refuses_costs_nothing),
		cmocka_unit_test(one_that_answers_late_is_taken_all_the_same),
		cmocka_unit_test(if_all_fail_each_is_named_with_its_cause),
		cmocka_unit_test(who_gives_up_learns_who_was_silent),
		cmocka_unit_test(the_families_take_turns),
		cmocka_unit_test(one_family_may_be_asked_for),
		cmocka_unit_test(it_goes_out_by_the_address_that_it_is_given),
		cmocka_unit_test(it_may_be_freed_before_it_began),
	};

	return RUN_TESTS(tests);
}
