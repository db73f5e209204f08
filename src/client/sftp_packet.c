/* SPDX-License-Identifier: ISC */

/* Packets of SFTP; see sftp_packet.h. */

#include <string.h>

#include "client/sftp_packet.h"

#define ATTR_SIZE 0x01u
#define ATTR_OWNER 0x02u
#define ATTR_MODE 0x04u
#define ATTR_TIMES 0x08u
#define ATTR_EXTENDED 0x80000000u

/* More pairs in the attributes of one file are nonsense. */
#define MAX_EXTENDED 64

/* Reading that fails sticky. */
struct reader {
	const uint8_t *at;
	size_t n;
	bool failed;
};

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static const uint8_t *
get(struct reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->failed || r->n < n) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	r->n -= n;
	return at;
}

static uint32_t
get_u32(struct reader *r)
{
	const uint8_t *p = get(r, 4);

	return p ? be32(p) : 0;
}

static uint64_t
get_u64(struct reader *r)
{
	uint64_t high = get_u32(r);

	return high << 32 | get_u32(r);
}

static const uint8_t *
get_bytes(struct reader *r, size_t *ret_n)
{
	uint32_t n = get_u32(r);
	const uint8_t *p = get(r, n);

	*ret_n = p ? n : 0;
	return p;
}

static void
get_attrs(struct reader *r, struct sftp_attrs *attrs)
{
	uint32_t flags = get_u32(r), n_extended;
	size_t n;

	*attrs = (struct sftp_attrs){ .has_size = flags & ATTR_SIZE,
				      .has_owner = flags & ATTR_OWNER,
				      .has_mode = flags & ATTR_MODE,
				      .has_times = flags & ATTR_TIMES };
	if (attrs->has_size)
		attrs->size = get_u64(r);
	if (attrs->has_owner) {
		attrs->uid = get_u32(r);
		attrs->gid = get_u32(r);
	}
	if (attrs->has_mode)
		attrs->mode = get_u32(r);
	if (attrs->has_times) {
		attrs->atime = get_u32(r);
		attrs->mtime = get_u32(r);
	}
	if (!(flags & ATTR_EXTENDED))
		return;
	n_extended = get_u32(r);
	r->failed = r->failed || n_extended > MAX_EXTENDED;
	for (uint32_t i = 0; i < n_extended && !r->failed; i++) {
		(void)get_bytes(r, &n);
		(void)get_bytes(r, &n);
	}
}

ssize_t
sftp_packet_len(const uint8_t *bytes, size_t n, struct err *err)
{
	uint32_t len;

	if (n < 4)
		return 0;
	len = be32(bytes);
	/* The type and the number that all have. */
	if (len < 5 || len > SFTP_MAX_PACKET)
		return err_set(err, ERR_PROTO, "sftp: a packet of %u bytes",
			       len);
	return (ssize_t)len + 4;
}

/* The members of each kind of answer. */
static void
read_members(struct reader *r, struct sftp_reply *ret)
{
	size_t n;

	switch (ret->type) {
	case SFTP_STATUS:
		ret->status = get_u32(r);
		/* Old servers leave the words out. */
		if (r->n == 0)
			return;
		ret->bytes = get_bytes(r, &ret->n);
		if (r->n > 0)
			(void)get_bytes(r, &n);
		return;
	case SFTP_HANDLE:
		ret->bytes = get_bytes(r, &ret->n);
		r->failed = r->failed || ret->n > SFTP_MAX_HANDLE;
		return;
	case SFTP_DATA:
		ret->bytes = get_bytes(r, &ret->n);
		return;
	case SFTP_NAME:
		ret->n_names = get_u32(r);
		break;
	case SFTP_ATTRS:
		get_attrs(r, &ret->attrs);
		return;
	case SFTP_VERSION:
	case SFTP_EXTENDED_REPLY:
		break;
	default:
		r->failed = true;
		return;
	}
	ret->bytes = r->at;
	ret->n = r->n;
	(void)get(r, r->n);
}

int
sftp_reply_read(const uint8_t *packet, size_t n, struct sftp_reply *ret,
		struct err *err)
{
	struct reader r = { packet, n, false };
	const uint8_t *type;

	*ret = (struct sftp_reply){ .status = SFTP_OK };
	(void)get_u32(&r);
	type = get(&r, 1);
	if (type)
		ret->type = (enum sftp_type) * type;
	ret->id = get_u32(&r);
	read_members(&r, ret);
	/* Attributes may be followed by what later versions put there. */
	if (r.failed || (r.n > 0 && ret->type != SFTP_ATTRS))
		return err_set(err, ERR_PROTO, "sftp: a damaged packet");
	return 0;
}

int
sftp_names_next(struct sftp_reply *reply, struct sftp_name *ret,
		struct err *err)
{
	struct reader r = { reply->bytes, reply->n, false };
	bool is_name = reply->type == SFTP_NAME;

	if (is_name ? reply->n_names == 0 : reply->n == 0)
		return is_name && reply->n > 0
			   ? err_set(err, ERR_PROTO, "sftp: a damaged packet")
			   : 0;
	*ret = (struct sftp_name){ .n_name = 0 };
	ret->name = (const char *)get_bytes(&r, &ret->n_name);
	ret->longname = (const char *)get_bytes(&r, &ret->n_longname);
	if (is_name)
		get_attrs(&r, &ret->attrs);
	if (r.failed || ret->n_name > SFTP_MAX_PATH)
		return err_set(err, ERR_PROTO, "sftp: a damaged packet");
	reply->bytes = r.at;
	reply->n = r.n;
	reply->n_names -= is_name;
	return 1;
}

void
sftp_put_u32(struct buf *out, uint32_t n)
{
	const uint8_t bytes[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
				   (uint8_t)(n >> 8), (uint8_t)n };

	(void)buf_add(out, bytes, sizeof(bytes));
}

void
sftp_put_u64(struct buf *out, uint64_t n)
{
	sftp_put_u32(out, (uint32_t)(n >> 32));
	sftp_put_u32(out, (uint32_t)n);
}

void
sftp_put_bytes(struct buf *out, const void *bytes, size_t n)
{
	sftp_put_u32(out, (uint32_t)n);
	(void)buf_add(out, bytes, n);
}

void
sftp_put_text(struct buf *out, const char *text)
{
	sftp_put_bytes(out, text, strlen(text));
}

void
sftp_put_attrs(struct buf *out, const struct sftp_attrs *a)
{
	sftp_put_u32(out, (a->has_size ? ATTR_SIZE : 0) |
			      (a->has_mode ? ATTR_MODE : 0) |
			      (a->has_times ? ATTR_TIMES : 0));
	if (a->has_size)
		sftp_put_u64(out, a->size);
	if (a->has_mode)
		sftp_put_u32(out, a->mode);
	if (a->has_times) {
		sftp_put_u32(out, a->atime);
		sftp_put_u32(out, a->mtime);
	}
}

size_t
sftp_put_begin(struct buf *out, enum sftp_type type, uint32_t id)
{
	size_t at = out->len;

	sftp_put_u32(out, 0);
	(void)buf_addc(out, (char)type);
	sftp_put_u32(out, id);
	return at;
}

void
sftp_put_end(struct buf *out, size_t at, size_t more)
{
	uint32_t n = (uint32_t)(out->len - at - 4 + more);
	uint8_t *p = buf_bytes(out) + at;

	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}
