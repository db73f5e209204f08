/* SPDX-License-Identifier: ISC */

/*
 * Addresses that are tried one beside the other; see dial.h.
 *
 * An attempt that is under way has a socket; one that has failed has an error;
 * one that has not begun stands at `next' or behind it.  The timer runs exactly
 * while there is an attempt to begin.  Handles are closed as soon as they are
 * of no use, the timer in dial_free: the last one to close frees the dial.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/strv.h"
#include "link/dial.h"

/* RFC 8305, section 8: the delay that it recommends. */
#define STAGGER_MS 250

#define MAX_REPORT 4096

struct attempt {
	struct dial *dial;
	const char *address; /* of the dial */
	int error;	     /* why it failed; 0: it has not */
	int fd;		     /* -1: it is not under way */
	uv_poll_t poll;
};

struct dial {
	char **addresses, *from;
	uint16_t port;
	int family;
	struct attempt *attempts;
	size_t n_attempts, next;
	dial_done_fn *done;
	void *owner;
	uv_timer_t timer;
	unsigned n_handles;
};

static void begin(uv_timer_t *timer);

/* --- the end --- */

static void
on_closed(uv_handle_t *handle)
{
	struct dial *dial = handle->data;

	if (--dial->n_handles > 0)
		return;
	strv_free(dial->addresses);
	free(dial->from);
	free(dial->attempts);
	free(dial);
}

/* Its socket is the caller's. */
static int
take_socket(struct attempt *attempt)
{
	/* Before anybody else watches that number. */
	uv_close((uv_handle_t *)&attempt->poll, on_closed);
	return TAKE_FD(attempt->fd);
}

static void
stop(struct dial *dial)
{
	(void)uv_timer_stop(&dial->timer);
	for (size_t i = 0; i < dial->next; i++) {
		if (dial->attempts[i].fd >= 0)
			close(take_socket(&dial->attempts[i]));
	}
}

char *
dial_describe(const struct dial *dial)
{
	AUTO_BUF out = BUF_INIT(MAX_REPORT);

	for (size_t i = 0; i < dial->next; i++) {
		const struct attempt *attempt = &dial->attempts[i];

		(void)buf_addf(&out, "%s%s", i > 0 ? "; " : "",
			       attempt->address);
		if (i == 0)
			(void)buf_addf(&out, " port %u", dial->port);
		(void)buf_addf(&out, ": %s",
			       attempt->error ? strerror(attempt->error)
					      : "no answer");
	}
	return buf_take(&out);
}

/* There is nothing left to wait for. */
static void
fail(struct dial *dial)
{
	AUTO_FREE char *report = dial_describe(dial);
	struct err err = ERR_INIT;

	if (dial->n_attempts == 0)
		err_set(&err, ERR_UNREACHABLE, "the host has no IPv%d address",
			dial->family == AF_INET ? 4 : 6);
	else
		err_set(&err, ERR_UNREACHABLE, "connect to %s", report);
	dial->done(-1, &err, dial->owner);
}

/* --- attempts --- */

static bool
is_waiting(const struct dial *dial)
{
	for (size_t i = 0; i < dial->next; i++) {
		if (dial->attempts[i].fd >= 0)
			return true;
	}
	return false;
}

static void
on_answer(uv_poll_t *poll, int status, int events UNUSED)
{
	struct attempt *attempt = container_of(poll, struct attempt, poll);
	struct dial *dial = attempt->dial;
	socklen_t size = sizeof(attempt->error);
	int fd = take_socket(attempt);

	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &attempt->error, &size);
	if (attempt->error == 0 && status < 0)
		attempt->error = -status;
	if (attempt->error == 0) {
		stop(dial);
		dial->done(fd, NULL, dial->owner);
		return;
	}
	close(fd);
	begin(&dial->timer);
}

