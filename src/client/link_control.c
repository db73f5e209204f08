/* SPDX-License-Identifier: ISC */

/*
 * Talking to a link; see link_control.h.
 *
 * One connection per request, blocking with deadlines: it is done before a
 * loop turns, while a person may be typing.
 */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/parser.h"
#include "wire/errors.h"
#include "wire/link_places.h"
#include "client/lines.h"
#include "client/link_control.h"
#include "client/spawn.h"

/* A link that says nothing for so long is stopped or hung. */
#define ANSWER_MS 10000

/* Connecting says something at each stage, each of which has its deadline. */
#define CONNECT_MS 90000

#define MAX_REQUEST (64u << 10)
#define MAX_LINE (1u << 20)
#define ROOM (16u << 10)

/* One request and its answer. */
struct talk {
	int fd;
	struct parser parser;
	uint8_t room[ROOM];
	const uint8_t *at; /* what was read and not parsed */
	size_t n;
	bool is_gone; /* there is no link, or none any more */
	bool peeks;   /* what follows the head is for somebody else */
};

static void
talk_fini(struct talk *talk)
{
	if (talk->fd < 0)
		return;
	close(talk->fd);
	parser_fini(&talk->parser);
	talk->fd = -1;
}

static void
auto_talk(struct talk *talk)
{
	talk_fini(talk);
}

#define AUTO_TALK __attribute__((cleanup(auto_talk))) struct talk

static int
silent(const char *machine, struct err *err)
{
	err_set(err, ERR_TIMEOUT, "the link to %s does not answer", machine);
	return err_hint(err, "its process may be stopped or hung");
}

static int
gone(const char *machine, struct err *err)
{
	return err_set(err, ERR_UNREACHABLE, "the link to %s ended", machine);
}

static int
send_all(int fd, const struct buf *text)
{
	const uint8_t *at = buf_bytes(text);
	size_t n = text->len;

	while (n > 0) {
		struct pollfd room = { .fd = fd, .events = POLLOUT };
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent >= 0) {
			at += sent;
			n -= (size_t)sent;
		} else if (errno != EINTR && (errno != EAGAIN ||
					      poll(&room, 1, ANSWER_MS) <= 0)) {
			return -1;
		}
	}
	return 0;
}

/* Connect and ask.  ERR_NOT_FOUND: there is no link. */
static int
talk_start(struct talk *talk, const char *machine, const char *method,
	   const char *target, const char *upgrade, const struct buf *body,
	   struct err *err)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	AUTO_BUF text = BUF_INIT(MAX_REQUEST);
	int rc;

	if (link_places_find(&places, machine, err) < 0)
		return -1;
	talk->fd = sock_connect_unix(places.ctl, err);
	if (talk->fd < 0) {
		if (err->code != ERR_UNREACHABLE && err->code != ERR_NOT_FOUND)
			return -1;
		talk->is_gone = true;
		return err_set(err, ERR_NOT_FOUND, "there is no link to %s",
			       machine);
	}
	parser_init(&talk->parser, PARSER_RESPONSE);
	talk->at = talk->room;
	talk->n = 0;
	(void)buf_addf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method,
		       target);
	if (upgrade)
		(void)buf_addf(&text, "Connection: Upgrade\r\nUpgrade: %s\r\n",
			       upgrade);
	if (body)
		(void)buf_addf(&text,
			       "Content-Type: application/json\r\n"
			       "Content-Length: %zu\r\n",
			       body->len);
	(void)buf_adds(&text, "\r\n");
	if (body)
		(void)buf_add(&text, buf_bytes(body), body->len);
	rc = send_all(talk->fd, &text);
	/* It may be the answer to a question. */
	explicit_bzero(buf_bytes(&text), text.len);
	if (rc == 0)
		return 0;
	talk->is_gone = true;
	return gone(machine, err);
}

/*
 * Take no more than the head from the socket.  It comes in one piece, as it
 * was sent in one write.
 */
static int
talk_peek(struct talk *talk, const char *machine, const uint8_t **ret_data,
	  size_t *ret_n, struct err *err)
{
	size_t seen = talk->n;
	enum parser_event event = parser_next(&talk->parser, &talk->at,
					      &talk->n, ret_data, ret_n);

	if (event == PARSER_MORE || event == PARSER_BAD)
		return err_set(err, ERR_PROTO,
			       "the link to %s does not speak HTTP", machine);
	if (talk->parser.head.status == 101)
		seen -= talk->n;
	(void)!recv(talk->fd, talk->room, seen, 0);
	talk->peeks = false;
	return (int)event;
}

