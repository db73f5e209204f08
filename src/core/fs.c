/* SPDX-License-Identifier: ISC */

/* The file system; see fs.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/rand.h"
#include "core/text.h"

int
write_full(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

ssize_t
read_full(int fd, void *bytes, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (char *)bytes + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t
pread_full(int fd, void *bytes, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)bytes + done, n - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* What a regular file holds now; 0 for others, and for those of /proc. */
static size_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size
							  : 0;
}

int
fs_read_fd(int fd, struct buf *out, struct err *err)
{
	size_t size = size_of(fd);

	/* Most files say how large they are: no more memory, one read. */
	if (size > 0 && size <= out->max - out->len) {
		ssize_t got = read_full(fd, buf_reserve(out, size), size);

		if (got < 0)
			return err_sys(err, "read");
		buf_commit(out, (size_t)got);
		return 0;
	}
	for (;;) {
		size_t want = MIN(out->max - out->len, (size_t)65536);
		uint8_t *room;
		ssize_t got;
		char probe;

		if (want == 0) {
			/* Full: the end must be exactly here. */
			got = read_full(fd, &probe, 1);
			if (got > 0)
				return err_set(err, ERR_LIMIT,
					       "larger than %zu bytes",
					       out->max);
			if (got < 0)
				return err_sys(err, "read");
			return 0;
		}
		room = buf_reserve(out, want);
		got = read_full(fd, room, want);
		if (got < 0)
			return err_sys(err, "read");
		buf_commit(out, (size_t)got);
		if ((size_t)got < want)
			return 0;
	}
}

int
fs_read_file(int dir_fd, const char *path, struct buf *out, struct err *err)
{
	AUTO_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		err_sys(err, "open %s", path);
		if (err->sys == ENOENT || err->sys == ENOTDIR)
			err->code = ERR_NOT_FOUND;
		return -1;
	}
	if (fs_read_fd(fd, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

static int
write_and_rename(int dir_fd, int fd, const char *tmp, const char *name,
		 const void *bytes, size_t n, unsigned flags, struct err *err)
{
	if (write_full(fd, bytes, n) < 0)
		return err_sys(err, "write %s", name);
	if ((flags & FS_WRITE_SYNC) && fdatasync(fd) < 0)
		return err_sys(err, "sync %s", name);
	if (renameat(dir_fd, tmp, dir_fd, name) < 0)
		return err_sys(err, "rename %s", name);
	if ((flags & FS_WRITE_SYNC) && fsync(dir_fd) < 0)
		return err_sys(err, "sync directory of %s", name);
	return 0;
}

int
fs_write_atomic(int dir_fd, const char *name, const void *bytes, size_t n,
		unsigned flags, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	uint8_t random[6];
	char suffix[13];
	AUTO_FREE char *tmp = NULL;

	rand_bytes(random, sizeof(random));
	hex_encode(suffix, random, sizeof(random));
	tmp = xasprintf("%s.%s.tmp", name, suffix);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "create %s", tmp);
	if (write_and_rename(dir_fd, fd, tmp, name, bytes, n, flags, err) < 0) {
		unlinkat(dir_fd, tmp, 0);
		return -1;
	}
	return 0;
}

/*
 * ext4 and XFS log what happens to names in the order in which it happens, and
 * the sync of a file waits for all that came before.  (ext4 without a journal
 * writes the parents of a new file along.)  The call spared is a flush of the
 * disk's cache.
 */
bool
fs_syncs_names(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

int
fs_replace(const char *path, const void *bytes, size_t n, unsigned flags,
	   struct err *err)
{
	const char *base = path_base(path);
	AUTO_FREE char *dir = base == path
				  ? xstrdup(".")
				  : xstrndup(path, (size_t)(base - path));
	AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return err_sys(err, "open %s", dir);
	return fs_write_atomic(dir_fd, base, bytes, n, flags, err);
}

/* How long until the next try. */
#define LOCK_TRY_MS 20

int
fs_lock(const char *path, uint64_t ms, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t deadline = clock_mono_ms() + ms;

	if (fd < 0)
		return err_sys(err, "open %s", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, "lock %s", path);
		if (clock_mono_ms() >= deadline)
			return err_set(err, ERR_TIMEOUT,
				       "another program holds %s", path);
		(void)poll(NULL, 0, LOCK_TRY_MS);
	}
	return TAKE_FD(fd);
}

int
fs_mkdir_parents(const char *path, struct err *err)
{
	AUTO_FREE char *copy = path_clean(path);
	char *p = copy;
	struct stat st;

	do {
		p = strchr(p + 1, '/');
		if (p)
			*p = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return err_sys(err, "create directory %s", copy);
		if (p)
			*p = '/';
	} while (p);
	if (stat(copy, &st) < 0)
		return err_sys(err, "stat %s", copy);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return err_sys(err, "create directory %s", copy);
	}
	return 0;
}

