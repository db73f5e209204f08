/* SPDX-License-Identifier: ISC */

/* exec ls, exec rm; see cmd_exec_list.h. */

#include <inttypes.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/strv.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "berth/cmd_exec_list.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/out/table.h"
#include "berth/outcome.h"

/* A screenful; --all or --limit asks for more. */
#define USUAL_LIMIT 20

/* Everything, as JSON asks for it. */
#define NO_LIMIT 0

enum { STATE_ANY, STATE_RUNNING, STATE_FINISHED };

static const char *const states[] = { "any", "running", "finished", NULL };

struct ls_args {
	int state;
	uint64_t limit;
	bool all, headless;
	const char *label, *before, *text;
	struct where_args where;
	struct output_args output;
};

static const struct table_column columns[] = {
	{ .title = "ID" },
	{ .title = "STATE" },
	{ .title = "AGE", .is_right = true },
	{ .title = "TIME", .is_right = true },
	{ .title = "COMMAND", .is_flexible = true },
};

/* Milliseconds from one moment to another, 0 if either is not known. */
static uint64_t
span_ms(const char *from, const char *to, uint64_t now_ns)
{
	struct err err = ERR_INIT;
	uint64_t a, b = now_ns;

	if (from == NULL || rfc3339_parse(from, &a, &err) < 0 ||
	    (to && rfc3339_parse(to, &b, &err) < 0))
		return 0;
	return b > a ? (b - a) / NS_PER_MS : 0;
}

static void
add_row(struct table *table, const struct exec_result *r, uint64_t now_ns)
{
	AUTO_BUF words = BUF_INIT(128), command = BUF_INIT(1u << 20);
	char age[HUMAN_SIZE], took[HUMAN_SIZE];

	outcome_words(r, &words);
	exec_result_line(r, &command);
	table_add(table, r->exec_id, STYLE_PLAIN);
	table_add(table, buf_text(&words), outcome_style(r));
	table_add(table, human_age(age, span_ms(r->started_at, NULL, now_ns)),
		  STYLE_PLAIN);
	table_add(table,
		  human_duration(
		      took, span_ms(r->started_at, r->finished_at, now_ns)),
		  STYLE_PLAIN);
	table_add(table, buf_text(&command), STYLE_PLAIN);
}

static void
add_ids(const struct exec_results *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++)
		(void)buf_addf(out, "%s\n", list->items[i].exec_id);
}

static void
add_table(const struct exec_results *list, const struct ls_args *args,
	  struct buf *out)
{
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO),
				   .headless = args->headless };
	uint64_t now_ns = clock_wall_ns();
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < list->n; i++)
		add_row(&table, &list->items[i], now_ns);
	table_print(&table, &look, out);
	table_fini(&table);
}

static int
print_list(const struct ls_args *args, uint64_t limit, const struct buf *answer,
	   struct err *err)
{
	AUTO_EXEC_RESULTS list = { 0 };
	AUTO_BUF out = BUF_INIT(2 * EXEC_MAX_LIST);

	if (exec_results_decode(buf_bytes(answer), answer->len, &list, err) < 0)
		return -1;
	if (args->output.quiet) {
		add_ids(&list, &out);
		return print_text(&out, err);
	}
	if (list.n == 0) {
		print_note(&args->output, "no execs");
		return 0;
	}
	add_table(&list, args, &out);
	if (print_text(&out, err) < 0)
		return -1;
	if (list.n == limit && args->limit == CLI_UNSET)
		print_note(&args->output, "there may be more: --all");
	return 0;
}

/* Lists for programs are whole; those for people fit on a screen. */
static uint64_t
limit_of(const struct ls_args *args, bool is_json)
{
	if (args->limit != CLI_UNSET)
		return args->limit;
	return args->all || is_json ? NO_LIMIT : USUAL_LIMIT;
}

static int
run_ls(const struct cli_call *call, struct err *err)
{
	const struct ls_args *args = call->args;
	bool is_json = args->output.quiet ? args->output.format == FORMAT_JSON
					  : wants_json(call, &args->output);
	struct exec_filter filter = {
		.state = args->state == STATE_ANY ? NULL : states[args->state],
		.before = args->before,
		.label = args->label,
		.text = args->text,
		.limit = limit_of(args, is_json),
	};
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_LIST);

	if (client == NULL || exec_list(client, &filter, &answer, err) < 0)
		return -1;
	if (is_json)
		return print_json(&answer, err);
	return print_list(args, filter.limit, &answer, err);
}

