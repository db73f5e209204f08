/* SPDX-License-Identifier: ISC */

/* machine up, machine down; see cmd_machine_up.h. */

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/text.h"
#include "wire/errors.h"
#include "machine/registry.h"
#include "client/client.h"
#include "client/hello.h"
#include "client/link_control.h"
#include "client/link_json.h"
#include "berth/cmd_machine_up.h"
#include "berth/common.h"
#include "berth/tty_asker.h"

#define MAX_OUTPUT (64u << 10)

struct up_args {
	const char *name;
	const char *machine, *config; /* as codex-remote has it said */
	bool upgrade;
	struct output_args output;
};

struct stages {
	const struct output_args *output;
	const struct link_asker *terminal; /* or NULL */
	char last[32];
};

static void
on_stage(const char *stage, uint64_t ms, void *owner)
{
	struct stages *stages = owner;

	snprintf(stages->last, sizeof(stages->last), "%s", stage);
	print_note(stages->output, "%-8s %llu ms", stage,
		   (unsigned long long)ms);
}

static void
on_retry(const char *why, uint64_t in_ms, void *owner)
{
	struct stages *stages = owner;

	print_note(stages->output, "%s; trying again in %llu ms", why,
		   (unsigned long long)in_ms);
}

static char *
ask(const struct link_question *question, void *owner)
{
	struct stages *stages = owner;

	return stages->terminal->ask(question, stages->terminal->owner);
}

/* The name in either spelling; it must be a machine behind a link. */
static const char *
name_of(const struct up_args *args, struct err *err)
{
	const char *name = args->name ? args->name : args->machine;
	const struct config_file_config usual = { .path = NULL };
	AUTO_REGISTRY registry = { .file = NULL };
	const struct machine *m;

	if (name == NULL) {
		err_set(err, ERR_INVALID, "which machine?");
		err_hint(err, "berth machine up NAME");
		return NULL;
	}
	if (str_eq(name, "local")) {
		err_set(err, ERR_INVALID, "\"local\" is this machine");
		err_hint(err, "'berthd up' and 'berthd stop' do it here");
		return NULL;
	}
	if (registry_load(&registry, &usual, err) < 0)
		return NULL;
	m = registry_find(&registry, name, err);
	if (m == NULL)
		return NULL;
	if (m->addr == NULL && !m->use_direct_addr)
		return name;
	err_set(err, ERR_UNSUPPORTED,
		"the daemon of %s is reached by its address, and is looked "
		"after by others",
		name);
	return NULL;
}

static int
ask_link(const char *name, struct link_info *ret, struct err *err)
{
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);

	if (link_control_call(name, "GET", "/v1/link", &answer, err) < 0)
		return -1;
	return link_info_decode(buf_bytes(&answer), answer.len, ret, err);
}

static const char *
message_of(const struct link_info *info)
{
	return info->was_upgraded    ? "upgraded"
	       : info->was_installed ? "installed and started"
				     : "daemon already healthy";
}

static void
print_up(const struct up_args *args, const char *name,
	 const struct link_info *info)
{
	print_note(&args->output, "%s: %s: berthd %s as %s, %s", name,
		   message_of(info), info->version ? info->version : "?",
		   info->program ? info->program : "?",
		   info->life ? info->life : "?");
	if (info->life && str_eq(info->life, "attached"))
		print_note(&args->output,
			   "it ends with the connection, as the machine ends "
			   "what a logout leaves behind");
}

static int
print_up_json(const char *name, const struct link_info *info, struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "stage", "ready");
	jsonw_str(&w, "message", message_of(info));
	jsonw_str(&w, "machine", name);
	jsonw_str(&w, "version", info->version);
	jsonw_str(&w, "program", info->program);
	jsonw_str(&w, "life", info->life);
	jsonw_str(&w, "kernel", info->kernel);
	jsonw_bool(&w, "installed", info->was_installed);
	jsonw_bool(&w, "upgraded", info->was_upgraded);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	return print_json(&out, err);
}

/* codex-remote prints its failure as a result. */
static int
print_codex_failure(const struct stages *stages, struct err *err)
{
	const struct err copy = *err, *why = &copy;
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", false);
	jsonw_str(&w, "stage", stages->last);
	jsonw_str(&w, "message", why->msg);
	if (why->hint[0])
		jsonw_str(&w, "hint", why->hint);
	jsonw_int(&w, "code", 1);
	jsonw_object_end(&w);
	return print_json(&out, err) < 0 ? -1 : 1;
}

