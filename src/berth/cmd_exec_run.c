/* SPDX-License-Identifier: ISC */

/* exec run, exec start; see cmd_exec_run.h. */

#include <string.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/strv.h"
#include "wire/errors.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_adapt.h"
#include "client/exec_json.h"
#include "berth/cmd_exec_run.h"
#include "berth/common.h"
#include "berth/run.h"
#include "berth/spec_args.h"
#include "berth/telemetry.h"
#include "berth/term.h"

struct start_args {
	struct spec_args spec;
	struct where_args where;
	struct output_args output;
	bool detach; /* of run only */
};

/* What codex-remote prints, and more where we are asked by our own name. */
static int
print_started(const struct cli_call *call, struct client *client,
	      const struct exec_result *started, struct err *err)
{
	const struct reach *reach = client_reach(client);
	AUTO_BUF text = BUF_INIT(8192);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "exec_id", started->exec_id);
	jsonw_str(&w, "machine", reach->machine);
	jsonw_str(&w, "status", started->status);
	jsonw_str(&w, "base_url", reach->base_url);
	if (!is_codex(call)) {
		jsonw_str(&w, "started_at", started->started_at);
		jsonw_str(&w, "key", started->key);
		jsonw_bool(&w, "existing", started->existing);
		jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	}
	jsonw_object_end(&w);
	return print_json(&text, err);
}

static int
print_started_text(const struct exec_result *started, struct client *client,
		   const struct output_args *output, struct err *err)
{
	const char *at = client_reach(client)->words;
	AUTO_BUF text = BUF_INIT(256);

	(void)buf_addf(&text, "%s\n", started->exec_id);
	if (print_text(&text, err) < 0)
		return -1;
	print_note(output, "%s; 'berth logs%s -f %s' follows it",
		   started->existing ? "this exec was there already"
				     : "started",
		   at, started->exec_id);
	return 0;
}

static int
start(const struct cli_call *call, const struct start_args *args,
      const struct exec_spec *spec, struct client *client, struct err *err)
{
	AUTO_EXEC_RESULT started = EXEC_RESULT_INIT;
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);

	if (exec_start(client, spec, &answer, err) < 0 ||
	    exec_result_decode(buf_bytes(&answer), answer.len, &started, err) <
		0)
		return -1;
	if (started.exec_id == NULL)
		return err_set(err, ERR_PROTO, "the daemon told no exec_id");
	tell_tunnel(client, "exec_start", started.exec_id);
	if (wants_json(call, &args->output))
		return print_started(call, client, &started, err);
	return print_started_text(&started, client, &args->output, err);
}

/* A terminal of the size of ours, and of our kind. */
static void
take_terminal(struct request *request)
{
	const char *term = getenv("TERM");

	request->spec.tty = true;
	if (!term_size(STDIN_FILENO, &request->spec.cols, &request->spec.rows))
		(void)term_size(STDOUT_FILENO, &request->spec.cols,
				&request->spec.rows);
	if (term && strv_env_get(request->env, "TERM") == NULL) {
		strv_give(&request->env, xasprintf("TERM=%s", term));
		request->spec.env = request->env;
	}
}

/* Lines of JSON where they are asked for, or where no person reads. */
static bool
wants_events(const struct cli_call *call, const struct start_args *args)
{
	if (args->output.format == FORMAT_AUTO && args->spec.tty &&
	    !is_codex(call))
		return false;
	return wants_json(call, &args->output);
}

/* Make the request, in the form that the daemon takes which is returned. */
static struct client *
open_for(const struct cli_call *call, struct request *request, struct err *err)
{
	const struct start_args *args = call->args;
	AUTO_CLIENT *client = NULL;

	if (request_init(request, call, &args->where, &args->spec, err) < 0)
		return NULL;
	client = open_client(&args->where, &args->output, err);
	if (client == NULL)
		return NULL;
	request_fit(request, client_reach(client));
	if (exec_adapt(client, &request->spec, &request->line, err) < 0)
		return NULL;
	return TAKE(client);
}

static int
start_run(const struct cli_call *call, struct err *err)
{
	const struct start_args *args = call->args;
	AUTO_REQUEST request = { .script = NULL };
	AUTO_CLIENT *client = open_for(call, &request, err);

	if (client == NULL)
		return -1;
	return start(call, args, &request.spec, client, err);
}

static int
stay(const struct cli_call *call, const struct start_args *args,
     struct request *request, struct client *client, struct err *err)
{
	struct run_config config = { .client = client,
				     .spec = &request->spec,
				     .output = &args->output,
				     .is_events = wants_events(call, args),
				     .is_raw = args->output.format ==
					       FORMAT_RAW,
				     .has_input = args->spec.stdin_open,
				     .has_tty = args->spec.tty };
	int status;

