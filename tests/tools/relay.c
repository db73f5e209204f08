/* SPDX-License-Identifier: ISC */

/*
 * relay PORT: a wire that can be cut.
 *
 * Connections to a port of loopback, which is the first line of output, are
 * passed on to PORT.  Lines of input change the wire, and each is answered by a
 * line with the number of connections it concerned:
 *
 *	close	end all connections in order
 *	reset	end them by a reset
 *	drop	let them stand and pass nothing on: the other end is half-open
 *	forget	reset those that were dropped
 *	down	take no connections from now on
 *	full	let none in nor away: who asks for one gets no answer
 *	up	take them again
 *	delay N	what comes from now on arrives N microseconds later
 *	rate N [M]
 *		no more than N bytes go over each connection in a second, and M
 *		on the way back, else as many; 0: as many as come
 *	jitter N
 *		each piece arrives up to N microseconds later than that
 *	lose N	one piece of N is lost, and comes when it was sent again: after
 *		200 ms, or twice that for each in a row; 0: none
 *	seed N	of what is random
 *	count	how many there have been since the beginning
 *	passed	how many bytes have been handed on, both ways
 *	cuts N M
 *		reset when N bytes more have been handed on, and so M times
 *	left	how many of those are still to come
 *
 * It ends with its input.  All it has to say about a wire it does by poll, with
 * nanoseconds: a delay is one of the things that is measured.
 */

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"

#define MAX_WIRES 256
#define BACKLOG 128
#define MAX_QUEUE (16u << 20) /* on its way, per direction */
#define CHUNK (64u << 10)
#define RESEND_NS (200 * NS_PER_MS)

struct piece {
	struct piece *next;
	uint64_t due_ns;
	size_t n, at;
	uint8_t bytes[];
};

/* From fd[i] to fd[!i]. */
struct flow {
	struct piece *first, **last;
	size_t n_bytes;
	uint64_t free_ns; /* when the last byte has gone off */
	uint64_t last_ns; /* when the last byte is due: none overtakes */
	bool has_ended;	  /* nothing more comes */
	bool is_told;	  /* and the other side knows */
};

struct wire {
	int fd[2]; /* -1: none */
	struct flow flow[2];
	bool is_dropped;
};

static struct wire wires[MAX_WIRES];
static uint64_t delay_ns, jitter_ns, lose, rates[2];
static unsigned seed = 1;
static int listener, target_port;
static bool is_down;
static int fillers[8]; /* wait to be taken, so that there is room for none */
static size_t n_fillers;
static unsigned n_taken;
static uint64_t n_passed;
static uint64_t cut_step, next_cut, n_cuts;

static bool
is_free(const struct wire *w)
{
	return w->fd[0] < 0 && w->fd[1] < 0;
}

static struct sockaddr_in
loopback(int port)
{
	return (
	    struct sockaddr_in){ .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void
end_side(struct wire *w, int side, bool by_reset)
{
	const struct linger none = { .l_onoff = 1 };

	if (w->fd[side] < 0)
		return;
	if (by_reset)
		(void)setsockopt(w->fd[side], SOL_SOCKET, SO_LINGER, &none,
				 sizeof(none));
	else
		(void)shutdown(w->fd[side], SHUT_RDWR);
	close(w->fd[side]);
	w->fd[side] = -1;
}

static void
end_wire(struct wire *w, bool by_reset)
{
	for (int side = 0; side < 2; side++) {
		struct flow *flow = &w->flow[side];
		struct piece *piece;

		end_side(w, side, by_reset);
		while ((piece = flow->first)) {
			flow->first = piece->next;
			free(piece);
		}
		flow->n_bytes = 0;
	}
}

static void
take_one(void)
{
	const struct sockaddr_in to = loopback(target_port);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
	struct wire *w = wires;

	while (w < wires + MAX_WIRES && !is_free(w))
		w++;
	if (fd < 0)
		return;
	if (is_down || w == wires + MAX_WIRES) {
		close(fd);
		return;
	}
	end_wire(w, false); /* what was dropped on it is kept until now */
	*w = (struct wire){
		.fd = { fd, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) }
	};
	for (int side = 0; side < 2; side++) {
		w->flow[side].last = &w->flow[side].first;
		(void)setsockopt(w->fd[side], IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));
	}
	if (connect(w->fd[1], (const struct sockaddr *)&to, sizeof(to)) < 0)
		end_wire(w, true);
	else
		n_taken++;
}

/* What chance adds to the way of a piece. */
static uint64_t
mishaps(void)
{
	uint64_t ns = 0, again = RESEND_NS;

	if (jitter_ns > 0)
		ns += (uint64_t)rand_r(&seed) * jitter_ns / RAND_MAX;
	while (lose > 1 && (uint64_t)rand_r(&seed) % lose == 0) {
		ns += again;
		again *= 2;
	}
	return ns;
}

