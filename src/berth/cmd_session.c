/* SPDX-License-Identifier: ISC */

/* Having and entering sessions: new, attach, ls; see cmd_session.h. */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/client.h"
#include "client/session.h"
#include "berth/attach.h"
#include "berth/cmd_session.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/out/table.h"
#include "berth/term.h"

enum { SIZE_AUTO, SIZE_FOLLOW, SIZE_IGNORE };

static const char *const sizes[] = { "auto", "follow", "ignore", NULL };

struct session_args {
	const char *name;
	char **command;
	const char *profile, *cwd;
	char **env;
	bool attach, read_only, alone, headless;
	int size;
	struct where_args where;
	struct output_args output;
};

#define USES                                                                   \
	{ &where_group, offsetof(struct session_args, where) },                \
	    { &object_group, offsetof(struct session_args, output) },          \
	{                                                                      \
		0                                                              \
	}

/* attach */

/* A session that is shown inside itself shows itself, without end. */
static int
check_not_inside(const struct session_args *args, const char *name,
		 struct err *err)
{
	const char *inside = getenv("BERTH_SESSION");
	const char *machine = args->where.machine;

	if (inside == NULL || !str_eq(inside, name) || args->where.addr ||
	    (machine && !str_eq(machine, "local")))
		return 0;
	err_set(err, ERR_INVALID, "this is session %s", name);
	return err_hint(err, "leave it with Ctrl-] before you attach to it");
}

static int
enter(struct client *client, const struct session_args *args, const char *name,
      struct err *err)
{
	struct attach_config config = { .client = client,
					.output = &args->output,
					.name = name,
					.is_read_only = args->read_only,
					.is_alone = args->alone,
					.size = args->size == SIZE_AUTO
						    ? NULL
						    : sizes[args->size] };

	/* Questions are asked before the terminal is the session's. */
	if (check_not_inside(args, name, err) < 0 ||
	    client_prepare(client, err) < 0)
		return -1;
	return attach_stay(&config, err);
}

/* The only one that runs. */
static char *
choose(struct client *client, struct err *err)
{
	AUTO_BUF answer = BUF_INIT(SESSION_MAX_ANSWER), names = BUF_INIT(200);
	const char *at = client_reach(client)->words;
	AUTO_SESSION_INFOS list = { .n = 0 };
	const char *only = NULL;
	size_t n = 0;

	if (session_list(client, &answer, err) < 0 ||
	    session_infos_decode(buf_bytes(&answer), answer.len, &list, err) <
		0)
		return NULL;
	for (size_t i = 0; i < list.n; i++) {
		if (session_info_is_ended(&list.items[i]))
			continue;
		only = list.items[i].name;
		(void)buf_addf(&names, "%s%s", n++ ? ", " : "", only);
	}
	if (n == 1)
		return xstrdup(only);
	if (n == 0) {
		err_set(err, ERR_NOT_FOUND, "no session runs");
		err_hint(err, "'berth session new%s' starts one", at);
	} else {
		err_set(err, ERR_INVALID, "say which session");
		err_hint(err, "there are %s", buf_text(&names));
	}
	return NULL;
}

/* What is left to see of one that has ended. */
static void
show_last_screen(struct client *client, const char *name)
{
	AUTO_BUF screen = BUF_INIT(SESSION_MAX_ANSWER),
		 out = BUF_INIT(SESSION_MAX_ANSWER);
	struct session_view view = { .lines = NULL };
	struct err err = ERR_INIT;

	if (session_capture(client, name, &view, &screen, &err) < 0)
		return;
	(void)vis_add(&out, buf_bytes(&screen), screen.len);
	(void)write_full(STDERR_FILENO, buf_bytes(&out), out.len);
}

static int
run_attach(const struct cli_call *call, struct err *err)
{
	const struct session_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_FREE char *name = NULL;
	int status;

	if (client == NULL || attach_check_terminal(err) < 0)
		return -1;
	name = args->name ? xstrdup(args->name) : choose(client, err);
	if (name == NULL)
		return -1;
	status = enter(client, args, name, err);
	if (status < 0 && err->code == ERR_CONFLICT)
		show_last_screen(client, name);
	return status;
}

/* new */

/* As a status of ours, if it ended. */
static int
status_of(const struct session_info *info)
{
	if (!session_info_is_ended(info))
		return 0;
	if (info->signal > 0)
		return 128 + (int)info->signal;
	return info->exit_code < 0 ? 0 : (int)info->exit_code;
}

