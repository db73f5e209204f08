/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_HOST_H
#define BERTHD_HOST_H

/*
 * The host under the daemon: the room for what it keeps, and its GPUs.
 *
 * Only files of the kernel are read: asking a driver's program takes seconds,
 * and may hang with the driver.
 */

#include <stddef.h>

struct jsonw;

/* "disk" and "gpus": two members of an object. */
void host_add_json(struct jsonw *w, const char *state_dir);

/*
 * The model in /proc/driver/nvidia/gpus/ADDRESS/information; NULL: it is not
 * there.  The caller frees.
 */
char *host_gpu_model(const char *text);

#endif
