/* SPDX-License-Identifier: ISC */

/*
 * gzip streams; see gzip.h.  The only file that knows zlib.
 *
 * zlib's own gzip support checks header and checksum of one member; a file may
 * consist of several, so the end of one is followed by a reset when more bytes
 * come.
 *
 * What is packed already (models, images, archives) takes the longest to pack
 * again, in vain.  So after a probe that hardly shrank, the next bytes are
 * stored as they are until it is time for another probe.
 */

#include <assert.h>
#include <limits.h>

#define ZLIB_CONST
#include <zlib.h>

#include "core/macros.h"
#include "core/mem.h"
#include "berthd/file/gzip.h"

/* A window of 32 KiB, and 16 more for the gzip wrapper. */
#define GZIP_BITS (15 + 16)

/* How much room a packing step gets at a time. */
#define ROOM 16384

/* How much is packed before a judgement, and how much is stored after one. */
#define PROBE (256u << 10)
#define STORE (4u << 20)

enum gunzip_state {
	GUNZIP_START,  /* nothing came yet */
	GUNZIP_MEMBER, /* inside a member */
	GUNZIP_END,    /* after one */
};

struct gunzip {
	z_stream z;
	enum gunzip_state state;
};

struct gzip {
	z_stream z;
	int level;
	uint64_t probe_in, probe_out; /* where the current probe began */
};

static void *
z_alloc(void *opaque UNUSED, unsigned n, unsigned size)
{
	return xcalloc(n, size);
}

static void
z_free(void *opaque UNUSED, void *p)
{
	free(p);
}

struct gunzip *
gunzip_new(void)
{
	struct gunzip *gunzip = xcalloc(1, sizeof(*gunzip));

	gunzip->z.zalloc = z_alloc;
	gunzip->z.zfree = z_free;
	if (inflateInit2(&gunzip->z, GZIP_BITS) != Z_OK)
		abort();
	return gunzip;
}

void
gunzip_free(struct gunzip *gunzip)
{
	if (gunzip)
		inflateEnd(&gunzip->z);
	free(gunzip);
}

/* One call of inflate; 1 went on, 0 needs more input, -1 failed. */
static int
inflate_step(struct gunzip *gunzip, struct err *err)
{
	z_stream *z = &gunzip->z;
	int rc;

	if (gunzip->state == GUNZIP_END)
		inflateReset(z);
	gunzip->state = GUNZIP_MEMBER;
	rc = inflate(z, Z_NO_FLUSH);
	if (rc == Z_STREAM_END)
		gunzip->state = GUNZIP_END;
	if (rc == Z_OK || rc == Z_STREAM_END)
		return 1;
	if (rc == Z_BUF_ERROR)
		return 0;
	return err_set(err, ERR_INVALID, "invalid gzip: %s",
		       z->msg ? z->msg : "damaged");
}

ssize_t
gunzip_read(struct gunzip *gunzip, const uint8_t **in, size_t *n, uint8_t *out,
	    size_t size, struct err *err)
{
	z_stream *z = &gunzip->z;
	int rc = 1;

	assert(*n <= UINT_MAX && size <= UINT_MAX);
	z->next_in = *in;
	z->avail_in = (unsigned)*n;
	z->next_out = out;
	z->avail_out = (unsigned)size;
	while (rc > 0 && z->avail_out > 0 &&
	       (z->avail_in > 0 || gunzip->state == GUNZIP_MEMBER))
		rc = inflate_step(gunzip, err);
	*in = z->next_in;
	*n = z->avail_in;
	return rc < 0 ? -1 : (ssize_t)(size - z->avail_out);
}

bool
gunzip_is_complete(const struct gunzip *gunzip)
{
	return gunzip->state == GUNZIP_END;
}

struct gzip *
gzip_new(void)
{
	struct gzip *gzip = xcalloc(1, sizeof(*gzip));

	gzip->z.zalloc = z_alloc;
	gzip->z.zfree = z_free;
	gzip->level = Z_BEST_SPEED;
	if (deflateInit2(&gzip->z, gzip->level, Z_DEFLATED, GZIP_BITS, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	return gzip;
}

void
gzip_free(struct gzip *gzip)
{
	if (gzip)
		deflateEnd(&gzip->z);
	free(gzip);
}

/* Run deflate until it has nothing more to say. */
static int
deflate_all(z_stream *z, int flush, struct buf *out)
{
	do {
		uint8_t *room = buf_reserve(out, ROOM);

		if (room == NULL)
			return -1;
		z->next_out = room;
		z->avail_out = ROOM;
		(void)deflate(z, flush);
		buf_commit(out, ROOM - z->avail_out);
	} while (z->avail_out == 0);
	return 0;
}

/* zlib ends the current block first, which needs room. */
static int
set_level(struct gzip *gzip, int level, struct buf *out)
{
	z_stream *z = &gzip->z;
	int rc;

	do {
		uint8_t *room = buf_reserve(out, ROOM);

		if (room == NULL)
			return -1;
		z->next_out = room;
		z->avail_out = ROOM;
		rc = deflateParams(z, level, Z_DEFAULT_STRATEGY);
		buf_commit(out, ROOM - z->avail_out);
	} while (rc == Z_BUF_ERROR);
	gzip->level = level;
	return 0;
}

/* Change between packing and storing when a stretch is over. */
static int
judge(struct gzip *gzip, struct buf *out)
{
	uint64_t in = gzip->z.total_in - gzip->probe_in;
	uint64_t packed = gzip->z.total_out - gzip->probe_out;
	bool is_storing = gzip->level == Z_NO_COMPRESSION;
	bool shrinks = packed < in - in / 16;

	if (in < (is_storing ? STORE : PROBE))
		return 0;
	gzip->probe_in = gzip->z.total_in;
	gzip->probe_out = gzip->z.total_out;
	if (is_storing)
		return set_level(gzip, Z_BEST_SPEED, out);
	return shrinks ? 0 : set_level(gzip, Z_NO_COMPRESSION, out);
}

int
gzip_add(struct gzip *gzip, const void *bytes, size_t n, struct buf *out)
{
	assert(n <= UINT_MAX);
	gzip->z.next_in = bytes;
	gzip->z.avail_in = (unsigned)n;
	if (deflate_all(&gzip->z, Z_NO_FLUSH, out) < 0)
		return -1;
	return judge(gzip, out);
}

int
gzip_end(struct gzip *gzip, struct buf *out)
{
	gzip->z.next_in = NULL;
	gzip->z.avail_in = 0;
	return deflate_all(&gzip->z, Z_FINISH, out);
}
