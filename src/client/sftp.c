/* SPDX-License-Identifier: ISC */

/*
 * SFTP requests and answers; see sftp.h.
 *
 * Numbers of requests are places in a table, found again with the answer; a
 * place carries a generation, so that an answer nobody waits for is noticed.
 * The limits of the server are asked for right after its version, and all else
 * waits until they are known.
 */

#include <string.h>
#include <sys/uio.h>

#include "core/mem.h"
#include "core/text.h"
#include "http/stream.h"
#include "client/sftp.h"

#define PLACES 8192

/* Every server takes and gives this much. */
#define USUAL_CHUNK (32u << 10)
#define MAX_CHUNK (128u << 10)

#define MAX_BODY (4 * SFTP_MAX_PATH)

struct place {
	bool is_open;
	uint16_t generation;
	sftp_reply_fn *fn; /* NULL: forgotten */
	void *owner;
};

enum sftp_state { WANT_VERSION, WANT_LIMITS, READY, BROKEN };

struct sftp {
	struct stream *stream;
	enum sftp_state state;
	struct err err;
	struct buf in;
	struct buf body; /* the request that is being made */
	size_t body_at;
	uint32_t body_id;
	struct buf waiting; /* requests made before READY */
	struct place places[PLACES];
	size_t next;
	unsigned extensions;
	size_t chunk;
	bool in_callback, is_freed;
};

static const struct {
	const char *name;
	unsigned bit;
} extensions[] = {
	{ "posix-rename@openssh.com", SFTP_POSIX_RENAME },
	{ "fsync@openssh.com", SFTP_FSYNC },
	{ "statvfs@openssh.com", SFTP_STATVFS },
	{ "limits@openssh.com", SFTP_LIMITS },
	{ "copy-data", SFTP_COPY_DATA },
	{ "lsetstat@openssh.com", SFTP_LSETSTAT },
};

static void
free_now(struct sftp *sftp)
{
	buf_fini(&sftp->in);
	buf_fini(&sftp->body);
	buf_fini(&sftp->waiting);
	free(sftp);
}

void
sftp_free(struct sftp *sftp)
{
	if (sftp == NULL)
		return;
	if (sftp->stream)
		stream_close(TAKE(sftp->stream));
	sftp->is_freed = true;
	if (!sftp->in_callback)
		free_now(sftp);
}

const struct err *
sftp_broken(const struct sftp *sftp)
{
	return sftp->state == BROKEN ? &sftp->err : NULL;
}

/* Take the answer's place; false if nobody waits for it. */
static bool
take_place(struct sftp *sftp, uint32_t id, struct place *ret)
{
	struct place *place = &sftp->places[id % PLACES];

	if (!place->is_open || place->generation != id / PLACES)
		return false;
	*ret = *place;
	place->is_open = false;
	place->generation++;
	return true;
}

/* All open requests fail, once. */
static void
fail_all(struct sftp *sftp, const struct err *why)
{
	if (sftp->state == BROKEN)
		return;
	sftp->state = BROKEN;
	sftp->err = *why;
	for (size_t i = 0; i < PLACES && !sftp->is_freed; i++) {
		struct place place = sftp->places[i];

		if (!place.is_open)
			continue;
		sftp->places[i].is_open = false;
		if (place.fn)
			place.fn(NULL, &sftp->err, place.owner);
	}
}

static void
become_ready(struct sftp *sftp)
{
	sftp->state = READY;
	(void)stream_write(sftp->stream, buf_bytes(&sftp->waiting),
			   sftp->waiting.len);
	buf_fini(&sftp->waiting);
}

/* limits@openssh.com: packet, read, write, handles. */
static void
on_limits(struct sftp_reply *reply, const struct err *err, void *owner)
{
	struct sftp *sftp = owner;
	uint64_t most = MAX_CHUNK;

	if (err)
		return;
	for (size_t i = 1;
	     reply->type == SFTP_EXTENDED_REPLY && reply->n >= 32 && i <= 2;
	     i++) {
		uint64_t n = 0;

		for (size_t b = 0; b < 8; b++)
			n = n << 8 | reply->bytes[8 * i + b];
		if (n > 0)
			most = MIN(most, n);
	}
	if (reply->type == SFTP_EXTENDED_REPLY)
		sftp->chunk = MAX((size_t)most, (size_t)4096);
	become_ready(sftp);
}

