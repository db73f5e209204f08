/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_LOCAL_H
#define BERTH_CLIENT_FILE_LOCAL_H

/*
 * The side of a sync that is on this host: a directory, and paths below it
 * that are never followed out of it.
 */

#include "client/file/tree.h"

/* Open the directory at `path', and make it and its parents if `makes'. */
int local_open(const char *path, bool makes, struct err *err);

/* The directory of `path' as O_PATH, made if need be; -1 with errno. */
int local_parent(int root_fd, const char *path);

/* Open the file `path' to read it; ERR_SYSTEM. */
int local_read(int root_fd, const char *path, struct err *err);

int local_delete(int root_fd, const struct tree_entry *e, struct err *err);
int local_mkdir(int root_fd, const struct tree_entry *e, struct err *err);
int local_link(int root_fd, const struct tree_entry *e, struct err *err);

/* Mode and time. */
int local_set(int root_fd, const struct tree_entry *e, struct err *err);

#endif
