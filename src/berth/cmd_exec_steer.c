/* SPDX-License-Identifier: ISC */

/* Reaching into a running exec; see cmd_exec_steer.h. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "berth/cmd_exec_steer.h"
#include "berth/common.h"
#include "berth/telemetry.h"
#include "berth/term.h"

#define PIECE (256u << 10)
#define MAX_TEXT (1u << 20)

struct steer_args {
	struct id_args id;
	const char *signal;
	uint64_t grace_ms;
	uint64_t cols, rows;
	char **words;
	bool eof, no_newline;
	struct where_args where;
	struct output_args output;
};

/* {"NAME":true} where JSON is wanted, a note elsewhere. */
static int
print_done(const struct cli_call *call, const char *name, const char *note,
	   struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_BUF text = BUF_INIT(64);
	struct jsonw w = JSONW_INIT(&text);

	if (!wants_json(call, &args->output)) {
		if (note)
			print_note(&args->output, "%s", note);
		return 0;
	}
	jsonw_object(&w, NULL);
	jsonw_bool(&w, name, true);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

/* write */

static int
write_words(struct client *client, const struct steer_args *args,
	    uint64_t *ret_taken, struct err *err)
{
	AUTO_BUF line = BUF_INIT(MAX_TEXT);

	for (char **word = args->words; *word; word++) {
		if (buf_addf(&line, "%s%s", word == args->words ? "" : " ",
			     *word) < 0)
			return err_set(err, ERR_LIMIT, "too many words");
	}
	if (!args->no_newline)
		(void)buf_addc(&line, '\n');
	return exec_write(client, args->id.id, &line, args->eof, ret_taken,
			  err);
}

/* Pieces of our standard input; its end goes along with the last if asked. */
static int
write_input(struct client *client, const struct steer_args *args,
	    uint64_t *ret_taken, struct err *err)
{
	AUTO_BUF piece = BUF_INIT(PIECE);
	ssize_t n;

	for (;;) {
		buf_clear(&piece);
		n = read(STDIN_FILENO, buf_reserve(&piece, PIECE), PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read standard input");
		buf_commit(&piece, (size_t)n);
		if (n == 0 && !args->eof)
			return 0;
		if (exec_write(client, args->id.id, &piece, n == 0, ret_taken,
			       err) < 0)
			return -1;
		if (n == 0)
			return 0;
	}
}

static int
print_taken(const struct cli_call *call, uint64_t taken, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_BUF text = BUF_INIT(64);
	struct jsonw w = JSONW_INIT(&text);

	if (!wants_json(call, &args->output))
		return 0;
	jsonw_object(&w, NULL);
	jsonw_u64(&w, "offset", taken);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

static int
run_write(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	uint64_t taken = 0;
	int rc;

	if (client == NULL)
		return -1;
	rc = args->words ? write_words(client, args, &taken, err)
			 : write_input(client, args, &taken, err);
	return rc < 0 ? -1 : print_taken(call, taken, err);
}

/* resize */

static int
run_resize(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	uint64_t cols = args->cols, rows = args->rows;

	if (client == NULL)
		return -1;
	if ((cols == 0) != (rows == 0))
		return err_set(err, ERR_INVALID,
			       "--cols and --rows belong together");
	if (cols == 0 && !term_size(STDIN_FILENO, &cols, &rows)) {
		err_set(err, ERR_INVALID,
			"there is no terminal to take the "
			"size of");
		return err_hint(err, "give --cols and --rows");
	}
	if (exec_resize(client, args->id.id, cols, rows, err) < 0)
		return -1;
	return print_done(call, "ok", NULL, err);
}

/* signal */

static int
run_signal(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);

	if (client == NULL ||
	    exec_signal(client, args->id.id, args->signal, err) < 0)
		return -1;
	return print_done(call, "ok", NULL, err);
}

/* cancel */

static int
print_cancelled(const struct cli_call *call, const struct buf *answer,
		struct err *err)
{
	const struct steer_args *args = call->args;
	bool cancelled;

	if (wants_json(call, &args->output))
		return print_json(answer, err);
	if (exec_cancelled_decode(buf_bytes(answer), answer->len, &cancelled,
				  err) < 0)
		return -1;
	print_note(&args->output, "%s",
		   cancelled ? "cancelled" : "it was not running");
	return 0;
}

static int
run_cancel(const struct cli_call *call, struct err *err)
{
	const struct steer_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);

	if (client == NULL || exec_cancel(client, args->id.id, args->signal,
					  args->grace_ms, &answer, err) < 0)
		return -1;
	tell_tunnel(client, "exec_cancel", args->id.id);
	return print_cancelled(call, &answer, err);
}

/* The tables. */

#define COMMON_USES                                                            \
	{ &id_group, offsetof(struct steer_args, id) },                        \
	    { &where_group, offsetof(struct steer_args, where) },              \
	    { &object_group, offsetof(struct steer_args, output) },            \
	{                                                                      \
		0                                                              \
	}

static const struct cli_option write_options[] = {
	CLI_OPTION(struct steer_args, eof, FLAG, "eof", 0,
		   .help = "Close its standard input afterwards"),
	CLI_OPTION(struct steer_args, no_newline, FLAG, "no-newline", 'n',
		   .help = "Put no newline behind TEXT"),
	{ 0 },
};
static const struct cli_group write_group = { "Options", write_options };

static const struct cli_operand write_operands[] = {
	ID_OPERAND(struct steer_args, id.id),
	CLI_OPERAND(struct steer_args, words, TEXTS, "TEXT",
		    .help = "Write these words and a newline, instead of what "
			    "comes from our standard input"),
	{ 0 },
};

const struct cli_command exec_write_command = {
	.name = "write",
	.summary = "Write to the standard input of an exec",
	.about = "The exec was started with --stdin or --tty. What is written "
		 "is taken when the command has room for it; until then this "
		 "waits.",
	.groups = (const struct cli_use[]){ { &write_group }, COMMON_USES },
	.operands = write_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth exec write last yes", "Answer a question" },
		{ "berth exec write --eof last < data",
		  "Send a file and its end" },
		{ 0 } },
	.args_size = sizeof(struct steer_args),
	.run = run_write,
};