static struct link_asker
asker_of(struct stages *stages)
{
	return (struct link_asker){ .ask = stages->terminal ? ask : NULL,
				    .on_stage = on_stage,
				    .on_retry = on_retry,
				    .owner = stages };
}

static int
run_up(const struct cli_call *call, struct err *err)
{
	const struct up_args *args = call->args;
	struct stages stages = { .output = &args->output,
				 .terminal = tty_asker(args->output.quiet),
				 .last = "resolve" };
	const struct link_asker asker = asker_of(&stages);
	const char *name = name_of(args, err);
	AUTO_LINK_INFO info = { .machine = NULL };

	if (name == NULL)
		return -1;
	if (args->output.debug)
		log_init(STDERR_FILENO, LOG_LVL_DEBUG);
	if (link_control_up(name, args->upgrade, &asker, err) < 0) {
		if (is_codex(call))
			return print_codex_failure(&stages, err);
		return -1;
	}
	if (ask_link(name, &info, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		return print_up_json(name, &info, err);
	print_up(args, name, &info);
	return 0;
}

static int
run_down(const struct cli_call *call, struct err *err)
{
	const struct up_args *args = call->args;
	struct stages stages = { .output = &args->output,
				 .terminal = tty_asker(args->output.quiet) };
	const struct link_asker asker = asker_of(&stages);
	const char *name = name_of(args, err);
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT), ignored = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);
	struct err gone = ERR_INIT;

	if (name == NULL || link_control_down(name, &asker, err) < 0)
		return -1;
	/* A link to nothing is of no use to anybody. */
	(void)link_control_call(name, "POST", "/v1/link/stop", &ignored, &gone);
	if (!wants_json(call, &args->output)) {
		print_note(&args->output,
			   "%s: the daemon was stopped; its execs go on", name);
		return 0;
	}
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "machine", name);
	jsonw_bool(&w, "stopped", true);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	return print_json(&out, err);
}

#define NAME_OPTIONS                                                           \
	CLI_OPTION(struct up_args, machine, TEXT, "machine", 'm',              \
		   .arg = "NAME", .complete = "machine", .flags = CLI_HIDDEN,  \
		   .help = "The machine, as codex-remote has it said"),        \
	    CLI_OPTION(struct up_args, config, TEXT, "config", 0,              \
		       .arg = "FILE", .complete = CLI_FILES,                   \
		       .flags = CLI_HIDDEN,                                    \
		       .help = "Accepted from scripts for codex-remote")

static const struct cli_option up_options[] = {
	CLI_OPTION(struct up_args, upgrade, FLAG, "upgrade", 0,
		   .help = "Put our release in the place of an older one; "
			   "execs do not notice"),
	NAME_OPTIONS,
	{ 0 },
};
static const struct cli_group up_group = { "Options", up_options };

static const struct cli_option down_options[] = { NAME_OPTIONS, { 0 } };
static const struct cli_group down_group = { "Options", down_options };

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct up_args, name, TEXT, "NAME", .complete = "machine",
		    .help = "The machine"),
	{ 0 },
};

const struct cli_command machine_up_command = {
	.name = "up",
	.summary = "Have the daemon on a machine: install it, start it",
	.about = "The program is sent over the connection; nothing else is "
		 "needed there. When all is well nothing is changed.",
	.groups =
	    (const struct cli_use[]){
		{ &up_group },
		{ &object_group, offsetof(struct up_args, output) },
		{ 0 } },
	.operands = operands,
	.args_size = sizeof(struct up_args),
	.run = run_up,
};

const struct cli_command machine_down_command = {
	.name = "down",
	.summary = "Stop the daemon on a machine; its execs go on",
	.about = "Whoever uses the machine starts it again, and that finds "
		 "them.",
	.groups =
	    (const struct cli_use[]){
		{ &down_group },
		{ &object_group, offsetof(struct up_args, output) },
		{ 0 } },
	.operands = operands,
	.args_size = sizeof(struct up_args),
	.run = run_down,
};
