/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_MAZE_H
#define BERTH_TESTS_MAZE_H

/*
 * A directory that is not to be left, with ways out of it:
 *
 *	root/dir/file	root/dir/sub/	root/other/file
 *	root/in -> dir	root/abs -> <root>/other
 *	root/out -> ../outside	root/dir/up -> ../../outside
 *	root/loop -> loop	root/gone -> nothing
 *	outside/file	second/file
 */

struct maze {
	char *top, *root, *second; /* of the tree above */
};

/* In a fresh directory. */
void maze_init(struct maze *maze);
void maze_fini(struct maze *maze);

/*
 * One more place in `dir': a link to `target', or an empty file if its name
 * begins with f, or a directory.
 */
void maze_put(const char *dir, const char *name, const char *target);

#endif
