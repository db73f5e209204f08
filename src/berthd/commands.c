/* SPDX-License-Identifier: ISC */

/* What can be typed after `berthd'; see commands.h. */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/ask.h"
#include "berthd/commands.h"
#include "berthd/health.h"
#include "berthd/login/ending.h"
#include "berthd/login_commands.h"
#include "berthd/serve.h"
#include "berthd/session/agent.h"
#include "berthd/stdio.h"
#include "berthd/up.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/proc.h"
#include "core/text.h"
#include "wire/living.h"
#include "wire/places.h"

#define MAX_ANSWER (1u << 20)

/* A daemon gives the answers that are under way two seconds. */
#define STOP_DEADLINE_MS 10000
#define LOOK_AGAIN_MS 5

/* As shells say it. */
#define AGENT_NOT_FOUND 127
#define AGENT_REFUSED 126

bool
berthd_is_codexd(const struct cli_call *call)
{
	return str_eq(call->invoked, "codexd");
}

/* serve */

static const struct cli_option serve_options[] = {
	CLI_OPTION(struct serve_options, config, TEXT, "config", 'c',
		   .arg = "FILE", .complete = CLI_FILES,
		   .help = "Read this configuration, YAML or JSON, instead of "
			   "the usual file"),
	CLI_OPTION(struct serve_options, listen, TEXT, "listen", 'l',
		   .arg = "ADDRESS",
		   .help = "Listen on TCP too, such as 127.0.0.1:7337; every "
			   "request there needs the token"),
	CLI_OPTION(struct serve_options, detach, FLAG, "detach", 'd',
		   .help = "Return when a daemon serves, one that ran already "
			   "or a new one in the background"),
	CLI_OPTION(struct serve_options, replace, FLAG, "replace", 0,
		   .help = "Take over from the daemon that runs; its execs do "
			   "not notice"),
	CLI_OPTION(struct serve_options, debug, FLAG, "debug", 0,
		   .help = "Log every detail"),
	{ 0 },
};
static const struct cli_group serve_group = { "Options", serve_options };

static int
run_serve(const struct cli_call *call, struct err *err)
{
	struct serve_options options =
	    *(const struct serve_options *)call->args;

	options.as_codexd = berthd_is_codexd(call);
	return serve_run(&options, err);
}

static const struct cli_command serve_command = {
	.name = "serve",
	.summary = "Serve the execs of this user on this host",
	.about = "The daemon listens on a private unix socket and keeps an "
		 "index of the user's execs. It can be stopped, killed or "
		 "replaced at any time: what runs goes on, and is found again."
		 "\n\n"
		 "There is one daemon per user and host. Clients start it "
		 "when they need it, so this is seldom typed.",
	.groups = (const struct cli_use[]){ { &serve_group }, { 0 } },
	.examples =
	    (const struct cli_row[]){
		{ "berthd serve --detach", "have a daemon" },
		{ "berthd serve --listen 127.0.0.1:7337",
		  "serve clients of codexd too" },
		{ "berthd serve --detach --replace", "upgrade in place" },
		{ 0 } },
	.args_size = sizeof(struct serve_options),
	.run = run_serve,
};

/* stdio */

static int
run_stdio(const struct cli_call *call UNUSED, struct err *err)
{
	return stdio_run(err);
}

static const struct cli_command stdio_command = {
	.name = "stdio",
	.summary = "Relay one HTTP connection on standard input and output",
	.about = "Starts the daemon if none runs. This is what ssh runs where "
		 "it may not forward sockets.",
	.run = run_stdio,
};

/* status, health, stop */

struct json_args {
	bool json;
};

static const struct cli_option json_options[] = {
	CLI_OPTION(struct json_args, json, FLAG, "json", 0,
		   .help = "Print one JSON object"),
	{ 0 },
};
static const struct cli_group json_group = { "Options", json_options };

static void
print_execs(const struct json_t *execs)
{
	static const char *const states[] = {
		"starting",  "running", "exited", "signalled", "timeout",
		"cancelled", "oom",	"failed", "lost"
	};

	printf("execs");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		int64_t n = json_get_int(execs, states[i], 0);

		if (n > 0 || i == 1)
			printf("  %lld %s", (long long)n, states[i]);
	}
	printf("\n");
}

