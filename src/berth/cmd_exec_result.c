/* SPDX-License-Identifier: ISC */

/* exec result, exec wait; see cmd_exec_result.h. */

#include <inttypes.h>
#include <string.h>

#include "core/buf.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "berth/cmd_exec_result.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/outcome.h"
#include "berth/telemetry.h"

#define STATUS_TIMEOUT 124

struct result_args {
	struct id_args id;
	uint64_t timeout_ms;
	struct where_args where;
	struct output_args output;
};

/* The human view, "name  value" line by line. */
struct card {
	struct buf *out;
	bool colour;
};

static void
add_name(struct card *card, const char *name)
{
	(void)buf_addf(card->out, "%s%-11s%s",
		       style_begin(card->colour, STYLE_DIM), name,
		       style_end(card->colour, STYLE_DIM));
}

/* A text of anybody's; nothing if there is none. */
static void
add_text(struct card *card, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	add_name(card, name);
	(void)vis_add(card->out, text, strlen(text));
	(void)buf_addc(card->out, '\n');
}

static void
add_texts(struct card *card, const char *name, char *const *v)
{
	for (; v && *v; v++) {
		add_text(card, name, *v);
		name = "";
	}
}

static void
add_state(struct card *card, const struct exec_result *r)
{
	enum style style = outcome_style(r);
	char took[HUMAN_SIZE];

	add_name(card, "state");
	(void)buf_adds(card->out, style_begin(card->colour, style));
	outcome_words(r, card->out);
	(void)buf_adds(card->out, style_end(card->colour, style));
	(void)buf_addf(card->out, "%s%s\n",
		       exec_result_is_finished(r) ? " after " : " for ",
		       human_duration(took, r->duration_ms));
}

static void
add_times(struct card *card, const struct exec_result *r)
{
	char time[HUMAN_SIZE];

	add_text(card, "started", human_time(time, r->started_at));
	if (r->finished_at)
		add_text(card, "finished", human_time(time, r->finished_at));
}

static void
add_usage(struct card *card, const struct exec_result *r)
{
	char user[HUMAN_SIZE], kernel[HUMAN_SIZE], memory[HUMAN_SIZE];

	if (r->cpu_user_ms + r->cpu_system_ms + (uint64_t)r->max_rss == 0)
		return;
	add_name(card, "used");
	(void)buf_addf(card->out, "%s user, %s system, %s memory\n",
		       human_duration(user, r->cpu_user_ms),
		       human_duration(kernel, r->cpu_system_ms),
		       human_bytes(memory, (uint64_t)r->max_rss));
}

static void
add_output(struct card *card, const struct exec_result *r)
{
	char out[HUMAN_SIZE], error[HUMAN_SIZE], lost[HUMAN_SIZE];

	add_name(card, "output");
	(void)buf_addf(card->out, "%s stdout, %s stderr",
		       human_bytes(out, (uint64_t)MAX(r->stdout_bytes, 0)),
		       human_bytes(error, (uint64_t)MAX(r->stderr_bytes, 0)));
	if (r->lost_bytes > 0)
		(void)buf_addf(card->out, ", %s lost",
			       human_bytes(lost, (uint64_t)r->lost_bytes));
	if (r->output_open)
		(void)buf_adds(card->out, "; still open");
	(void)buf_addc(card->out, '\n');
}

static void
add_card(struct card *card, const struct exec_result *r)
{
	AUTO_BUF command = BUF_INIT(1u << 20);

	exec_result_line(r, &command);
	add_text(card, "exec", r->exec_id);
	add_text(card, "command", buf_text(&command));
	add_text(card, "directory", r->cwd);
	add_state(card, r);
	if (r->state && str_eq(r->state, "failed"))
		add_text(card, "error", r->error);
	add_text(card, "warning", r->warning);
	add_times(card, r);
	add_usage(card, r);
	add_output(card, r);
	add_text(card, "project", r->project_id);
	add_text(card, "ref", r->ref);
	add_texts(card, "labels", r->labels);
	add_texts(card, "artifacts", r->artifacts);
}

static int
print_result(const struct cli_call *call, const struct buf *answer,
	     struct err *err)
{
	const struct result_args *args = call->args;
	AUTO_EXEC_RESULT result = EXEC_RESULT_INIT;
	AUTO_BUF text = BUF_INIT(2 * EXEC_MAX_ANSWER);
	struct card card = { .out = &text,
			     .colour = style_wanted(STDOUT_FILENO) };

	if (wants_json(call, &args->output))
		return print_json(answer, err);
	if (exec_result_decode(buf_bytes(answer), answer->len, &result, err) <
	    0)
		return -1;
	add_card(&card, &result);
	return print_text(&text, err);
}

static int
run_result(const struct cli_call *call, struct err *err)
{
	const struct result_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);

	if (client == NULL || exec_get(client, args->id.id, &answer, err) < 0)
		return -1;
	tell_tunnel(client, "exec_result", args->id.id);
	return print_result(call, &answer, err);
}

static int
run_wait(const struct cli_call *call, struct err *err)
{
	const struct result_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_EXEC_RESULT result = EXEC_RESULT_INIT;
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);
	bool finished;

	if (client == NULL ||
	    exec_wait(client, args->id.id, args->timeout_ms, &answer, &finished,
		      err) < 0 ||
	    exec_result_decode(buf_bytes(&answer), answer.len, &result, err) <
		0 ||
	    print_result(call, &answer, err) < 0)
		return -1;
	return finished ? outcome_status(&result) : STATUS_TIMEOUT;
}

static const struct cli_operand operands[] = {
	ID_OPERAND(struct result_args, id.id),
	{ 0 },
};

static const struct cli_option wait_options[] = {
	CLI_OPTION(struct result_args, timeout_ms, DURATION, "timeout", 0,
		   .arg = "TIME",
		   .help = "Wait no longer; the status is 124 then"),
	{ 0 },
};

static const struct cli_group wait_group = { "Options", wait_options };

const struct cli_command exec_result_command = {
	.name = "result",
	.aliases = "show",
	.summary = "Show what became of an exec",
	.about = "Elsewhere than on a terminal it is printed as JSON.",
	.groups =
	    (const struct cli_use[]){
		{ &id_group, offsetof(struct result_args, id) },
		{ &where_group, offsetof(struct result_args, where) },
		{ &object_group, offsetof(struct result_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth exec result last", "See how the latest exec fares" },
		{ "berth exec result --json last | jq .exit_code",
		  "Ask from a script" },
		{ 0 } },
	.args_size = sizeof(struct result_args),
	.run = run_result,
};

const struct cli_command exec_wait_command = {
	.name = "wait",
	.summary = "Wait for the end of an exec",
	.about = "Then its result is printed as by 'exec result', and the exit "
		 "status is that of the exec.",
	.groups =
	    (const struct cli_use[]){
		{ &wait_group },
		{ &id_group, offsetof(struct result_args, id) },
		{ &where_group, offsetof(struct result_args, where) },
		{ &object_group, offsetof(struct result_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){ { "berth exec wait --timeout 1h last",
					"Wait for an hour at most" },
				      { 0 } },
	.args_size = sizeof(struct result_args),
	.run = run_wait,
};
