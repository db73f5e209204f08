/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_TREE_H
#define BERTHD_EXEC_TREE_H

/*
 * All descendants of a subreaper, also those that called setsid.
 *
 * The calling process is the subreaper: whatever loses its parent becomes its
 * child, so "no children left" means that the whole tree is gone.
 */

#include <stdbool.h>

/* Become the subreaper of everything started from now on. */
void tree_adopt(void);

/* Signal every descendant; returns how many were found. */
unsigned tree_signal(int sig);

/*
 * Stop all descendants first and kill them then, so that a tree that grows
 * while it is killed has no one left to grow it.
 */
void tree_kill(void);

#endif
