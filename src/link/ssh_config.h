/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_SSH_CONFIG_H
#define BERTH_LINK_SSH_CONFIG_H

/*
 * What ssh's configuration comes to for a machine (`ssh -G'), without waiting:
 * `Match exec' may run programs, and they may look at a network.
 */

#include "core/err.h"

struct machine;
struct resolved;
struct ssh_config;
struct uv_loop_s;

/*
 * Once, from the loop: what `resolved' may be taken from, or why there is
 * nothing (ERR_CONFIG: in ssh's words).  It may free the query.
 */
typedef void ssh_config_done_fn(struct resolved *resolved,
				const struct err *err, void *owner);

/* ERR_NOT_FOUND: there is no ssh; ERR_INVALID: nothing to give to one. */
struct ssh_config *ssh_config_ask(struct uv_loop_s *loop,
				  const struct machine *machine,
				  ssh_config_done_fn *done, void *owner,
				  struct err *err);

/* Nothing is told any more.  NULL is allowed. */
void ssh_config_free(struct ssh_config *config);

#endif
