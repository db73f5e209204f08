/* SPDX-License-Identifier: ISC */

/*
 * Making the link connect, and answering what that asks; see control_parts.h.
 *
 * Each answer that takes time is a struct of its own, which dies in the
 * on_gone of its exchange and nowhere else.
 */

#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "http/server.h"
#include "link/control_parts.h"
#include "link/link.h"
#include "link/prompt.h"

#define MAX_LINE 16384

/* POST /v1/link/connect, POST /v1/link/up */

struct waiter {
	struct control *control;
	struct http_exchange *x;
	struct link_watcher watcher;
	struct prompt_asker asker;
};

struct wish {
	bool wait, interactive, upgrade, again, daemon;
};

static const struct json_field connect_fields[] = {
	JSON_F(struct wish, wait, BOOL, false),
	JSON_F(struct wish, interactive, BOOL, false),
	JSON_F(struct wish, again, BOOL, false),
	JSON_F(struct wish, daemon, BOOL, false),
};

static const struct json_field up_fields[] = {
	JSON_F(struct wish, upgrade, BOOL, false),
	JSON_F(struct wish, interactive, BOOL, false),
};

static const struct json_field down_fields[] = {
	JSON_F(struct wish, interactive, BOOL, false),
};

static void
begin_line(struct jsonw *w, const char *type)
{
	jsonw_object(w, NULL);
	jsonw_str(w, "type", type);
}

static void
send_line(struct http_exchange *x, struct jsonw *w)
{
	jsonw_object_end(w);
	(void)buf_addc(w->out, '\n');
	(void)http_reply_write(x, buf_bytes(w->out), w->out->len);
}

static void
on_stage(const char *stage, uint64_t ms, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "stage");
	jsonw_str(&w, "stage", stage);
	jsonw_u64(&w, "ms", ms);
	send_line(waiter->x, &w);
}

static void
on_retry(int64_t attempt, uint64_t in_ms, const struct err *why, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "retry");
	jsonw_int(&w, "attempt", attempt);
	jsonw_u64(&w, "in_ms", in_ms);
	control_add_error(&w, why);
	send_line(waiter->x, &w);
}

static void
send_active(struct control *control, struct http_exchange *x)
{
	AUTO_BUF line = BUF_INIT(CONTROL_MAX_TEXT);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "active");
	control_add_there(&w, control->config.link);
	send_line(x, &w);
	http_reply_end(x);
}

/* The answer is complete; its struct goes with the exchange. */
static void
leave(struct waiter *waiter)
{
	link_unwatch(&waiter->watcher);
	prompts_leave(link_prompts(waiter->control->config.link),
		      &waiter->asker);
}

static void
on_active(void *owner)
{
	struct waiter *waiter = owner;

	leave(waiter);
	send_active(waiter->control, waiter->x);
}

static void
on_stopped(void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	leave(waiter);
	begin_line(&w, "stopped");
	send_line(waiter->x, &w);
	http_reply_end(waiter->x);
}

static void
on_failed(const struct err *why, const char *stage, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	leave(waiter);
	begin_line(&w, "failed");
	control_add_error(&w, why);
	jsonw_str(&w, "stage", stage);
	send_line(waiter->x, &w);
	http_reply_end(waiter->x);
}

static void
on_prompt(const struct prompt_card *card, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "prompt");
	jsonw_str(&w, "id", card->id);
	jsonw_str(&w, "kind", prompt_kind_name(card->kind));
	jsonw_str(&w, "text", card->text);
	jsonw_bool(&w, "echo", card->echo);
	jsonw_bool(&w, "notice", card->is_notice);
	if (card->fingerprint[0])
		jsonw_str(&w, "fingerprint", card->fingerprint);
	send_line(waiter->x, &w);
}

static void
on_waiter_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct waiter *waiter = owner;

	leave(waiter);
	link_release(waiter->control->config.link);
	free(waiter);
}