	if (config.has_tty)
		take_terminal(request);
	status = run_stay(&config, err);
	tell_tunnel(client, "exec_run", NULL);
	/* codex-remote tells how the command ended in its events only. */
	return status > 0 && is_codex(call) ? 0 : status;
}

static int
run_run(const struct cli_call *call, struct err *err)
{
	const struct start_args *args = call->args;
	AUTO_REQUEST request = { .script = NULL };
	AUTO_CLIENT *client = open_for(call, &request, err);

	if (client == NULL)
		return -1;
	if (args->detach)
		return start(call, args, &request.spec, client, err);
	return stay(call, args, &request, client, err);
}

static const struct cli_operand operands[] = {
	COMMAND_OPERAND(struct start_args, spec.words),
	{ 0 },
};

static const struct cli_option detach_options[] = {
	CLI_OPTION(struct start_args, detach, FLAG, "detach", 'd',
		   .help = "Print the exec's id and leave it to itself, as "
			   "'exec start'"),
	{ 0 },
};

static const struct cli_group detach_group = { "Staying", detach_options };

const struct cli_command exec_run_command = {
	.name = "run",
	.summary = "Run a command and stay with it to its end",
	.about =
	    "The command runs durably: it does not end when this program, the "
	    "connection or the daemon does, and its output can be read again "
	    "with 'berth logs'. Options of berth stand before the command.\n"
	    "\n"
	    "On a terminal the output is printed as the command writes it, "
	    "standard output and standard error each to ours. Colours pass; "
	    "sequences that would do more to the terminal are shown instead, "
	    "unless --raw or --tty is given. Elsewhere a line of JSON is "
	    "printed per event: started, log, gap, finished. --raw prints the "
	    "plain bytes anywhere, --jsonl the events.\n"
	    "\n"
	    "The exit status is the command's own: 128+N when signal N killed "
	    "it, 124 when --timeout stopped it, 125 when berth itself failed.\n"
	    "\n"
	    "Ctrl-C sends SIGINT to the command. A second one within two "
	    "seconds cancels it: SIGTERM, and SIGKILL after --grace. A third "
	    "one leaves it to its fate. SIGTERM and SIGHUP make berth leave "
	    "while the command goes on. With --tty all keys go to the command "
	    "and Ctrl-] leaves it. When --raw output goes to a pipe that "
	    "closes, the command is sent SIGPIPE.\n"
	    "\n"
	    "With the --key of an exec that is there, berth stays with that "
	    "one. With --stdin, too, it takes the same input from its "
	    "beginning and skips what was taken.",
	.groups =
	    (const struct cli_use[]){
		{ &what_group, offsetof(struct start_args, spec) },
		{ &condition_group, offsetof(struct start_args, spec) },
		{ &detach_group },
		{ &where_group, offsetof(struct start_args, where) },
		{ &stream_group, offsetof(struct start_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth run -- make -j8", "Build here; closing the lid of the "
					   "laptop does not matter" },
		{ "berth run -c 'grep -c ^ *.log | sort -t: -nk2'",
		  "Run a line of shell" },
		{ "berth run -t -- htop",
		  "Use a program that needs a terminal" },
		{ "tar c . | berth run --raw -i -- tar t",
		  "Feed it by a pipe" },
		{ "berth run --timeout 10m --key nightly-7 -- ./nightly",
		  "Stop it after ten minutes, and start it once only however "
		  "often this line is repeated" },
		{ 0 } },
	.args_size = sizeof(struct start_args),
	.run = run_run,
};

const struct cli_command exec_start_command = {
	.name = "start",
	.summary = "Start a command and print the id of its exec",
	.about = "It returns as soon as the start is durable. The id serves "
		 "'berth exec wait', 'result', 'logs', 'watch' and 'cancel'.\n"
		 "\n"
		 "With --stdin a standard input is kept open for 'berth exec "
		 "write'.",
	.groups =
	    (const struct cli_use[]){
		{ &what_group, offsetof(struct start_args, spec) },
		{ &condition_group, offsetof(struct start_args, spec) },
		{ &where_group, offsetof(struct start_args, where) },
		{ &object_group, offsetof(struct start_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth exec start -- ./train.sh --epochs 10",
		  "Start a long job" },
		{ "berth exec start --json -c 'make test' | jq -r .exec_id",
		  "Start a line of shell from a script" },
		{ 0 } },
	.args_size = sizeof(struct start_args),
	.run = start_run,
};
