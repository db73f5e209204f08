/* SPDX-License-Identifier: ISC */

/*
 * Completion for zsh; see complete.h.  The script works from a directory of
 * $fpath as well as sourced.
 */

#include "cli/complete.h"
#include "cli/script.h"

static const struct script_syntax syntax = {
	.function = "\n%s() {\n",
	.function_end = "}\n",
	.both = "\tcase \"$1 $2\" in\n",
	.first = "\tcase \"$1\" in\n",
	.switch_end = "\tesac\n",
	.pattern = "\t(%s) ",
	.otherwise = "\t(*) ",
	.branch_end = " ;;\n",
	.set = "%s=",
	.items = "items=(",
	.items_end = " )",
	.item_separator = ":",
	.fail = "return 1",
};

static const char body[] =
    "\n"
    "_PROGRAM_offer() {\n"
    "	case $place in\n"
    "	(files) _files ;;\n"
    "	(dirs) _files -/ ;;\n"
    "	(commands|rest) _command_names -e ;;\n"
    "	(words*) compadd -- ${=place#words} ;;\n"
    "	(ask*)\n"
    "		items=(${(f)\"$(${words[1]} __complete ${place#ask } -- "
    "\"$PREFIX\" \"${(@Q)words[2,CURRENT-1]}\" 2>/dev/null)\"})\n"
    "		items=(${items//$'\\t'/:})\n"
    "		_describe ${place#ask } items ;;\n"
    "	(*) _message 'no more arguments' ;;\n"
    "	esac\n"
    "}\n"
    "\n"
    "_PROGRAM() {\n"
    "	local at= place= ended= word i n=0\n"
    "	local -a items\n"
    "\n"
    "	for ((i = 2; i < CURRENT; i++)); do\n"
    "		word=${words[i]}\n"
    "		if [[ -n $place ]]; then\n"
    "			place=\n"
    "		elif [[ -z $ended && $word == -- ]]; then\n"
    "			ended=1\n"
    "		elif [[ -z $ended && $word == --*=* ]]; then\n"
    "			continue\n"
    "		elif [[ -z $ended && $word == -?* ]]; then\n"
    "			_PROGRAM_value \"$at\" \"$word\"\n"
    "		elif ! _PROGRAM_enter \"$at\" \"$word\"; then\n"
    "			_PROGRAM_operand \"$at\" \"$n\"\n"
    "			if [[ $place == rest ]]; then\n"
    "				words=(\"${(@)words[i,-1]}\")\n"
    "				((CURRENT -= i - 1))\n"
    "				_normal\n"
    "				return\n"
    "			fi\n"
    "			place=\n"
    "			((n++))\n"
    "		fi\n"
    "	done\n"
    "	if [[ -z $place && -z $ended && $PREFIX == --*=* ]]; then\n"
    "		_PROGRAM_value \"$at\" \"${PREFIX%%=*}\"\n"
    "		compset -P '*='\n"
    "	fi\n"
    "	if [[ -n $place ]]; then\n"
    "		_PROGRAM_offer\n"
    "	elif [[ -z $ended && $PREFIX == -* ]]; then\n"
    "		_PROGRAM_options \"$at\"\n"
    "		_describe -o option items\n"
    "	elif _PROGRAM_commands \"$at\"; then\n"
    "		_describe command items\n"
    "	else\n"
    "		_PROGRAM_operand \"$at\" \"$n\"\n"
    "		_PROGRAM_offer\n"
    "	fi\n"
    "}\n"
    "\n"
    "if [[ ${funcstack[1]} == _PROGRAM ]]; then\n"
    "	_PROGRAM \"$@\"\n"
    "else\n"
    "	compdef _PROGRAM PROGRAM";

int
cli_complete_zsh(const struct cli_program *program, struct buf *out)
{
	const char *others = program->others ? program->others : "";
	struct script s = { .syntax = &syntax, .program = program, .out = out };

	script_body(&s, "#compdef PROGRAM ");
	script_put(&s, others);
	script_body(&s, "\n# From 'PROGRAM completion zsh'.\n");
	script_tables(&s);
	script_body(&s, body);
	script_put(&s, " ");
	script_put(&s, others);
	script_put(&s, "\nfi\n");
	return s.failed ? -1 : 0;
}