static void
note_new(const struct session_args *args, struct client *client,
	 const struct session_info *info)
{
	const char *at = client_reach(client)->words;

	if (!session_info_is_ended(info)) {
		print_note(
		    &args->output,
		    info->existing
			? "session %s runs already; 'berth attach%s %s' "
			  "shows it"
			: "session %s runs; 'berth attach%s %s' shows it",
		    info->name, at, info->name);
		return;
	}
	show_last_screen(client, info->name);
	if (info->signal > 0)
		print_note(&args->output,
			   "session %s was ended at once by signal %lld",
			   info->name, (long long)info->signal);
	else
		print_note(&args->output,
			   "session %s has ended at once with exit status %lld",
			   info->name, (long long)info->exit_code);
}

static int
run_new(const struct cli_call *call, struct err *err)
{
	const struct session_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF answer = BUF_INIT(SESSION_MAX_ANSWER);
	AUTO_SESSION_INFO info = SESSION_INFO_INIT;
	struct session_spec spec = { .name = args->name,
				     .profile = args->profile,
				     .argv = args->command,
				     .cwd = args->cwd,
				     .env = args->env };

	if (client == NULL || (args->attach && attach_check_terminal(err) < 0))
		return -1;
	(void)term_size(STDIN_FILENO, &spec.cols, &spec.rows);
	if (session_new(client, &spec, &answer, err) < 0 ||
	    session_info_decode(buf_bytes(&answer), answer.len, &info, err) < 0)
		return -1;
	if (args->attach && !session_info_is_ended(&info))
		return enter(client, args, info.name, err);
	if (wants_json(call, &args->output)) {
		if (print_json(&answer, err) < 0)
			return -1;
	} else {
		note_new(args, client, &info);
	}
	return status_of(&info);
}

/* ls */

static const struct table_column columns[] = {
	{ .title = "NAME" },
	{ .title = "STATE" },
	{ .title = "AGE", .is_right = true },
	{ .title = "IDLE", .is_right = true },
	{ .title = "VIEWERS", .is_right = true },
	{ .title = "COMMAND" },
	{ .title = "TITLE", .is_flexible = true },
};

static uint64_t
age_ms(const char *since, uint64_t now_ns)
{
	struct err err = ERR_INIT;
	uint64_t ns;

	if (since == NULL || rfc3339_parse(since, &ns, &err) < 0 || ns > now_ns)
		return 0;
	return (now_ns - ns) / NS_PER_MS;
}

static void
add_state(struct table *table, const struct session_info *info)
{
	AUTO_BUF words = BUF_INIT(64);
	bool is_good = info->exit_code == 0 && info->signal == 0;

	if (!session_info_is_ended(info)) {
		table_add(table, "running", STYLE_GREEN);
		return;
	}
	if (info->signal > 0)
		(void)buf_addf(&words, "signal %" PRId64, info->signal);
	else if (info->exit_code >= 0)
		(void)buf_addf(&words, "exited %" PRId64, info->exit_code);
	else
		(void)buf_adds(&words, info->reason ? info->reason : "ended");
	table_add(table, buf_text(&words), is_good ? STYLE_DIM : STYLE_RED);
}

static void
add_row(struct table *table, const struct session_info *info, uint64_t now_ns)
{
	AUTO_FREE char *viewers = xasprintf("%" PRId64, info->viewers);
	char age[HUMAN_SIZE], idle[HUMAN_SIZE];

	table_add(table, info->name, STYLE_PLAIN);
	add_state(table, info);
	table_add(table, human_age(age, age_ms(info->created_at, now_ns)),
		  STYLE_PLAIN);
	table_add(table,
		  info->active_at
		      ? human_age(idle, age_ms(info->active_at, now_ns))
		      : NULL,
		  STYLE_PLAIN);
	table_add(table, viewers, STYLE_PLAIN);
	table_add(table,
		  info->profile ? info->profile
				: (info->argv ? info->argv[0] : NULL),
		  STYLE_PLAIN);
	table_add(table, info->title, STYLE_PLAIN);
}

static int
print_list(const struct session_args *args, const struct buf *answer,
	   struct err *err)
{
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO),
				   .headless = args->headless };
	AUTO_BUF out = BUF_INIT(SESSION_MAX_ANSWER);
	AUTO_SESSION_INFOS list = { .n = 0 };
	uint64_t now_ns = clock_wall_ns();
	struct table table;

	if (session_infos_decode(buf_bytes(answer), answer->len, &list, err) <
	    0)
		return -1;
	if (list.n == 0) {
		print_note(&args->output, "no sessions");
		return 0;
	}
	table_init(&table, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < list.n; i++)
		add_row(&table, &list.items[i], now_ns);
	table_print(&table, &look, &out);
	table_fini(&table);
	return print_text(&out, err);
}

