/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_LINK_TRANSPORT_SSHD_H
#define BERTH_TESTS_LINK_TRANSPORT_SSHD_H

/*
 * The suite of transports, over a real sshd of this user on loopback.
 */

struct transport_ops;

/* The number of behaviours that failed; a skip is none. */
int transport_sshd_run(const struct transport_ops *ops);

#endif
