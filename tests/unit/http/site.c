/* SPDX-License-Identifier: ISC */

/* A server for the tests of src/http; see site.h. */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/text.h"
#include "tests/unit/unit.h"

#include "tests/unit/http/site.h"

static void
on_gone(struct http_exchange *x, void *owner)
{
	struct site *site = owner;

	assert_false(site->is_inside);
	site->n_gone++;
	assert_true(site->n_gone <= site->n_begun);
	if (site->x == x)
		site->x = NULL;
}

static void
reply(struct site *site, struct http_exchange *x, const void *bytes, size_t n)
{
	SITE_CALL(site, http_reply(x, 200, "text/plain", bytes, n));
}

static void
on_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct site *site = owner;

	assert_false(site->is_inside);
	site->n_ends++;
	reply(site, x, buf_bytes(body), body->len);
}

static void
on_data(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct site *site = owner;
	char text[32];

	assert_false(site->is_inside);
	buf_add(&site->body, bytes, n);
	if (n > 0)
		return;
	site->n_ends++;
	snprintf(text, sizeof(text), "%zu", site->body.len);
	reply(site, x, text, strlen(text));
}

static void
on_step(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct site *site = owner;

	if (n > 0)
		SITE_CALL(site, http_exchange_pause(x));
	on_data(x, bytes, n, owner);
}

static void
write_big(struct site *site, struct http_exchange *x)
{
	static const char piece[1000];
	bool is_full = false;

	site->is_inside = true;
	while (site->n_big < SITE_BIG && !is_full) {
		is_full = http_reply_write(x, piece, sizeof(piece));
		site->n_big += sizeof(piece);
	}
	if (site->n_big == SITE_BIG)
		http_reply_end(x);
	site->is_inside = false;
}

static void
on_drain(struct http_exchange *x, void *owner)
{
	struct site *site = owner;

	assert_false(site->is_inside);
	site->n_drains++;
	if (site->n_big > 0 && site->n_big < SITE_BIG)
		write_big(site, x);
}

static void
answer_big(struct site *site, struct http_exchange *x)
{
	site->n_big = 0;
	SITE_CALL(site, http_reply_start(x, 200, "text/plain", -1));
	write_big(site, x);
}

static void
answer_in_chunks(struct site *site, struct http_exchange *x)
{
	site->is_inside = true;
	http_reply_start(x, 200, "text/plain", -1);
	assert_false(http_reply_write(x, "one", 3));
	assert_false(http_reply_write(x, "two", 3));
	http_reply_end(x);
	site->is_inside = false;
}

static void
on_request(struct http_exchange *x, void *owner)
{
	const char *path = http_exchange_head(x)->path;
	struct site *site = owner;

	assert_false(site->is_inside);
	site->n_begun++;
	site->x = x;
	http_exchange_own(x, site, on_gone);
	http_reply_on_drain(x, on_drain);
	buf_clear(&site->body);
	if (str_eq(path, "/small"))
		reply(site, x, "ok", 2);
	else if (str_eq(path, "/collect"))
		SITE_CALL(site,
			  http_exchange_collect(x, SITE_MAX_BODY, on_body));
	else if (str_eq(path, "/stream"))
		SITE_CALL(site, http_exchange_read(x, on_data));
	else if (str_eq(path, "/step"))
		SITE_CALL(site, http_exchange_read(x, on_step));
	else if (str_eq(path, "/chunks"))
		answer_in_chunks(site, x);
	else if (str_eq(path, "/test"))
		SITE_CALL(site, site->on_test(site, x));
	else if (str_eq(path, "/big"))
		answer_big(site, x);
}

void
site_init(struct site *site, int type)
{
	*site = (struct site){ .body = BUF_INIT(SIZE_MAX - 1) };
	net_init(&site->net, type);
}

static void
serve(struct site *site)
{
	struct err err = ERR_INIT;

	assert_int_equal(http_server_serve(site->server, site->net.ours,
					   site->net.ours, &site->guard, &err),
			 0);
	site->net.ours = -1;
}

void
site_start(struct site *site)
{
	site->config.loop = &site->net.loop;
	site->config.on_request = on_request;
	site->config.owner = site;
	site->server = http_server_new(&site->config);
	serve(site);
}

void
site_again(struct site *site, int type)
{
	net_again(&site->net, type);
	serve(site);
}

void
site_fini(struct site *site)
{
	SITE_CALL(site, http_server_free(site->server));
	net_fini(&site->net);
	assert_int_equal(site->n_gone, site->n_begun);
	buf_fini(&site->body);
}

void
site_reply(struct site *site, const char *text)
{
	assert_non_null(site->x);
	reply(site, site->x, text, strlen(text));
}

size_t
site_n_answers(const struct site *site, unsigned status)
{
	const char *at = buf_text(&site->net.got);
	char line[32];
	size_t n = 0;

	snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	while ((at = strstr(at, line))) {
		at += strlen(line);
		n++;
	}
	return n;
}
