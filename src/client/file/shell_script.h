/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_SHELL_SCRIPT_H
#define BERTH_CLIENT_FILE_SHELL_SCRIPT_H

/*
 * The other machine's half of file_shell.c: shell.sh without its comments.
 */

extern const char shell_script[];

#endif
