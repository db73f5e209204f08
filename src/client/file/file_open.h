/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_OPEN_H
#define BERTH_CLIENT_FILE_FILE_OPEN_H

/*
 * The best way to the files of a machine.
 */

#include "client/file/file.h"

struct client;

/*
 * `via' is "daemon", "sftp" or "shell"; NULL: the first of them that the
 * machine has. `client' is borrowed until files_free.
 */
struct files *file_open(struct client *client, const char *via,
			struct err *err);

/*
 * A path as a person says it: relative ones lie in the working directory that
 * is configured for the machine; else in that of this process for this host,
 * and in the home elsewhere.  The caller frees.
 */
char *file_path(struct client *client, const char *path, struct err *err);

#endif
