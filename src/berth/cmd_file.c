/* SPDX-License-Identifier: ISC */

/* file ...; see cmd_file.h. */

#include "core/buf.h"
#include "core/mem.h"
#include "client/file/file_open.h"
#include "berth/cmd_file.h"
#include "berth/cmd_file_own.h"

/* mkdir, rm, mv, cp */

struct change_args {
	char **paths;
	const char *to, *mode;
	bool parents, recursive, force, is_new;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

static int
print_ok(const struct cli_call *call, struct err *err)
{
	const struct change_args *args = call->args;
	AUTO_BUF text = BUF_INIT(64);

	if (!wants_json(call, &args->output))
		return 0;
	(void)buf_adds(&text, "{\"ok\":true,\"schema_version\":1}");
	return print_json(&text, err);
}

/* Do `request' for each path. */
static int
change_all(const struct cli_call *call, struct file_request *request,
	   struct err *err)
{
	const struct change_args *args = call->args;
	AUTO_PLACE place = PLACE_INIT;
	AUTO_FREE char *to = NULL;

	if (place_open(&place, &args->where, &args->output, &args->via, err) <
	    0)
		return -1;
	to = args->to ? file_path(place.client, args->to, err) : NULL;
	if (args->to && to == NULL)
		return -1;
	for (char **p = args->paths; p && *p; p++) {
		AUTO_FREE char *path = file_path(place.client, *p, err);

		if (path == NULL)
			return -1;
		request->path = path;
		request->to = to;
		if (file_do(place.files, request, NULL, NULL, err) < 0 &&
		    !(args->force && err->code == ERR_NOT_FOUND))
			return -1;
	}
	return print_ok(call, err);
}

static int
run_mkdir(const struct cli_call *call, struct err *err)
{
	const struct change_args *args = call->args;
	struct file_request request = FILE_REQUEST(
	    FILE_MKDIR, NULL, .flags = args->parents ? FILE_PARENTS : 0);

	if (parse_mode(args->mode, &request.mode, err) < 0)
		return -1;
	return change_all(call, &request, err);
}

static int
run_rm(const struct cli_call *call, struct err *err)
{
	const struct change_args *args = call->args;
	struct file_request request = FILE_REQUEST(
	    FILE_REMOVE, NULL, .flags = args->recursive ? FILE_RECURSIVE : 0);

	return change_all(call, &request, err);
}

struct pair_args {
	const char *path, *to;
	bool is_new;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

static int
change_pair(const struct cli_call *call, enum file_op op, struct err *err)
{
	const struct pair_args *args = call->args;
	struct change_args change = { .to = args->to,
				      .where = args->where,
				      .output = args->output,
				      .via = args->via };
	struct cli_call inner = *call;
	struct file_request request = FILE_REQUEST(
	    op, NULL, .flags = args->is_new ? FILE_NEW : 0);
	char *paths[2] = { (char *)(uintptr_t)args->path, NULL };

	change.paths = paths;
	inner.args = &change;
	return change_all(&inner, &request, err);
}

static int
run_mv(const struct cli_call *call, struct err *err)
{
	return change_pair(call, FILE_RENAME, err);
}

static int
run_cp(const struct cli_call *call, struct err *err)
{
	return change_pair(call, FILE_COPY, err);
}

static const struct cli_operand change_operands[] = {
	CLI_OPERAND(struct change_args, paths, TEXTS, "PATH",
		    .flags = CLI_REQUIRED, .help = "Paths on the machine"),
	{ 0 },
};

static const struct cli_operand pair_operands[] = {
	CLI_OPERAND(struct pair_args, path, TEXT, "FROM", .flags = CLI_REQUIRED,
		    .help = "A path on the machine"),
	CLI_OPERAND(struct pair_args, to, TEXT, "TO", .flags = CLI_REQUIRED,
		    .help = "The path it is to have"),
	{ 0 },
};

static const struct cli_option mkdir_options[] = {
	CLI_OPTION(struct change_args, parents, FLAG, "parents", 'p',
		   .help = "Make missing directories above it, too, and do "
			   "not mind if it exists"),
	CLI_OPTION(struct change_args, mode, TEXT, "mode", 0, .arg = "MODE",
		   .shown = "755", .help = "Give it these permission bits"),
	{ 0 },
};
static const struct cli_group mkdir_group = { "How", mkdir_options };

static const struct cli_option rm_options[] = {
	CLI_OPTION(struct change_args, recursive, FLAG, "recursive", 'r',
		   .help = "Remove directories with all that is in them"),
	CLI_OPTION(struct change_args, force, FLAG, "force", 'f',
		   .help = "Do not mind if it does not exist"),
	{ 0 },
};
static const struct cli_group rm_group = { "How", rm_options };

static const struct cli_option pair_options[] = {
	CLI_OPTION(struct pair_args, is_new, FLAG, "new", 0,
		   .help = "Fail if there is something already"),
	{ 0 },
};
static const struct cli_group pair_group = { "How", pair_options };

static const struct cli_command mkdir_command = {
	.name = "mkdir",
	.summary = "Make directories on a machine",
	.groups = (const struct cli_use[]){ { &mkdir_group },
					    COMMON_USES(struct change_args),
					    { 0 } },
	.operands = change_operands,
	.args_size = sizeof(struct change_args),
	.run = run_mkdir,
};

static const struct cli_command rm_command = {
	.name = "rm",
	.aliases = "remove",
	.summary = "Remove files of a machine",
	.about = "A link is removed, not what it leads to.",
	.groups = (const struct cli_use[]){ { &rm_group },
					    COMMON_USES(struct change_args),
					    { 0 } },
	.operands = change_operands,
	.args_size = sizeof(struct change_args),
	.run = run_rm,
};

static const struct cli_command mv_command = {
	.name = "mv",
	.aliases = "rename",
	.summary = "Give a file of a machine another path",
	.about = "What has that path is replaced in one step.",
	.groups = (const struct cli_use[]){ { &pair_group },
					    COMMON_USES(struct pair_args),
					    { 0 } },
	.operands = pair_operands,
	.args_size = sizeof(struct pair_args),
	.run = run_mv,
};

static const struct cli_command cp_command = {
	.name = "cp",
	.aliases = "copy",
	.summary = "Copy a file within a machine",
	.about = "Its bytes do not leave the machine.",
	.groups = (const struct cli_use[]){ { &pair_group },
					    COMMON_USES(struct pair_args),
					    { 0 } },
	.operands = pair_operands,
	.args_size = sizeof(struct pair_args),
	.run = run_cp,
};

const struct cli_command file_command = {
	.name = "file",
	.summary = "Read, write and arrange files of a machine",
	.commands =
	    (const struct cli_command *const[]){
		&file_read_command, &file_write_command, &file_ls_command,
		&file_stat_command, &mkdir_command, &rm_command, &mv_command,
		&cp_command, NULL },
};
