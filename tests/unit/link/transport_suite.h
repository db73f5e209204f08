/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_LINK_TRANSPORT_SUITE_H
#define BERTH_TESTS_LINK_TRANSPORT_SUITE_H

/*
 * What every transport must do, whatever it is made of: one table of
 * behaviours, run over a machine that the caller has made reachable.
 */

#include <stdbool.h>

struct machine;
struct transport_ops;

struct transport_place {
	const struct transport_ops *ops;
	const struct machine *machine; /* it needs no prompt */
	const char *directory;	       /* private, for sockets and files */
	bool has_subsystems;	       /* sftp */
	bool has_signals; /* OpenSSH has none for root's own commands */
	bool tells_taken; /* there is somebody between us and the command */

	/* Break the connection from outside; NULL: cannot be done. */
	void (*cut)(void);
	void (*mend)(void);
};

/* The number of behaviours that failed. */
int transport_suite_run(const struct transport_place *place);

#endif
