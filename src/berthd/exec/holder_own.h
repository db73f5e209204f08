/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_HOLDER_OWN_H
#define BERTHD_EXEC_HOLDER_OWN_H

/*
 * What the parts of the holder share; nobody else includes this.
 *
 *	holder.c        from an order to its end, and to the next order
 *	holder_loop.c   everything while the exec lives
 *	holder_start.c  the checkout and the command
 *	holder_input.c  the command's input
 *	holder_end.c    the state on disk, and everything that ends an exec
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "berthd/exec/capture.h"
#include "berthd/exec/checkout.h"
#include "berthd/exec/control_server.h"
#include "berthd/exec/launch.h"
#include "berthd/exec/state.h"
#include "core/buf.h"
#include "core/clock.h"

#define HOLDER_NEVER UINT64_MAX

enum holder_phase { PREPARING, RUNNING, ENDED };

struct holder {
	struct launch launch;
	int dir_fd, state_fd;
	enum holder_phase phase;
	struct exec_state state;
	struct clock_base clock;
	struct capture capture;
	struct control_server control;
	int signal_fd; /* borrowed: the process's, not the exec's */

	pid_t main_pid; /* the checkout, then the command; -1: reaped */
	int status;
	int prepare_fd; /* the checkout's error text, if any */
	char *workdir;	/* its directory */
	char *cwd;

	int in_fd; /* the command's stdin; -1: none or closed */
	bool in_is_tty;
	bool in_eof; /* close after what is buffered */
	struct buf in;
	uint64_t in_taken;

	enum exec_state_kind stop; /* why it is being stopped, or RUNNING */
	uint64_t timeout_at, kill_at;
	bool killing;

	int cgroup_fd;
	bool is_durable; /* state.json says what `state' says */
	uint64_t retry_at, idle_at, flush_at;
};

/* holder_loop.c */

/* Listen to daemons; `channel' is taken. */
void holder_open_control(struct holder *h, int channel);

/* Until the end is durable and nobody holds the output any more. */
void holder_turn_until_done(struct holder *h);

/* Reap everything that ended; false when no descendants are left. */
bool holder_reap(struct holder *h);

/* Take what the descriptor of signals holds: was a SIGTERM among it? */
bool holder_is_asked_to_stop(int signal_fd);

/* holder_start.c */

/* Make the checkout in a child; holder_on_checkout_end when it is reaped. */
int holder_start_checkout(struct holder *h, struct err *err);
void holder_on_checkout_end(struct holder *h);

/* Start the command, or finish because it cannot be started. */
void holder_start_command(struct holder *h);

/* holder_input.c */

/* A piece of input from a daemon. */
void holder_take_input(struct holder *h, const struct control_msg *msg,
		       const uint8_t *data, size_t n);

/* The command may take more. */
void holder_write_input(struct holder *h);

/* No more input; the daemons are told. */
void holder_close_input(struct holder *h);

/* holder_end.c */

void holder_set_state(struct holder *h, enum exec_state_kind kind);

/*
 * Write the state and tell it.  An end is durable before it is told; one that
 * the disk refuses is tried again at retry_at.  Where somebody has removed the
 * directory, there is nothing left to be durable.
 */
void holder_publish(struct holder *h);

/* Tell the state to one daemon or (-1) to all. */
void holder_tell_state(struct holder *h, int conn);

/* The command was reaped, and whoever had to go with it: record its end. */
void holder_finish(struct holder *h);

/* It never ran: `code' as a shell would say it. */
void holder_finish_unstarted(struct holder *h, int code, const char *why);

/* The checkout, as its parts are in the order. */
struct checkout holder_checkout(const struct holder *h);

/* Replace an owned text by a copy. */
void holder_set_text(char **at, const char *text);

#endif
