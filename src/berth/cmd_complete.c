/* SPDX-License-Identifier: ISC */

/*
 * __complete WORD -- [BEGIN [LINE...]]; see cmd_complete.h.
 *
 * A key press must not start a daemon nor a link, wait for one, nor show an
 * error: what cannot be had is not offered.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "client/session.h"
#include "machine/keys.h"
#include "machine/registry.h"
#include "berth/cmd_complete.h"
#include "berth/common.h"

/* More would be scrolled past by nobody. */
#define MAX_OFFERS 100

#define MAX_TEXT (1u << 20)

/* Whoever presses a key waits for no machine. */
#define MAX_SECONDS 2

/* A description is cut to this many bytes. */
#define MAX_DESCRIPTION 60

struct complete_args {
	const char *word;
	const char *begin;
	char **line;
	struct where_args where;
};

/* What "-m" says on the line so far; bash gives "--machine=x" as three words.
 */
static const char *
machine_of(const struct complete_args *args)
{
	const char *found = args->where.machine;

	for (char **word = args->line; word && *word; word++) {
		if (str_eq(*word, "--"))
			break;
		if (str_starts(*word, "--machine="))
			found = *word + strlen("--machine=");
		else if (str_eq(*word, "-m") || str_eq(*word, "--machine")) {
			if (word[1] && str_eq(word[1], "="))
				word++;
			if (word[1] == NULL)
				break;
			found = *++word;
		} else if (str_starts(*word, "-m"))
			found = *word + strlen("-m");
	}
	return found;
}

/* A daemon or a link that is there already. */
static struct client *
open_quietly(const struct complete_args *args)
{
	struct reach_config config = { .no_start = true,
				       .machine = machine_of(args),
				       .addr = args->where.addr,
				       .token_file = args->where.token_file };
	struct err ignored = ERR_INIT;

	return client_new(&config, &ignored);
}

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
offer_execs(const struct complete_args *args, const char *state,
	    struct buf *out)
{
	const char *begin = args->begin;
	struct exec_filter filter = { .state = state, .limit = MAX_OFFERS };
	struct err ignored = ERR_INIT;
	AUTO_CLIENT *client = open_quietly(args);
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

static void
offer(const char *word, const char *about, const char *begin, struct buf *out)
{
	char shown[MAX_DESCRIPTION];

	if (word == NULL || !str_starts(word, begin))
		return;
	vis(shown, sizeof(shown), about);
	for (char *p = shown; *p; p++)
		*p = *p == '\n' || *p == '\t' ? ' ' : *p;
	(void)buf_addf(out, "%s\t%s\n", word, shown);
}

static void
offer_sessions(const struct complete_args *args, struct buf *out)
{
	struct err ignored = ERR_INIT;
	AUTO_CLIENT *client = open_quietly(args);
	struct session_infos list = { .n = 0 };
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_LIST);

	if (client == NULL || session_list(client, &answer, &ignored) < 0 ||
	    session_infos_decode(buf_bytes(&answer), answer.len, &list,
				 &ignored) < 0)
		return;
	for (size_t i = 0; i < list.n; i++)
		offer(list.items[i].name,
		      session_info_is_ended(&list.items[i]) ? "Has ended"
							    : "Runs",
		      args->begin, out);
	session_infos_fini(&list);
}

/* A key press is no time to ask for a passphrase. */
static bool
load_quietly(struct registry *registry)
{
	struct config_file_config config = { .ask = ask_nobody };
	struct err ignored = ERR_INIT;

	return registry_load(registry, &config, &ignored) == 0;
}

static void
offer_machines(const char *begin, bool own, struct buf *out)
{
	AUTO_REGISTRY registry = { .file = NULL };

	if (!own)
		offer("local", "This machine", begin, out);
	if (!load_quietly(&registry))
		return;
	for (size_t i = 0; i < (own ? registry.n_own : registry.n); i++) {
		const struct machine *m = &registry.machines[i];
		const char *about = m->label ? m->label : m->ssh;

		offer(m->name,
		      about	    ? about
		      : m->addr	    ? m->addr
		      : m->hostname ? m->hostname
				    : "",
		      begin, out);
	}
}

/* The secrets that machines refer to: a store may be locked. */
static void
offer_secrets(const char *begin, struct buf *out)
{
	AUTO_REGISTRY registry = { .file = NULL };

	if (!load_quietly(&registry))
		return;
	for (size_t i = 0; i < registry.n_own; i++) {
		const struct machine *m = &registry.machines[i];

		offer(m->password_ref, "A password", begin, out);
		offer(m->passphrase_ref, "A passphrase", begin, out);
		offer(m->token_ref, "A token", begin, out);
	}
}

static void
offer_keys(const char *begin, struct buf *out)
{
	for (size_t i = 0; i < keys_n_rows; i++)
		offer(keys_rows[i].name, keys_rows[i].help, begin, out);
}

static int
run_complete(const struct cli_call *call, struct err *err)
{
	struct complete_args *args = call->args;
	const char *begin = args->begin = args->begin ? args->begin : "";
	AUTO_BUF out = BUF_INIT(MAX_TEXT);

	(void)alarm(MAX_SECONDS);
	if (str_eq(args->word, "exec"))
		offer_execs(args, NULL, &out);
	else if (str_eq(args->word, "finished"))
		offer_execs(args, "finished", &out);
	else if (str_eq(args->word, "session"))
		offer_sessions(args, &out);
	else if (str_eq(args->word, "signal"))
		offer_signals(&out);
	else if (str_eq(args->word, "machine"))
		offer_machines(begin, false, &out);
	else if (str_eq(args->word, "own-machine"))
		offer_machines(begin, true, &out);
	else if (str_eq(args->word, "secret"))
		offer_secrets(begin, &out);
	else if (str_eq(args->word, "machine-key"))
		offer_keys(begin, &out);
	return print_text(&out, err);
}

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct complete_args, word, TEXT, "WORD",
		    .flags = CLI_REQUIRED, .help = "What is asked for"),
	CLI_OPERAND(struct complete_args, begin, TEXT, "BEGIN",
		    .help = "What is typed already"),
	CLI_OPERAND(struct complete_args, line, TEXTS, "LINE",
		    .help = "The words before it"),
	{ 0 },
};

static const struct cli_use groups[] = {
	{ &where_group, offsetof(struct complete_args, where) },
	{ 0 },
};

const struct cli_command complete_command = {
	.name = "__complete",
	.summary = "Answer a completion script",
	.operands = operands,
	.groups = groups,
	.args_size = sizeof(struct complete_args),
	.run = run_complete,
	.flags = CLI_HIDDEN,
};
