/* SPDX-License-Identifier: ISC */

/*
 * Sessions for scripts and agents: send, capture, wait, kill, rename; see
 * cmd_session.h.
 */

#include <stdio.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/client.h"
#include "client/session.h"
#include "berth/cmd_session.h"
#include "berth/common.h"

#define MAX_TEXT (1u << 20)

/* As timeout(1) says it. */
#define STATUS_TIMEOUT 124

struct steer_args {
	const char *name, *to;
	char **words, **keys, **names;
	bool no_enter, paste;
	bool ansi, joins;
	const char *lines;
	const char *pattern, *regex;
	bool ended;
	uint64_t settle_ms, timeout_ms, grace_ms;
	struct where_args where;
	struct output_args output;
};

#define USES                                                                   \
	{ &where_group, offsetof(struct steer_args, where) },                  \
	    { &object_group, offsetof(struct steer_args, output) },            \
	{                                                                      \
		0                                                              \
	}

static int
print_ok(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_BUF text = BUF_INIT(64);

	if (!wants_json(call, &args->output))
		return 0;
	(void)buf_adds(&text, "{\"ok\":true}");
	return print_json(&text, err);
}

/* send */

static int
read_text(const struct steer_args *args, struct buf *out, struct err *err)
{
	for (char **word = args->words; word && *word; word++) {
		if (buf_addf(out, "%s%s", word == args->words ? "" : " ",
			     *word) < 0)
			return err_set(err, ERR_LIMIT, "too many words");
	}
	if (args->words || args->keys)
		return 0;
	return fs_read_fd(STDIN_FILENO, out, err);
}

static int
run_send(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF text = BUF_INIT(MAX_TEXT);
	AUTO_STRV char **keys = strv_copy(args->keys);
	struct session_typing typing = { .paste = args->paste };

	if (client == NULL || read_text(args, &text, err) < 0)
		return -1;
	/* Enter ends a text, unless keys are said. */
	if (keys == NULL && !args->no_enter)
		strv_add(&keys, "Enter");
	typing.text = text.len > 0 ? buf_text(&text) : NULL;
	typing.keys = keys;
	if (session_send(client, args->name, &typing, err) < 0)
		return -1;
	return print_ok(call, err);
}

/* capture */

static int
run_capture(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF screen = BUF_INIT(SESSION_MAX_ANSWER);
	AUTO_BUF shown = BUF_INIT(SESSION_MAX_ANSWER);
	struct session_view view = { .lines = args->lines,
				     .is_ansi = args->ansi,
				     .joins = args->joins };

	if (client == NULL ||
	    session_capture(client, args->name, &view, &screen, err) < 0)
		return -1;
	if (args->ansi)
		return print_text(&screen, err);
	if (vis_add(&shown, buf_bytes(&screen), screen.len) < 0)
		return err_set(err, ERR_LIMIT, "the screen is too large");
	return print_text(&shown, err);
}

/* wait */

static int
conclude(const struct steer_args *args, const struct session_info *info,
	 struct err *err)
{
	const char *outcome = info->outcome ? info->outcome : "";
	bool wants_match = args->pattern || args->regex;

	if (str_eq(outcome, "timeout"))
		return STATUS_TIMEOUT;
	if (!str_eq(outcome, "ended"))
		return 0;
	if (wants_match)
		return err_set(err, ERR_CONFLICT,
			       "session %s ended before that was shown",
			       info->name);
	if (info->signal > 0)
		return 128 + (int)info->signal;
	return info->exit_code < 0 ? 0 : (int)info->exit_code;
}

static int
run_wait(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF answer = BUF_INIT(SESSION_MAX_ANSWER);
	AUTO_SESSION_INFO info = SESSION_INFO_INIT;
	struct session_wish wish = { .until_ended = args->ended,
				     .pattern = args->pattern,
				     .regex = args->regex,
				     .quiet_ms = args->settle_ms,
				     .timeout_ms = args->timeout_ms };

	if (client == NULL)
		return -1;
	if (args->ended + (args->pattern != NULL) + (args->regex != NULL) > 1)
		return err_set(err, ERR_INVALID,
			       "--ended, --pattern and --regex exclude each "
			       "other");
	if (session_wait(client, args->name, &wish, &answer, err) < 0 ||
	    session_info_decode(buf_bytes(&answer), answer.len, &info, err) < 0)
		return -1;
	if (wants_json(call, &args->output) && print_json(&answer, err) < 0)
		return -1;
	return conclude(args, &info, err);
}

/* kill, rename */

static int
run_kill(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);

	if (client == NULL)
		return -1;
	for (char **name = args->names; name && *name; name++) {
		if (session_kill(client, *name, args->grace_ms, err) < 0)
			return -1;
	}
	return print_ok(call, err);
}

static int
run_rename(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);

	if (client == NULL ||
	    session_rename(client, args->name, args->to, err) < 0)
		return -1;
	return print_ok(call, err);
}

/* The tables. */

#define NAME_OPERAND                                                           \
	CLI_OPERAND(struct steer_args, name, TEXT, "NAME",                     \
		    .flags = CLI_REQUIRED, .complete = "session",              \
		    .help = "The session")

