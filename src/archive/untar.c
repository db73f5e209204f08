/* SPDX-License-Identifier: ISC */

/*
 * Archives unpacked; see untar.h.
 *
 * Most entries share their directory with the one before, so the descriptor of
 * the last directory is kept, with its name.  No entry can put anything else
 * under that name: rename replaces a directory by a directory only.  A file is
 * done with, one way or the other, before the descriptor changes.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/beneath.h"
#include "archive/newfile.h"
#include "archive/tar.h"
#include "archive/untar.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY)
#define DIR_MODE 0755

/* A directory whose mode and time are set when all is in it. */
struct late_dir {
	char *name;
	uint32_t mode;
	int64_t mtime_ns;
};

struct untar {
	int root_fd;
	struct tar_reader *reader;
	uint64_t max_entries, n_entries;
	uint64_t n_files;
	char *parent; /* the name of parent_fd below the root */
	int parent_fd;
	bool in_file;	     /* there is a file that has no name yet */
	bool is_left_out;    /* the current entry is */
	bool is_late;	     /* it is a directory that is finished at the end */
	struct newfile file; /* the current one, to be called: */
	char *base;
	uint32_t mode;
	int64_t mtime_ns;

	bool keeps;
	struct late_dir *late;
	size_t n_late, max_late;
	const struct untar_events *events; /* may be NULL */
	void *owner;
	char *name; /* of the current entry, for them */
};

typedef int make_fn(struct untar *, const struct tar_entry *, struct err *);

struct untar *
untar_new(int dir_fd, const char *root, uint64_t max_entries)
{
	struct untar *u = xcalloc(1, sizeof(*u));

	u->root_fd = dir_fd;
	u->parent_fd = -1;
	u->max_entries = max_entries;
	u->reader = tar_reader_new(root);
	u->file = (struct newfile)NEWFILE_INIT;
	return u;
}

static void
drop_parent(struct untar *u)
{
	fd_close(&u->parent_fd);
	free(u->parent);
	u->parent = NULL;
}

void
untar_keep(struct untar *u)
{
	u->keeps = true;
}

void
untar_watch(struct untar *u, const struct untar_events *events, void *owner)
{
	u->events = events;
	u->owner = owner;
}

void
untar_free(struct untar *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < u->n_late; i++)
		free(u->late[i].name);
	free(u->late);
	free(u->name);
	newfile_fini(&u->file);
	free(u->base);
	drop_parent(u);
	tar_reader_free(u->reader);
	close(u->root_fd);
	free(u);
}

/* Raise what stood in the way of `name': a link is the archive's fault. */
static int
fail(const char *what, const char *name, struct err *err)
{
	if (errno == ELOOP || errno == EXDEV)
		return err_set(err, ERR_INVALID,
			       "path traversal detected: %.256s", name);
	return err_sys(err, "%s %.256s", what, name);
}

/* Have parent_fd stand for the directory of `name', made if need be. */
static int
enter_parent(struct untar *u, const char *name, struct err *err)
{
	const char *base = path_base(name);
	AUTO_FREE char *parent = xstrndup(
	    name, base > name ? (size_t)(base - name - 1) : 0);
	int fd;

	if (u->parent && str_eq(u->parent, parent))
		return 0;
	drop_parent(u);
	fd = beneath_open(u->root_fd, parent, DIR_FLAGS);
	if (fd < 0 && errno == ENOENT)
		fd = beneath_mkdirs(u->root_fd, parent, DIR_MODE);
	if (fd < 0)
		return fail("mkdir failed:", name, err);
	u->parent_fd = fd;
	u->parent = TAKE(parent);
	return 0;
}

static void
remember_dir(struct untar *u, const struct tar_entry *entry)
{
	if (u->n_late == u->max_late) {
		u->max_late = MAX(2 * u->max_late, (size_t)64);
		u->late = xrealloc(u->late, u->max_late * sizeof(*u->late));
	}
	u->late[u->n_late++] = (struct late_dir){
		.name = xstrdup(entry->name),
		.mode = entry->mode,
		.mtime_ns = entry->mtime_ns,
	};
}

