/* SPDX-License-Identifier: ISC */

/*
 * Completion for bash 4 and later, with or without the bash-completion
 * package; see complete.h.
 *
 * "--name=value" reaches the script as three words, since '=' breaks words in
 * bash.
 */

#include "cli/complete.h"
#include "cli/script.h"

static const struct script_syntax syntax = {
	.function = "\n%s() {\n",
	.function_end = "}\n",
	.both = "\tcase \"$1 $2\" in\n",
	.first = "\tcase \"$1\" in\n",
	.switch_end = "\tesac\n",
	.pattern = "\t%s) ",
	.otherwise = "\t*) ",
	.branch_end = " ;;\n",
	.set = "%s=",
	.items = "items=(",
	.items_end = " )",
	.fail = "return 1",
};

static const char head[] =
    "# bash completion for PROGRAM, from 'PROGRAM completion bash'.\n";

static const char body[] =
    "\n"
    "_PROGRAM_offer() {\n"
    "	local word\n"
    "	case $place in\n"
    "	files)\n"
    "		compopt -o filenames 2>/dev/null\n"
    "		mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "	dirs)\n"
    "		compopt -o filenames 2>/dev/null\n"
    "		mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "	commands|rest)\n"
    "		mapfile -t COMPREPLY < <(compgen -c -- \"$cur\") ;;\n"
    "	words*)\n"
    "		mapfile -t COMPREPLY < <(compgen -W \"${place#words}\" -- "
    "\"$cur\") ;;\n"
    "	ask*)\n"
    "		while IFS=$'\\t' read -r word _; do\n"
    "			[[ $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\")\n"
    "		done < <(\"${COMP_WORDS[0]}\" __complete \"${place#ask }\" "
    "-- \"$cur\" \"${COMP_WORDS[@]:1:COMP_CWORD-1}\" 2>/dev/null) ;;\n"
    "	esac\n"
    "}\n"
    "\n"
    "# Another command and its arguments begin at word $1.\n"
    "_PROGRAM_rest() {\n"
    "	if declare -F _command_offset >/dev/null; then\n"
    "		_command_offset \"$1\"\n"
    "	else\n"
    "		place=files\n"
    "		_PROGRAM_offer\n"
    "	fi\n"
    "}\n"
    "\n"
    "_PROGRAM() {\n"
    "	local cur=${COMP_WORDS[COMP_CWORD]}\n"
    "	local at= place= ended= word i n=0\n"
    "	local -a items=()\n"
    "\n"
    "	COMPREPLY=()\n"
    "	for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "		word=${COMP_WORDS[i]}\n"
    "		if [[ $word == = ]]; then\n"
    "			continue\n"
    "		elif [[ $place ]]; then\n"
    "			place=\n"
    "		elif [[ ! $ended && $word == -- ]]; then\n"
    "			ended=1\n"
    "		elif [[ ! $ended && $word == -?* ]]; then\n"
    "			_PROGRAM_value \"$at\" \"$word\"\n"
    "		elif ! _PROGRAM_enter \"$at\" \"$word\"; then\n"
    "			_PROGRAM_operand \"$at\" \"$n\"\n"
    "			[[ $place == rest ]] && { _PROGRAM_rest \"$i\"; "
    "return; }\n"
    "			place=\n"
    "			((n++))\n"
    "		fi\n"
    "	done\n"
    "	[[ $cur == = ]] && cur=\n"
    "	if [[ $place ]]; then\n"
    "		_PROGRAM_offer\n"
    "	elif [[ ! $ended && $cur == -* ]]; then\n"
    "		_PROGRAM_options \"$at\"\n"
    "		mapfile -t COMPREPLY < <(compgen -W \"${items[*]}\" -- "
    "\"$cur\")\n"
    "	elif _PROGRAM_commands \"$at\"; then\n"
    "		mapfile -t COMPREPLY < <(compgen -W \"${items[*]}\" -- "
    "\"$cur\")\n"
    "	else\n"
    "		_PROGRAM_operand \"$at\" \"$n\"\n"
    "		_PROGRAM_offer\n"
    "	fi\n"
    "}\n"
    "\n"
    "complete -F _PROGRAM PROGRAM";

int
cli_complete_bash(const struct cli_program *program, struct buf *out)
{
	struct script s = { .syntax = &syntax, .program = program, .out = out };

	script_body(&s, head);
	script_tables(&s);
	script_body(&s, body);
	if (program->others) {
		script_put(&s, " ");
		script_put(&s, program->others);
	}
	script_put(&s, "\n");
	return s.failed ? -1 : 0;
}