static int
run_status(const struct cli_call *call, struct err *err)
{
	const struct json_args *args = call->args;
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	AUTO_JSON *answer = NULL;

	if (ask_daemon("GET", "/v1/daemon", &text, err) < 0)
		return -1;
	if (args->json) {
		fputs(buf_text(&text), stdout);
		return 0;
	}
	answer = json_parse(buf_bytes(&text), text.len, err);
	if (answer == NULL)
		return -1;
	printf("berthd %s, pid %lld, since %s\n",
	       json_get_text(answer, "version", "?"),
	       (long long)json_get_int(answer, "pid", 0),
	       json_get_text(answer, "started_at", "?"));
	printf("socket %s\n", json_get_text(answer, "socket", "?"));
	printf("listen %s\n", json_get_text(answer, "listen", "-"));
	printf("state  %s\n", json_get_text(answer, "state_dir", "?"));
	printf("config %s\n", json_get_text(answer, "config_file", "-"));
	print_execs(json_get(answer, "execs"));
	return 0;
}

static const struct cli_command status_command = {
	.name = "status",
	.summary = "Tell about the daemon that runs",
	.groups = (const struct cli_use[]){ { &json_group }, { 0 } },
	.args_size = sizeof(struct json_args),
	.run = run_status,
};

static int
run_health(const struct cli_call *call, struct err *err)
{
	const struct json_args *args = call->args;

	return health_run(args->json, err);
}

static const struct cli_command health_command = {
	.name = "health",
	.summary = "Check that this host can run and keep execs",
	.about = "Exit status 0 means that all is well, 1 that something "
		 "needs attention; the report says what.",
	.groups = (const struct cli_use[]){ { &json_group }, { 0 } },
	.args_size = sizeof(struct json_args),
	.run = run_health,
};