int
fs_mkdir_private(const char *path, struct err *err)
{
	/* Cleaned: a slash at the end would follow a link. */
	AUTO_FREE char *clean = path_clean(path);
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fs_mkdir_parents(clean, err) < 0 && err->sys != ENOTDIR)
		return -1;
	fd = open(clean, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		err_set(err, ERR_DENIED, "%s is not a directory", clean);
		return err_hint(err, "remove it");
	}
	if (fd < 0 ? lstat(clean, &st) < 0 : fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", clean);
	if (st.st_uid != geteuid()) {
		err_set(err, ERR_DENIED, "%s belongs to uid %u, not to uid %u",
			clean, st.st_uid, geteuid());
		return err_hint(err, "have its owner remove it, or set "
				     "BERTH_HOME to a directory of yours");
	}
	if (fd < 0 || ((st.st_mode & 077) != 0 && fchmod(fd, 0700) < 0))
		return err_sys(err, "make %s private", clean);
	return 0;
}

/*
 * A tree on its way out.  Every level of it costs a descriptor, so what lies
 * deeper than MAX_REMOVE_DEPTH is moved up to the root first: then any tree
 * can be removed, however deep a command has made it.
 */
#define MAX_REMOVE_DEPTH 16

struct removal {
	int root;
	bool is_moved; /* something came up since the root was listed */
	unsigned n_moved;
};

/* The directory, made writable if it is ours and is not. */
static int
open_to_empty(int dir_fd, const char *name, struct err *err)
{
	AUTO_CLOSE int at = openat(
	    dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char self[40];
	struct stat st;
	int fd;

	if (at < 0 || fstat(at, &st) < 0)
		return err_sys(err, "remove %s", name);
	if ((st.st_mode & 0700) != 0700) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
		(void)chmod(self, 0700);
	}
	fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open %s", name);
	return fd;
}

static int
move_to_root(struct removal *removal, int dir_fd, const char *name,
	     struct err *err)
{
	char up[32];

	/* The name may be taken by a file of the tree: then try the next. */
	for (;;) {
		snprintf(up, sizeof(up), ".removed-%u", removal->n_moved++);
		if (renameat(dir_fd, name, removal->root, up) == 0)
			break;
		if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
			return err_sys(err, "move %s", name);
	}
	removal->is_moved = true;
	return 0;
}

static int remove_entry(struct removal *, int dir_fd, const char *name,
			unsigned depth, struct err *);

static int
empty_dir(struct removal *removal, int fd, unsigned depth, struct err *err)
{
	int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = list < 0 ? NULL : fdopendir(list);
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL)
		return err_sys(err, "list");
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			rc = remove_entry(removal, fd, entry->d_name, depth,
					  err);
	}
	closedir(dir);
	return rc;
}

static int
remove_entry(struct removal *removal, int dir_fd, const char *name,
	     unsigned depth, struct err *err)
{
	AUTO_CLOSE int fd = -1;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	err_sys(err, "remove %s", name);
	if (err->sys != EISDIR)
		return -1;
	fd = open_to_empty(dir_fd, name, err);
	if (fd < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (depth == MAX_REMOVE_DEPTH)
		return move_to_root(removal, dir_fd, name, err);
	if (depth == 0)
		removal->root = fd;
	do {
		if (depth == 0)
			removal->is_moved = false;
		if (empty_dir(removal, fd, depth + 1, err) < 0)
			return err_wrap(err, "%s", name);
	} while (depth == 0 && removal->is_moved);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "remove %s", name);
	return 0;
}

int
fs_remove_tree(int dir_fd, const char *name, struct err *err)
{
	struct removal removal = { .root = -1 };

	return remove_entry(&removal, dir_fd, name, 0, err);
}

void
fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && !(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void
fd_set_cloexec(int fd, bool on)
{
	(void)fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