/* The next event of the answer, within `ms'; -1 with err. */
static int
talk_next(struct talk *talk, const char *machine, uint64_t ms,
	  const uint8_t **ret_data, size_t *ret_n, struct err *err)
{
	uint64_t until = clock_mono_ms() + ms;

	for (;;) {
		enum parser_event event = parser_next(
		    &talk->parser, &talk->at, &talk->n, ret_data, ret_n);
		struct pollfd watch = { .fd = talk->fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		ssize_t n;

		if (event == PARSER_BAD)
			return err_set(err, ERR_PROTO,
				       "the link to %s does not speak HTTP",
				       machine);
		if (event != PARSER_MORE)
			return (int)event;
		if (now >= until || poll(&watch, 1, (int)(until - now)) == 0)
			return silent(machine, err);
		n = recv(talk->fd, talk->room, sizeof(talk->room),
			 talk->peeks ? MSG_PEEK : 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			talk->is_gone = true;
			return gone(machine, err);
		}
		talk->at = talk->room;
		talk->n = (size_t)n;
		if (talk->peeks)
			return talk_peek(talk, machine, ret_data, ret_n, err);
	}
}

/* Up to the end of the head; the status. */
static int
talk_head(struct talk *talk, const char *machine, struct err *err)
{
	const uint8_t *data;
	size_t n;

	if (talk_next(talk, machine, ANSWER_MS, &data, &n, err) < 0)
		return -1;
	return (int)talk->parser.head.status;
}

/* The rest of the body. */
static int
talk_body(struct talk *talk, const char *machine, struct buf *out,
	  struct err *err)
{
	const uint8_t *data;
	size_t n;
	int event;

	while ((event = talk_next(talk, machine, ANSWER_MS, &data, &n, err)) ==
	       PARSER_DATA) {
		if (buf_add(out, data, n) < 0)
			return err_set(err, ERR_LIMIT,
				       "the answer of the link is too large");
	}
	return event < 0 ? -1 : 0;
}

/* An answer that is none: the error in it. */
static int
talk_refusal(struct talk *talk, const char *machine, int status,
	     struct err *err)
{
	AUTO_BUF body = BUF_INIT(LINK_MAX_ANSWER);

	if (talk_body(talk, machine, &body, err) < 0)
		return -1;
	return error_json_read((unsigned)status, buf_bytes(&body), body.len,
			       err);
}

static int
call(const char *machine, const char *method, const char *target,
     const struct buf *body, struct buf *out, struct err *err)
{
	AUTO_TALK talk = { .fd = -1 };
	int status;

	if (talk_start(&talk, machine, method, target, NULL, body, err) < 0)
		return -1;
	status = talk_head(&talk, machine, err);
	if (status < 0)
		return -1;
	if (status / 100 != 2)
		return talk_refusal(&talk, machine, status, err);
	return talk_body(&talk, machine, out, err);
}

int
link_control_call(const char *machine, const char *method, const char *target,
		  struct buf *out, struct err *err)
{
	return call(machine, method, target, NULL, out, err);
}

/* Connecting */

struct connecting {
	const char *machine;
	const struct link_asker *asker;
	bool is_over;
	struct err *err;
	int rc;
};

/* Give the link an answer, or none; that the question is gone is no matter. */
static void
send_answer(const char *machine, const char *id, const char *answer)
{
	AUTO_FREE char *target = xasprintf("/v1/link/prompts/%s", id);
	AUTO_BUF body = BUF_INIT(MAX_REQUEST), ignored = BUF_INIT(MAX_REQUEST);
	struct jsonw w = JSONW_INIT(&body);
	struct err err = ERR_INIT;

	jsonw_object(&w, NULL);
	if (answer)
		jsonw_str(&w, "answer", answer);
	else
		jsonw_bool(&w, "cancel", true);
	jsonw_object_end(&w);
	if (call(machine, "POST", target, &body, &ignored, &err) < 0)
		log_debug("client", "answer not taken", KV_ERR(&err));
	explicit_bzero(buf_bytes(&body), body.len);
}

static const struct json_field question_fields[] = {
	JSON_F(struct link_question, id, STR, true),
	JSON_F(struct link_question, kind, STR, true),
	JSON_F(struct link_question, text, STR, true),
	JSON_F(struct link_question, fingerprint, STR, false),
	JSON_F(struct link_question, echo, BOOL, false),
	JSON_F(struct link_question, notice, BOOL, false),
};

static void
ask(struct connecting *c, const struct json_t *event)
{
	struct link_question question = { .id = NULL };
	struct err err = ERR_INIT;
	AUTO_FREE char *answer = NULL;

	if (json_decode(event, question_fields, ARRAY_SIZE(question_fields),
			JSON_UNKNOWN_OK, &question, &err) == 0) {
		if (c->asker && c->asker->ask)
			answer = c->asker->ask(&question, c->asker->owner);
		if (!question.notice)
			send_answer(c->machine, question.id, answer);
		if (answer)
			explicit_bzero(answer, strlen(answer));
	}
	json_fields_fini(question_fields, ARRAY_SIZE(question_fields),
			 &question);
}

static void
take_failure(struct connecting *c, const char *line, size_t n)
{
	c->is_over = true;
	c->rc = error_json_read(503, line, n, c->err);
}

static void
take_retry(struct connecting *c, const struct json_t *event)
{
	const struct json_t *error = json_get(event, "error");
	const char *why = error ? json_get_text(error, "message", "") : "";
	int64_t in_ms = json_get_int(event, "in_ms", 0);

	log_debug("client", "retry", KV_STR("why", why),
		  KV_INT("in_ms", in_ms));
	if (c->asker && c->asker->on_retry)
		c->asker->on_retry(why, (uint64_t)MAX(in_ms, 0),
				   c->asker->owner);
}

static void
take_stage(struct connecting *c, const struct json_t *event)
{
	const char *stage = json_get_text(event, "stage", "");
	int64_t ms = json_get_int(event, "ms", 0);

	log_debug("client", "stage", KV_STR("stage", stage), KV_INT("ms", ms));
	if (c->asker && c->asker->on_stage)
		c->asker->on_stage(stage, (uint64_t)MAX(ms, 0),
				   c->asker->owner);
}

static int
on_line(const char *line, size_t n, void *owner)
{
	struct connecting *c = owner;
	AUTO_JSON *event = json_parse(line, n, c->err);
	const char *type = event ? json_get_text(event, "type", "") : NULL;

	if (type == NULL)
		return -1;
	if (str_eq(type, "stage"))
		take_stage(c, event);
	else if (str_eq(type, "prompt"))
		ask(c, event);
	else if (str_eq(type, "retry"))
		take_retry(c, event);
	else if (str_eq(type, "active") || str_eq(type, "stopped"))
		c->is_over = true;
	else if (str_eq(type, "failed"))
		take_failure(c, line, n);
	return 0;
}

/* Read events until one is the last. */
static int
follow(struct talk *talk, struct connecting *c, unsigned flags)
{
	struct lines lines;
	const uint8_t *data;
	int event = 0;
	size_t n;

	lines_init(&lines, on_line, c);
	while (!c->is_over && event >= 0) {
		event = talk_next(talk, c->machine, CONNECT_MS, &data, &n,
				  c->err);
		if (event == PARSER_DATA &&
		    lines_feed(&lines, data, n, c->err) < 0)
			event = -1;
		if (event == PARSER_END && !c->is_over) {
			event = flags & LINK_NO_WAIT ? 0
						     : gone(c->machine, c->err);
			break;
		}
	}
	lines_fini(&lines);
	return event < 0 ? -1 : c->rc;
}

/* One request that makes it connect; the events of its answer. */
static int
ask_connect(struct talk *talk, struct connecting *c, const char *target,
	    const struct buf *body, unsigned flags)
{
	int status;

	if (talk_start(talk, c->machine, "POST", target, NULL, body, c->err) <
	    0)
		return -1;
	status = talk_head(talk, c->machine, c->err);
	if (status < 0)
		return -1;
	if (status / 100 != 2)
		return talk_refusal(talk, c->machine, status, c->err);
	return follow(talk, c, flags);
}

/*
 * Have it connect, if it lives.  *ret_gone: there is no link, or none any more;
 * ERR_NOT_FOUND alone may also be what the machine lacks.
 */
static int
make_connect(const char *machine, const char *target, const struct buf *body,
	     unsigned flags, const struct link_asker *asker, bool *ret_gone,
	     struct err *err)
{
	struct connecting connecting = { .machine = machine,
					 .asker = asker,
					 .err = err };
	AUTO_TALK talk = { .fd = -1 };
	int rc = ask_connect(&talk, &connecting, target, body, flags);

	*ret_gone = talk.is_gone;
	if (rc < 0 && talk.is_gone)
		err->code = ERR_NOT_FOUND;
	return rc;
}

/* A link may end while we come, or be killed: so often is chance. */
#define MAX_STARTS 5

static int
connect_or_start(const char *machine, const char *target,
		 const struct buf *body, unsigned flags,
		 const struct link_asker *asker, struct err *err)
{
	for (int i = 0;; i++) {
		bool is_gone;

		if (make_connect(machine, target, body, flags, asker, &is_gone,
				 err) == 0)
			return 0;
		if (!is_gone || flags & LINK_NO_START)
			return -1;
		if (i == MAX_STARTS) {
			err->code = ERR_UNREACHABLE;
			return -1;
		}
		log_debug("client", "starting a link",
			  KV_STR("machine", machine));
		if (spawn_link(machine, err) < 0)
			return -1;
	}
}

static int
ensure_connect(const char *machine, const char *target, const struct buf *body,
	       unsigned flags, const struct link_asker *asker, struct err *err)
{
	int rc = connect_or_start(machine, target, body, flags, asker, err);

	if (asker && asker->on_end)
		asker->on_end(asker->owner);
	return rc;
}

int
link_control_connect(const char *machine, unsigned flags,
		     const struct link_asker *asker, struct err *err)
{
	AUTO_BUF body = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "wait", !(flags & LINK_NO_WAIT));
	jsonw_bool(&w, "interactive", asker && asker->ask);
	if (flags & LINK_AGAIN)
		jsonw_bool(&w, "again", true);
	if (flags & LINK_NO_DAEMON)
		jsonw_bool(&w, "daemon", false);
	jsonw_object_end(&w);
	return ensure_connect(machine, "/v1/link/connect", &body, flags, asker,
			      err);
}

