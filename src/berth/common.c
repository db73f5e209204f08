/* SPDX-License-Identifier: ISC */

/* Shared by the commands; see common.h. */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/text.h"
#include "wire/errors.h"
#include "client/client.h"
#include "berth/common.h"
#include "berth/tty_asker.h"
#include "berth/out/style.h"

#define MAX_NOTE 2048
#define MAX_ERROR 8192

/* codex-remote's own: a wrong line, and everything else. */
#define CODEX_USAGE 2
#define CODEX_FAILURE 1

static const char *const formats[] = {
	[FORMAT_AUTO] = "auto", [FORMAT_TEXT] = "text",
	[FORMAT_JSON] = "json", [FORMAT_JSONL] = "jsonl",
	[FORMAT_RAW] = "raw",	NULL,
};

static const struct cli_option where_options[] = {
	CLI_OPTION(struct where_args, machine, TEXT, "machine", 'm',
		   .arg = "NAME", .env = "BERTH_MACHINE", .shown = "local",
		   .complete = "machine", .help = "Work on this machine"),
	CLI_OPTION(struct where_args, addr, TEXT, "addr", 0, .arg = "URL",
		   .env = "BERTH_ADDR",
		   .help = "Work on the daemon at this address, such as "
			   "http://127.0.0.1:7337"),
	CLI_OPTION(struct where_args, token_file, TEXT, "token-file", 0,
		   .arg = "FILE", .env = "BERTH_TOKEN_FILE",
		   .complete = CLI_FILES,
		   .help = "Show that daemon the token in this file"),
	CLI_OPTION(struct where_args, config, TEXT, "config", 0, .arg = "FILE",
		   .complete = CLI_FILES, .flags = CLI_HIDDEN,
		   .help = "Accepted from scripts for codex-remote"),
	{ 0 },
};

const struct cli_group where_group = { "Where", where_options };

#define OUTPUT_OPTION                                                          \
	CLI_OPTION(struct output_args, format, CHOICE, "output", 'o',          \
		   .arg = "FORMAT", .choices = formats, .env = "BERTH_OUTPUT", \
		   .shown = "auto", .help = "Print in this form")

#define JSON_OPTION                                                            \
	CLI_OPTION(struct output_args, format, PICK, "json", 0,                \
		   .value = FORMAT_JSON, .help = "Print JSON; errors, too")

#define QUIET_OPTIONS                                                          \
	CLI_OPTION(struct output_args, quiet, FLAG, "quiet", 'q',              \
		   .help = "Print no notes"),                                  \
	    CLI_OPTION(struct output_args, debug, FLAG, "debug", 0,            \
		       .help = "Log what is done to standard error")

static const struct cli_option object_options[] = {
	JSON_OPTION,
	OUTPUT_OPTION,
	QUIET_OPTIONS,
	{ 0 },
};

const struct cli_group object_group = { "Output", object_options };

static const struct cli_option stream_options[] = {
	CLI_OPTION(struct output_args, format, PICK, "raw", 0,
		   .value = FORMAT_RAW,
		   .help = "Print the bytes as they are, escape sequences "
			   "included"),
	CLI_OPTION(struct output_args, format, PICK, "jsonl", 0,
		   .value = FORMAT_JSONL,
		   .help = "Print a line of JSON per event"),
	JSON_OPTION,
	OUTPUT_OPTION,
	QUIET_OPTIONS,
	{ 0 },
};

const struct cli_group stream_group = { "Output", stream_options };

static const struct cli_option id_options[] = {
	CLI_OPTION(struct id_args, id, TEXT, "id", 0, .arg = "ID",
		   .complete = "exec", .flags = CLI_HIDDEN,
		   .help = "The exec, as codex-remote wants it said"),
	{ 0 },
};

const struct cli_group id_group = { "Exec", id_options };

bool
is_codex(const struct cli_call *call)
{
	return str_eq(call->invoked, "codex-remote");
}

struct client *
begin_client(const struct where_args *where, const struct output_args *output,
	     struct err *err)
{
	struct reach_config config = { .machine = where->machine,
				       .addr = where->addr,
				       .token_file = where->token_file };

	if (output->debug)
		log_init(STDERR_FILENO, LOG_LVL_DEBUG);
	if (where->machine)
		config.asker = tty_asker(output->quiet);
	return client_new(&config, err);
}

struct client *
open_client(const struct where_args *where, const struct output_args *output,
	    struct err *err)
{
	struct client *client = begin_client(where, output, err);

	/* Questions come before signals are caught and output begins. */
	if (client && client_prepare(client, err) < 0) {
		client_free(client);
		return NULL;
	}
	return client;
}

bool
wants_json(const struct cli_call *call, const struct output_args *output)
{
	if (output->format == FORMAT_AUTO)
		return is_codex(call) || !isatty(STDOUT_FILENO);
	return output->format == FORMAT_JSON || output->format == FORMAT_JSONL;
}

int
print_text(const struct buf *text, struct err *err)
{
	if (write_full(STDOUT_FILENO, buf_bytes(text), text->len) < 0)
		return err_sys(err, "write to standard output");
	return 0;
}

