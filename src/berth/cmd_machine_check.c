/* SPDX-License-Identifier: ISC */

/* machine check; see cmd_machine_check.h. */

#include <string.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/errors.h"
#include "machine/registry.h"
#include "berth/checkup.h"
#include "berth/cmd_machine_check.h"
#include "berth/common.h"
#include "berth/config_args.h"
#include "berth/out/style.h"
#include "berth/tty_asker.h"

#define TIMEOUT_MS 15000
#define PARALLEL 16
#define MAX_OUTPUT (64u << 20)

struct check_args {
	char **names;
	const char *machine; /* as codex-remote has it said */
	uint64_t timeout_ms, parallel;
	struct config_args config;
	struct output_args output;
};

/* Borrowed; "local" is NULL. */
static int
find_machines(const struct registry *registry, char *const *names,
	      const struct machine **ret, struct err *err)
{
	for (size_t i = 0; names[i]; i++) {
		ret[i] = NULL;
		if (str_eq(names[i], "local"))
			continue;
		ret[i] = registry_find(registry, names[i], err);
		if (ret[i] == NULL)
			return -1;
	}
	return 0;
}

static char **
names_of(const struct check_args *args, const struct registry *registry)
{
	char **names = strv_copy(args->names);

	if (args->machine)
		strv_add(&names, args->machine);
	if (names)
		return names;
	for (size_t i = 0; i < registry->n; i++)
		strv_add(&names, registry->machines[i].name);
	return names;
}

static bool
is_well(const struct check_report *reports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (check_report_failure(&reports[i], NULL))
			return false;
	}
	return true;
}

static int
print_reports_json(const struct check_args *args,
		   const struct check_report *reports, size_t n,
		   struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	if (args->machine) {
		check_report_add_json(&w, NULL, &reports[0]);
		return print_json(&out, err);
	}
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", is_well(reports, n));
	jsonw_array(&w, "machines");
	for (size_t i = 0; i < n; i++)
		check_report_add_json(&w, NULL, &reports[i]);
	jsonw_array_end(&w);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	return print_json(&out, err);
}

static int
print_reports(const struct check_report *reports, size_t n, struct err *err)
{
	bool colour = style_wanted(STDOUT_FILENO);
	unsigned width = style_columns(STDOUT_FILENO);
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);

	if (n == 1)
		check_report_add_text(&out, &reports[0], colour, width);
	else
		check_reports_add_text(&out, reports, n, colour, width);
	return print_text(&out, err);
}

/* codex-remote tells in words alone; its status is that it could look. */
static int
status_of(const struct cli_call *call, const struct check_report *reports,
	  size_t n)
{
	return is_codex(call) || is_well(reports, n) ? 0 : 1;
}

static int
run_check(const struct cli_call *call, struct err *err)
{
	const struct check_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	struct checkup_config checkup = { .timeout_ms = args->timeout_ms,
					  .parallel = args->parallel };
	AUTO_REGISTRY registry = { .file = NULL };
	AUTO_FREE struct check_report *reports = NULL;
	AUTO_FREE const struct machine **machines = NULL;
	AUTO_STRV char **names = NULL;
	size_t n;
	int rc;

	if (is_codex(call) && args->machine == NULL)
		return err_set(err, ERR_INVALID, "--machine is required");
	if (open_registry(&registry, &config, &args->output, err) < 0)
		return -1;
	names = names_of(args, &registry);
	n = strv_len(names);
	reports = xcalloc(n + 1, sizeof(*reports));
	machines = xcalloc(n + 1, sizeof(*machines));
	if (names && find_machines(&registry, names, machines, err) < 0)
		return -1;
	if (n == 1)
		checkup.asker = tty_asker(args->output.quiet);
	if (checkup_run(machines, n, &checkup, reports, err) < 0)
		return -1;
	if (wants_json(call, &args->output)) {
		rc = print_reports_json(args, reports, n, err);
	} else if (n == 0) {
		print_note(&args->output, "no machines besides this one");
		rc = 0;
	} else {
		rc = print_reports(reports, n, err);
	}
	return rc < 0 ? -1 : status_of(call, reports, n);
}

static const struct cli_option check_options[] = {
	CLI_OPTION(struct check_args, timeout_ms, DURATION, "timeout", 0,
		   .arg = "TIME", .shown = "15s",
		   .help = "Give each machine so long"),
	CLI_OPTION(struct check_args, parallel, NUMBER, "parallel", 0,
		   .arg = "N", .shown = "16", .min = 1, .max = 1000,
		   .help = "Look at so many at a time"),
	CLI_OPTION(struct check_args, machine, TEXT, "machine", 'm',
		   .arg = "NAME", .complete = "machine",
		   .help = "This machine; its report alone is printed, as "
			   "codex-remote does"),
	{ 0 },
};
static const struct cli_group check_group = { "Check", check_options };

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct check_args, names, TEXTS, "NAME",
		    .complete = "machine",
		    .help = "The machines; without one, all of them"),
	{ 0 },
};

const struct cli_command machine_check_command = {
	.name = "check",
	.summary = "Look at machines, stage by stage",
	.about =
	    "Resolves the name, connects, compares the host key, logs in, "
	    "finds a shell and the daemon, and asks that for its version, "
	    "clock, runner, disk and GPUs. A daemon that is missing is "
	    "installed, as every use of the machine does.\n"
	    "\n"
	    "Only for one machine alone questions are asked. The exit status "
	    "is 1 if a machine failed.",
	.groups =
	    (const struct cli_use[]){
		{ &check_group },
		{ &config_group, offsetof(struct check_args, config) },
		{ &object_group, offsetof(struct check_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth machine check gpu3", "See where it fails" },
		{ "berth machine check --json --timeout 5s", "All of them" },
		{ 0 } },
	.args_size = sizeof(struct check_args),
	.defaults = &(const struct check_args){ .timeout_ms = TIMEOUT_MS,
						.parallel = PARALLEL },
	.run = run_check,
};