static int
run_ls(const struct cli_call *call, struct err *err)
{
	const struct session_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF answer = BUF_INIT(SESSION_MAX_ANSWER);

	if (client == NULL || session_list(client, &answer, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		return print_json(&answer, err);
	return print_list(args, &answer, err);
}

/* The tables. */

#define VIEW_OPTIONS                                                           \
	CLI_OPTION(struct session_args, read_only, FLAG, "read-only", 'r',     \
		   .help = "Look, and type nothing"),                          \
	    CLI_OPTION(struct session_args, alone, FLAG, "alone", 'd',         \
		       .help = "Send other viewers away"),                     \
	    CLI_OPTION(struct session_args, size, CHOICE, "size", 0,           \
		       .arg = "POLICY", .choices = sizes, .shown = "auto",     \
		       .help = "Does the session take the size of this "       \
			       "terminal: follow, ignore, or auto: ignore if " \
			       "read-only")

static const struct cli_option new_options[] = {
	CLI_OPTION(struct session_args, profile, TEXT, "profile", 'p',
		   .arg = "NAME", .shown = "codex",
		   .help = "The agent: codex, claude, gemini, opencode, shell, "
			   "or one of the machine's configuration"),
	CLI_OPTION(struct session_args, cwd, TEXT, "cwd", 'C', .arg = "DIR",
		   .shown = "~", .help = "Start it in this directory"),
	CLI_OPTION(struct session_args, env, TEXTS, "env", 'e',
		   .arg = "NAME=VALUE",
		   .help = "Put this into its environment; nobody else sees "
			   "it"),
	CLI_OPTION(struct session_args, attach, FLAG, "attach", 'a',
		   .help = "Attach to it"),
	VIEW_OPTIONS,
	{ 0 },
};
static const struct cli_group new_group = { "Options", new_options };

static const struct cli_operand new_operands[] = {
	CLI_OPERAND(struct session_args, name, TEXT, "NAME",
		    .complete = "session",
		    .help = "Its name: letters, digits, '_' and '-' (default: "
			    "the profile's)"),
	CLI_OPERAND(struct session_args, command, TEXTS, "COMMAND",
		    .flags = CLI_REST, .complete = CLI_COMMANDS,
		    .help = "Run this instead of an agent"),
	{ 0 },
};

const struct cli_command session_new_command = {
	.name = "new",
	.summary = "Have a session: start its agent, or find that it runs",
	.about = "The agent is started once, on a terminal of its own, and "
		 "goes on when this program, the connection, the daemon or "
		 "your login end. A session that has ended is started anew.",
	.groups = (const struct cli_use[]){ { &new_group }, USES },
	.operands = new_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth session new", "Have a session of codex" },
		{ "berth session new -a -p claude -C ~/src/web web",
		  "Have one of claude in a directory, and look at it" },
		{ "berth session new top -- htop", "Have one of any command" },
		{ 0 } },
	.args_size = sizeof(struct session_args),
	.run = run_new,
};

static const struct cli_option attach_options[] = {
	VIEW_OPTIONS,
	{ 0 },
};
static const struct cli_group attach_group = { "Options", attach_options };

static const struct cli_operand attach_operands[] = {
	CLI_OPERAND(struct session_args, name, TEXT, "NAME",
		    .complete = "session",
		    .help = "The session (default: the only one that runs)"),
	{ 0 },
};

const struct cli_command session_attach_command = {
	.name = "attach",
	.summary = "Look at a session, and type into it",
	.about = "Ctrl-] leaves; the session goes on. When the connection "
		 "breaks another is made, and the screen is drawn again.\n"
		 "\n"
		 "The wheel scrolls through what went by, and a drag of the "
		 "mouse copies. All keys but Ctrl-] reach the agent.\n"
		 "\n"
		 "The exit status is 0 when the session was left, and the "
		 "agent's own when it ended.",
	.groups = (const struct cli_use[]){ { &attach_group }, USES },
	.operands = attach_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth attach", "Look at the only session" },
		{ "berth attach -m gpu -r web",
		  "Watch one on another machine" },
		{ 0 } },
	.args_size = sizeof(struct session_args),
	.run = run_attach,
};

static const struct cli_option ls_options[] = {
	CLI_OPTION(struct session_args, headless, FLAG, "no-header", 0,
		   .help = "Print no titles"),
	{ 0 },
};
static const struct cli_group ls_group = { "Options", ls_options };

const struct cli_command session_ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List sessions, those that ended too",
	.groups = (const struct cli_use[]){ { &ls_group }, USES },
	.args_size = sizeof(struct session_args),
	.run = run_ls,
};