/* When so many bytes more arrive at the other end. */
static uint64_t
arrival(struct flow *flow, size_t n, uint64_t rate)
{
	uint64_t now = clock_boot_ns();

	flow->free_ns = MAX(flow->free_ns, now);
	if (rate > 0)
		flow->free_ns += n * NS_PER_S / rate;
	flow->last_ns = MAX(flow->last_ns,
			    flow->free_ns + delay_ns + mishaps());
	return flow->last_ns;
}

/* What has come from `side' is on its way. */
static void
hear(struct wire *w, int side)
{
	struct piece *piece = xmalloc(sizeof(*piece) + CHUNK);
	struct flow *flow = &w->flow[side];
	ssize_t n = recv(w->fd[side], piece->bytes, CHUNK, MSG_DONTWAIT);

	if (n > 0) {
		piece = xrealloc(piece, sizeof(*piece) + (size_t)n);
		piece->next = NULL;
		piece->at = 0;
		piece->n = (size_t)n;
		piece->due_ns = arrival(flow, (size_t)n, rates[side]);
		*flow->last = piece;
		flow->last = &piece->next;
		flow->n_bytes += (size_t)n;
		return;
	}
	free(piece);
	if (n < 0 && errno == EAGAIN)
		return;
	if (w->is_dropped)
		end_side(w, side, false); /* and the other never learns it */
	else if (n == 0)
		flow->has_ended = true;
	else
		end_wire(w, true);
}

