/* SPDX-License-Identifier: ISC */

/*
 * Completion for fish; see complete.h.  One function makes the candidates, so
 * that a key press walks the line once and not once per option.
 */

#include <string.h>

#include "core/buf.h"
#include "cli/complete.h"
#include "cli/script.h"

/*
 * Functions see the caller's variables only if told to, and `set' leaves the
 * status as it was.
 */
static const struct script_syntax syntax = {
	.function = "\nfunction %s --no-scope-shadowing\n",
	.function_end = "\treturn 0\nend\n",
	.both = "\tswitch \"$argv[1] $argv[2]\"\n",
	.first = "\tswitch \"$argv[1]\"\n",
	.switch_end = "\tend\n",
	.pattern = "\tcase %s; ",
	.otherwise = "\tcase '*'; ",
	.branch_end = "\n",
	.set = "set %s ",
	.items = "set items",
	.items_end = "",
	.item_separator = "\t",
	.fail = "return 1",
};

static const char body[] =
    "\n"
    "function _PROGRAM_offer --no-scope-shadowing\n"
    "	switch \"$place\"\n"
    "	case files; __fish_complete_path \"$cur\"\n"
    "	case dirs; __fish_complete_directories \"$cur\" ''\n"
    "	case commands rest; complete -C \"$cur\"\n"
    "	case 'words*'; string split -n ' ' -- "
    "(string sub -s 6 -- $place)\n"
    "	case 'ask*'; $tokens[1] __complete (string sub -s 5 -- $place) "
    "-- \"$cur\" $tokens 2>/dev/null\n"
    "	end\n"
    "end\n"
    "\n"
    "function _PROGRAM\n"
    "	set -l tokens (commandline -opc)\n"
    "	set -l cur (commandline -ct)\n"
    "	set -l at ''\n"
    "	set -l place ''\n"
    "	set -l ended ''\n"
    "	set -l items\n"
    "	set -l n 0\n"
    "	for i in (seq 2 (count $tokens))\n"
    "		set -l word $tokens[$i]\n"
    "		if test -n \"$place\"\n"
    "			set place ''\n"
    "		else if test -z \"$ended\"; and string match -q -- -- "
    "\"$word\"\n"
    "			set ended 1\n"
    "		else if test -z \"$ended\"; and string match -q -- '--*=*' "
    "\"$word\"\n"
    "			continue\n"
    "		else if test -z \"$ended\"; and string match -q -- '-?*' "
    "\"$word\"\n"
    "			_PROGRAM_value \"$at\" \"$word\"\n"
    "		else if not _PROGRAM_enter \"$at\" \"$word\"\n"
    "			_PROGRAM_operand \"$at\" \"$n\"\n"
    "			if test \"$place\" = rest\n"
    "				complete -C (string join ' ' -- "
    "(string escape -- $tokens[$i..-1]) \"$cur\")\n"
    "				return\n"
    "			end\n"
    "			set place ''\n"
    "			set n (math $n + 1)\n"
    "		end\n"
    "	end\n"
    "	if test -n \"$place\"\n"
    "		_PROGRAM_offer\n"
    "	else if test -z \"$ended\"; and string match -q -- '--*=*' \"$cur\"\n"
    "		set -l name (string split -m 1 = -- \"$cur\")[1]\n"
    "		set cur (string split -m 1 = -- \"$cur\")[2]\n"
    "		_PROGRAM_value \"$at\" $name\n"
    "		printf \"$name=%s\\n\" (_PROGRAM_offer)\n"
    "	else if test -z \"$ended\"; and string match -q -- '-*' \"$cur\"\n"
    "		_PROGRAM_options \"$at\"\n"
    "		printf '%s\\n' $items\n"
    "	else if _PROGRAM_commands \"$at\"\n"
    "		printf '%s\\n' $items\n"
    "	else\n"
    "		_PROGRAM_operand \"$at\" \"$n\"\n"
    "		_PROGRAM_offer\n"
    "	end\n"
    "end\n"
    "\n";

static void
put_complete(struct script *s, const char *name, size_t n)
{
	script_put(s, "complete -c ");
	s->failed |= buf_add(s->out, name, n) < 0;
	script_body(s, " -f -a '(_PROGRAM)'\n");
}

int
cli_complete_fish(const struct cli_program *program, struct buf *out)
{
	const char *name = program->root->name, *others = program->others;
	struct script s = { .syntax = &syntax, .program = program, .out = out };

	script_body(&s, "# fish completion for PROGRAM, from 'PROGRAM "
			"completion fish'.\n");
	script_tables(&s);
	script_body(&s, body);
	put_complete(&s, name, strlen(name));
	while (others && *others) {
		size_t n = strcspn(others, " ");

		put_complete(&s, others, n);
		others += n + (others[n] == ' ');
	}
	return s.failed ? -1 : 0;
}
