/* SPDX-License-Identifier: ISC */

/* link ls, link status, link stop; see cmd_link.h. */

#include <inttypes.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/config_file.h"
#include "machine/registry.h"
#include "client/link_control.h"
#include "client/link_json.h"
#include "berth/cmd_link.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/out/table.h"

struct link_args {
	const char *machine;
	bool headless;
	struct output_args output;
};

static enum style
state_style(const char *state)
{
	if (str_eq(state, "active"))
		return STYLE_GREEN;
	return str_eq(state, "disconnected") ? STYLE_RED : STYLE_YELLOW;
}

static uint64_t
age_ms(const char *since)
{
	uint64_t at, now = clock_wall_ns();
	struct err err = ERR_INIT;

	if (rfc3339_parse(since, &at, &err) < 0 || at > now)
		return 0;
	return (now - at) / NS_PER_MS;
}

/* ls */

static const struct table_column columns[] = {
	{ .title = "MACHINE" },
	{ .title = "STATE" },
	{ .title = "SINCE", .is_right = true },
	{ .title = "TRANSPORT" },
	{ .title = "RTT", .is_right = true },
	{ .title = "STREAMS", .is_right = true },
	{ .title = "RECONNECTS", .is_right = true },
	{ .title = "BERTHD" },
	{ .title = "ERROR", .is_flexible = true },
};

static void
add_number(struct table *table, int64_t n)
{
	AUTO_BUF text = BUF_INIT(32);

	(void)buf_addf(&text, "%" PRId64, n);
	table_add(table, buf_text(&text), STYLE_PLAIN);
}

static void
add_row(struct table *table, const struct link_info *info)
{
	char age[HUMAN_SIZE];

	table_add(table, info->machine, STYLE_PLAIN);
	table_add(table, info->state, state_style(info->state));
	table_add(table, human_age(age, age_ms(info->since)), STYLE_PLAIN);
	table_add(table, info->transport, STYLE_PLAIN);
	table_add(table, info->rtt, STYLE_PLAIN);
	add_number(table, info->streams);
	add_number(table, info->reconnects);
	table_add(table, info->version, STYLE_PLAIN);
	table_add(table, info->error, STYLE_PLAIN);
}

/* Each answer to `each'; links that end meanwhile are left out. */
static int
ask_all(void (*each)(const struct buf *answer, void *owner), void *owner,
	struct err *err)
{
	AUTO_STRV char **names = link_control_list(err);
	struct err gone = ERR_INIT;

	if (names == NULL && err->code != ERR_NONE)
		return -1;
	for (char **name = names; name && *name; name++) {
		AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);

		if (link_control_call(*name, "GET", "/v1/link", &answer,
				      &gone) == 0)
			each(&answer, owner);
		else
			log_debug("client", "no answer",
				  KV_STR("machine", *name), KV_ERR(&gone));
	}
	return 0;
}

static void
list_one(const struct buf *answer, void *owner)
{
	AUTO_LINK_INFO info = { .machine = NULL };
	struct err err = ERR_INIT;

	if (link_info_decode(buf_bytes(answer), answer->len, &info, &err) == 0)
		add_row(owner, &info);
}

static void
dump_one(const struct buf *answer, void *owner)
{
	struct jsonw *w = owner;
	AUTO_BUF text = BUF_INIT(LINK_MAX_ANSWER);

	(void)buf_add(&text, buf_bytes(answer), answer->len);
	while (text.len > 0 && buf_text(&text)[text.len - 1] == '\n')
		((char *)buf_bytes(&text))[--text.len] = '\0';
	jsonw_raw(w, NULL, buf_text(&text));
}

static int
list_json(struct err *err)
{
	AUTO_BUF text = BUF_INIT(64u << 20);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "links");
	if (ask_all(dump_one, &w, err) < 0)
		return -1;
	jsonw_array_end(&w);
	return print_answer(&w, err);
}

static int
list_table(const struct link_args *args, struct err *err)
{
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO),
				   .headless = args->headless };
	AUTO_BUF out = BUF_INIT(1u << 20);
	struct table table;
	int rc;

	table_init(&table, columns, ARRAY_SIZE(columns));
	rc = ask_all(list_one, &table, err);
	if (rc == 0 && table.n_cells == 0) {
		print_note(&args->output, "no links");
	} else if (rc == 0) {
		table_print(&table, &look, &out);
		rc = print_text(&out, err);
	}
	table_fini(&table);
	return rc;
}

static int
run_ls(const struct cli_call *call, struct err *err)
{
	const struct link_args *args = call->args;

	return wants_json(call, &args->output) ? list_json(err)
					       : list_table(args, err);
}

static const struct cli_option ls_options[] = {
	CLI_OPTION(struct link_args, headless, FLAG, "no-headers", 0,
		   .help = "Leave out the titles"),
	{ 0 },
};
static const struct cli_group ls_group = { "Which", ls_options };

static const struct cli_command ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List the links that there are",
	.groups =
	    (const struct cli_use[]){
		{ &ls_group },
		{ &object_group, offsetof(struct link_args, output) },
		{ 0 } },
	.args_size = sizeof(struct link_args),
	.run = run_ls,
};

