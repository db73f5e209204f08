/* SPDX-License-Identifier: ISC */

/* The end of an exec; see outcome.h. */

#include <inttypes.h>

#include "core/buf.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec_json.h"
#include "client/reach.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/outcome.h"

#define STATUS_UNKNOWN 125

/* codexd tells a status only: its execs exit. */
static const char *
state_of(const struct exec_result *result)
{
	if (result->state)
		return result->state;
	return exec_result_is_finished(result) ? "exited" : "running";
}

int
outcome_status(const struct exec_result *result)
{
	return result->exit_code < 0 ? STATUS_UNKNOWN
				     : (int)(result->exit_code & 0xff);
}

/* What each state means to somebody who sees a status only. */
static const char *
explain(const char *state)
{
	static const struct {
		const char *state, *words;
	} rows[] = {
		{ "timeout", "stopped: its time was over" },
		{ "cancelled", "cancelled" },
		{ "oom", "killed: out of memory" },
		{ "lost", "lost: its end is not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (str_eq(rows[i].state, state))
			return rows[i].words;
	}
	return NULL;
}

void
outcome_notes(const struct exec_result *result, const struct client *client,
	      const struct output_args *output)
{
	const char *at = client_reach(client)->words;
	const char *state = state_of(result), *words = explain(state);

	/* Who knows more says more: "lost: the machine was restarted". */
	if (words && result->error && str_starts(result->error, "lost: "))
		words = result->error;
	if (words)
		print_note(output, "%s", words);
	if (str_eq(state, "signalled") && result->signal)
		print_note(output, "killed by %s", result->signal);
	/* Of a command that ran, the error only repeats its status. */
	if (result->error && str_eq(state, "failed"))
		print_note(output, "%s", result->error);
	if (result->warning && result->warning[0])
		print_note(output, "warning: %s", result->warning);
	if (result->output_open)
		print_note(output,
			   "processes it left behind may still write; "
			   "'berth logs%s -f %s' shows it",
			   at, result->exec_id);
}

void
outcome_words(const struct exec_result *result, struct buf *out)
{
	const char *state = state_of(result);

	if (str_eq(state, "exited"))
		(void)buf_addf(out, "exited %" PRId64, result->exit_code);
	else if (str_eq(state, "signalled") && result->signal)
		(void)buf_addf(out, "killed by %s", result->signal);
	else
		(void)buf_adds(out, state);
}

enum style
outcome_style(const struct exec_result *result)
{
	const char *state = state_of(result);

	if (!exec_result_is_finished(result))
		return STYLE_BLUE;
	if (str_eq(state, "exited") && result->exit_code == 0)
		return STYLE_GREEN;
	return str_eq(state, "cancelled") ? STYLE_YELLOW : STYLE_RED;
}
