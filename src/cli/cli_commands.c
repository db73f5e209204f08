/* SPDX-License-Identifier: ISC */

/*
 * The two commands that every program has: `help' and `completion'; see cli.h.
 */

#include "core/buf.h"
#include "core/fs.h"
#include "core/text.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/man.h"

#define MAX_TEXT (1u << 20)

struct help_args {
	char **names;
	const char *man_dir;
	bool man;
};

struct completion_args {
	const char *shell;
};

static int
show(const struct buf *text, struct err *err)
{
	if (write_full(STDOUT_FILENO, buf_bytes(text), text->len) < 0)
		return err_sys(err, "write");
	return 0;
}

static int
help_run(const struct cli_call *call, struct err *err)
{
	const struct help_args *args = call->args;
	struct cli_call about = { .program = call->program,
				  .path = { call->program->root },
				  .depth = 1 };
	AUTO_BUF text = BUF_INIT(MAX_TEXT);
	int rc;

	if (args->man_dir)
		return cli_man_write(call->program, args->man_dir, err);
	for (char **name = args->names; name && *name; name++) {
		if (cli_enter(&about, *name, err) < 0)
			return -1;
	}
	rc = args->man ? cli_man(&about, &text)
		       : cli_help(&about, cli_help_width(STDOUT_FILENO), &text);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "the text is too long");
	return show(&text, err);
}

static int
completion_run(const struct cli_call *call, struct err *err)
{
	static const struct {
		const char *shell;
		int (*write)(const struct cli_program *, struct buf *);
	} scripts[] = {
		{ "bash", cli_complete_bash },
		{ "zsh", cli_complete_zsh },
		{ "fish", cli_complete_fish },
	};
	const struct completion_args *args = call->args;
	AUTO_BUF text = BUF_INIT(MAX_TEXT);

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		if (!str_eq(scripts[i].shell, args->shell))
			continue;
		if (scripts[i].write(call->program, &text) < 0)
			return err_set(err, ERR_LIMIT,
				       "the script is too long");
		return show(&text, err);
	}
	return err_set(err, ERR_INVALID,
		       "completion is for bash, zsh and fish, not \"%.32s\"",
		       args->shell);
}

static const struct cli_option help_options[] = {
	CLI_OPTION(struct help_args, man, FLAG, "man", 0,
		   .help = "Print the manual page as mdoc",
		   .flags = CLI_HIDDEN),
	CLI_OPTION(struct help_args, man_dir, TEXT, "man-dir", 0, .arg = "DIR",
		   .help = "Write all manual pages into a directory",
		   .complete = CLI_DIRS, .flags = CLI_HIDDEN),
	{ 0 },
};

static const struct cli_group help_group = { "Options", help_options };

static const struct cli_operand help_operands[] = {
	CLI_OPERAND(struct help_args, names, TEXTS, "COMMAND",
		    .help = "The command, word by word"),
	{ 0 },
};

const struct cli_command cli_help_command = {
	.name = "help",
	.summary = "Show the help text of a command",
	.groups = (const struct cli_use[]){ { &help_group }, { 0 } },
	.operands = help_operands,
	.args_size = sizeof(struct help_args),
	.run = help_run,
};

static const struct cli_operand completion_operands[] = {
	CLI_OPERAND(struct completion_args, shell, TEXT, "SHELL",
		    .help = "bash, zsh or fish", .flags = CLI_REQUIRED),
	{ 0 },
};

const struct cli_command cli_completion_command = {
	.name = "completion",
	.summary = "Print the completion script of a shell",
	.about = "Load it where the shell starts:\n"
		 "\n"
		 "    bash  source <(PROGRAM completion bash)\n"
		 "    zsh   source <(PROGRAM completion zsh)\n"
		 "    fish  PROGRAM completion fish | source\n"
		 "\n"
		 "PROGRAM is the name of this program.  Packages install the "
		 "scripts already.",
	.operands = completion_operands,
	.args_size = sizeof(struct completion_args),
	.run = completion_run,
};
