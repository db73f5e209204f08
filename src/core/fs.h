/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_FS_H
#define BERTH_CORE_FS_H

/*
 * The file system: whole reads and writes, files that are replaced at once or
 * not at all, directories that only their owner can enter.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"

/* All bytes or -1 with errno; EINTR and short counts are dealt with. */
int write_full(int fd, const void *bytes, size_t n);

/* Up to `n' bytes until the end of the file; -1 with errno. */
ssize_t read_full(int fd, void *bytes, size_t n);

/* As read_full at `offset', without moving the descriptor. */
ssize_t pread_full(int fd, void *bytes, size_t n, uint64_t offset);

/* Append a whole file; ERR_NOT_FOUND, ERR_LIMIT when the buffer is too small */
int fs_read_fd(int fd, struct buf *out, struct err *err);
int fs_read_file(int dir_fd, const char *path, struct buf *out,
		 struct err *err);

enum fs_write_flags {
	FS_WRITE_SYNC = 1u << 0, /* survives a power cut when it returns */
};

/*
 * Replace `name' in `dir_fd' by `n' bytes: a reader sees the old or the new
 * file, whole, with mode 0600.
 */
int fs_write_atomic(int dir_fd, const char *name, const void *bytes, size_t n,
		    unsigned flags, struct err *err);

/* The same for a whole path. */
int fs_replace(const char *path, const void *bytes, size_t n, unsigned flags,
	       struct err *err);

/*
 * Does syncing a new file keep the names that lead to it too?  Where not, or
 * where that is not known, the directories must be synced as well.
 */
bool fs_syncs_names(int fd);

/* Create the directory and its parents; 0700 for those that are made. */
int fs_mkdir_parents(const char *path, struct err *err);

/*
 * Make `path' (and parents), and prove that it is a real directory of ours
 * which nobody else can enter; ERR_DENIED names whose it is otherwise.
 */
int fs_mkdir_private(const char *path, struct err *err);

/*
 * Hold the lock in the file `path', which is made (0600) and stays; closing
 * the descriptor lets go.  ERR_TIMEOUT if another holds it longer than `ms'.
 */
int fs_lock(const char *path, uint64_t ms, struct err *err);

/* Remove a file or a tree, never following a link.  Absence is success. */
int fs_remove_tree(int dir_fd, const char *name, struct err *err);

/* Set O_NONBLOCK or FD_CLOEXEC; cannot fail on an open descriptor. */
void fd_set_nonblock(int fd);
void fd_set_cloexec(int fd, bool on);

/* Close it if there is one; it is -1 then. */
void fd_close(int *fd);

#endif
