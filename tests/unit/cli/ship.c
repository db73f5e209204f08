/* SPDX-License-Identifier: ISC */

/* A program for tests; see ship.h. */

#include "tests/unit/cli/ship.h"

#include <string.h>

#include "core/mem.h"
#include "core/strv.h"

static const struct cli_option common_options[] = {
	CLI_OPTION(struct common_args, format, PICK, "json", 0, .value = 1,
		   .help = "Print JSON"),
	CLI_OPTION(struct common_args, format, PICK, "jsonl", 0, .value = 2,
		   .help = "Print a line of JSON per event"),
	CLI_OPTION(struct common_args, verbose, FLAG, "verbose", 'v',
		   .help = "Say more"),
	CLI_OPTION(struct common_args, port, TEXT, "port", 'p', .arg = "PORT",
		   .env = "SHIP_PORT", .complete = "port",
		   .help = "The port to use"),
	{ 0 },
};
static const struct cli_group common_group = { "Common", common_options };

static const char *const streams[] = { "stdout", "stderr", "both", NULL };

static const struct cli_option load_options[] = {
	CLI_OPTION(struct load_args, force, FLAG, "force", 'f',
		   .help = "Do not ask; overwrite 'everything'"),
	CLI_OPTION(struct load_args, id, TEXT, "id", 0, .arg = "ID",
		   .help = "As the argument", .flags = CLI_HIDDEN),
	CLI_OPTION(struct load_args, labels, TEXTS, "label", 'l', .arg = "K=V",
		   .help = "Mark it; may be repeated"),
	CLI_OPTION(struct load_args, tail, NUMBER, "tail", 'n', .arg = "N",
		   .aliases = "tail-bytes last", .min = 1, .max = 100,
		   .shown = "all", .help = "Only so many"),
	CLI_OPTION(struct load_args, size, BYTES, "size", 0, .arg = "SIZE",
		   .help = "How large"),
	CLI_OPTION(struct load_args, wait_ms, DURATION, "wait", 'w',
		   .arg = "TIME", .help = "How long"),
	CLI_OPTION(struct load_args, stream, CHOICE, "stream", 0,
		   .arg = "STREAM", .choices = streams, .help = "Which"),
	{ 0 },
};
static const struct cli_group load_group = { "Options", load_options };

static const struct cli_operand load_operands[] = {
	CLI_OPERAND(struct load_args, id, TEXT, "ID",
		    .help = "What to load, by name", .complete = "cargo",
		    .flags = CLI_REQUIRED),
	CLI_OPERAND(struct load_args, where, TEXT, "WHERE",
		    .help = "Where to put it", .complete = CLI_DIRS),
	{ 0 },
};

static int
return_seven(const struct cli_call *call UNUSED, struct err *err UNUSED)
{
	return 7;
}

static const struct cli_command load_command = {
	.name = "load",
	.aliases = "stow fill",
	.summary = "Load cargo",
	.about = "Cargo is loaded.  It is not checked!\n"
		 "\n"
		 "    literal \\n line\n"
		 "    .second line\n"
		 "\n"
		 "The second paragraph is long enough to be broken into lines "
		 "when eighty columns are all there is to have.",
	.groups =
	    (const struct cli_use[]){
		{ &load_group },
		{ &common_group, offsetof(struct load_args, common) },
		{ 0 } },
	.operands = load_operands,
	.examples = (const struct cli_row[]){ { "ship load --force coal",
						"Load coal" },
					      { "ship load -n5 'a b'",
						"Load the tail" },
					      { 0 } },
	.args_size = sizeof(struct load_args),
	.defaults = &(const struct load_args){ .tail = CLI_UNSET, .stream = 2 },
	.run = return_seven,
};

static const struct cli_option run_options[] = {
	CLI_OPTION(struct run_args, tty, FLAG, "tty", 't', .help = "A tty"),
	CLI_OPTION(struct run_args, stdin_too, FLAG, "stdin", 'i',
		   .help = "Standard input"),
	CLI_OPTION(struct run_args, cmd, TEXT, "cmd", 'c', .arg = "LINE",
		   .help = "A line"),
	{ 0 },
};
static const struct cli_group run_group = { "Options", run_options };

static const struct cli_operand run_operands[] = {
	CLI_OPERAND(struct run_args, words, TEXTS, "WORD", .help = "A command",
		    .flags = CLI_REST),
	{ 0 },
};

static const struct cli_command run_command = {
	.name = "run",
	.summary = "Run a command",
	.groups =
	    (const struct cli_use[]){
		{ &run_group },
		{ &common_group, offsetof(struct run_args, common) },
		{ 0 } },
	.operands = run_operands,
	.args_size = sizeof(struct run_args),
	.run = return_seven,
};

static const struct cli_command ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List the crew",
	.groups = (const struct cli_use[]){ { &common_group }, { 0 } },
	.args_size = sizeof(struct common_args),
	.run = return_seven,
};

static const struct cli_command hidden_command = {
	.name = "__complete",
	.summary = "Not told of",
	.run = return_seven,
	.flags = CLI_HIDDEN,
};

static const struct cli_command crew_command = {
	.name = "crew",
	.summary = "The crew",
	.commands = (const struct cli_command *const[]){ &ls_command, NULL },
};

static const struct cli_command ps_command = {
	.name = "ps",
	.alias_of = "crew ls",
};

static const struct cli_command ship_command = {
	.name = "ship",
	.summary = "Sail",
	.about = "A ship for tests.",
	.groups = (const struct cli_use[]){ { &common_group }, { 0 } },
	.commands =
	    (const struct cli_command *const[]){
		&load_command, &run_command, &crew_command, &ps_command,
		&cli_help_command, &cli_completion_command, &hidden_command,
		NULL },
};

const struct cli_program ship = {
	.root = &ship_command,
	.section = "1",
	.version = "1.2.3",
	.date = "November 21, 2026",
	.others = "boat",
	.exits = (const struct cli_row[]){ { "0", "All went well" },
					   { "64", "The line is wrong" },
					   { 0 } },
	.files = (const struct cli_row[]){ { "/etc/ship", "The ship" }, { 0 } },
	.see_also = "sail(1) shipd(8)",
};

int
ship_parse(const char *line, struct cli_call *ret, struct err *err)
{
	static char **argv;

	strv_free(argv);
	argv = NULL;
	while (*line) {
		size_t n = strcspn(line, " ");

		strv_give(&argv, xstrndup(line, n));
		line += n + (line[n] == ' ');
	}
	return cli_parse(&ship, (int)strv_len(argv), argv, ret, err);
}
