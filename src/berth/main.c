/* SPDX-License-Identifier: ISC */

/*
 * berth: the words of the command line, over client/.
 *
 * Nothing is done before the line is read: no locale, no files, no loop.
 */

#include <signal.h>

#include "cli/cli.h"
#include "berth/commands.h"
#include "berth/common.h"

int
main(int argc, char **argv)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;
	int status;

	/* A closed pipe is an error where it happens, not our end. */
	signal(SIGPIPE, SIG_IGN);
	status = cli_parse(&berth_program, argc, argv, &call, &err);
	if (status == 0)
		status = cli_run(&call, &err);
	if (status < 0)
		status = show_error(&call, argv, &err);
	else if (call.want == CLI_WANT_COMMAND)
		status = usage_status(&call);
	cli_call_fini(&call);
	return status;
}