/* A socket that connects; -1 with errno. */
static int
connect_to(const char *address, const struct dial *dial)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_storage to, from;
	socklen_t to_len, from_len;

	if (!sock_address(address, dial->port, &to, &to_len) ||
	    (dial->from && !sock_address(dial->from, 0, &from, &from_len))) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0 ||
	    (dial->from && bind(fd, (struct sockaddr *)&from, from_len) < 0))
		return -1;
	if (connect(fd, (struct sockaddr *)&to, to_len) < 0 &&
	    errno != EINPROGRESS)
		return -1;
	return TAKE_FD(fd);
}

static void
attempt_begin(struct attempt *attempt)
{
	struct dial *dial = attempt->dial;

	attempt->fd = connect_to(attempt->address, dial);
	if (attempt->fd < 0) {
		attempt->error = errno;
		return;
	}
	(void)uv_poll_init(dial->timer.loop, &attempt->poll, attempt->fd);
	attempt->poll.data = dial;
	dial->n_handles++;
	(void)uv_poll_start(&attempt->poll, UV_WRITABLE, on_answer);
}

/* The next one that can be begun, if there is any. */
static void
begin(uv_timer_t *timer)
{
	struct dial *dial = container_of(timer, struct dial, timer);

	(void)uv_timer_stop(timer);
	while (dial->next < dial->n_attempts) {
		struct attempt *attempt = &dial->attempts[dial->next++];

		attempt_begin(attempt);
		if (attempt->fd < 0)
			continue;
		if (dial->next < dial->n_attempts)
			(void)uv_timer_start(timer, begin, STAGGER_MS, 0);
		return;
	}
	if (!is_waiting(dial))
		fail(dial);
}

/* --- making and unmaking --- */

static bool
is_v6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* The first that is (not) of IPv6, at `i' or behind it; NULL: there is none. */
static const char *
next_of(char *const *addresses, size_t *i, bool v6)
{
	while (addresses[*i] && is_v6(addresses[*i]) != v6)
		++*i;
	return addresses[*i] ? addresses[(*i)++] : NULL;
}

static int
family_of(const char *address)
{
	return is_v6(address) ? AF_INET6 : AF_INET;
}

/* Those of the family that counts, or of that of our own address. */
static void
add_addresses(struct dial *dial, const struct dial_config *config)
{
	dial->family = config->family;
	if (dial->family == AF_UNSPEC && config->from)
		dial->family = family_of(config->from);
	for (char *const *p = config->addresses; *p; p++) {
		if (dial->family == AF_UNSPEC || dial->family == family_of(*p))
			strv_add(&dial->addresses, *p);
	}
}

/* The families take turns, beginning with that of the first. */
static void
add_attempts(struct dial *dial)
{
	size_t n = strv_len(dial->addresses), at[2] = { 0, 0 };
	bool v6 = n > 0 && is_v6(dial->addresses[0]);

	dial->attempts = xcalloc(n, sizeof(*dial->attempts));
	for (; dial->n_attempts < n; v6 = !v6) {
		const char *address = next_of(dial->addresses, &at[v6], v6);

		if (address)
			dial->attempts[dial->n_attempts++] = (struct attempt){
				.dial = dial, .address = address, .fd = -1
			};
	}
}

struct dial *
dial_new(const struct dial_config *config, dial_done_fn *done, void *owner)
{
	struct dial *dial = xcalloc(1, sizeof(*dial));

	add_addresses(dial, config);
	dial->port = config->port;
	dial->from = config->from ? xstrdup(config->from) : NULL;
	dial->done = done;
	dial->owner = owner;
	add_attempts(dial);
	(void)uv_timer_init(config->loop, &dial->timer);
	dial->timer.data = dial;
	dial->n_handles = 1;
	(void)uv_timer_start(&dial->timer, begin, 0, 0);
	return dial;
}

void
dial_free(struct dial *dial)
{
	if (dial == NULL)
		return;
	stop(dial);
	uv_close((uv_handle_t *)&dial->timer, on_closed);
}