int
print_json(const struct buf *json, struct err *err)
{
	bool has_end = json->len > 0 && buf_text(json)[json->len - 1] == '\n';

	if (write_full(STDOUT_FILENO, buf_bytes(json), json->len) < 0 ||
	    write_full(STDOUT_FILENO, "\n", !has_end) < 0)
		return err_sys(err, "write to standard output");
	return 0;
}

int
end_answer(struct jsonw *w, struct err *err)
{
	jsonw_int(w, "schema_version", 1);
	jsonw_object_end(w);
	if (jsonw_done(w) < 0)
		return err_set(err, ERR_LIMIT, "the answer is too long");
	return 0;
}

int
print_answer(struct jsonw *w, struct err *err)
{
	return end_answer(w, err) < 0 ? -1 : print_json(w->out, err);
}

void
print_note(const struct output_args *output, const char *fmt, ...)
{
	bool colour = style_wanted(STDERR_FILENO);
	AUTO_BUF line = BUF_INIT(4 * MAX_NOTE + 64);
	char text[MAX_NOTE];
	va_list ap;

	if (output->quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)buf_addf(&line, "%sberth: ", style_begin(colour, STYLE_DIM));
	(void)vis_add(&line, text, strlen(text));
	(void)buf_addf(&line, "%s\n", style_end(colour, STYLE_DIM));
	(void)write_full(STDERR_FILENO, buf_bytes(&line), line.len);
}

/* The output options of the command, or NULL if it has none. */
static const struct output_args *
find_output(const struct cli_call *call)
{
	const struct cli_use *use = cli_call_command(call)->groups;

	for (; call->args && use && use->group; use++) {
		if (use->group == &object_group || use->group == &stream_group)
			return (const void *)((const char *)call->args +
					      use->offset);
	}
	return NULL;
}

/*
 * JSON is for errors only where it was asked for by name.  A line that could
 * not be read is looked through for the words: whoever typed them reads JSON.
 */
static enum format
error_format(const struct cli_call *call, char *const *argv,
	     const struct err *err)
{
	const struct output_args *output = find_output(call);
	const char *asked = getenv("BERTH_OUTPUT");

	if (output && err->code != ERR_INVALID)
		return (enum format)output->format;
	for (; *argv && !str_eq(*argv, "--"); argv++) {
		if (str_eq(*argv, "--jsonl"))
			return FORMAT_JSONL;
		if (str_eq(*argv, "--json"))
			return FORMAT_JSON;
	}
	if (asked && str_eq(asked, "jsonl"))
		return FORMAT_JSONL;
	return asked && str_eq(asked, "json") ? FORMAT_JSON : FORMAT_AUTO;
}

/* The error body; in a stream of events it is one of them. */
static void
print_error_json(const struct err *err, bool is_event)
{
	static const char type[] = "{\"type\":\"error\",";
	AUTO_BUF body = BUF_INIT(MAX_ERROR), line = BUF_INIT(2 * MAX_ERROR);
	struct err ignored = ERR_INIT;

	if (error_json_add(&body, err) < 0)
		return;
	if (is_event) {
		(void)buf_adds(&line, type);
		buf_consume(&body, 1);
	}
	(void)buf_add(&line, buf_bytes(&body), body.len);
	(void)print_json(&line, &ignored);
}

static void
print_error_text(const struct err *err)
{
	bool colour = style_wanted(STDERR_FILENO);
	AUTO_BUF text = BUF_INIT(MAX_ERROR);

	(void)buf_addf(&text, "%sberth:%s ", style_begin(colour, STYLE_RED),
		       style_end(colour, STYLE_RED));
	(void)vis_add(&text, err->msg, strlen(err->msg));
	if (err->hint[0]) {
		(void)buf_addf(&text, "\n%shint:%s  ",
			       style_begin(colour, STYLE_DIM),
			       style_end(colour, STYLE_DIM));
		(void)vis_add(&text, err->hint, strlen(err->hint));
	}
	(void)buf_addc(&text, '\n');
	(void)write_full(STDERR_FILENO, buf_bytes(&text), text.len);
}

void
name_option(const struct option_name *names, size_t n, struct err *err)
{
	if (err->code != ERR_INVALID)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i].param);
		struct err refused = *err;

		if (!str_starts(refused.msg, names[i].param) ||
		    !str_starts(refused.msg + len, ": "))
			continue;
		snprintf(err->msg, sizeof(err->msg), "%s%s", names[i].option,
			 refused.msg + len);
		return;
	}
}

int
usage_status(const struct cli_call *call)
{
	return is_codex(call) ? CODEX_USAGE
			      : error_row(ERR_INVALID)->exit_status;
}

int
show_error(const struct cli_call *call, char *const *argv,
	   const struct err *err)
{
	enum format format = error_format(call, argv, err);

	/* Whoever read our output has enough of it. */
	if (err->sys == EPIPE)
		return 128 + SIGPIPE;
	if (format == FORMAT_JSON || format == FORMAT_JSONL)
		print_error_json(err, format == FORMAT_JSONL);
	else
		print_error_text(err);
	if (err->code == ERR_INVALID)
		return usage_status(call);
	if (is_codex(call))
		return CODEX_FAILURE;
	return error_row(err->code)->exit_status;
}
