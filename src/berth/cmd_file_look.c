/* SPDX-License-Identifier: ISC */

/* file ls, file stat; see cmd_file.h. */

#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/file/file_json.h"
#include "client/file/file_open.h"
#include "berth/cmd_file_own.h"
#include "berth/out/human.h"
#include "berth/out/table.h"

#define MAX_ANSWER (64u << 10)
#define MAX_LIST (512u << 20)

int
file_print_info(const struct file_info *info, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	file_info_add(&w, info);
	return print_answer(&w, err);
}

/* ls, stat */

struct ls_args {
	const char *path;
	bool recursive, is_long, all;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

struct listing {
	const struct ls_args *args;
	struct table table;
	struct buf out;
	struct jsonw w;
	bool is_json, failed;
	size_t n;
	char **closed; /* directories that could not be listed */
};

static const struct table_column long_columns[] = {
	{ .title = "MODE" },
	{ .title = "SIZE", .is_right = true },
	{ .title = "CHANGED" },
	{ .title = "NAME", .is_flexible = true },
};

static void
mode_text(char out[11], const struct file_info *info)
{
	static const char types[] = { [FILE_REGULAR] = '-',
				      [FILE_DIR] = 'd',
				      [FILE_SYMLINK] = 'l',
				      [FILE_OTHER] = '?' };
	static const char bits[] = "rwxrwxrwx";

	out[0] = types[info->type];
	for (unsigned i = 0; i < 9; i++)
		out[1 + i] = (char)(info->mode >= 0 &&
					    !(info->mode & (0400 >> i))
					? '-'
					: bits[i]);
	out[10] = '\0';
}

static void
add_long(struct listing *l, const struct file_info *info)
{
	AUTO_FREE char *name = info->target ? xasprintf("%s -> %s", info->name,
							info->target)
					    : xstrdup(info->name);
	time_t seconds = clock_timespec(info->mtime_ns).tv_sec;
	char mode[11], size[HUMAN_SIZE], when[32] = "-";
	struct tm tm;

	mode_text(mode, info);
	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	table_add(&l->table, mode, STYLE_DIM);
	table_add(&l->table, human_bytes(size, info->size), STYLE_PLAIN);
	table_add(&l->table, when, STYLE_PLAIN);
	table_add(&l->table, name,
		  info->type == FILE_DIR ? STYLE_BLUE : STYLE_PLAIN);
}

static void
ls_on_entry(struct file_call *call UNUSED, const struct file_info *info,
	    void *owner)
{
	struct listing *l = owner;

	l->n++;
	if (l->is_json) {
		jsonw_object(&l->w, NULL);
		file_info_add(&l->w, info);
		jsonw_object_end(&l->w);
	} else if (!l->args->all && info->name[0] == '.') {
		return;
	} else if (l->args->is_long) {
		add_long(l, info);
	} else {
		(void)vis_add(&l->out, info->name, strlen(info->name));
		(void)buf_adds(&l->out, info->type == FILE_DIR ? "/\n" : "\n");
	}
}

static void
ls_on_closed(struct file_call *call UNUSED, const char *name, void *owner)
{
	struct listing *l = owner;

	strv_add(&l->closed, name);
}

static void
add_closed(struct listing *l)
{
	jsonw_array(&l->w, "closed");
	for (char **name = l->closed; name && *name; name++)
		jsonw_str(&l->w, NULL, *name);
	jsonw_array_end(&l->w);
}

static void
note_closed(const struct listing *l)
{
	for (char **name = l->closed; name && *name; name++) {
		AUTO_BUF shown = BUF_INIT(MAX_ANSWER);

		(void)vis_add(&shown, *name, strlen(*name));
		print_note(&l->args->output, "%s: cannot be listed",
			   buf_text(&shown));
	}
}

static int
print_listing(struct listing *l, struct err *err)
{
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO),
				   .headless = true };

	if (l->is_json) {
		jsonw_array_end(&l->w);
		if (l->closed)
			add_closed(l);
		jsonw_int(&l->w, "schema_version", 1);
		jsonw_object_end(&l->w);
		if (jsonw_done(&l->w) < 0)
			return err_set(err, ERR_LIMIT, "the list is too long");
		return print_json(&l->out, err);
	}
	if (l->args->is_long)
		table_print(&l->table, &look, &l->out);
	return print_text(&l->out, err);
}

