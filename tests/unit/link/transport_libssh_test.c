/* SPDX-License-Identifier: ISC */

/*
 * The behaviours of a transport, through libssh and a real sshd of this user on
 * loopback.
 */

#include "tests/unit/link/transport_sshd.h"

#include "link/transport.h"

int
main(void)
{
	return transport_sshd_run(&transport_libssh);
}
