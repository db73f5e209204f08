/* SPDX-License-Identifier: ISC */

/* exec logs, exec watch; see cmd_exec_logs.h. */

#include <signal.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/strv.h"
#include "client/client.h"
#include "client/exec_json.h"
#include "client/exec_stream.h"
#include "berth/cmd_exec_logs.h"
#include "berth/common.h"
#include "berth/outcome.h"
#include "berth/show.h"
#include "berth/telemetry.h"

/* What codex-remote shows of a log unless told otherwise. */
#define CODEX_TAIL 2000

enum { STREAM_STDOUT, STREAM_STDERR, STREAM_BOTH, STREAM_UNSAID };

static const char *const stream_names[] = { "stdout", "stderr", "both", NULL };

struct logs_args {
	struct id_args id;
	int stream;
	uint64_t tail, tail_lines, head, head_lines, offset, max_bytes;
	const char *since, *until, *grep, *grep_re;
	bool strip_ansi, full, follow;
	uint64_t poll_ms; /* of watch; output is not polled for */
	struct where_args where;
	struct output_args output;
};

#define LOGS_DEFAULTS                                                          \
	.stream = STREAM_UNSAID, .tail = CLI_UNSET, .tail_lines = CLI_UNSET,   \
	.head = CLI_UNSET, .head_lines = CLI_UNSET, .offset = CLI_UNSET,       \
	.max_bytes = CLI_UNSET

static void
make_view(const struct logs_args *args, int usual_stream, struct exec_view *ret)
{
	static const unsigned streams[] = { 1, 2, 3 };

	*ret = (struct exec_view){
		.streams =
		    streams[args->stream == STREAM_UNSAID ? usual_stream
							  : args->stream],
		.follow = args->follow,
		.full = args->full,
		.tail = args->tail,
		.tail_lines = args->tail_lines,
		.head = args->head,
		.head_lines = args->head_lines,
		.offset = args->offset,
		.max_bytes = args->max_bytes,
		.since = args->since,
		.until = args->until,
		.grep = args->grep,
		.grep_re = args->grep_re,
		.strip_ansi = args->strip_ansi,
	};
}

/* Values that are the daemon's to read; numbers are read here. */
static const struct option_name option_names[] = {
	{ "since", "--since" },
	{ "until", "--until" },
	{ "grep", "--grep" },
	{ "grep_re", "--grep-re" },
};

/* The daemon's rules for what excludes each other, in words for options. */
static int
check_view(const struct logs_args *args, struct err *err)
{
	int n_heads = (args->head != CLI_UNSET) +
		      (args->head_lines != CLI_UNSET);
	int n_begins = n_heads + (args->offset != CLI_UNSET);
	bool has_other = args->full || args->tail != CLI_UNSET ||
			 args->tail_lines != CLI_UNSET;

	if (n_begins > 1 || (n_begins == 1 && has_other))
		return err_set(err, ERR_INVALID,
			       "only one of --full, --tail, --tail-lines, "
			       "--head, --head-lines and --offset can be "
			       "given");
	if (args->grep && args->grep_re)
		return err_set(err, ERR_INVALID,
			       "--grep and --grep-re exclude each other");
	if (args->follow && n_heads > 0)
		return err_set(err, ERR_INVALID,
			       "--follow excludes --head and --head-lines");
	return 0;
}

/* Does no option say which part is wanted? */
static bool
is_unsaid(const struct logs_args *args)
{
	return args->tail == CLI_UNSET && args->tail_lines == CLI_UNSET &&
	       args->head == CLI_UNSET && args->head_lines == CLI_UNSET &&
	       args->offset == CLI_UNSET && !args->full;
}

/* Logs are text for pipes; events only where they are asked for. */
static bool
wants_events(const struct cli_call *call, const struct output_args *output)
{
	if (output->format == FORMAT_AUTO)
		return is_codex(call);
	return output->format == FORMAT_JSON || output->format == FORMAT_JSONL;
}

