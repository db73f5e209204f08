/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_CONTROL_SERVER_H
#define BERTHD_EXEC_CONTROL_SERVER_H

/*
 * The holder's end of the control channel: the daemon that started it, and
 * daemons that come later through the socket `ctl' in the exec's directory.
 *
 * A daemon that does not read is hung up on: it finds the state on disk and
 * comes back.  Poll-driven; see berthd/exec/control.h for the messages.
 */

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "berthd/exec/control.h"

#define CONTROL_MAX_CONNS 8
#define CONTROL_POLL_FDS (CONTROL_MAX_CONNS + 1)

struct control_server;

struct control_events {
	void (*on_connect)(struct control_server *, int conn, void *owner);
	void (*on_message)(struct control_server *, int conn,
			   const struct control_msg *, const void *data,
			   size_t n, void *owner);
};

struct control_server {
	const struct control_events *events;
	void *owner;
	int listen_fd;
	int conns[CONTROL_MAX_CONNS]; /* [0]: the channel; -1: free */
};

/*
 * Begin with `channel', which is taken.  Without a socket in `dir_fd' (a file
 * system that has none) later daemons can only watch; that is no failure.
 */
void control_server_open(struct control_server *server, int channel, int dir_fd,
			 const struct control_events *events, void *owner);

/*
 * Take the channel out, to be kept; -1 if that daemon is gone, another one is
 * here too, or later ones cannot find us.
 */
int control_server_take_channel(struct control_server *server);

/* Hang up and remove the socket. */
void control_server_close(struct control_server *server, int dir_fd);

/* Fill CONTROL_POLL_FDS entries; hand them back after poll. */
void control_server_prepare(const struct control_server *server,
			    struct pollfd *fds);
void control_server_handle(struct control_server *server,
			   const struct pollfd *fds);

/* To one, by its number, or to all. */
void control_server_send(struct control_server *server, int conn,
			 const struct control_msg *msg, const void *data,
			 size_t n);
void control_server_send_all(struct control_server *server,
			     const struct control_msg *msg, const void *data,
			     size_t n);

#endif
