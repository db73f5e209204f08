/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_SFTP_OWN_H
#define BERTH_CLIENT_FILE_FILE_SFTP_OWN_H

/*
 * What the parts of file_sftp.c share; nobody else includes it.
 */

#include <uv.h>

#include "core/list.h"
#include "core/macros.h"
#include "client/file/file.h"
#include "client/file/tree.h"
#include "client/sftp.h"

/* Content under way: of one file, and of all of them. */
#define WINDOW (4u << 20)
#define SHARED_WINDOW (16u << 20)
#define SLOTS 64

struct sftp_files {
	struct files files;
	struct sftp *sftp;
	uint64_t out; /* bytes written that are not answered yet */
	bool knows_uid;
	uint32_t uid; /* that files have which we make */
};

struct handle {
	uint8_t bytes[SFTP_MAX_HANDLE];
	size_t n;
	bool is_open;
};

struct sftp_call;

/* One read under way. */
struct slot {
	struct sftp_call *call;
	uint64_t at;
	size_t want, got;
	uint8_t *bytes;
	bool is_done, is_end;
};

/* A directory that is being listed, or a link that is being read. */
struct job {
	struct list link;
	struct sftp_call *call;
	char *path; /* below the root of the list; "" is the root */
	struct handle handle;
	struct file_info info;
	bool has_names; /* at least "." */
};

struct sftp_call {
	struct file_call base;
	struct sftp_files *f;
	enum file_op op;
	unsigned flags;
	char *path, *to, *target, *if_match, *key;
	char *probing; /* the key, while it is found out who we are */
	int mode;
	int64_t mtime_ns;
	uint64_t offset, end, size;
	uv_timer_t later;
	struct err err; /* what `later' tells, or the end that is delayed */
	bool is_ending; /* nothing more is taken */
	struct handle handle;
	char *tmp;	  /* the temporary name, while it is there */
	bool in_one_step; /* the rename under way replaces */
	bool keeps_tmp;

	/* Reading. */
	struct slot slots[SLOTS];
	size_t head, n_slots;
	uint64_t next;
	bool is_paused, is_delivering;

	/* Writing. */
	uint64_t written, outstanding; /* bytes */
	uint64_t sure;		       /* those that are there without a gap */
	bool is_full, is_ended, has_made_dirs, was_there;
	struct sftp_attrs there;
	uint32_t part_uid; /* of what is to be gone on with */

	/* Listing and removing. */
	struct list jobs;
	size_t n_dirs, n_jobs, n_entries;
	char **dirs; /* those still to be listed */
	struct tree tree;
	size_t n_removed;

	/* Copying. */
	struct file_call *from, *into;
};

static inline struct sftp_call *
sftp_call_of(struct file_call *call)
{
	return container_of(call, struct sftp_call, base);
}

/*
 * The end of a call: with what is told, or not told to anybody.  A failure is
 * told when what was begun is cleaned up: whoever hears of it may go away, and
 * take along what was not sent.
 */
void sftp_end(struct sftp_call *c, const struct err *err);
void sftp_call_free(struct sftp_call *c);

/* It failed: a status, or the reason why there is none. */
void sftp_end_with(struct sftp_call *c, const struct sftp_reply *reply,
		   const struct err *why);
void sftp_end_set(struct sftp_call *c, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);

bool sftp_is_status(const struct sftp_reply *reply, uint32_t status);

/* The usual: true if all is well, otherwise the call has ended. */
bool sftp_is_ok(struct sftp_call *c, const struct sftp_reply *reply,
		const struct err *why);

/* Go on from the loop, or fail there with `c->err'. */
void sftp_later(struct sftp_call *c);

/* Requests. */
void sftp_ask_path(struct sftp_call *c, enum sftp_type type, const char *path,
		   sftp_reply_fn *fn);
void sftp_ask_handle(struct sftp_call *c, enum sftp_type type,
		     const struct handle *handle, sftp_reply_fn *fn,
		     void *owner);
void sftp_ask_open(struct sftp_call *c, const char *path, uint32_t flags,
		   sftp_reply_fn *fn);

/* In place of what is there, in one step if the server can. */
void sftp_ask_rename(struct sftp_call *c, const char *from, const char *to,
		     sftp_reply_fn *fn);

/* All directories above `path', from the top; what exists stays. */
void sftp_make_dirs(struct sftp_call *c, const char *path);

struct sftp_attrs sftp_attrs_to_set(const struct sftp_call *c);
bool sftp_take_handle(struct handle *handle, const struct sftp_reply *reply);
void sftp_close_handle(struct sftp_call *c, struct handle *handle);
void sftp_job_free(struct job *job);

/* What is told about a file. */
enum file_type sftp_type_of(const struct sftp_attrs *a);
const char *sftp_etag_of(char out[48], const struct sftp_attrs *a);
struct file_info sftp_info_of(const struct sftp_attrs *a, const char *name);
void sftp_give_attrs(struct sftp_call *c, const struct sftp_attrs *a,
		     const char *name, const char *target);

/* The one text of a SFTP_NAME, owned by the caller; NULL. */
char *sftp_one_name(struct sftp_reply *reply);

/* The calls of the other files. */
void sftp_start_read(struct sftp_call *c);
void sftp_read_more(struct sftp_call *c);
void sftp_start_write(struct sftp_call *c);
bool sftp_write_more(struct file_call *call, const void *bytes, size_t n);
void sftp_write_end(struct file_call *call);
void sftp_write_finish(struct sftp_call *c);
void sftp_start_list(struct sftp_call *c);
void sftp_start_remove(struct sftp_call *c);

#endif
