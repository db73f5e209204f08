/* SPDX-License-Identifier: ISC */

/* berth-link: the one connection to a machine, for all who use it. */

#include <stdio.h>

#include "cli/cli.h"
#include "core/proc.h"
#include "wire/errors.h"
#include "link/askpass.h"
#include "link/serve.h"

static const struct cli_option options[] = {
	CLI_OPTION(struct serve_options, foreground, FLAG, "foreground", 'f',
		   .help = "Stay, and log to standard error"),
	CLI_OPTION(struct serve_options, config, TEXT, "config", 0,
		   .arg = "FILE", .complete = CLI_FILES,
		   .help = "The configuration that has the machine; - is "
			   "standard input"),
	CLI_OPTION(struct serve_options, as, TEXT, "as", 0, .arg = "NAME",
		   .help = "Be found by this name, to try a machine beside "
			   "the link that it may have"),
	CLI_OPTION(struct serve_options, debug, FLAG, "debug", 0,
		   .help = "Log every detail"),
	{ 0 },
};
static const struct cli_group group = { "Options", options };

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct serve_options, machine, TEXT, "MACHINE",
		    .help = "The machine to link to", .flags = CLI_REQUIRED),
	{ 0 },
};

static int
run(const struct cli_call *call, struct err *err)
{
	return serve_run(call->args, err);
}

static const struct cli_command command = {
	.name = "berth-link",
	.summary = "Keep the one connection to a machine",
	.about = "Started by berth when a machine is used, and ends by itself "
		 "when nobody uses it for a while. Returns as soon as a link "
		 "serves, be it a new one or one that ran already.",
	.groups = (const struct cli_use[]){ { &group }, { 0 } },
	.operands = operands,
	.args_size = sizeof(struct serve_options),
	.run = run,
};

static const struct cli_program program = {
	.root = &command,
	.section = "8",
	.version = BERTH_VERSION,
	.date = "November 21, 2026",
	.environment = (const struct cli_row[]){ { "BERTH_HOME",
						   "A directory for all that "
						   "berth keeps" },
						 { 0 } },
	.see_also = "berth(1) ssh(1)",
};

static int
show(const struct err *err)
{
	fprintf(stderr, "berth-link: %s\n", err->msg);
	if (err->hint[0])
		fprintf(stderr, "berth-link: %s\n", err->hint);
	return error_row(err->code)->exit_status;
}

int
main(int argc, char **argv)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;
	int status;

	/* ssh runs us to ask a question for it. */
	if (askpass_is_meant(argv))
		return askpass_main(argc, argv);
	status = cli_parse(&program, argc, argv, &call, &err);
	if (status == 0) {
		proc_title_init(argc, argv);
		status = cli_run(&call, &err);
	}
	if (status < 0)
		status = show(&err);
	cli_call_fini(&call);
	return status;
}