static const struct cli_option send_options[] = {
	CLI_OPTION(struct steer_args, keys, TEXTS, "key", 'k', .arg = "KEY",
		   .help = "Press this key afterwards: Enter, Escape, C-c, Up, "
			   "F1; may be repeated"),
	CLI_OPTION(struct steer_args, no_enter, FLAG, "no-enter", 'n',
		   .help = "Press nothing afterwards"),
	CLI_OPTION(struct steer_args, paste, FLAG, "paste", 0,
		   .help = "Give the text as one piece, as a terminal pastes"),
	{ 0 },
};
static const struct cli_group send_group = { "Options", send_options };

static const struct cli_operand send_operands[] = {
	NAME_OPERAND,
	CLI_OPERAND(struct steer_args, words, TEXTS, "TEXT",
		    .help = "Type these words; without any, and without keys, "
			    "what comes from standard input"),
	{ 0 },
};

const struct cli_command session_send_command = {
	.name = "send",
	.summary = "Type into a session",
	.about = "Enter is pressed after the text, unless --key or --no-enter "
		 "says otherwise. The text shows up in no list of processes.",
	.groups = (const struct cli_use[]){ { &send_group }, USES },
	.operands = send_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth session send codex run the tests", "Ask for work" },
		{ "berth session send -k C-c codex", "Interrupt it" },
		{ "berth session send --paste codex < plan.md",
		  "Hand it a file" },
		{ 0 } },
	.args_size = sizeof(struct steer_args),
	.run = run_send,
};

static const struct cli_option capture_options[] = {
	CLI_OPTION(struct steer_args, lines, TEXT, "lines", 'n', .arg = "N",
		   .help = "Print N lines above the screen, too, or \"all\""),
	CLI_OPTION(struct steer_args, ansi, FLAG, "ansi", 'e',
		   .help = "Print colours, as escape sequences"),
	CLI_OPTION(struct steer_args, joins, FLAG, "join", 'J',
		   .help = "Join lines that were broken at the edge"),
	{ 0 },
};
static const struct cli_group capture_group = { "Options", capture_options };

static const struct cli_operand name_operands[] = {
	NAME_OPERAND,
	{ 0 },
};

const struct cli_command session_capture_command = {
	.name = "capture",
	.summary = "Print what a session shows",
	.groups = (const struct cli_use[]){ { &capture_group }, USES },
	.operands = name_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth session capture codex", "Print the screen" },
		{ "berth session capture -n all codex | less",
		  "Read all that went by" },
		{ 0 } },
	.args_size = sizeof(struct steer_args),
	.run = run_capture,
};

static const struct cli_option wait_options[] = {
	CLI_OPTION(struct steer_args, settle_ms, DURATION, "settle", 's',
		   .arg = "TIME", .shown = "1s",
		   .help = "Wait until nothing came for this long"),
	CLI_OPTION(struct steer_args, pattern, TEXT, "pattern", 'p',
		   .arg = "TEXT", .help = "Wait until this text is shown"),
	CLI_OPTION(struct steer_args, regex, TEXT, "regex", 0, .arg = "RE",
		   .help = "Wait until a line matches"),
	CLI_OPTION(struct steer_args, ended, FLAG, "ended", 0,
		   .help = "Wait until the agent ends, and exit as it did"),
	CLI_OPTION(struct steer_args, timeout_ms, DURATION, "timeout", 't',
		   .arg = "TIME",
		   .help = "Give up after this, with exit status 124"),
	{ 0 },
};
static const struct cli_group wait_group = { "Options", wait_options };

const struct cli_command session_wait_command = {
	.name = "wait",
	.summary = "Wait until a session is quiet, shows something, or ends",
	.groups = (const struct cli_use[]){ { &wait_group }, USES },
	.operands = name_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth session wait codex", "Until it has settled" },
		{ "berth session wait -p '? for shortcuts' -t 1m codex",
		  "Until it is ready, for a minute at most" },
		{ 0 } },
	.args_size = sizeof(struct steer_args),
	.run = run_wait,
};

static const struct cli_option kill_options[] = {
	CLI_OPTION(struct steer_args, grace_ms, DURATION, "grace", 0,
		   .arg = "TIME", .shown = "5s",
		   .help = "Ask, wait so long, and kill then"),
	{ 0 },
};
static const struct cli_group kill_group = { "Options", kill_options };

static const struct cli_operand kill_operands[] = {
	CLI_OPERAND(struct steer_args, names, TEXTS, "NAME",
		    .flags = CLI_REQUIRED, .complete = "session",
		    .help = "The sessions"),
	{ 0 },
};

const struct cli_command session_kill_command = {
	.name = "kill",
	.aliases = "rm",
	.summary = "End sessions, or forget those that ended",
	.groups = (const struct cli_use[]){ { &kill_group }, USES },
	.operands = kill_operands,
	.args_size = sizeof(struct steer_args),
	.defaults = &(const struct steer_args){ .grace_ms = CLI_UNSET },
	.run = run_kill,
};

static const struct cli_operand rename_operands[] = {
	NAME_OPERAND,
	CLI_OPERAND(struct steer_args, to, TEXT, "NEW", .flags = CLI_REQUIRED,
		    .help = "Its new name"),
	{ 0 },
};

const struct cli_command session_rename_command = {
	.name = "rename",
	.summary = "Give a session another name",
	.groups = (const struct cli_use[]){ USES },
	.operands = rename_operands,
	.args_size = sizeof(struct steer_args),
	.run = run_rename,
};
