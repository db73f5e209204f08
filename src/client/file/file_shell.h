/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_SHELL_H
#define BERTH_CLIENT_FILE_FILE_SHELL_H

/*
 * Files by the commands of a POSIX shell, for machines that have nothing else.
 *
 * One shell does one thing at a time: calls wait for those before them.
 */

#include "client/file/file.h"

struct stream;

/* What starts the shell, for any login shell. */
#define FILE_SHELL_COMMAND "exec /bin/sh -s"

/*
 * `stream' leads to a shell that reads its commands from it; it is taken.  With
 * `is_framed' it was upgraded to "berth-command" (wire/duplex.h).
 */
struct files *file_shell_new(struct stream *stream, bool is_framed);

#endif