static const struct cli_option ls_options[] = {
	CLI_OPTION(struct ls_args, state, CHOICE, "state", 's', .arg = "STATE",
		   .choices = states, .help = "Only those in this state"),
	CLI_OPTION(struct ls_args, state, PICK, "running", 'r',
		   .value = STATE_RUNNING, .help = "As --state running"),
	CLI_OPTION(struct ls_args, label, TEXT, "label", 'l',
		   .arg = "NAME=VALUE", .help = "Only those marked so"),
	CLI_OPTION(struct ls_args, text, TEXT, "grep", 'g', .arg = "TEXT",
		   .help = "Only those whose command contains this text"),
	CLI_OPTION(struct ls_args, before, TEXT, "before", 0, .arg = "ID",
		   .complete = "exec", .help = "Only those older than this"),
	CLI_OPTION(struct ls_args, limit, NUMBER, "limit", 'n', .arg = "N",
		   .min = 1, .max = INT64_MAX, .shown = "20 on a terminal",
		   .help = "At most so many"),
	CLI_OPTION(struct ls_args, all, FLAG, "all", 'a',
		   .help = "As many as there are"),
	CLI_OPTION(struct ls_args, headless, FLAG, "no-headers", 0,
		   .help = "Leave out the titles"),
	{ 0 },
};
static const struct cli_group ls_group = { "Which", ls_options };

const struct cli_command exec_ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List the execs of a machine, the latest first",
	.about = "With --quiet only their ids.",
	.groups =
	    (const struct cli_use[]){
		{ &ls_group },
		{ &where_group, offsetof(struct ls_args, where) },
		{ &object_group, offsetof(struct ls_args, output) },
		{ 0 } },
	.examples =
	    (const struct cli_row[]){
		{ "berth ps", "See the latest" },
		{ "berth ps -r", "See what runs" },
		{ "berth ps --json | jq '.execs[].cmd'", "Ask from a script" },
		{ 0 } },
	.args_size = sizeof(struct ls_args),
	.defaults = &(const struct ls_args){ .limit = CLI_UNSET },
	.run = run_ls,
};

/* rm */

struct rm_args {
	char **ids;
	struct where_args where;
	struct output_args output;
};

static int
print_removed(const struct cli_call *call, size_t n, struct err *err)
{
	const struct rm_args *args = call->args;
	AUTO_BUF text = BUF_INIT(64);
	struct jsonw w = JSONW_INIT(&text);

	if (!wants_json(call, &args->output)) {
		print_note(&args->output, "removed %zu", n);
		return 0;
	}
	jsonw_object(&w, NULL);
	jsonw_u64(&w, "removed", n);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

static int
run_rm(const struct cli_call *call, struct err *err)
{
	const struct rm_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);

	if (client == NULL)
		return -1;
	for (char **id = args->ids; *id; id++) {
		if (exec_remove(client, *id, err) < 0)
			return -1;
	}
	return print_removed(call, strv_len(args->ids), err);
}

static const struct cli_operand rm_operands[] = {
	CLI_OPERAND(struct rm_args, ids, TEXTS, "ID", .flags = CLI_REQUIRED,
		    .complete = "finished",
		    .help = "The execs: their ids, the beginnings of them, or "
			    "\"last\""),
	{ 0 },
};

const struct cli_command exec_rm_command = {
	.name = "rm",
	.aliases = "remove",
	.summary = "Remove finished execs with their output",
	.about = "The first that cannot be removed ends this; one that runs "
		 "cannot. Old ones are removed by the daemon anyway.",
	.groups =
	    (const struct cli_use[]){
		{ &where_group, offsetof(struct rm_args, where) },
		{ &object_group, offsetof(struct rm_args, output) },
		{ 0 } },
	.operands = rm_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth exec rm $(berth ps -q --state finished)",
		  "Remove the latest twenty that are finished" },
		{ 0 } },
	.args_size = sizeof(struct rm_args),
	.run = run_rm,
};
