/* SPDX-License-Identifier: ISC */

/*
 * Picked files as an archive; see picked.h.
 *
 * Names come in order, so the directory of the last one is kept open: opening
 * it anew from the root for every file costs more than reading a small one.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/beneath.h"
#include "archive/picked.h"
#include "archive/tar.h"
#include "archive/tar_put.h"
#include "archive/walk.h"

#define PIECE (256u << 10)

struct picked {
	int root_fd;
	unsigned flags;
	const char *at, *end; /* names still to come */
	const char *name;     /* the current one */
	uint64_t n;
	char *parent; /* of the current one */
	int parent_fd;
	struct tar_put put;
	bool at_end;
};

struct picked *
picked_new(int dir_fd, const char *names, size_t n, unsigned flags)
{
	struct picked *p = xcalloc(1, sizeof(*p));

	p->root_fd = dir_fd;
	p->flags = flags;
	p->at = names;
	p->end = names + n;
	p->parent_fd = -1;
	tar_put_init(&p->put,
		     (flags & PICKED_SECONDS ? 0u : TAR_PUT_NSEC) |
			 (flags & PICKED_BRIEF ? TAR_PUT_BRIEF : 0u),
		     PIECE);
	return p;
}

static void
drop_parent(struct picked *p)
{
	fd_close(&p->parent_fd);
	free(p->parent);
	p->parent = NULL;
}

void
picked_free(struct picked *p)
{
	if (p == NULL)
		return;
	drop_parent(p);
	tar_put_fini(&p->put);
	close(p->root_fd);
	free(p);
}

static bool
enter_parent(struct picked *p)
{
	const char *base = path_base(p->name);
	AUTO_FREE char *parent = xstrndup(
	    p->name, base > p->name ? (size_t)(base - p->name - 1) : 0);

	if (p->parent && str_eq(p->parent, parent))
		return true;
	drop_parent(p);
	p->parent_fd = beneath_open(p->root_fd, parent, O_PATH | O_DIRECTORY);
	p->parent = TAKE(parent);
	return p->parent_fd >= 0;
}

static int
skip(struct picked *p)
{
	p->put.n_skipped++;
	return 0;
}

static int
add_name(struct picked *p, struct buf *out)
{
	struct walk_entry e = { .path = p->name, .name = path_base(p->name) };

	if (p->name[0] == '\0' || p->name[0] == '/' ||
	    strlen(p->name) > TAR_NAME_MAX || str_eq(e.name, "..") ||
	    str_eq(e.name, ".") || !enter_parent(p))
		return skip(p);
	/* A device is not to be opened. */
	if (p->flags & PICKED_FILES)
		e.st.st_mode = S_IFREG;
	else if (fstatat(p->parent_fd, e.name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip(p);
	e.dir_fd = p->parent_fd;
	return tar_put_entry(&p->put, out, &e);
}

/* Begin the next name, or end the archive. */
static int
step_name(struct picked *p, struct buf *out)
{
	if (p->at == p->end) {
		p->at_end = true;
		return tar_add_end(out);
	}
	p->name = p->at;
	p->at += strnlen(p->at, (size_t)(p->end - p->at));
	/* The last one lacks its NUL: it cannot be used as a string. */
	if (p->at == p->end) {
		p->name = NULL;
		return skip(p);
	}
	p->at++;
	p->n++;
	return add_name(p, out);
}

int
picked_read(struct picked *p, struct buf *out, struct err *err)
{
	int rc;

	if (p->at_end)
		return 0;
	rc = tar_put_is_busy(&p->put) ? tar_put_piece(&p->put, out)
				      : step_name(p, out);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "no room for the archive");
	return p->at_end ? 0 : 1;
}

uint64_t
picked_n_skipped(const struct picked *p)
{
	return p->put.n_skipped;
}

const char *
picked_name(const struct picked *p)
{
	return p->name ? p->name : "";
}

uint64_t
picked_n(const struct picked *p)
{
	return p->n;
}
