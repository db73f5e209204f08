/* SPDX-License-Identifier: ISC */

/*
 * The behaviours of a transport, through ssh and a real sshd of this user on
 * loopback.
 */

#include "tests/unit/link/transport_sshd.h"

#include "link/askpass.h"
#include "link/transport.h"

int
main(int argc, char **argv)
{
	if (askpass_is_meant(argv))
		return askpass_main(argc, argv);
	return transport_sshd_run(&transport_openssh);
}
