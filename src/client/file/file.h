/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_H
#define BERTH_CLIENT_FILE_FILE_H

/*
 * Files of a machine: read, written, listed, moved; however it is reached.
 *
 * An implementation of this interface speaks to a berthd (file_daemon.c), SFTP
 * (file_sftp.c), or a shell (file_shell.c).  All pass one list of points, in
 * tests/integration/76-files.sh.
 *
 * Paths are bytes, absolute, or begin with "~/" for the home of the user over
 * there.  A link at the end of a path is not followed, except to read, write or
 * copy what it leads to.
 *
 * A call is started and answered by events from the loop; as many as one likes
 * are under way at a time.  What was started ends with on_end, once, unless it
 * is cancelled.  Nothing calls back from inside a function of this header.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct file_call;
struct files;
struct uv_loop_s;

enum file_type { FILE_REGULAR, FILE_DIR, FILE_SYMLINK, FILE_OTHER };

/* Of the mode that stat tells, here or over there. */
enum file_type file_type_of(uint64_t mode);

/* Borrowed for the call that gives it. */
struct file_info {
	const char *name; /* in a list below the directory; else the path */
	enum file_type type;
	int mode; /* permission bits; -1: not known */
	uint64_t size;
	int64_t mtime_ns;   /* as exact as the other side knows it */
	int64_t uid, gid;   /* -1: not known */
	const char *etag;   /* changes when the file does, or NULL */
	const char *target; /* of a link, or NULL */
	const char *sha1;   /* in hexadecimal, if FILE_SUMS was said */
	bool is_closed;	    /* of file_json.h alone: see on_closed */
};

enum file_op {
	FILE_READ,   /* on_entry, then on_data */
	FILE_WRITE,  /* on_ready, then file_write; on_entry what became of it */
	FILE_LIST,   /* on_entry each */
	FILE_STAT,   /* on_entry */
	FILE_MKDIR,  /* nothing, as those below */
	FILE_REMOVE, /* a directory only if it is empty, or FILE_RECURSIVE */
	FILE_RENAME, /* replaces what is there, unless FILE_NEW */
	FILE_COPY,   /* one file, likewise */
	FILE_LINK,   /* a symbolic link to `target', replacing likewise */
	FILE_SET,    /* mode and mtime_ns */

	/* Only where `has_bulk' is set. */
	FILE_FETCH,  /* LIST with all below, then an archive: on_data */
	FILE_PACK,   /* `names' below `path' as an archive: on_data */
	FILE_UNPACK, /* on_ready, then file_write an archive; on_refused */
};

enum file_flags {
	FILE_PARENTS = 1u << 0,	  /* make missing directories, too */
	FILE_RECURSIVE = 1u << 1, /* with all below */
	FILE_FOLLOW = 1u << 2,	  /* STAT: what a link leads to */
	FILE_NEW = 1u << 3,	  /* ERR_CONFLICT if it exists */
	FILE_SUMS = 1u << 4,	  /* LIST: tell sha1, if that is possible */
	FILE_SWEEP = 1u << 5,	  /* LIST: clean up behind killed writers */
};

/* As a time to be set: the moment of setting it. */
#define FILE_NOW INT64_MIN

/* Texts are borrowed during the start only, `names' until the end. */
struct file_request {
	enum file_op op;
	unsigned flags;
	const char *path;
	const char *to;	      /* RENAME, COPY */
	const char *target;   /* LINK */
	int mode;	      /* -1: what it has, or the usual */
	int64_t mtime_ns;     /* FILE_NOW: now */
	uint64_t offset;      /* READ: from here */
	uint64_t length;      /* READ: so many at most; 0: all */
	uint64_t size;	      /* WRITE: how many come; UINT64_MAX: not known */
	uint64_t below;	      /* FETCH: of files that are smaller */
	const char *if_match; /* READ, WRITE: ERR_CONFLICT if it has another */

