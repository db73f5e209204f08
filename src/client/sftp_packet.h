/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_SFTP_PACKET_H
#define BERTH_CLIENT_SFTP_PACKET_H

/*
 * Packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02): answers read
 * strictly, requests written.  No bytes are moved here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_FSTAT = 8,
	SFTP_SETSTAT = 9,
	SFTP_FSETSTAT = 10,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_RMDIR = 15,
	SFTP_REALPATH = 16,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_READLINK = 19,
	SFTP_SYMLINK = 20,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201,
};

enum sftp_status {
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_PERMISSION_DENIED = 3,
	SFTP_FAILURE = 4,
	SFTP_BAD_MESSAGE = 5,
	SFTP_NO_CONNECTION = 6,
	SFTP_CONNECTION_LOST = 7,
	SFTP_OP_UNSUPPORTED = 8,
};

#define SFTP_OPEN_READ 0x01u
#define SFTP_OPEN_WRITE 0x02u
#define SFTP_OPEN_CREAT 0x08u
#define SFTP_OPEN_TRUNC 0x10u
#define SFTP_OPEN_EXCL 0x20u

/* Longer ones are no peer of ours; servers send at most 256 KiB of data. */
#define SFTP_MAX_PACKET ((256u << 10) + 1024)
#define SFTP_MAX_HANDLE 256
#define SFTP_MAX_PATH 8192

struct sftp_attrs {
	bool has_size, has_owner, has_mode, has_times;
	uint64_t size;
	uint32_t uid, gid, mode, atime, mtime;
};

/* All texts and bytes are borrowed from the packet. */
struct sftp_reply {
	enum sftp_type type;
	uint32_t id;	      /* of VERSION: the version */
	uint32_t status;      /* of STATUS */
	const uint8_t *bytes; /* of HANDLE, DATA, EXTENDED_REPLY, STATUS' text;
				 of NAME and VERSION: what sftp_names reads */
	size_t n;
	uint32_t n_names;
	struct sftp_attrs attrs; /* of ATTRS */
};

/*
 * The length of the packet at `bytes' with its length field, 0 if there are not
 * enough bytes to tell; ERR_PROTO if it is too long or too short.
 */
ssize_t sftp_packet_len(const uint8_t *bytes, size_t n, struct err *err);

/* Read one packet (all of it, with its length field); ERR_PROTO. */
int sftp_reply_read(const uint8_t *packet, size_t n, struct sftp_reply *ret,
		    struct err *err);

/*
 * The next of the names in a SFTP_NAME, or of the pairs in a SFTP_VERSION
 * (whose value is in `longname'): 1; 0: that was the last; ERR_PROTO.
 */
struct sftp_name {
	const char *name; /* of n_name bytes, not terminated */
	size_t n_name;
	const char *longname;
	size_t n_longname;
	struct sftp_attrs attrs;
};
int sftp_names_next(struct sftp_reply *reply, struct sftp_name *ret,
		    struct err *err);

/*
 * Writing: begin, put members, end.  `out' must have room: what is put is
 * limited by the caller.
 */
size_t sftp_put_begin(struct buf *out, enum sftp_type type, uint32_t id);
void sftp_put_u32(struct buf *out, uint32_t n);
void sftp_put_u64(struct buf *out, uint64_t n);
void sftp_put_bytes(struct buf *out, const void *bytes, size_t n);
void sftp_put_text(struct buf *out, const char *text);
void sftp_put_attrs(struct buf *out, const struct sftp_attrs *attrs);

/* `at' is what begin returned; `more' bytes follow from elsewhere. */
void sftp_put_end(struct buf *out, size_t at, size_t more);

#endif
