/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_DAEMON_H
#define BERTH_CLIENT_FILE_FILE_DAEMON_H

/*
 * Files over berthd's own routes.
 */

#include "client/file/file.h"

struct client;

/* `client' is borrowed until files_free. */
struct files *file_daemon_new(struct client *client);

#endif
