/* SPDX-License-Identifier: ISC */

/* berthd: the machine's side.  Reads the command line and shows its errors. */

#include <stdio.h>

#include "berthd/commands.h"
#include "core/proc.h"
#include "wire/errors.h"

static int
show(const struct err *err)
{
	fprintf(stderr, "berthd: %s\n", err->msg);
	if (err->hint[0])
		fprintf(stderr, "berthd: %s\n", err->hint);
	return error_row(err->code)->exit_status;
}

int
main(int argc, char **argv)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;
	int status;

	status = cli_parse(&berthd_program, argc, argv, &call, &err);
	if (status == 0) {
		proc_title_init(argc, argv);
		status = cli_run(&call, &err);
	}
	if (status < 0)
		status = show(&err);
	cli_call_fini(&call);
	return status;
}
