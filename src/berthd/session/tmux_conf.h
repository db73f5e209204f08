/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_TMUX_CONF_H
#define BERTHD_SESSION_TMUX_CONF_H

/*
 * The configuration of our tmux server.
 */

struct buf;

/*
 * A variable of a viewer: what sh makes of it takes the viewer's place when the
 * agent has ended.
 */
#define TMUX_CONF_AT_END "BERTH_AT_END"

/*
 * Append it, for a tmux of this version (303 is 3.3a) whose sessions have this
 * TERM.
 */
void tmux_conf_add(struct buf *out, unsigned version, const char *term);

#endif