static void
split_time(int64_t ns, struct timespec out[2])
{
	out[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	out[1] = clock_timespec(ns);
}

/* Would the next entry fare no better? */
static bool
concerns_all(const struct err *err)
{
	switch (err->sys) {
	case 0:
	case EDQUOT:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOSPC:
	case EROFS:
		return true;
	}
	return false;
}

static void
leave_out(struct untar *u, const char *name, const struct err *why)
{
	newfile_fini(&u->file);
	u->in_file = false;
	u->is_left_out = true;
	u->events->on_refused(name, why, u->owner);
}

/* `name' failed: -1 if all has. */
static int
refuse(struct untar *u, const char *name, const struct err *err)
{
	if (u->events == NULL || u->events->on_refused == NULL ||
	    concerns_all(err))
		return -1;
	leave_out(u, name, err);
	return 0;
}

static void
done(struct untar *u, const char *name)
{
	if (u->events && u->events->on_done)
		u->events->on_done(name, u->owner);
}

static int
finish_dir(struct untar *u, const struct late_dir *dir, struct err *err)
{
	AUTO_CLOSE int fd = beneath_open(u->root_fd, dir->name,
					 O_RDONLY | O_DIRECTORY);
	struct timespec times[2];

	split_time(dir->mtime_ns, times);
	if (fd < 0 || futimens(fd, times) < 0 || fchmod(fd, dir->mode) < 0)
		return fail("failed to set mode:", dir->name, err);
	return 0;
}

/* What is deeper came later, and is finished first. */
static int
finish_dirs(struct untar *u, struct err *err)
{
	while (u->n_late > 0) {
		struct late_dir *dir = &u->late[u->n_late - 1];

		if (finish_dir(u, dir, err) == 0)
			done(u, dir->name);
		else if (refuse(u, dir->name, err) < 0)
			return -1;
		free(dir->name);
		u->n_late--;
	}
	return 0;
}

/* An existing directory keeps its mode, unless modes are kept. */
static int
make_dir(struct untar *u, const struct tar_entry *entry, struct err *err)
{
	const char *base = path_base(entry->name);
	AUTO_CLOSE int fd = -1;
	bool is_new;

	if (entry->name[0] == '\0')
		return 0;
	is_new = mkdirat(u->parent_fd, base, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return fail("failed to create dir:", entry->name, err);
	fd = beneath_open(u->parent_fd, base,
			  is_new ? O_RDONLY | O_DIRECTORY : DIR_FLAGS);
	if (fd < 0 || (is_new && fchmod(fd, entry->mode | 0700) < 0))
		return fail("failed to create dir:", entry->name, err);
	u->is_late = u->keeps;
	if (u->keeps)
		remember_dir(u, entry);
	return 0;
}

static int
make_file(struct untar *u, const struct tar_entry *entry, struct err *err)
{
	if (newfile_open(&u->file, u->parent_fd, NEWFILE_SERIES, err) < 0)
		return err_wrap(err, "failed to create file: %.256s",
				entry->name);
	free(u->base);
	u->base = xstrdup(path_base(entry->name));
	u->mode = entry->mode;
	u->mtime_ns = entry->mtime_ns;
	u->in_file = true;
	return 0;
}

static int
make_symlink(struct untar *u, const struct tar_entry *entry, struct err *err)
{
	if (newfile_symlink(entry->link, u->parent_fd, path_base(entry->name)) <
	    0)
		return fail("failed to create symlink:", entry->name, err);
	u->n_files++;
	if (u->keeps) {
		struct timespec times[2];

		split_time(entry->mtime_ns, times);
		(void)utimensat(u->parent_fd, path_base(entry->name), times,
				AT_SYMLINK_NOFOLLOW);
	}
	return 0;
}

/* Only files are linked: a link in another directory leads elsewhere. */
static int
make_hardlink(struct untar *u, const struct tar_entry *entry, struct err *err)
{
	AUTO_CLOSE int fd = beneath_open(u->root_fd, entry->link, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail("failed to link", entry->link, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "link to no file: %.256s",
			       entry->link);
	if (newfile_link(fd, u->parent_fd, path_base(entry->name)) < 0)
		return fail("failed to link", entry->name, err);
	u->n_files++;
	return 0;
}

static make_fn *const makers[] = {
	[TAR_FILE] = make_file,
	[TAR_DIR] = make_dir,
	[TAR_SYMLINK] = make_symlink,
	[TAR_HARDLINK] = make_hardlink,
};

/* All of the file came: it takes its name. */
static int
name_file(struct untar *u, struct err *err)
{
	if (u->keeps && newfile_set_mtime(&u->file, u->mtime_ns) < 0)
		return fail("failed to set time:", u->base, err);
	if (newfile_commit(&u->file, u->parent_fd, u->base, u->mode, 0, err) <
	    0)
		return err_wrap(err, "failed to create file: %.256s", u->base);
	return 0;
}

static int
end_file(struct untar *u, struct err *err)
{
	if (!u->in_file)
		return 0;
	u->in_file = false;
	if (name_file(u, err) < 0)
		return refuse(u, u->name, err);
	u->n_files++;
	done(u, u->name);
	return 0;
}

static int
begin_entry(struct untar *u, struct tar_entry *entry, struct err *err)
{
	int rc = 0;

	u->n_entries++;
	if (u->max_entries && u->n_entries > u->max_entries)
		return err_set(err, ERR_LIMIT,
			       "the archive has more than %llu entries",
			       (unsigned long long)u->max_entries);
	if (u->events && u->events->on_entry)
		rc = u->events->on_entry(entry, u->owner, err);
	u->is_left_out = rc != 0;
	u->is_late = false;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	free(u->name);
	u->name = xstrdup(entry->name);
	if (enter_parent(u, entry->name, err) == 0 &&
	    makers[entry->type](u, entry, err) == 0)
		return 0;
	return refuse(u, u->name, err);
}

static int
write_file(struct untar *u, const struct tar_event *event, struct err *err)
{
	if (u->is_left_out ||
	    newfile_write(&u->file, event->bytes, event->n, err) == 0)
		return 0;
	return refuse(u, u->name, err);
}

/* A directory that is kept is done with its mode, a file before the next. */
static int
end_entry(struct untar *u, struct err *err)
{
	if (u->in_file)
		return u->keeps ? 0 : end_file(u, err);
	if (!u->is_left_out && !u->is_late)
		done(u, u->name);
	return 0;
}

/* Whoever cannot be told of it must not have any of the archive. */
static int
drop_spoilt(struct untar *u, struct err *err)
{
	if (!u->in_file)
		return 0;
	err_set(err, ERR_CONFLICT, "it changed while it was read");
	if (u->events == NULL || u->events->on_refused == NULL)
		return err_wrap(err, "%.256s", u->name);
	leave_out(u, u->name, err);
	return 0;
}

int
untar_step(struct untar *u, const uint8_t **in, size_t *n, struct err *err)
{
	struct tar_event event;
	int rc = tar_read(u->reader, in, n, &event, err);

	if (rc <= 0)
		return rc;
	switch (event.kind) {
	case TAR_EVENT_ENTRY:
		rc = end_file(u, err);
		if (rc == 0)
			rc = begin_entry(u, &event.entry, err);
		break;
	case TAR_EVENT_DATA:
		rc = write_file(u, &event, err);
		break;
	case TAR_EVENT_ENTRY_END:
		rc = end_entry(u, err);
		break;
	case TAR_EVENT_SPOILT:
		rc = drop_spoilt(u, err);
		break;
	case TAR_EVENT_END:
		/* What follows the mark is nobody's. */
		*in += *n;
		*n = 0;
		return end_file(u, err);
	}
	return rc < 0 ? -1 : 1;
}

int
untar_finish(struct untar *u, struct err *err)
{
	static const uint8_t nothing[1];
	const uint8_t *in = nothing;
	size_t n = 0;
	int rc;

	/* The end of the last entry needs no input, so it may be waiting. */
	do
		rc = untar_step(u, &in, &n, err);
	while (rc > 0);
	if (rc < 0)
		return -1;
	if (!tar_reader_is_complete(u->reader))
		return err_set(err, ERR_INVALID, "invalid tar: unexpected EOF");
	if (end_file(u, err) < 0)
		return -1;
	return finish_dirs(u, err);
}

uint64_t
untar_n_files(const struct untar *u)
{
	return u->n_files;
}