static struct waiter *
wait_for(struct control *control, struct http_exchange *x,
	 const struct wish *wish)
{
	struct waiter *waiter = xcalloc(1, sizeof(*waiter));
	struct link *link = control->config.link;

	waiter->control = control;
	waiter->x = x;
	waiter->watcher = (struct link_watcher){ .on_stage = on_stage,
						 .on_retry = on_retry,
						 .on_active = on_active,
						 .on_stopped = on_stopped,
						 .on_failed = on_failed,
						 .owner = waiter,
						 .is_bare = !wish->daemon };
	waiter->asker = (struct prompt_asker){ .on_prompt = on_prompt,
					       .owner = waiter };
	list_init(&waiter->asker.link);
	link_watch(link, &waiter->watcher);
	if (wish->interactive)
		prompts_join(link_prompts(link), &waiter->asker);
	link_use(link);
	http_exchange_own(x, waiter, on_waiter_gone);
	return waiter;
}

static int
read_wish(const struct buf *body, const struct json_field *fields, size_t n,
	  struct wish *ret, struct err *err)
{
	if (body->len == 0)
		return 0;
	return json_decode_text(buf_bytes(body), body->len, fields, n, 0, ret,
				err);
}

static void
on_connect(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;
	struct link *link = control->config.link;
	struct wish wish = { .wait = true, .daemon = true };
	struct err err = ERR_INIT;

	if (read_wish(body, connect_fields, ARRAY_SIZE(connect_fields), &wish,
		      &err) < 0) {
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, CONTROL_NDJSON, -1);
	if (wish.daemon)
		link_connect(link, wish.again);
	else
		link_connect_bare(link, wish.again);
	if (link_state(link) == LINK_ACTIVE &&
	    !(wish.daemon && link_is_bare(link)))
		send_active(control, x);
	else if (wish.wait)
		(void)wait_for(control, x, &wish);
	else
		http_reply_end(x);
}

static void
on_up(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;
	struct wish wish = { .wait = true, .daemon = true };
	struct err err = ERR_INIT;

	if (read_wish(body, up_fields, ARRAY_SIZE(up_fields), &wish, &err) <
	    0) {
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, CONTROL_NDJSON, -1);
	(void)wait_for(control, x, &wish);
	link_up(control->config.link, wish.upgrade);
}

/* POST /v1/link/down */

static void
on_down(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;
	struct wish wish = { .wait = true };
	struct err err = ERR_INIT;

	if (read_wish(body, down_fields, ARRAY_SIZE(down_fields), &wish, &err) <
	    0) {
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, CONTROL_NDJSON, -1);
	wait_for(control, x, &wish)->watcher.on_active = NULL;
	link_down(control->config.link);
}

void
control_connect(struct control *control, struct http_exchange *x)
{
	control_collect(control, x, on_connect);
}

void
control_up(struct control *control, struct http_exchange *x)
{
	control_collect(control, x, on_up);
}

void
control_down(struct control *control, struct http_exchange *x)
{
	control_collect(control, x, on_down);
}

/* POST /v1/link/prompts/{id} */

struct reply {
	char *answer;
	bool cancel;
};

static const struct json_field reply_fields[] = {
	JSON_F(struct reply, answer, STR, false),
	JSON_F(struct reply, cancel, BOOL, false),
};

static int
pass_answer(struct control *control, struct http_exchange *x,
	    const struct buf *body, struct reply *reply, struct err *err)
{
	const char *id = http_exchange_head(x)->path + strlen(CONTROL_PROMPTS);

	if (json_decode_text(buf_bytes(body), body->len, reply_fields,
			     ARRAY_SIZE(reply_fields), 0, reply, err) < 0)
		return -1;
	if ((reply->answer == NULL) != reply->cancel)
		return err_set(err, ERR_INVALID,
			       "give an answer, or cancel, not both");
	return prompts_answer(link_prompts(control->config.link), id,
			      reply->answer, err);
}

static void
on_reply(struct http_exchange *x, const struct buf *body, void *owner)
{
	AUTO_BUF text = BUF_INIT(64);
	struct reply reply = { 0 };
	struct err err = ERR_INIT;
	int rc = pass_answer(owner, x, body, &reply, &err);

	/* It may be a password. */
	if (reply.answer)
		explicit_bzero(reply.answer, strlen(reply.answer));
	explicit_bzero(buf_bytes(body), body->len);
	json_fields_fini(reply_fields, ARRAY_SIZE(reply_fields), &reply);
	if (rc < 0) {
		control_reply_error(x, &err);
		return;
	}
	(void)buf_adds(&text, "{\"ok\":true}");
	control_reply_json(x, &text);
}

void
control_answer(struct control *control, struct http_exchange *x)
{
	control_collect(control, x, on_reply);
}