/* Until its process is gone: then all that it held is free. */
static int
await_end(const struct living *living, struct err *err)
{
	struct proc_id id = { .pid = (pid_t)living->pid,
			      .start = (uint64_t)living->start };
	uint64_t deadline = clock_mono_ms() + STOP_DEADLINE_MS;

	while (proc_id_alive(&id)) {
		if (clock_mono_ms() > deadline)
			return err_set(err, ERR_TIMEOUT,
				       "the daemon (pid %lld) does not end",
				       (long long)living->pid);
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
	return 0;
}

static int
run_stop(const struct cli_call *call UNUSED, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	AUTO_PLACES places = PLACES_INIT;
	AUTO_LIVING living = { 0 };
	struct err no_card = ERR_INIT;

	if (places_find(&places, err) < 0)
		return -1;
	(void)living_read(places.state, &living, &no_card);
	if (ask_daemon("POST", "/v1/daemon/stop", &text, err) < 0)
		return -1;
	return await_end(&living, err);
}

static const struct cli_command stop_command = {
	.name = "stop",
	.summary = "Stop the daemon; its execs go on",
	.about = "The next client starts a daemon again, which finds them.",
	.run = run_stop,
};

/* session-agent: the first process of a session's pane */

struct agent_args {
	const char *order;
};

static const struct cli_operand agent_operands[] = {
	CLI_OPERAND(struct agent_args, order, TEXT, "FILE",
		    .flags = CLI_REQUIRED, .help = "What to run"),
	{ 0 },
};

static int
run_agent(const struct cli_call *call, struct err *err)
{
	const struct agent_args *args = call->args;

	if (agent_run(args->order, err) == 0)
		return 0;
	fprintf(stderr, "berthd: %s\n", err->msg);
	return err->code == ERR_NOT_FOUND ? AGENT_NOT_FOUND : AGENT_REFUSED;
}

static const struct cli_command agent_command = {
	.name = AGENT_COMMAND,
	.summary = "Become the agent of a session, as FILE says",
	.operands = agent_operands,
	.args_size = sizeof(struct agent_args),
	.run = run_agent,
	.flags = CLI_HIDDEN,
};

/* session-end: what a login's viewer becomes when the agent has ended */

struct ending_args {
	const char *session;
};

static const struct cli_operand ending_operands[] = {
	CLI_OPERAND(struct ending_args, session, TEXT, "NAME",
		    .flags = CLI_REQUIRED, .help = "The session"),
	{ 0 },
};

static int
run_ending(const struct cli_call *call, struct err *err)
{
	const struct ending_args *args = call->args;

	return ending_run(args->session, err);
}

static const struct cli_command ending_command = {
	.name = ENDING_COMMAND,
	.summary = "Show how the agent of a session ended",
	.operands = ending_operands,
	.args_size = sizeof(struct ending_args),
	.run = run_ending,
	.flags = CLI_HIDDEN,
};

/* up, hello */

static const struct cli_option up_options[] = {
	CLI_OPTION(struct up_options, replace, FLAG, "replace", 0,
		   .help = "Take over from the daemon that runs; its execs do "
			   "not notice"),
	{ 0 },
};
static const struct cli_group up_group = { "Options", up_options };

static int
run_up(const struct cli_call *call, struct err *err)
{
	return up_run(call->args, err);
}

static const struct cli_command up_command = {
	.name = "up",
	.summary = "Have a daemon that outlives this login, and say which",
	.about = "As `berthd serve --detach', but in the way that lives "
		 "longest here: as a unit of the user's systemd, which is told "
		 "to linger, where logind permits that; else detached. Prints "
		 "one JSON object: this program, the daemon, its socket, and "
		 "how it lives.",
	.groups = (const struct cli_use[]){ { &up_group }, { 0 } },
	.args_size = sizeof(struct up_options),
	.run = run_up,
};

static int
run_hello(const struct cli_call *call UNUSED, struct err *err)
{
	return hello_run(err);
}

static const struct cli_command hello_command = {
	.name = "hello",
	.summary = "Say who this is and which daemon runs, as JSON",
	.about = "Nothing is started. The daemon is null when none runs.",
	.run = run_hello,
};

/* version */

struct version_args {
	char *self_check;
};

static const struct cli_option version_options[] = {
	CLI_OPTION(struct version_args, self_check, TEXT, "self-check", 0,
		   .arg = "SHA1",
		   .help = "Fail unless the file of this program has this "
			   "SHA-1"),
	{ 0 },
};
static const struct cli_group version_group = { "Options", version_options };

static int
run_version(const struct cli_call *call, struct err *err)
{
	const struct version_args *args = call->args;

	if (args->self_check && self_check(args->self_check, err) < 0)
		return -1;
	puts(BERTH_VERSION);
	return 0;
}

static const struct cli_command version_command = {
	.name = "version",
	.summary = "Print the version",
	.groups = (const struct cli_use[]){ { &version_group }, { 0 } },
	.args_size = sizeof(struct version_args),
	.run = run_version,
};

static const struct cli_command *const commands[] = {
	&serve_command,
	&up_command,
	&stdio_command,
	&hello_command,
	&status_command,
	&health_command,
	&stop_command,
	&login_commands_login,
	&login_commands_audit,
	&version_command,
	&agent_command,
	&ending_command,
	&cli_help_command,
	&cli_completion_command,
	NULL,
};

static const struct cli_command root = {
	.name = "berthd",
	.summary = "Keep execs alive on this machine",
	.about = "berthd runs commands that survive their clients, the "
		 "network and the daemon itself, and keeps their output. "
		 "berth(1) is how people and programs talk to it.",
	.commands = commands,
};

const struct cli_program berthd_program = {
	.root = &root,
	.section = "8",
	.version = BERTH_VERSION,
	.date = "November 21, 2026",
	.others = "codexd",
	.exits =
	    (const struct cli_row[]){
		{ "0", "Done." },
		{ "1", "health: something needs attention." },
		{ "64", "The command line is wrong." },
		{ "77", "Not allowed." },
		{ "78", "A configuration file is wrong." },
		{ "125", "Any other failure." },
		{ 0 } },
	.environment =
	    (const struct cli_row[]){
		{ "BERTH_HOME",
		  "Keep configuration, state and sockets below this "
		  "directory instead of the XDG ones." },
		{ "BERTH_CGROUP",
		  "\"delegated\": the cgroup this daemon is started in is "
		  "its own to divide, as in the systemd unit that comes with "
		  "it." },
		{ 0 } },
	.files =
	    (const struct cli_row[]){
		{ "~/.config/berth/berthd.yaml", "The configuration." },
		{ "~/.local/state/berth/HOST/exec/",
		  "A directory per exec: what was asked, its output, its "
		  "end." },
		{ "~/.local/state/berth/HOST/berthd.log",
		  "What a detached daemon has to say." },
		{ "~/.local/state/berth/HOST/token",
		  "The token for TCP, if none is configured." },
		{ 0 } },
	.see_also = "berth(1)",
};
