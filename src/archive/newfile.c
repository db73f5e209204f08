/* SPDX-License-Identifier: ISC */

/*
 * Files that appear whole; see newfile.h.
 *
 * A name is replaced by rename, which only works from another name: what is to
 * appear gets a random one first.  A nameless file (O_TMPFILE) skips that when
 * its final name is free; still ext4 takes 190 us for it, 100 us for a file
 * that is renamed, and 30 us for one that is written in place.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/rand.h"
#include "core/text.h"
#include "archive/newfile.h"

/* Begin to write back early, so that the sync at the end is short. */
#define WRITEBACK (1u << 20)

#define PREFIX ".berth-"
#define WHOLE ".tmp"
#define RESUMED ".part"

bool
newfile_is_key(const char *key)
{
	return strlen(key) == NEWFILE_KEY_LEN &&
	       strspn(key, "0123456789abcdef") == NEWFILE_KEY_LEN;
}

void
newfile_key_name(char out[32], const char *key)
{
	snprintf(out, 32, PREFIX "%s" RESUMED, key);
}

bool
newfile_is_temporary(const char *name, const char *key)
{
	const char *end = name + strlen(PREFIX) + NEWFILE_KEY_LEN;

	if (!str_starts(name, PREFIX) ||
	    strspn(name + strlen(PREFIX), "0123456789abcdef") !=
		NEWFILE_KEY_LEN)
		return false;
	if (key && strncmp(name + strlen(PREFIX), key, NEWFILE_KEY_LEN) != 0)
		return false;
	return str_eq(end, RESUMED) || (key == NULL && str_eq(end, WHOLE));
}

static void
number_name(char out[32], uint64_t number)
{
	snprintf(out, 32, PREFIX "%016" PRIx64 WHOLE, number);
}

static void
random_name(char out[32])
{
	uint64_t random;

	rand_bytes(&random, sizeof(random));
	number_name(out, random);
}

/* No name is used twice, so that who sweeps one up cannot mean the next. */
static void
next_name(struct newfile *file)
{
	if (file->next == 0)
		rand_bytes(&file->next, sizeof(file->next));
	number_name(file->tmp, file->next++);
}

static int
create(struct newfile *file)
{
	return openat(file->dir_fd, file->tmp,
		      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* Names that count up can be foreseen: one that is taken ends the count. */
static int
create_next(struct newfile *file, int dir_fd)
{
	int fd;

	file->dir_fd = dir_fd;
	file->borrows = true;
	next_name(file);
	fd = create(file);
	if (fd >= 0 || errno != EEXIST)
		return fd;
	file->next = 0;
	next_name(file);
	return create(file);
}

/* Begin under a temporary name. */
static int
open_named(struct newfile *file, int dir_fd, unsigned flags)
{
	int fd = -1;

	if (flags & NEWFILE_SERIES) {
		fd = create_next(file, dir_fd);
	} else {
		random_name(file->tmp);
		file->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
		if (file->dir_fd >= 0)
			fd = create(file);
	}
	/* For newfile_tidy; a file system without locks is as good. */
	if (fd >= 0)
		(void)flock(fd, LOCK_EX | LOCK_NB);
	return fd;
}

int
newfile_open(struct newfile *file, int dir_fd, unsigned flags, struct err *err)
{
	uint64_t next = flags & NEWFILE_SERIES ? file->next : 0;

	*file = (struct newfile){ .dir_fd = -1, .fd = -1, .next = next };
	if (flags & NEWFILE_NAMELESS)
		file->fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
				  0600);
	if (file->fd < 0)
		file->fd = open_named(file, dir_fd, flags);
	if (file->fd >= 0)
		return 0;
	err_sys(err, "failed to create temp file");
	file->tmp[0] = '\0';
	newfile_fini(file);
	return -1;
}

/* A regular file of ours and of no other name, locked; -1 with errno. */
static int
open_part(int dir_fd, const char *name, struct stat *st)
{
	int fd = openat(
	    dir_fd, name,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_uid == geteuid() && st->st_nlink == 1 &&
	    (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno == ENOTSUP))
		return fd;
	close(fd);
	errno = EWOULDBLOCK;
	return -1;
}

int
newfile_resume(struct newfile *file, int dir_fd, const char *key,
	       uint64_t offset, struct err *err)
{
	char name[32];
	struct stat st;
	int fd;

	*file = (struct newfile)NEWFILE_INIT;
	newfile_key_name(name, key);
	fd = open_part(dir_fd, name, &st);
	if (fd < 0 && errno == EWOULDBLOCK)
		return err_set(err, ERR_CONFLICT,
			       "somebody else is writing this file");
	if (fd < 0)
		return err_sys(err, "failed to create temp file");
	if ((uint64_t)st.st_size < offset || ftruncate(fd, (off_t)offset) < 0 ||
	    lseek(fd, (off_t)offset, SEEK_SET) < 0) {
		close(fd);
		return err_set(err, ERR_CONFLICT,
			       "only %llu bytes of this file came before",
			       (unsigned long long)st.st_size);
	}
	file->fd = fd;
	file->keeps = true;
	file->size = offset;
	file->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	snprintf(file->tmp, sizeof(file->tmp), "%s", name);
	return 0;
}

uint64_t
newfile_offset(int dir_fd, const char *key)
{
	char name[32];
	struct stat st;

	newfile_key_name(name, key);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_size;
}

/* Is it that of another user, or is somebody writing it? */
static bool
is_busy(int dir_fd, const char *name)
{
	AUTO_CLOSE int fd = openat(
	    dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid())
		return true;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static void
sweep(int dir_fd, const char *name)
{
	AUTO_CLOSE int fd = openat(
	    dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 &&
	    (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK))
		(void)unlinkat(dir_fd, name, 0);
}

bool
newfile_tidy(int dir_fd, const char *name, bool sweeps)
{
	bool is_whole = str_ends(name, WHOLE);

	if (sweeps && is_whole)
		sweep(dir_fd, name);
	return sweeps && !is_whole && !is_busy(dir_fd, name);
}

int
newfile_set_mtime(struct newfile *file, int64_t mtime_ns)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		clock_timespec(mtime_ns),
	};

	return futimens(file->fd, times);
}

