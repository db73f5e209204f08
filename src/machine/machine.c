/* SPDX-License-Identifier: ISC */

/* A machine's values; see machine.h. */

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/mem.h"
#include "machine/keys.h"
#include "machine/machine.h"

const char *const machine_auth_words[] = {
	[MACHINE_AUTH_AUTO] = "auto",
	[MACHINE_AUTH_AGENT] = "agent",
	[MACHINE_AUTH_KEY] = "key",
	[MACHINE_AUTH_PASSWORD] = "password",
	[MACHINE_AUTH_KEYBOARD] = "keyboard-interactive",
	NULL,
};

const char *const machine_compression_words[] = {
	[MACHINE_COMPRESSION_AUTO] = "auto",
	[MACHINE_COMPRESSION_ON] = "on",
	[MACHINE_COMPRESSION_OFF] = "off",
	NULL,
};

const char *const machine_transport_words[] = {
	[MACHINE_TRANSPORT_OPENSSH] = "openssh",
	[MACHINE_TRANSPORT_LIBSSH] = "libssh",
	[MACHINE_TRANSPORT_LOCAL] = "local",
	NULL,
};

void
machine_init(struct machine *machine)
{
	*machine = (struct machine){
		.daemon_port = 7337,
		.retry = { .limit = 10, .first = 500, .max = 60000 },
		.connect_timeout = 30000,
		.keep_alive = 15000,
		.idle = 600000,
	};
}

void
machine_fini(struct machine *machine)
{
	if (machine->token)
		explicit_bzero(machine->token, strlen(machine->token));
	free(machine->token_ref);
	machine->token_ref = NULL;
	json_fields_fini(keys_fields, keys_n_fields, machine);
}

void
machine_copy(struct machine *machine, const struct machine *from)
{
	*machine = *from;
	json_fields_copy(keys_fields, keys_n_fields, machine, from);
	if (from->token_ref)
		machine->token_ref = xstrdup(from->token_ref);
}