/* status */

static void
add_line(struct buf *out, const char *title, const char *text)
{
	(void)buf_addf(out, "%-12s ", title);
	(void)vis_add(out, text, strlen(text));
	(void)buf_addc(out, '\n');
}

static void
add_traffic(struct buf *out, const char *title, int64_t bytes, int64_t rate)
{
	char total[HUMAN_SIZE], now[HUMAN_SIZE];
	AUTO_BUF text = BUF_INIT(2 * HUMAN_SIZE + 16);

	(void)buf_addf(&text, "%s, %s/s now",
		       human_bytes(total, (uint64_t)bytes),
		       human_bytes(now, (uint64_t)rate));
	add_line(out, title, buf_text(&text));
}

static void
add_loss(struct buf *out, const struct link_info *info)
{
	char age[HUMAN_SIZE];
	AUTO_FREE char *text = xasprintf("%s (%s)", info->loss,
					 human_age(age, age_ms(info->lost)));

	add_line(out, "last loss", text);
}

static void
add_status(struct buf *out, const struct link_info *info)
{
	bool colour = style_wanted(STDOUT_FILENO);
	enum style style = state_style(info->state);
	char age[HUMAN_SIZE];

	(void)buf_addf(out, "%-12s %s%s%s for %s\n", info->machine,
		       style_begin(colour, style), info->state,
		       style_end(colour, style),
		       human_duration(age, age_ms(info->since)));
	add_line(out, "transport", info->transport);
	add_line(out, "round trip", info->rtt ? info->rtt : "-");
	add_line(out, "berthd", info->version ? info->version : "-");
	add_traffic(out, "received", info->bytes_in, info->throughput_in);
	add_traffic(out, "sent", info->bytes_out, info->throughput_out);
	(void)buf_addf(out,
		       "%-12s %" PRId64 ", and %" PRId64 " in reserve\n"
		       "%-12s %" PRId64 "\n%-12s %" PRId64 "\n",
		       "streams", info->streams, info->spare, "reconnects",
		       info->reconnects, "pid", info->pid);
	if (info->error)
		add_line(out, "error", info->error);
	if (info->loss)
		add_loss(out, info);
}

/*
 * Whatever has a link can be asked, also a machine that was removed since.
 * Where there is no link, it is told whether there is such a machine.
 */
static int
ask_link(const char *machine, const char *method, const char *target,
	 struct buf *answer, struct err *err)
{
	const struct config_file_config usual = { .path = NULL };
	struct err unknown = ERR_INIT;
	AUTO_REGISTRY registry = { .n = 0 };

	if (link_control_call(machine, method, target, answer, err) == 0)
		return 0;
	if (err->code == ERR_NOT_FOUND && !str_eq(machine, "local") &&
	    registry_load(&registry, &usual, &unknown) == 0 &&
	    registry_find(&registry, machine, &unknown) == NULL)
		*err = unknown;
	return -1;
}

static int
run_status(const struct cli_call *call, struct err *err)
{
	const struct link_args *args = call->args;
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER), out = BUF_INIT(1u << 16);
	AUTO_LINK_INFO info = { .machine = NULL };

	if (ask_link(args->machine, "GET", "/v1/link", &answer, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		return print_json(&answer, err);
	if (link_info_decode(buf_bytes(&answer), answer.len, &info, err) < 0)
		return -1;
	add_status(&out, &info);
	return print_text(&out, err);
}

static const struct cli_operand machine_operands[] = {
	CLI_OPERAND(struct link_args, machine, TEXT, "MACHINE",
		    .flags = CLI_REQUIRED, .complete = "machine",
		    .help = "The machine at the other end"),
	{ 0 },
};

static const struct cli_command status_command = {
	.name = "status",
	.aliases = "show",
	.summary = "Show a link: its state, round trip, traffic",
	.groups =
	    (const struct cli_use[]){
		{ &object_group, offsetof(struct link_args, output) }, { 0 } },
	.operands = machine_operands,
	.args_size = sizeof(struct link_args),
	.run = run_status,
};

/* stop */

static int
run_stop(const struct cli_call *call, struct err *err)
{
	const struct link_args *args = call->args;
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);

	if (ask_link(args->machine, "POST", "/v1/link/stop", &answer, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		return print_json(&answer, err);
	print_note(&args->output, "the link to %s ends", args->machine);
	return 0;
}

static const struct cli_command stop_command = {
	.name = "stop",
	.summary = "End a link; what runs on the machine goes on",
	.about = "Whoever uses it starts another one.",
	.groups =
	    (const struct cli_use[]){
		{ &object_group, offsetof(struct link_args, output) }, { 0 } },
	.operands = machine_operands,
	.args_size = sizeof(struct link_args),
	.run = run_stop,
};

const struct cli_command link_command = {
	.name = "link",
	.summary = "Look at the connections to machines, and end them",
	.about =
	    "A link is the one connection to a machine, shared by all that "
	    "uses it. It is made when a machine is used, made again when it "
	    "is lost, and ends when it was not used for a while.",
	.commands = (const struct cli_command *const[]){ &ls_command,
							 &status_command,
							 &stop_command, NULL },
};
