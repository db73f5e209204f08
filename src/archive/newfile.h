/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_NEWFILE_H
#define BERTH_ARCHIVE_NEWFILE_H

/*
 * A file that appears under its name whole, or not at all.
 *
 * Calling sequence: newfile_open, any number of newfile_write, newfile_commit,
 * and newfile_fini in every state; without commit it removes what was written,
 * unless the file was begun by newfile_resume.
 *
 * Temporary names say what they are (newfile_is_temporary), and their files are
 * locked while somebody writes, so that what a killed program left can be told
 * from what is being written.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

struct newfile {
	int dir_fd; /* where the temporary file is */
	int fd;
	char tmp[32]; /* its name; empty if it has none */
	bool keeps;   /* without commit the temporary file stays */
	bool borrows; /* dir_fd is the caller's */
	uint64_t size;
	uint64_t next; /* of a series: what the next name is made of, or 0 */
};

#define NEWFILE_INIT                                                           \
	{                                                                      \
		.dir_fd = -1, .fd = -1                                         \
	}

enum newfile_flags {
	/*
	 * The file has no name before commit, where the file system can: not
	 * even a killed daemon leaves anything.  Without it the file has a
	 * temporary name, which costs half the time: for many small files.
	 */
	NEWFILE_NAMELESS = 1u << 0,
	/*
	 * The file is one of many that are written by the same struct, one
	 * after another: `dir_fd' stays open until commit or fini, and names
	 * are counted up from a random one.  `file' is NEWFILE_INIT, or was
	 * used before.
	 */
	NEWFILE_SERIES = 1u << 1,
};

/* `dir_fd' is any directory on the file system of the final place; borrowed. */
int newfile_open(struct newfile *file, int dir_fd, unsigned flags,
		 struct err *err);

/* 16 hexadecimal digits in lower case: the key of a file that is resumed. */
#define NEWFILE_KEY_LEN 16
bool newfile_is_key(const char *key);

/* Its temporary name. */
void newfile_key_name(char out[32], const char *key);

/*
 * Go on with what was written under `key' before, or begin: the first
 * `offset' bytes of that are kept.  ERR_CONFLICT: there are fewer, or somebody
 * is writing.  Without commit it stays for the next time.
 */
int newfile_resume(struct newfile *file, int dir_fd, const char *key,
		   uint64_t offset, struct err *err);

/* How much is there under `key'; 0 if nothing is. */
uint64_t newfile_offset(int dir_fd, const char *key);

/* Is `name' one of our temporary ones?  `key' of a resumed one, or NULL. */
bool newfile_is_temporary(const char *name, const char *key);

/*
 * Meet the temporary file `name' in a listing: false if it is to be passed
 * over.  With `sweeps' one that nobody can go on with is removed, unless
 * somebody is writing it; true says that it is ours, that one can go on with
 * it, and that nobody does.
 */
bool newfile_tidy(int dir_fd, const char *name, bool sweeps);

int newfile_write(struct newfile *file, const void *bytes, size_t n,
		  struct err *err);

enum newfile_commit_flags {
	NEWFILE_SYNC = 1u << 0, /* survives a power cut when commit returns */
};

/* Have this time of last change; -1 with errno. */
int newfile_set_mtime(struct newfile *file, int64_t mtime_ns);

/*
 * Become `name' in `dir_fd', with the permission bits of `mode' and no others,
 * in place of whatever has that name, unless it is a directory.
 */
int newfile_commit(struct newfile *file, int dir_fd, const char *name,
		   mode_t mode, unsigned flags, struct err *err);

void newfile_fini(struct newfile *file);

/*
 * Give the file behind `fd' (which may be O_PATH) the name `name', in place of
 * what has it, in one step.  -1 with errno.
 */
int newfile_link(int fd, int dir_fd, const char *name);

/* Make a symbolic link to `target', in place of what has the name. */
int newfile_symlink(const char *target, int dir_fd, const char *name);

#endif
