/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_SCRIPT_H
#define BERTH_CLI_SCRIPT_H

/*
 * What the completion scripts have in common: the table, written as functions
 * of a shell.
 *
 * A script walks the line with three variables: `at', the command so far
 * ("exec run"); `place', what is to stand at the cursor; `items', a list to
 * choose from.  The functions written here answer from the table and set them:
 *
 *	_berth_enter AT WORD	at: the command below; fails if WORD is none
 *	_berth_value AT OPTION	place: its value, or empty if it takes none
 *	_berth_operand AT N	place: operand number N
 *	_berth_commands AT	items; fails if no command is below
 *	_berth_options AT	items
 *
 * A place is one of: none, files, dirs, commands, rest (another command with
 * its arguments), "words A B C", "ask WORD" (of PROGRAM __complete).
 */

#include "cli/cli.h"

struct buf;

/* How the shell writes them; %s stands for a name. */
struct script_syntax {
	const char *function, *function_end;
	const char *both;  /* switch on "$1 $2" */
	const char *first; /* switch on $1 */
	const char *switch_end;
	const char *pattern, *otherwise, *branch_end;
	const char *set; /* a variable; its quoted value follows */
	const char *items, *items_end;
	const char *item_separator; /* before the help; NULL: names only */
	const char *fail;
};

struct script {
	const struct script_syntax *syntax;
	const struct cli_program *program;
	struct buf *out;
	bool failed; /* sticky */
};

void script_put(struct script *s, const char *text);

/* `text' with each "PROGRAM" replaced by the program's name. */
void script_body(struct script *s, const char *text);

/* The five functions. */
void script_tables(struct script *s);

#endif
