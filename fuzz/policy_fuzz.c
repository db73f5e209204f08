/* SPDX-License-Identifier: ISC */

/*
 * A login policy: taken, or refused with the file's name.  Whatever is taken
 * can be asked, for every role, about a few commands; the first NUL of the
 * input ends the policy and begins a command.
 */

#include <string.h>

#include "berthd/login/key.h"
#include "berthd/login/policy.h"
#include "berthd/login/routing.h"
#include "core/mem.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t n = end ? (size_t)(end - data) : size;
	AUTO_FREE char *command =
	    end ? xstrndup((const char *)end + 1, size - n - 1) : NULL;
	const struct policy_role *roles;
	AUTO_POLICY policy;
	struct err err = ERR_INIT;

	policy_init(&policy);
	if (policy_decode(&policy, "p", data, n, &err) < 0) {
		assert(err.code == ERR_CONFIG && str_starts(err.msg, "p:"));
		return 0;
	}
	roles = policy.roles.items;
	(void)policy_find_role(&policy, &(struct key){ 0 }, "x", &err);
	for (size_t i = 0; i < policy.roles.n; i++) {
		AUTO_ROUTING routing = ROUTING_INIT;

		if (routing_find(&policy, &roles[i], command, &routing, &err) <
		    0)
			assert(err.code != ERR_NONE);
		else if (routing.kind == ROUTING_RUN)
			assert(routing.argv && roles[i].commands.n > 0);
	}
	return 0;
}