static int
run_logs(const struct cli_call *call, struct err *err)
{
	const struct logs_args *args = call->args;
	AUTO_CLIENT *client = NULL;
	struct show_config look = { .output = &args->output,
				    .form = wants_events(call, &args->output)
						? SHOW_EVENTS
						: SHOW_BYTES,
				    .is_raw = args->output.format ==
					      FORMAT_RAW };
	struct exec_view view;
	struct exec_stream_config stream = { .id = args->id.id, .view = &view };
	struct show show;
	int rc;

	if (check_view(args, err) < 0)
		return -1;
	client = look.client = open_client(&args->where, &args->output, err);
	if (client == NULL)
		return -1;
	make_view(args, is_codex(call) ? STREAM_STDOUT : STREAM_BOTH, &view);
	if (is_unsaid(args) && is_codex(call))
		view.tail = CODEX_TAIL;
	else if (is_unsaid(args))
		view.full = true;
	show_init(&show, &look);
	rc = show_run(&show, &stream, err);
	if (rc == 0 && show.is_cut)
		rc = 128 + SIGPIPE;
	show_fini(&show);
	if (rc >= 0)
		tell_tunnel(client, "exec_logs", args->id.id);
	else
		name_option(option_names, ARRAY_SIZE(option_names), err);
	return rc;
}

