/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_FILE_OWN_H
#define BERTH_BERTH_CMD_FILE_OWN_H

/*
 * What the parts of cmd_file.c share; nobody else includes it.
 */

#include "berth/file_args.h"

#define PATH_OPERAND(st, member)                                               \
	CLI_OPERAND(st, member, TEXT, "PATH", .flags = CLI_REQUIRED,           \
		    .help = "A path on the machine; a relative one lies in "   \
			    "the current directory here, in the home "         \
			    "elsewhere")

#define COMMON_USES(st)                                                        \
	{ &where_group, offsetof(st, where) },                                 \
	    { &object_group, offsetof(st, output) },                           \
	{                                                                      \
		&via_group, offsetof(st, via)                                  \
	}

extern const struct cli_command file_read_command, file_write_command;
extern const struct cli_command file_ls_command, file_stat_command;

/* What is known of a file, as an object of JSON. */
int file_print_info(const struct file_info *info, struct err *err);

#endif