static int
run_ls(const struct cli_call *call, struct err *err)
{
	static const struct file_events events = { .on_entry = ls_on_entry,
						   .on_closed = ls_on_closed };
	const struct ls_args *args = call->args;
	struct listing l = { .args = args, .out = BUF_INIT(MAX_LIST) };
	AUTO_PLACE place = PLACE_INIT;
	AUTO_FREE char *path = NULL;
	struct file_request request = FILE_REQUEST(
	    FILE_LIST, NULL, .flags = args->recursive ? FILE_RECURSIVE : 0);
	int rc = -1;

	if (place_open(&place, &args->where, &args->output, &args->via, err) <
	    0)
		return -1;
	path = file_path(place.client, args->path ? args->path : ".", err);
	if (path == NULL)
		return -1;
	request.path = path;
	l.is_json = wants_json(call, &args->output);
	l.w = (struct jsonw)JSONW_INIT(&l.out);
	table_init(&l.table, long_columns, ARRAY_SIZE(long_columns));
	if (l.is_json) {
		jsonw_object(&l.w, NULL);
		jsonw_array(&l.w, "entries");
	}
	if (file_do(place.files, &request, &events, &l, err) == 0)
		rc = print_listing(&l, err);
	if (!l.is_json)
		note_closed(&l);
	if (rc == 0 && l.closed)
		rc = 1;
	strv_free(l.closed);
	table_fini(&l.table);
	buf_fini(&l.out);
	return rc;
}

static const struct cli_option ls_options[] = {
	CLI_OPTION(struct ls_args, is_long, FLAG, "long", 'l',
		   .help = "Show mode, size and time"),
	CLI_OPTION(struct ls_args, all, FLAG, "all", 'a',
		   .help = "Show names that begin with a dot; JSON has them "
			   "always"),
	CLI_OPTION(struct ls_args, recursive, FLAG, "recursive", 'R',
		   .help = "Show all below, too"),
	{ 0 },
};
static const struct cli_group ls_group = { "Which", ls_options };

static const struct cli_operand ls_operands[] = {
	CLI_OPERAND(struct ls_args, path, TEXT, "PATH",
		    .help = "A directory on the machine; the current one if "
			    "it is left out"),
	{ 0 },
};

const struct cli_command file_ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List a directory of a machine",
	.groups = (const struct cli_use[]){ { &ls_group },
					    COMMON_USES(struct ls_args),
					    { 0 } },
	.operands = ls_operands,
	.args_size = sizeof(struct ls_args),
	.run = run_ls,
};

struct stat_args {
	const char *path;
	bool follow;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

static int
print_stat(const struct file_info *info, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	char mode[11], size[HUMAN_SIZE];

	mode_text(mode, info);
	(void)buf_addf(
	    &text, "type  %s\nmode  %s\nsize  %llu (%s)\netag  %s\n",
	    file_type_word(info->type), mode, (unsigned long long)info->size,
	    human_bytes(size, info->size), info->etag ? info->etag : "-");
	if (info->target) {
		(void)buf_adds(&text, "leads to  ");
		(void)vis_add(&text, info->target, strlen(info->target));
		(void)buf_addc(&text, '\n');
	}
	return print_text(&text, err);
}

static int
run_stat(const struct cli_call *call, struct err *err)
{
	const struct stat_args *args = call->args;
	struct file_stat stat = FILE_STAT_INIT;
	AUTO_PLACE place = PLACE_INIT;
	AUTO_FREE char *path = NULL;
	int rc;

	if (place_open(&place, &args->where, &args->output, &args->via, err) <
	    0)
		return -1;
	path = file_path(place.client, args->path, err);
	if (path == NULL ||
	    file_stat(place.files, path, args->follow ? FILE_FOLLOW : 0, &stat,
		      err) < 0)
		return -1;
	stat.info.name = path;
	rc = wants_json(call, &args->output) ? file_print_info(&stat.info, err)
					     : print_stat(&stat.info, err);
	file_stat_fini(&stat);
	return rc;
}

static const struct cli_option stat_options[] = {
	CLI_OPTION(struct stat_args, follow, FLAG, "follow", 'L',
		   .help = "Of a link: tell what it leads to"),
	{ 0 },
};
static const struct cli_group stat_group = { "What", stat_options };

static const struct cli_operand stat_operands[] = {
	PATH_OPERAND(struct stat_args, path),
	{ 0 },
};

const struct cli_command file_stat_command = {
	.name = "stat",
	.summary = "Tell size, mode, time and etag of a file",
	.groups = (const struct cli_use[]){ { &stat_group },
					    COMMON_USES(struct stat_args),
					    { 0 } },
	.operands = stat_operands,
	.args_size = sizeof(struct stat_args),
	.run = run_stat,
};