/* The last line of codex-remote's watch. */
static int
print_summary(const struct exec_result *result, uint64_t spent_ms,
	      struct err *err)
{
	AUTO_FREE char *out = xasprintf("exec/%s/stdout.log", result->exec_id);
	AUTO_FREE char *log = xasprintf("exec/%s/stderr.log", result->exec_id);
	AUTO_BUF text = BUF_INIT(64u << 10);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", "summary");
	jsonw_str(&w, "exec_id", result->exec_id);
	jsonw_str(&w, "status", result->status);
	jsonw_int(&w, "exit_code", MAX(result->exit_code, 0));
	jsonw_u64(&w, "duration_ms", spent_ms);
	jsonw_str(&w, "stdout_log_path", out);
	jsonw_str(&w, "stderr_log_path", log);
	if (result->artifacts)
		jsonw_strv(&w, "artifacts", result->artifacts);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

static int
conclude_watch(const struct cli_call *call, const struct show *show,
	       uint64_t spent_ms, struct err *err)
{
	const struct logs_args *args = call->args;

	if (show->is_cut)
		return 128 + SIGPIPE;
	if (show->result == NULL)
		return err_set(err, ERR_PROTO, "the exec ended without a word");
	if (is_codex(call) && print_summary(show->result, spent_ms, err) < 0)
		return -1;
	if (show->config.form == SHOW_BYTES)
		outcome_notes(show->result, show->config.client, &args->output);
	return is_codex(call) ? (int)MAX(show->result->exit_code, 0)
			      : outcome_status(show->result);
}

static int
run_watch(const struct cli_call *call, struct err *err)
{
	const struct logs_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	struct show_config look = { .client = client,
				    .output = &args->output,
				    .form = wants_json(call, &args->output)
						? SHOW_EVENTS
						: SHOW_BYTES,
				    .is_live = true,
				    .is_raw = args->output.format == FORMAT_RAW,
				    .hides_ends = is_codex(call) };
	struct exec_view view;
	struct exec_stream_config stream = { .id = args->id.id, .view = &view };
	uint64_t start = clock_mono_ms();
	struct show show;
	int rc;

	if (client == NULL)
		return -1;
	make_view(args, STREAM_BOTH, &view);
	view.follow = true;
	if (is_unsaid(args))
		view.tail = CODEX_TAIL;
	show_init(&show, &look);
	rc = show_run(&show, &stream, err);
	if (rc == 0)
		rc = conclude_watch(call, &show, clock_mono_ms() - start, err);
	show_fini(&show);
	return rc;
}

#define STREAM_OPTION                                                          \
	CLI_OPTION(struct logs_args, stream, CHOICE, "stream", 's',            \
		   .arg = "STREAM", .choices = stream_names, .shown = "both",  \
		   .help = "Show this stream")
#define TAIL_OPTION(usual)                                                     \
	CLI_OPTION(struct logs_args, tail, BYTES, "tail", 0, .arg = "BYTES",   \
		   .shown = (usual),                                           \
		   .help = "Begin so many bytes before the end; events "       \
			   "begin with a whole line")
#define FULL_OPTION(text)                                                      \
	CLI_OPTION(struct logs_args, full, FLAG, "full", 0, .help = (text))

static const struct cli_option logs_options[] = {
	STREAM_OPTION,
	CLI_OPTION(struct logs_args, follow, FLAG, "follow", 'f',
		   .help = "Go on with what is written, until the exec has "
			   "finished"),
	CLI_OPTION(struct logs_args, tail_lines, NUMBER, "tail-lines", 'n',
		   .arg = "N", .help = "Begin N lines before the end"),
	TAIL_OPTION(NULL),
	CLI_OPTION(struct logs_args, head_lines, NUMBER, "head-lines", 0,
		   .arg = "N", .help = "Show the first N lines"),
	CLI_OPTION(struct logs_args, head, BYTES, "head", 0, .arg = "BYTES",
		   .help = "Show the first bytes; events end with a "
			   "whole line"),
	CLI_OPTION(struct logs_args, offset, BYTES, "offset", 0, .arg = "BYTES",
		   .help = "Begin exactly behind so many bytes of the stream"),
	FULL_OPTION("Show all; so it is unless a part is chosen"),
	CLI_OPTION(struct logs_args, since, TEXT, "since", 0, .arg = "WHEN",
		   .help = "Show what came after this moment: 10m ago, or a "
			   "time as in RFC 3339"),
	CLI_OPTION(struct logs_args, until, TEXT, "until", 0, .arg = "WHEN",
		   .help = "Show what came before it"),
	CLI_OPTION(struct logs_args, grep, TEXT, "grep", 'g', .arg = "TEXT",
		   .help = "Show the lines that contain this text"),
	CLI_OPTION(struct logs_args, grep_re, TEXT, "grep-re", 'E',
		   .arg = "REGEX",
		   .help = "Show the lines that match this extended regular "
			   "expression"),
	CLI_OPTION(struct logs_args, max_bytes, BYTES, "max-bytes", 0,
		   .arg = "SIZE", .help = "Stop after so many bytes"),
	CLI_OPTION(struct logs_args, strip_ansi, FLAG, "strip-ansi", 0,
		   .help = "Leave out colours and other escape sequences"),
	{ 0 },
};

static const struct cli_group logs_group = { "Which part", logs_options };

static const struct cli_option watch_options[] = {
	STREAM_OPTION,
	TAIL_OPTION("2000"),
	FULL_OPTION("Begin at the start of the output"),
	CLI_OPTION(struct logs_args, poll_ms, DURATION, "poll", 0,
		   .arg = "TIME", .flags = CLI_HIDDEN,
		   .help = "Accepted from scripts for codex-remote; output "
			   "comes as it is written"),
	{ 0 },
};

static const struct cli_group watch_group = { "Which part", watch_options };

static const struct cli_operand operands[] = {
	ID_OPERAND(struct logs_args, id.id),
	{ 0 },
};

const struct cli_command exec_logs_command = {
	.name = "logs",
	.aliases = "log",
	.summary = "Show the output of an exec",
	.about = "What the command wrote to standard output and standard error "
		 "goes to ours, byte by byte and in the order of time. On a "
		 "terminal escape sequences are made visible, unless --raw "
		 "is given. With --jsonl there is an event per line, with its "
		 "stream, offset and time.\n"
		 "\n"
		 "Output that was dropped by a limit is noted on standard "
		 "error.",
	.groups =
	    (const struct cli_use[]){
		{ &logs_group },
		{ &id_group, offsetof(struct logs_args, id) },
		{ &where_group, offsetof(struct logs_args, where) },
		{ &stream_group, offsetof(struct logs_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth logs last", "Show all of the latest exec" },
		{ "berth logs -f -n 20 01jd", "Show 20 lines, and follow" },
		{ "berth logs --since 10m --grep error last",
		  "Show errors of the last ten minutes" },
		{ "berth logs --jsonl --tail-lines 200 last",
		  "Read from a program" },
		{ 0 } },
	.args_size = sizeof(struct logs_args),
	.defaults = &(const struct logs_args){ LOGS_DEFAULTS },
	.run = run_logs,
};

const struct cli_command exec_watch_command = {
	.name = "watch",
	.summary = "Follow an exec to its end, and end as it does",
	.about = "As 'berth logs --follow', but the exit status is that of the "
		 "exec, and events are printed where standard output is no "
		 "terminal.",
	.groups =
	    (const struct cli_use[]){
		{ &watch_group },
		{ &id_group, offsetof(struct logs_args, id) },
		{ &where_group, offsetof(struct logs_args, where) },
		{ &stream_group, offsetof(struct logs_args, output) },
		{ 0 } },
	.operands = operands,
	.examples = (const struct cli_row[]){ { "berth exec watch last",
						"Stay with the latest exec" },
					      { 0 } },
	.args_size = sizeof(struct logs_args),
	.defaults = &(const struct logs_args){ LOGS_DEFAULTS },
	.run = run_watch,
};