int
newfile_write(struct newfile *file, const void *bytes, size_t n,
	      struct err *err)
{
	uint64_t before = file->size / WRITEBACK;

	if (write_full(file->fd, bytes, n) < 0)
		return err_sys(err, "failed to write");
	file->size += n;
	if (file->size / WRITEBACK > before)
		(void)sync_file_range(file->fd, (off_t)(before * WRITEBACK), 0,
				      SYNC_FILE_RANGE_WRITE);
	return 0;
}

int
newfile_link(int fd, int dir_fd, const char *name)
{
	char path[32], tmp[32];
	int saved;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	random_name(tmp);
	if (linkat(AT_FDCWD, path, dir_fd, tmp, AT_SYMLINK_FOLLOW) < 0)
		return -1;
	if (renameat(dir_fd, tmp, dir_fd, name) == 0) {
		/* It is still there if both are the same file. */
		unlinkat(dir_fd, tmp, 0);
		return 0;
	}
	saved = errno;
	unlinkat(dir_fd, tmp, 0);
	errno = saved;
	return -1;
}

int
newfile_symlink(const char *target, int dir_fd, const char *name)
{
	char tmp[32];
	int saved;

	if (symlinkat(target, dir_fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	random_name(tmp);
	if (symlinkat(target, dir_fd, tmp) < 0)
		return -1;
	if (renameat(dir_fd, tmp, dir_fd, name) == 0)
		return 0;
	saved = errno;
	unlinkat(dir_fd, tmp, 0);
	errno = saved;
	return -1;
}

/* The directory remembers the new name. */
static int
sync_dir(int dir_fd)
{
	AUTO_CLOSE int fd = openat(dir_fd, ".",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* One that we may write but not read cannot be synced. */
	if (fd < 0)
		return errno == EACCES ? 0 : -1;
	return fsync(fd);
}

int
newfile_commit(struct newfile *file, int dir_fd, const char *name, mode_t mode,
	       unsigned flags, struct err *err)
{
	int rc;

	if (fchmod(file->fd, mode & 0777) < 0)
		return err_sys(err, "failed to set mode");
	if ((flags & NEWFILE_SYNC) && fsync(file->fd) < 0)
		return err_sys(err, "failed to sync");
	if (file->tmp[0])
		rc = renameat(file->dir_fd, file->tmp, dir_fd, name);
	else
		rc = newfile_link(file->fd, dir_fd, name);
	if (rc < 0)
		return err_sys(err, "failed to rename");
	file->tmp[0] = '\0';
	if ((flags & NEWFILE_SYNC) && sync_dir(dir_fd) < 0)
		return err_sys(err, "failed to sync");
	newfile_fini(file);
	return 0;
}

void
newfile_fini(struct newfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->tmp[0] && !file->keeps)
		unlinkat(file->dir_fd, file->tmp, 0);
	if (file->dir_fd >= 0 && !file->borrows)
		close(file->dir_fd);
	*file = (struct newfile){ .dir_fd = -1, .fd = -1, .next = file->next };
}
