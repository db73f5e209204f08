/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_TAR_H
#define BERTH_ARCHIVE_TAR_H

/*
 * tar archives as a stream of bytes, read and written.
 *
 * Understood are the old format, ustar, GNU's long names and large numbers, and
 * pax records; written is GNU's, which holds any name and any size.  What a
 * stranger's archive should not contain is refused here, so that no user of the
 * reader can forget it: absolute names, "..", links that leave the root,
 * devices, FIFOs, sparse files, volumes, and headers whose sum is wrong.
 *
 * A file that shrinks while it is packed cannot be taken back: its header has
 * told the size.  It is filled up, and a record that other readers overlook
 * says behind it that it is spoilt.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define TAR_BLOCK 512

/* The longest name or link that is read; the kernel's limit too. */
#define TAR_NAME_MAX 4095

enum tar_type { TAR_FILE, TAR_DIR, TAR_SYMLINK, TAR_HARDLINK };

struct tar_entry {
	enum tar_type type;
	const char *name; /* relative and clean; "" is the root, a TAR_DIR */
	const char *link; /* as it came; of a TAR_HARDLINK as `name' */
	uint32_t mode;	  /* permission bits */
	uint64_t size;	  /* of a TAR_FILE, else 0 */
	int64_t mtime_ns; /* read: as far as the archive tells */
};

enum tar_event_kind {
	TAR_EVENT_ENTRY,     /* `entry': borrowed until the next read */
	TAR_EVENT_DATA,	     /* `bytes' of a file: borrowed from the input */
	TAR_EVENT_ENTRY_END, /* after every entry */
	TAR_EVENT_SPOILT,    /* the file that ended before is not a copy */
	TAR_EVENT_END,	     /* the archive is complete; what follows is not
				looked at */
};

struct tar_event {
	enum tar_event_kind kind;
	struct tar_entry entry;
	const uint8_t *bytes;
	size_t n;
};

struct tar_reader;

/*
 * `root' is where the archive will be unpacked, absolute and clean: symbolic
 * links may name a place below it by its whole path.  NULL: none may.
 */
struct tar_reader *tar_reader_new(const char *root);
void tar_reader_free(struct tar_reader *reader);

/*
 * The next event from *in, which moves on together with *n: 1 with an event,
 * 0 when more input is needed (all was used), -1 with ERR_INVALID or, for a
 * name or record that is too long, ERR_LIMIT.  Dead after a failure.
 */
int tar_read(struct tar_reader *reader, const uint8_t **in, size_t *n,
	     struct tar_event *ret, struct err *err);

/*
 * May the input end here?  After the mark that ends an archive, and where one
 * that lacks the mark could: between entries.
 */
bool tar_reader_is_complete(const struct tar_reader *reader);

/*
 * Would a symbolic link `name' to `target' be let in?  `root' as above.
 */
bool tar_link_is_safe(const char *root, const char *name, const char *target);

struct tar_attr {
	uint32_t uid, gid;
	int64_t mtime;	 /* s */
	long mtime_nsec; /* not 0: told as well, for 1 KiB more, or */
	bool is_brief;	 /* for nothing, so that only our reader knows it */
};

/*
 * Append the header of `entry'.  The caller appends its `size' bytes and
 * tar_add_padding.  -1 if `out' is full.
 */
int tar_add_header(struct buf *out, const struct tar_entry *entry,
		   const struct tar_attr *attr);
int tar_add_padding(struct buf *out, uint64_t size);

/* Append that the file before is spoilt. */
int tar_add_spoilt(struct buf *out);

/* Append the mark that ends an archive. */
int tar_add_end(struct buf *out);

#endif