int
link_control_up(const char *machine, bool upgrade,
		const struct link_asker *asker, struct err *err)
{
	AUTO_BUF body = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "upgrade", upgrade);
	jsonw_bool(&w, "interactive", asker && asker->ask);
	jsonw_object_end(&w);
	return ensure_connect(machine, "/v1/link/up", &body, 0, asker, err);
}

int
link_control_down(const char *machine, const struct link_asker *asker,
		  struct err *err)
{
	AUTO_BUF body = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "interactive", asker && asker->ask);
	jsonw_object_end(&w);
	return ensure_connect(machine, "/v1/link/down", &body, 0, asker, err);
}

/* Streams */

int
link_control_stream(const char *machine, struct err *err)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	int fd;

	if (link_places_find(&places, machine, err) < 0)
		return -1;
	fd = sock_connect_unix(places.sock, err);
	if (fd < 0 && err->code == ERR_UNREACHABLE)
		err->code = ERR_NOT_FOUND;
	return fd;
}

int
link_control_open(const char *machine, const char *json, const char *protocol,
		  struct err *err)
{
	AUTO_BUF body = BUF_INIT(MAX_REQUEST);
	AUTO_TALK talk = { .fd = -1 };
	int status;

	talk.peeks = true;
	if (buf_adds(&body, json) < 0)
		return err_set(err, ERR_LIMIT, "the request is too large");
	if (talk_start(&talk, machine, "POST", "/v1/link/stream", protocol,
		       &body, err) < 0)
		return -1;
	status = talk_head(&talk, machine, err);
	if (status < 0)
		return -1;
	if (status != 101)
		return talk_refusal(&talk, machine, status, err);
	parser_fini(&talk.parser);
	return TAKE_FD(talk.fd);
}

bool
link_control_is_near(const char *machine)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	struct err ignored = ERR_INIT;

	return link_places_find(&places, machine, &ignored) == 0 &&
	       access(places.near, F_OK) == 0;
}

int
link_control_near(const char *machine, int *ret_lease, struct err *err)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	AUTO_CLOSE int lease = -1;
	int fd;

	if (link_places_find(&places, machine, err) < 0)
		return -1;
	lease = link_control_open(machine, "{\"kind\":\"near\"}", "berth-lease",
				  err);
	if (lease < 0)
		return -1;
	fd = sock_connect_unix(places.near, err);
	if (fd >= 0)
		*ret_lease = TAKE_FD(lease);
	return fd;
}

/* Which links there are */

char **
link_control_list(struct err *err)
{
	static const char suffix[] = ".ctl";
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	char **names = NULL;
	struct dirent *entry;
	DIR *dir;

	if (link_places_find(&places, "x", err) < 0)
		return NULL;
	dir = opendir(places.dir);
	while (dir && (entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);

		if (str_ends(entry->d_name, suffix))
			strv_give(&names,
				  xstrndup(entry->d_name, n - strlen(suffix)));
	}
	if (dir)
		closedir(dir);
	if (names)
		strv_sort(names);
	return names;
}
