/* SPDX-License-Identifier: ISC */

/* Telling of a link that is away; see loss.h. */

#include "client/link_control.h"
#include "client/link_json.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "berth/common.h"
#include "berth/loss.h"

#define MAX_SHOWN 400

void
loss_init(struct loss *loss, const char *machine,
	  const struct output_args *output)
{
	*loss = (struct loss){ .output = output,
			       .machine = machine,
			       .since_ns = clock_wall_ns() };
}

/* The link's words, made visible; false: it has none, or is gone. */
static bool
ask_reason(const struct loss *loss, char shown[MAX_SHOWN])
{
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);
	AUTO_LINK_INFO info = { .machine = NULL };
	const char *reason;
	struct err err = ERR_INIT;
	uint64_t lost_ns;

	if (link_control_call(loss->machine, "GET", "/v1/link", &answer, &err) <
		0 ||
	    link_info_decode(buf_bytes(&answer), answer.len, &info, &err) < 0)
		return false;
	reason = info.error;
	/* It may be back already. */
	if (reason == NULL && info.lost &&
	    rfc3339_parse(info.lost, &lost_ns, &err) == 0 &&
	    lost_ns >= loss->since_ns)
		reason = info.loss;
	if (reason == NULL)
		return false;
	(void)vis(shown, MAX_SHOWN, reason);
	return true;
}

void
loss_tell(const struct loss *loss, const struct err *why)
{
	char reason[MAX_SHOWN];
	bool is_known = ask_reason(loss, reason);

	print_note(loss->output, "link to %s lost, trying again (%s)",
		   loss->machine, is_known ? reason : why->msg);
}

void
loss_tell_end(struct loss *loss)
{
	print_note(loss->output, "link to %s is back", loss->machine);
	loss->since_ns = clock_wall_ns();
}
