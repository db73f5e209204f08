/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_SFTP_H
#define BERTH_CLIENT_FILE_FILE_SFTP_H

/*
 * Files over SFTP.
 */

#include "client/file/file.h"

struct stream;

/* `stream' leads to an SFTP server; it is taken. */
struct files *file_sftp_new(struct stream *stream);

#endif
