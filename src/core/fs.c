/* SPDX-License-Identifier: ISC */

/* The file system; see fs.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int
fs_read_fd(int fd, struct buf *out, struct err *err)
{
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

int
fs_mkdir_parents(const char *path, struct err *err)
{
	AUTO_FREE char *copy = path_clean(path);
	char *p = copy;

	do {
		p = strchr(p + 1, '/');
		if (p)
			*p = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return err_sys(err, "create directory %s", copy);
		if (p)
			*p = '/';
	} while (p);
	return 0;
}

int
fs_mkdir_private(const char *path, struct err *err)
{
	struct stat st;

	if (fs_mkdir_parents(path, err) < 0)
		return -1;
	if (lstat(path, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISDIR(st.st_mode)) {
		err_set(err, ERR_DENIED, "%s is not a directory", path);
		return err_hint(err, "remove it");
	}
	if (st.st_uid != geteuid()) {
		err_set(err, ERR_DENIED, "%s belongs to uid %u, not to uid %u",
			path, st.st_uid, geteuid());
		return err_hint(err, "have its owner remove it, or set "
				     "BERTH_HOME to a directory of yours");
	}
	if ((st.st_mode & 077) != 0 && chmod(path, 0700) < 0)
		return err_sys(err, "make %s private", path);
	return 0;
}

static int remove_entries(int dir_fd, struct err *err);

int
fs_remove_tree(int dir_fd, const char *name, struct err *err)
{
	int fd;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "remove %s", name);
	fd = openat(dir_fd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open %s", name);
	if (remove_entries(fd, err) < 0)
		return err_wrap(err, "%s", name);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "remove %s", name);
	return 0;
}

/* Empty the directory; `dir_fd' is taken. */
static int
remove_entries(int dir_fd, struct err *err)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		close(dir_fd);
		return err_sys(err, "list");
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		rc = fs_remove_tree(dirfd(dir), entry->d_name, err);
	}
	closedir(dir);
	return rc;
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