static const struct cli_option resize_options[] = {
	CLI_OPTION(struct steer_args, cols, NUMBER, "cols", 0, .arg = "N",
		   .min = 1, .max = 10000, .help = "Columns"),
	CLI_OPTION(struct steer_args, rows, NUMBER, "rows", 0, .arg = "N",
		   .min = 1, .max = 10000, .help = "Rows"),
	{ 0 },
};
static const struct cli_group resize_group = { "Options", resize_options };

static const struct cli_operand id_operands[] = {
	ID_OPERAND(struct steer_args, id.id),
	{ 0 },
};

const struct cli_command exec_resize_command = {
	.name = "resize",
	.summary = "Change the size of an exec's terminal",
	.about = "To the size of this terminal, unless another is given.",
	.groups = (const struct cli_use[]){ { &resize_group }, COMMON_USES },
	.operands = id_operands,
	.args_size = sizeof(struct steer_args),
	.run = run_resize,
};

static const struct cli_operand signal_operands[] = {
	ID_OPERAND(struct steer_args, id.id),
	CLI_OPERAND(struct steer_args, signal, TEXT, "SIGNAL",
		    .flags = CLI_REQUIRED, .complete = "signal",
		    .help = "Its name or number: INT, SIGINT, 2"),
	{ 0 },
};

const struct cli_command exec_signal_command = {
	.name = "signal",
	.aliases = "kill",
	.summary = "Send a signal to the processes of an exec",
	.groups = (const struct cli_use[]){ COMMON_USES },
	.operands = signal_operands,
	.examples =
	    (const struct cli_row[]){ { "berth exec signal last HUP",
					"Make it read its configuration" },
				      { 0 } },
	.args_size = sizeof(struct steer_args),
	.run = run_signal,
};

static const struct cli_option cancel_options[] = {
	CLI_OPTION(struct steer_args, signal, TEXT, "signal", 0,
		   .arg = "SIGNAL", .complete = "signal", .shown = "TERM",
		   .help = "Ask with this signal"),
	CLI_OPTION(struct steer_args, grace_ms, DURATION, "grace", 0,
		   .arg = "TIME",
		   .help = "Wait so long before killing (default: what the "
			   "exec was started with)"),
	{ 0 },
};
static const struct cli_group cancel_group = { "Options", cancel_options };

const struct cli_command exec_cancel_command = {
	.name = "cancel",
	.aliases = "stop",
	.summary = "Stop an exec with all its processes",
	.about = "They are asked with a signal, and killed when the grace is "
		 "over. This returns when none of them is left.",
	.groups = (const struct cli_use[]){ { &cancel_group }, COMMON_USES },
	.operands = id_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth exec cancel last", "Stop the latest exec" },
		{ "berth exec cancel --grace 1m 01jd", "Give it time" },
		{ 0 } },
	.args_size = sizeof(struct steer_args),
	.run = run_cancel,
};