/* Hand on what has arrived; when the next piece does, or UINT64_MAX. */
static uint64_t
deliver(struct wire *w, int side, uint64_t now)
{
	struct flow *flow = &w->flow[side];
	struct piece *piece;

	while ((piece = flow->first) && piece->due_ns <= now) {
		ssize_t n = send(w->fd[!side], piece->bytes + piece->at,
				 piece->n - piece->at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return UINT64_MAX;
		if (n < 0) {
			end_wire(w, true);
			return UINT64_MAX;
		}
		piece->at += (size_t)n;
		n_passed += (uint64_t)n;
		if (piece->at < piece->n)
			continue;
		flow->n_bytes -= piece->n;
		flow->first = piece->next;
		if (flow->first == NULL)
			flow->last = &flow->first;
		free(piece);
	}
	if (flow->first)
		return flow->first->due_ns;
	if (flow->has_ended && !flow->is_told) {
		flow->is_told = true;
		(void)shutdown(w->fd[!side], SHUT_WR);
		if (w->flow[!side].is_told)
			end_wire(w, false);
	}
	return UINT64_MAX;
}

/* Commands */

static unsigned
for_all(bool dropped_only, void (*what)(struct wire *))
{
	unsigned n = 0;

	for (struct wire *w = wires; w < wires + MAX_WIRES; w++) {
		if (is_free(w) || w->is_dropped != dropped_only)
			continue;
		what(w);
		n++;
	}
	return n;
}

static void
do_close(struct wire *w)
{
	end_wire(w, false);
}

static void
do_reset(struct wire *w)
{
	end_wire(w, true);
}

static void
do_drop(struct wire *w)
{
	w->is_dropped = true;
}

/* The kernel drops what asks for a connection when too many wait already. */
static void
fill_up(void)
{
	struct sockaddr_in to;
	socklen_t size = sizeof(to);

	(void)getsockname(listener, (struct sockaddr *)&to, &size);
	(void)listen(listener, 0);
	while (n_fillers < ARRAY_SIZE(fillers)) {
		int fd = socket(AF_INET,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		(void)connect(fd, (const struct sockaddr *)&to, sizeof(to));
		fillers[n_fillers++] = fd;
	}
}

static void
make_room(void)
{
	while (n_fillers > 0)
		close(fillers[--n_fillers]);
	(void)listen(listener, BACKLOG);
}

static uint64_t
number_of(const char *line)
{
	return strtoul(strchr(line, ' '), NULL, 10);
}

static void
set_cuts(const char *text)
{
	char *end;

	cut_step = strtoul(text, &end, 10);
	n_cuts = strtoul(end, NULL, 10);
	next_cut = n_passed + cut_step;
}

static void
set_rates(const char *text)
{
	char *end;

	rates[0] = rates[1] = strtoul(text, &end, 10);
	if (*end)
		rates[1] = strtoul(end, NULL, 10);
}

static uint64_t
obey(const char *line)
{
	if (str_eq(line, "close"))
		return for_all(false, do_close);
	if (str_eq(line, "reset"))
		return for_all(false, do_reset);
	if (str_eq(line, "drop"))
		return for_all(false, do_drop);
	if (str_eq(line, "forget"))
		return for_all(true, do_reset);
	if (str_eq(line, "down") || str_eq(line, "up"))
		is_down = str_eq(line, "down");
	if (str_eq(line, "full"))
		fill_up();
	if (str_eq(line, "up"))
		make_room();
	if (str_starts(line, "delay "))
		delay_ns = number_of(line) * 1000;
	if (str_starts(line, "jitter "))
		jitter_ns = number_of(line) * 1000;
	if (str_starts(line, "lose "))
		lose = number_of(line);
	if (str_starts(line, "seed "))
		seed = (unsigned)number_of(line);
	if (str_starts(line, "rate "))
		set_rates(line + strlen("rate "));
	if (str_starts(line, "cuts "))
		set_cuts(line + strlen("cuts "));
	if (str_eq(line, "left"))
		return n_cuts;
	if (str_eq(line, "passed"))
		return n_passed;
	return n_taken;
}

/* False: no more input. */
static bool
read_commands(void)
{
	static char text[256];
	static size_t n;
	ssize_t got = read(STDIN_FILENO, text + n, sizeof(text) - n - 1);
	char *end;

	if (got <= 0)
		return false;
	n += (size_t)got;
	text[n] = '\0';
	while ((end = strchr(text, '\n'))) {
		*end = '\0';
		printf("%" PRIu64 "\n", obey(text));
		fflush(stdout);
		n -= (size_t)(end + 1 - text);
		memmove(text, end + 1, n + 1);
	}
	return true;
}

/* The loop */

/* A slow wire holds a quarter of a second's bytes; more waits before it. */
static size_t
max_queue(uint64_t rate)
{
	return rate > 0 && rate / 4 < MAX_QUEUE ? rate / 4 : MAX_QUEUE;
}

static short
wanted(const struct wire *w, int side, uint64_t now)
{
	const struct flow *from = &w->flow[side], *to = &w->flow[!side];
	short events = 0;

	if (!from->has_ended && from->n_bytes < max_queue(rates[side]))
		events |= POLLIN;
	if (!w->is_dropped && to->first && to->first->due_ns <= now)
		events |= POLLOUT;
	return events;
}

static void
turn(struct wire *w, const struct pollfd *polls)
{
	for (int side = 0; side < 2; side++) {
		short mask = POLLIN | POLLERR | POLLHUP;

		if (w->fd[side] >= 0 && polls[side].revents & mask &&
		    polls[side].events & POLLIN)
			hear(w, side);
	}
}

static void
cut_in_time(void)
{
	if (n_cuts == 0 || n_passed < next_cut)
		return;
	n_cuts--;
	next_cut = n_passed + cut_step;
	(void)for_all(false, do_reset);
}

/* Everything that is due; how long there is nothing to do. */
static uint64_t
deliver_all(uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (struct wire *w = wires; w < wires + MAX_WIRES; w++) {
		for (int side = 0; side < 2 && !w->is_dropped; side++) {
			uint64_t due = is_free(w) ? UINT64_MAX
						  : deliver(w, side, now);

			next = due < next ? due : next;
		}
	}
	return next;
}

static void
run(void)
{
	static struct pollfd polls[2 + 2 * MAX_WIRES];

	for (;;) {
		uint64_t now = clock_boot_ns(), next = deliver_all(now);
		uint64_t ns = next <= now ? 0 : next - now;
		const struct timespec pause = {
			.tv_sec = (time_t)(ns / NS_PER_S),
			.tv_nsec = (long)(ns % NS_PER_S),
		};
		struct pollfd *p = polls + 2;

		cut_in_time();
		polls[0] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
		polls[1] = (struct pollfd){ n_fillers > 0 ? -1 : listener,
					    POLLIN, 0 };
		for (int i = 0; i < 2 * MAX_WIRES; i++, p++)
			*p = (struct pollfd){ wires[i / 2].fd[i % 2],
					      wanted(&wires[i / 2], i % 2, now),
					      0 };
		/* Who neither is heard nor has room would be told of for ever.
		 */
		for (p = polls + 2; p < polls + ARRAY_SIZE(polls); p++)
			p->fd = p->events ? p->fd : -1;
		if (ppoll(polls, ARRAY_SIZE(polls),
			  next == UINT64_MAX ? NULL : &pause, NULL) < 0)
			continue;
		for (int i = 0; i < MAX_WIRES; i++)
			turn(&wires[i], polls + 2 + 2 * i);
		if (polls[0].revents && !read_commands())
			return;
		if (polls[1].revents)
			take_one();
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = loopback(0);
	socklen_t size = sizeof(at);
	struct err err = ERR_INIT;
	uint64_t port;

	if (argc != 2 || parse_u64(argv[1], 1, 65535, &port, &err) < 0) {
		fprintf(stderr, "usage: relay PORT\n");
		return 2;
	}
	target_port = (int)port;
	for (struct wire *w = wires; w < wires + MAX_WIRES; w++)
		w->fd[0] = w->fd[1] = -1;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, BACKLOG) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &size) < 0) {
		perror("relay");
		return 1;
	}
	printf("%u\n", ntohs(at.sin_port));
	fflush(stdout);
	run();
	for (struct wire *w = wires; w < wires + MAX_WIRES; w++)
		end_wire(w, true);
	return 0;
}
