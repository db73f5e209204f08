/* SPDX-License-Identifier: ISC */

/* The libssh transport of a build without libssh's declarations. */

#include "link/transport.h"

static struct transport *
absent_new(const struct transport_config *config UNUSED, struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "this berth was built without libssh");
	err_hint(err, "set 'transport: openssh' for the machine");
	return NULL;
}

const struct transport_ops transport_libssh = {
	.name = "libssh",
	.new = absent_new,
};
