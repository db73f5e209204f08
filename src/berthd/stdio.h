/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_STDIO_H
#define BERTHD_STDIO_H

/*
 * `berthd stdio': one HTTP connection on standard input and output, relayed to
 * the daemon's socket.  What ssh runs on a machine that forwards no sockets.
 */

#include "core/err.h"

/* Starts the daemon if none runs.  Returns when both directions are done. */
int stdio_run(struct err *err);

#endif