	/*
	 * WRITE: what comes is kept under this key (newfile.h) when the call
	 * breaks, and on_ready tells the next one where to go on.
	 */
	const char *key;

	const char *names; /* PACK: each ended by a NUL */
	size_t names_len;
};

#define FILE_REQUEST(op_, path_, ...)                                          \
	{                                                                      \
		.op = (op_), .path = (path_), .mode = -1,                      \
		.mtime_ns = FILE_NOW, .size = UINT64_MAX, __VA_ARGS__          \
	}

/* Those that a request does not cause may be NULL. */
struct file_events {
	void (*on_entry)(struct file_call *, const struct file_info *,
			 void *owner);
	/* LIST: `name', a directory told of before, could not be listed. */
	void (*on_closed)(struct file_call *, const char *name, void *owner);
	/* UNPACK: an entry that the machine would not have; NULL: some more. */
	void (*on_refused)(struct file_call *, const char *name,
			   const char *why, void *owner);
	/* May cancel the call as its last act. */
	void (*on_data)(struct file_call *, const void *bytes, size_t n,
			void *owner);
	/* Write what is behind the first `offset' bytes. */
	void (*on_ready)(struct file_call *, uint64_t offset, void *owner);
	void (*on_drain)(struct file_call *, void *owner);
	/*
	 * Once; the call is dead.  `err' is NULL if it succeeded.
	 * ERR_NOT_FOUND, ERR_CONFLICT, ERR_DENIED; ERR_UNREACHABLE: the
	 * connection broke; ERR_UNSUPPORTED: the other side cannot.
	 */
	void (*on_end)(struct file_call *, const struct err *err, void *owner);
};

struct file_ops {
	const char *name; /* "daemon" */
	bool has_bulk;
	struct file_call *(*start)(struct files *, const struct file_request *,
				   const struct file_events *, void *owner,
				   struct err *);
	bool (*write)(struct file_call *, const void *bytes, size_t n);
	/* NULL: the bytes have to be read. */
	bool (*write_file)(struct file_call *, int fd, uint64_t offset,
			   uint64_t n);
	void (*write_end)(struct file_call *);
	void (*pause)(struct file_call *);
	void (*resume)(struct file_call *);
	void (*cancel)(struct file_call *);
	void (*free)(struct files *);
};

/* Implementations embed these as their first member. */
struct files {
	const struct file_ops *ops;
	struct uv_loop_s *loop;
};

struct file_call {
	struct files *files;
	const struct file_events *events;
	void *owner;
};

/* NULL with an error: nothing will be called. */
struct file_call *file_start(struct files *files,
			     const struct file_request *request,
			     const struct file_events *events, void *owner,
			     struct err *err);

/* True: stop until on_drain. */
bool file_write(struct file_call *call, const void *bytes, size_t n);

/* That was all; the file takes its name. */
void file_write_end(struct file_call *call);

/* Back-pressure on on_data. */
void file_pause(struct file_call *call);
void file_resume(struct file_call *call);

/* Forget the call; on_end does not come. */
void file_cancel(struct file_call *call);

/* No call is under way.  NULL is allowed. */
void files_free(struct files *files);

/*
 * Do it and wait, turning the loop.  `events' may be NULL, and its on_end is
 * not called.
 */
int file_do(struct files *files, const struct file_request *request,
	    const struct file_events *events, void *owner, struct err *err);

/* What is told about `path', owned by the caller; see file_stat_fini. */
struct file_stat {
	struct file_info info;
	char *etag, *target;
};

#define FILE_STAT_INIT                                                         \
	{                                                                      \
		.etag = NULL                                                   \
	}

int file_stat(struct files *files, const char *path, unsigned flags,
	      struct file_stat *ret, struct err *err);
void file_stat_fini(struct file_stat *stat);

static inline void
auto_files(struct files **files)
{
	files_free(*files);
}

#define AUTO_FILES __attribute__((cleanup(auto_files))) struct files

#endif
