/* SPDX-License-Identifier: ISC */

/* A directory with ways out of it; see maze.h. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/path.h"
#include "tests/unit/archive/maze.h"
#include "tests/unit/unit.h"

void
maze_put(const char *dir, const char *name, const char *target)
{
	AUTO_FREE char *path = path_join(dir, name);

	if (target)
		assert_int_equal(symlink(target, path), 0);
	else if (path_base(path)[0] == 'f')
		close(open(path, O_CREAT | O_WRONLY, 0600));
	else
		assert_int_equal(mkdir(path, 0700), 0);
}

void
maze_init(struct maze *m)
{
	AUTO_FREE char *other = NULL;

	m->top = xstrdup(unit_temp_dir());
	m->root = path_join(m->top, "root");
	m->second = path_join(m->top, "second");
	other = path_join(m->root, "other");
	maze_put(m->top, "root", NULL);
	maze_put(m->top, "second", NULL);
	maze_put(m->top, "outside", NULL);
	maze_put(m->top, "outside/file", NULL);
	maze_put(m->second, "file", NULL);
	maze_put(m->root, "dir", NULL);
	maze_put(m->root, "dir/sub", NULL);
	maze_put(m->root, "dir/file", NULL);
	maze_put(m->root, "other", NULL);
	maze_put(m->root, "other/file", NULL);
	maze_put(m->root, "in", "dir");
	maze_put(m->root, "abs", other);
	maze_put(m->root, "out", "../outside");
	maze_put(m->root, "dir/up", "../../outside");
	maze_put(m->root, "loop", "loop");
	maze_put(m->root, "gone", "nothing");
}

void
maze_fini(struct maze *m)
{
	free(m->top);
	free(m->root);
	free(m->second);
}
