/* SPDX-License-Identifier: ISC */

/*
 * Trees read as archives; see pack.h.
 *
 * A step either puts one entry of the walk or a piece of the current file.
 */

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/strv.h"
#include "archive/tar.h"
#include "archive/tar_put.h"
#include "archive/walk.h"
#include "berthd/file/pack.h"

#define PIECE 65536

struct pack {
	char **excludes;
	struct walk *walk;
	struct tar_put put;
	bool at_end;
};

struct pack *
pack_new(int dir_fd, char *const *excludes, struct err *err)
{
	struct walk *walk = walk_new(dir_fd, err);
	struct pack *p;

	if (walk == NULL)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->walk = walk;
	p->excludes = strv_copy(excludes);
	tar_put_init(&p->put, TAR_PUT_OWNERS, PIECE);
	return p;
}

void
pack_free(struct pack *p)
{
	if (p == NULL)
		return;
	walk_free(p->walk);
	tar_put_fini(&p->put);
	strv_free(p->excludes);
	free(p);
}

static bool
is_excluded(const struct pack *p, const char *name)
{
	char **pattern = p->excludes;

	for (; pattern && *pattern; pattern++) {
		if (fnmatch(*pattern, name, 0) == 0)
			return true;
	}
	return false;
}

/* Enter a directory; false if it is not even to be listed. */
static bool
enter(struct pack *p, const struct walk_entry *e)
{
	if (walk_enter(p->walk) == 0)
		return true;
	/* The names in it may be all that can be known: then it is there. */
	return errno == EACCES &&
	       faccessat(e->dir_fd, e->name, R_OK,
			 AT_EACCESS | AT_SYMLINK_NOFOLLOW) == 0;
}

/* Put one more entry, or end the archive. */
static int
step_walk(struct pack *p, struct buf *out)
{
	struct walk_entry e;

	if (walk_next(p->walk, &e) == 0) {
		p->at_end = true;
		return tar_add_end(out);
	}
	if (is_excluded(p, e.name))
		return 0;
	if (S_ISDIR(e.st.st_mode) && !enter(p, &e))
		return 0;
	if (S_ISDIR(e.st.st_mode) || S_ISREG(e.st.st_mode) ||
	    S_ISLNK(e.st.st_mode))
		return tar_put_entry(&p->put, out, &e);
	return 0;
}

int
pack_read(struct pack *p, struct buf *out, struct err *err)
{
	int rc;

	if (p->at_end)
		return 0;
	rc = tar_put_is_busy(&p->put) ? tar_put_piece(&p->put, out)
				      : step_walk(p, out);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "no room for the archive");
	return p->at_end ? 0 : 1;
}

uint64_t
pack_n_skipped(const struct pack *p)
{
	return walk_n_skipped(p->walk) + p->put.n_skipped + p->put.n_spoilt;
}
