/* SPDX-License-Identifier: ISC */

/*
 * Content read over SFTP, many requests at a time; see file_sftp_own.h.
 */

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "client/file/file_sftp_own.h"

/* Hand on what is there in order; false: the call is over or gone. */
static bool
deliver(struct sftp_call *c)
{
	while (c->n_slots > 0 && !c->is_paused) {
		struct slot *slot = &c->slots[c->head];

		if (!slot->is_done)
			return true;
		if (slot->got > 0)
			c->base.events->on_data(&c->base, slot->bytes,
						slot->got, c->base.owner);
		if (c->is_ending)
			return false;
		if (slot->is_end) {
			sftp_end(c, NULL);
			return false;
		}
		c->head = (c->head + 1) % SLOTS;
		c->n_slots--;
	}
	return true;
}

static void
send_read(struct slot *slot, sftp_reply_fn *fn)
{
	struct sftp_call *c = slot->call;
	struct buf *body = sftp_body(c->f->sftp, SFTP_READ);

	sftp_put_bytes(body, c->handle.bytes, c->handle.n);
	sftp_put_u64(body, slot->at + slot->got);
	sftp_put_u32(body, (uint32_t)(slot->want - slot->got));
	sftp_send(c->f->sftp, NULL, 0, fn, slot);
}

static void
on_read(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct slot *slot = owner;
	struct sftp_call *c = slot->call;

	if (sftp_is_status(reply, SFTP_EOF)) {
		slot->is_done = slot->is_end = true;
	} else if (why || reply->type != SFTP_DATA || reply->n == 0 ||
		   reply->n > slot->want - slot->got) {
		sftp_end_with(c, reply, why);
		return;
	} else {
		memcpy(slot->bytes + slot->got, reply->bytes, reply->n);
		slot->got += reply->n;
		slot->is_done = slot->got == slot->want;
		/* A short answer is not the end. */
		if (!slot->is_done) {
			send_read(slot, on_read);
			return;
		}
		slot->is_end = slot->at + slot->got == c->end;
	}
	sftp_read_more(c);
}

static void
pump_reads(struct sftp_call *c)
{
	size_t chunk = sftp_chunk(c->f->sftp);
	size_t most = MAX(MIN((size_t)SLOTS, WINDOW / chunk), (size_t)1);

	/* Beyond the size that was told: one at a time, to find the end. */
	while (!c->is_paused && c->n_slots < most && c->next < c->end &&
	       (c->next < c->size || c->n_slots == 0)) {
		struct slot *slot = &c->slots[(c->head + c->n_slots) % SLOTS];
		uint8_t *bytes = slot->bytes;

		if (bytes == NULL)
			bytes = xmalloc(chunk);
		*slot = (struct slot){
			.call = c,
			.at = c->next,
			.want = (size_t)MIN((uint64_t)chunk, c->end - c->next),
			.bytes = bytes,
		};
		c->next += slot->want;
		c->n_slots++;
		send_read(slot, on_read);
	}
}

void
sftp_read_more(struct sftp_call *c)
{
	if (deliver(c))
		pump_reads(c);
}

static void
on_read_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || !sftp_take_handle(&c->handle, reply)) {
		sftp_end_with(c, reply, why);
		return;
	}
	sftp_give_attrs(c, &c->there, c->path, NULL);
	pump_reads(c);
}

/* Looked at first: to open a FIFO would block the server. */
static void
on_read_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	char etag[48];

	if (why || reply->type != SFTP_ATTRS) {
		sftp_end_with(c, reply, why);
		return;
	}
	c->there = reply->attrs;
	c->size = reply->attrs.size;
	if (sftp_type_of(&c->there) != FILE_REGULAR)
		sftp_end_set(c, ERR_INVALID, "is not a file");
	else if (c->if_match && !str_eq(c->if_match, "*") &&
		 !str_eq(c->if_match, sftp_etag_of(etag, &c->there)))
		sftp_end_set(c, ERR_CONFLICT, "was changed by somebody else");
	else
		sftp_ask_open(c, c->path, SFTP_OPEN_READ, on_read_open);
}

void
sftp_start_read(struct sftp_call *c)
{
	c->next = c->offset;
	sftp_ask_path(c, SFTP_STAT, c->path, on_read_stat);
}
