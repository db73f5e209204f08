/* SPDX-License-Identifier: ISC */

/*
 * __complete WORD [BEGIN]; see cmd_complete.h.
 *
 * A key press must not start a daemon nor show an error: what cannot be had is
 * not offered.
 */

#include <signal.h>
#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "berth/cmd_complete.h"
#include "berth/common.h"

/* More would be scrolled past by nobody. */
#define MAX_OFFERS 100

#define MAX_TEXT (1u << 20)

/* A description is cut to this many bytes. */
#define MAX_DESCRIPTION 60

struct complete_args {
	const char *word;
	const char *begin;
};

static void
add_exec(const struct exec_result *r, struct buf *out)
{
	AUTO_BUF command = BUF_INIT(MAX_TEXT);
	char shown[MAX_DESCRIPTION];

	exec_result_line(r, &command);
	vis(shown, sizeof(shown), buf_text(&command));
	for (char *p = shown; *p; p++)
		*p = *p == '\n' || *p == '\t' ? ' ' : *p;
	(void)buf_addf(out, "%s\t%s\n", r->exec_id, shown);
}

static void
offer_execs(const char *state, const char *begin, struct buf *out)
{
	struct reach_config config = { .no_start = true };
	struct exec_filter filter = { .state = state, .limit = MAX_OFFERS };
	struct err ignored = ERR_INIT;
	AUTO_CLIENT *client = client_new(&config, &ignored);
	AUTO_EXEC_RESULTS list = { 0 };
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_LIST);

	if (client == NULL ||
	    exec_list(client, &filter, &answer, &ignored) < 0 ||
	    exec_results_decode(buf_bytes(&answer), answer.len, &list,
				&ignored) < 0)
		return;
	if (list.n > 0 && str_starts("last", begin))
		(void)buf_adds(out, "last\tThe latest exec\n");
	for (size_t i = 0; i < list.n; i++) {
		const char *id = list.items[i].exec_id;

		if (id && str_starts(id, begin))
			add_exec(&list.items[i], out);
	}
}

static void
offer_signals(struct buf *out)
{
	for (int sig = 1; sig < NSIG; sig++) {
		const char *name = sigabbrev_np(sig);

		if (name)
			(void)buf_addf(out, "%s\t%s\n", name, sigdescr_np(sig));
	}
}

static int
run_complete(const struct cli_call *call, struct err *err)
{
	const struct complete_args *args = call->args;
	const char *begin = args->begin ? args->begin : "";
	AUTO_BUF out = BUF_INIT(MAX_TEXT);

	if (str_eq(args->word, "exec"))
		offer_execs(NULL, begin, &out);
	else if (str_eq(args->word, "finished"))
		offer_execs("finished", begin, &out);
	else if (str_eq(args->word, "signal"))
		offer_signals(&out);
	else if (str_eq(args->word, "machine"))
		(void)buf_adds(&out, "local\tThis machine\n");
	return print_text(&out, err);
}

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct complete_args, word, TEXT, "WORD",
		    .flags = CLI_REQUIRED, .help = "What is asked for"),
	CLI_OPERAND(struct complete_args, begin, TEXT, "BEGIN",
		    .help = "What is typed already"),
	{ 0 },
};

const struct cli_command complete_command = {
	.name = "__complete",
	.summary = "Answer a completion script",
	.operands = operands,
	.args_size = sizeof(struct complete_args),
	.run = run_complete,
	.flags = CLI_HIDDEN,
};
