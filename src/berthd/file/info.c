/* SPDX-License-Identifier: ISC */

/* What is told about a file; see info.h. */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "berthd/file/info.h"

#define NS_PER_S 1000000000ll

static int64_t
ns_of(const struct timespec *t)
{
	return t->tv_sec * NS_PER_S + t->tv_nsec;
}

int64_t
mtime_ns_of(const struct stat *st)
{
	return ns_of(&st->st_mtim);
}

/* The time of the last change of the inode catches what keeps mtime. */
const char *
etag_of(char out[ETAG_SIZE], const struct stat *st)
{
	snprintf(out, ETAG_SIZE, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
		 (uint64_t)st->st_ino, (uint64_t)st->st_size,
		 (uint64_t)mtime_ns_of(st) * 31 +
		     (uint64_t)ns_of(&st->st_ctim));
	return out;
}

static const char *
type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	}
	return "other";
}

void
info_add_bytes(struct jsonw *w, const char *key, const char *as_bytes,
	       const char *text)
{
	AUTO_BUF base64 = BUF_INIT(2 * PATH_MAX);

	jsonw_str(w, key, text);
	if (utf8_valid(text, strlen(text)))
		return;
	(void)base64_add(&base64, text, strlen(text));
	jsonw_str(w, as_bytes, buf_text(&base64));
}

static void
add_target(struct jsonw *w, int dir_fd, const char *base)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, base, target, sizeof(target) - 1);

	if (n < 0)
		return;
	target[n] = '\0';
	info_add_bytes(w, "target", "target_bytes", target);
}

void
info_add_state(struct jsonw *w, const char *name, int dir_fd, const char *base,
	       const struct stat *st)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", st->st_mode & 07777);
	info_add_bytes(w, "name", "name_bytes", name);
	jsonw_str(w, "type", type_of(st->st_mode));
	jsonw_str(w, "mode", mode);
	jsonw_u64(w, "size", (uint64_t)st->st_size);
	jsonw_int(w, "mtime_ns", mtime_ns_of(st));
	if (S_ISLNK(st->st_mode) && dir_fd >= 0)
		add_target(w, dir_fd, base);
}

void
info_add(struct jsonw *w, const char *name, int dir_fd, const char *base,
	 const struct stat *st)
{
	char etag[ETAG_SIZE];
	int64_t mtime = mtime_ns_of(st);

	info_add_state(w, name, dir_fd, base, st);
	jsonw_time(w, "mtime", mtime > 0 ? (uint64_t)mtime : 0);
	jsonw_int(w, "uid", st->st_uid);
	jsonw_int(w, "gid", st->st_gid);
	jsonw_str(w, "etag", etag_of(etag, st));
}
