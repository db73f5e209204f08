/* SPDX-License-Identifier: ISC */

/* Archives written; see tar.h. */

#include <stdio.h>
#include <string.h>

#include "core/macros.h"
#include "archive/tar.h"
#include "archive/tar_header.h"

static const char magic_gnu[8] = "ustar  ";

static void
put_text(char *field, size_t size, const char *text)
{
	memcpy(field, text, MIN(strlen(text), size));
}

static int
add_header_block(struct buf *out, struct tar_header *h)
{
	memcpy(h->magic, magic_gnu, sizeof(h->magic));
	tar_number_put(h->sum, sizeof(h->sum) - 1, tar_header_sum(h));
	h->sum[sizeof(h->sum) - 1] = ' ';
	return buf_add(out, h, sizeof(*h));
}

/* An entry that is no file but tells of one: `n' bytes of `text'. */
static int
add_note(struct buf *out, char type, const char *name, const char *text,
	 size_t n)
{
	struct tar_header h = { .type = type };

	put_text(h.name, sizeof(h.name), name);
	tar_number_put(h.mode, sizeof(h.mode), 0);
	tar_number_put(h.uid, sizeof(h.uid), 0);
	tar_number_put(h.gid, sizeof(h.gid), 0);
	tar_number_put(h.size, sizeof(h.size), n);
	tar_number_put(h.mtime, sizeof(h.mtime), 0);
	if (add_header_block(out, &h) < 0 || buf_add(out, text, n) < 0)
		return -1;
	return tar_add_padding(out, n);
}

/* A text that does not fit its field, with its NUL, before its header. */
static int
add_long_text(struct buf *out, char type, const char *text)
{
	return add_note(out, type, "././@LongLink", text, strlen(text) + 1);
}

/* Pax records, before the entry that they are about. */
static int
add_records(struct buf *out, char type, const char *name, const char *text)
{
	return add_note(out, type, name, text, strlen(text));
}

/*
 * The whole time of change: a pax record, which GNU tar understands.  The sign
 * is that of the whole number: what is a quarter of a second before 1970 is
 * -0.25, and 0.75 s after the second -1.
 */
static int
add_mtime(struct buf *out, const struct tar_attr *attr)
{
	bool is_before = attr->mtime < 0;
	long long s = is_before ? -(attr->mtime + 1) : attr->mtime;
	long ns = is_before ? (long)NS_PER_S - attr->mtime_nsec
			    : attr->mtime_nsec;
	char value[32], record[64];
	size_t n;

	snprintf(value, sizeof(value), "%s%lld.%09ld", is_before ? "-" : "", s,
		 ns);
	/*
	 * "30 mtime=1700000000.123456789\n": the length counts itself, two
	 * digits however many the seconds have.
	 */
	n = strlen("30 mtime=\n") + strlen(value);
	snprintf(record, sizeof(record), "%zu mtime=%s\n", n, value);
	return add_records(out, 'x', "./PaxHeaders/mtime", record);
}

int
tar_add_header(struct buf *out, const struct tar_entry *entry,
	       const struct tar_attr *attr)
{
	static const char flags[] = {
		[TAR_FILE] = '0',
		[TAR_DIR] = '5',
		[TAR_SYMLINK] = '2',
		[TAR_HARDLINK] = '1',
	};
	struct tar_header h = { .type = flags[entry->type] };

	if (attr->mtime_nsec && attr->is_brief)
		tar_brief_put(&h, attr->mtime_nsec);
	else if (attr->mtime_nsec && attr->mtime >= -MAX_MTIME &&
		 attr->mtime <= MAX_MTIME && add_mtime(out, attr) < 0)
		return -1;
	if (strlen(entry->name) > sizeof(h.name) &&
	    add_long_text(out, 'L', entry->name) < 0)
		return -1;
	put_text(h.name, sizeof(h.name), entry->name);
	if (entry->link && strlen(entry->link) > sizeof(h.link) &&
	    add_long_text(out, 'K', entry->link) < 0)
		return -1;
	if (entry->link)
		put_text(h.link, sizeof(h.link), entry->link);
	tar_number_put(h.mode, sizeof(h.mode), entry->mode & 0777);
	tar_number_put(h.uid, sizeof(h.uid), attr->uid);
	tar_number_put(h.gid, sizeof(h.gid), attr->gid);
	tar_number_put(h.size, sizeof(h.size), entry->size);
	tar_time_put(h.mtime, sizeof(h.mtime), attr->mtime);
	return add_header_block(out, &h);
}

int
tar_add_padding(struct buf *out, uint64_t size)
{
	static const uint8_t zero[TAR_BLOCK];

	return buf_add(out, zero, tar_padding_of(size));
}

int
tar_add_spoilt(struct buf *out)
{
	return add_records(out, 'g', "./PaxHeaders/spoilt", TAR_SPOILT);
}

int
tar_add_end(struct buf *out)
{
	static const uint8_t zero[2 * TAR_BLOCK];

	return buf_add(out, zero, sizeof(zero));
}