static void
ask_limits(struct sftp *sftp)
{
	struct buf *body = sftp_body(sftp, SFTP_EXTENDED);

	sftp_put_text(body, "limits@openssh.com");
	sftp->state = WANT_LIMITS;
	sftp_send(sftp, NULL, 0, on_limits, sftp);
}

static int
on_version(struct sftp *sftp, struct sftp_reply *reply, struct err *err)
{
	struct sftp_name pair;
	int rc;

	if (reply->type != SFTP_VERSION || reply->id < 3)
		return err_set(err, ERR_PROTO, "the server speaks no SFTP 3");
	while ((rc = sftp_names_next(reply, &pair, err)) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
			if (strlen(extensions[i].name) == pair.n_name &&
			    memcmp(extensions[i].name, pair.name,
				   pair.n_name) == 0)
				sftp->extensions |= extensions[i].bit;
		}
	}
	if (rc < 0)
		return -1;
	if (sftp->extensions & SFTP_LIMITS)
		ask_limits(sftp);
	else
		become_ready(sftp);
	return 0;
}

/* One packet; the request's owner may free the client. */
static int
take_packet(struct sftp *sftp, const uint8_t *packet, size_t n, struct err *err)
{
	struct sftp_reply reply;
	struct place place;

	if (sftp_reply_read(packet, n, &reply, err) < 0)
		return -1;
	if (sftp->state == WANT_VERSION)
		return on_version(sftp, &reply, err);
	if (reply.type == SFTP_VERSION || !take_place(sftp, reply.id, &place))
		return err_set(err, ERR_PROTO,
			       "sftp: an answer that nobody asked for");
	if (place.fn)
		place.fn(&reply, NULL, place.owner);
	return 0;
}

static int
take_packets(struct sftp *sftp, struct err *err)
{
	ssize_t len = 1;

	while (!sftp->is_freed && len > 0 && sftp->state != BROKEN) {
		len = sftp_packet_len(buf_bytes(&sftp->in), sftp->in.len, err);
		if (len < 0 || (size_t)len > sftp->in.len)
			break;
		if (len > 0 && take_packet(sftp, buf_bytes(&sftp->in),
					   (size_t)len, err) < 0)
			return -1;
		buf_consume(&sftp->in, (size_t)len);
	}
	return len < 0 ? -1 : 0;
}

static void
on_data(struct stream *stream UNUSED, const void *bytes, size_t n, void *owner)
{
	struct sftp *sftp = owner;
	struct err err = ERR_INIT;
	int rc;

	if (sftp->state == BROKEN)
		return;
	sftp->in_callback = true;
	rc = buf_add(&sftp->in, bytes, n) < 0
		 ? err_set(&err, ERR_PROTO, "sftp: too much at once")
		 : take_packets(sftp, &err);
	if (rc < 0 && !sftp->is_freed)
		fail_all(sftp, &err);
	sftp->in_callback = false;
	if (sftp->is_freed)
		free_now(sftp);
}

static void
on_end(struct stream *stream UNUSED, const struct err *why, void *owner)
{
	struct sftp *sftp = owner;
	struct err err = ERR_INIT;

	if (why)
		err_set(&err, ERR_UNREACHABLE, "sftp: %s", why->msg);
	else
		err_set(&err, ERR_UNREACHABLE, "sftp: the server went away");
	sftp->in_callback = true;
	fail_all(sftp, &err);
	sftp->in_callback = false;
	if (sftp->is_freed)
		free_now(sftp);
}

struct sftp *
sftp_new(struct stream *stream)
{
	static const struct stream_events events = { .on_data = on_data,
						     .on_end = on_end };
	struct sftp *sftp = xcalloc(1, sizeof(*sftp));
	AUTO_BUF hello = BUF_INIT(16);

	sftp->stream = stream;
	sftp->chunk = USUAL_CHUNK;
	buf_init(&sftp->in, 4u << 20);
	buf_init(&sftp->body, MAX_BODY);
	buf_init(&sftp->waiting, 64u << 20);
	stream_set_events(stream, &events, sftp);
	(void)sftp_put_begin(&hello, SFTP_INIT, 3);
	sftp_put_end(&hello, 0, 0);
	(void)stream_write(stream, buf_bytes(&hello), hello.len);
	stream_resume(stream);
	return sftp;
}

struct buf *
sftp_body(struct sftp *sftp, enum sftp_type type)
{
	size_t tries = 0;

	/* Callers keep some 64 each open; there is always a place. */
	while (sftp->places[sftp->next].is_open && tries++ < PLACES)
		sftp->next = (sftp->next + 1) % PLACES;
	sftp->body_id = (uint32_t)(sftp->places[sftp->next].generation *
				       PLACES +
				   sftp->next);
	sftp->next = (sftp->next + 1) % PLACES;
	buf_clear(&sftp->body);
	sftp->body_at = sftp_put_begin(&sftp->body, type, sftp->body_id);
	return &sftp->body;
}

/* A broken client answers from nowhere else than its events, so: not at all. */
void
sftp_send(struct sftp *sftp, const void *bytes, size_t n, sftp_reply_fn *fn,
	  void *owner)
{
	struct place *place = &sftp->places[sftp->body_id % PLACES];
	struct iovec pieces[2];

	place->is_open = true;
	place->fn = fn;
	place->owner = owner;
	sftp_put_end(&sftp->body, sftp->body_at, n);
	if (sftp->state == WANT_VERSION ||
	    (sftp->state == WANT_LIMITS && fn != on_limits)) {
		(void)buf_add(&sftp->waiting, buf_bytes(&sftp->body),
			      sftp->body.len);
		(void)buf_add(&sftp->waiting, bytes, n);
		return;
	}
	if (sftp->stream == NULL || sftp->state == BROKEN)
		return;
	pieces[0] = (struct iovec){ buf_bytes(&sftp->body), sftp->body.len };
	pieces[1] = (struct iovec){ (void *)(uintptr_t)bytes, n };
	(void)stream_writev(sftp->stream, pieces, n > 0 ? 2 : 1, false);
}

void
sftp_forget(struct sftp *sftp, const void *owner)
{
	for (size_t i = 0; i < PLACES; i++) {
		if (sftp->places[i].is_open && sftp->places[i].owner == owner)
			sftp->places[i].fn = NULL;
	}
}

unsigned
sftp_extensions(const struct sftp *sftp)
{
	return sftp->extensions;
}

size_t
sftp_chunk(const struct sftp *sftp)
{
	return sftp->chunk;
}

int
sftp_status_err(const struct sftp_reply *reply, const char *path,
		struct err *err)
{
	static const struct {
		uint32_t status;
		enum err_code code;
		const char *words;
	} rows[] = {
		{ SFTP_NO_SUCH_FILE, ERR_NOT_FOUND, "no such file" },
		{ SFTP_PERMISSION_DENIED, ERR_DENIED, "permission denied" },
		{ SFTP_OP_UNSUPPORTED, ERR_UNSUPPORTED,
		  "the server cannot do that" },
		{ SFTP_BAD_MESSAGE, ERR_PROTO, "the server was confused" },
	};

	if (reply->type != SFTP_STATUS)
		return err_set(err, ERR_PROTO,
			       "sftp: an answer of type %u to another question",
			       reply->type);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].status == reply->status)
			return err_set(err, rows[i].code, "%.200s: %s", path,
				       rows[i].words);
	}
	return err_set(err, ERR_REMOTE, "%.200s: %.*s", path,
		       (int)MIN(reply->n, (size_t)200),
		       reply->n ? (const char *)reply->bytes : "failure");
}
