/* SPDX-License-Identifier: ISC */

/* file ...; see cmd_file.h. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/file_json.h"
#include "client/file/file_open.h"
#include "client/file/put.h"
#include "berth/cmd_file.h"
#include "berth/file_args.h"
#include "berth/out/human.h"
#include "berth/out/table.h"

#define MAX_ANSWER (64u << 10)
#define MAX_LIST (512u << 20)

/* Every command about one path has these. */
struct path_args {
	const char *path;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

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

static int
print_info(const struct file_info *info, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	file_info_add(&w, info);
	jsonw_int(&w, "schema_version", 1);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

/* read */

struct read_args {
	const char *path, *to;
	uint64_t offset, length, max_size;
	bool lf;
	const char *if_match;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

struct reading {
	const struct read_args *args;
	int fd;
	uint64_t n;
	struct lf_filter lf;
	char *piece;
	size_t piece_size;
	struct err err;
	bool failed;
};

static void
read_on_entry(struct file_call *call UNUSED, const struct file_info *info,
	      void *owner)
{
	struct reading *r = owner;

	if (r->args->max_size != CLI_UNSET && r->args->length == 0 &&
	    info->size > r->args->max_size && !r->failed) {
		r->failed = true;
		err_set(&r->err, ERR_LIMIT,
			"%.200s has %llu bytes, more than --max-size",
			r->args->path, (unsigned long long)info->size);
	}
}

static void
put_out(struct reading *r, const char *bytes, size_t n)
{
	if (r->failed || write_full(r->fd, bytes, n) == 0)
		return;
	r->failed = true;
	err_sys(&r->err, "failed to write");
}

static void
read_on_data(struct file_call *call UNUSED, const void *bytes, size_t n,
	     void *owner)
{
	struct reading *r = owner;

	r->n += n;
	if (r->args->max_size != CLI_UNSET && r->n > r->args->max_size &&
	    !r->failed) {
		r->failed = true;
		err_set(&r->err, ERR_LIMIT, "%.200s: more than --max-size",
			r->args->path);
	}
	if (!r->args->lf) {
		put_out(r, bytes, n);
		return;
	}
	if (r->piece_size < n + 1) {
		r->piece_size = n + 1;
		r->piece = xrealloc(r->piece, r->piece_size);
	}
	put_out(r, r->piece, lf_filter(&r->lf, bytes, n, r->piece));
}

static int
read_into(const struct read_args *args, struct place *place, int fd,
	  struct err *err)
{
	static const struct file_events events = { .on_entry = read_on_entry,
						   .on_data = read_on_data };
	AUTO_FREE char *path = file_path(place->client, args->path, err);
	struct reading r = { .args = args, .fd = fd };
	struct file_request request = FILE_REQUEST(
	    FILE_READ, path, .offset = args->offset, .length = args->length,
	    .if_match = args->if_match);
	char last[1];
	int rc;

	if (path == NULL)
		return -1;
	rc = file_do(place->files, &request, &events, &r, err);
	put_out(&r, last, lf_filter_end(&r.lf, last));
	free(r.piece);
	if (rc == 0 && r.failed) {
		*err = r.err;
		return -1;
	}
	return rc;
}

/* Into a file that appears when it is whole. */
static int
read_to_file(const struct read_args *args, struct place *place, struct err *err)
{
	const char *base = path_base(args->to);
	AUTO_FREE char *dir = xstrndup(args->to,
				       strlen(args->to) - strlen(base));
	AUTO_CLOSE int dir_fd = open(dir[0] ? dir : ".",
				     O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct newfile file;
	int rc;

	if (dir_fd < 0)
		return err_sys(err, "%.200s", args->to);
	if (newfile_open(&file, dir_fd, NEWFILE_NAMELESS, err) < 0)
		return -1;
	rc = read_into(args, place, file.fd, err);
	if (rc == 0)
		rc = newfile_commit(&file, dir_fd, base, 0644, 0, err);
	newfile_fini(&file);
	return rc;
}

static int
run_read(const struct cli_call *call, struct err *err)
{
	const struct read_args *args = call->args;
	AUTO_PLACE place = PLACE_INIT;

	if (place_open(&place, &args->where, &args->output, &args->via, err) <
	    0)
		return -1;
	if (args->to && !str_eq(args->to, "-"))
		return read_to_file(args, &place, err);
	return read_into(args, &place, STDOUT_FILENO, err);
}

static const struct cli_option read_options[] = {
	CLI_OPTION(struct read_args, to, TEXT, "out", 'o', .arg = "FILE",
		   .complete = CLI_FILES,
		   .help = "Write into this file, whole or not at all"),
	CLI_OPTION(struct read_args, offset, BYTES, "offset", 0, .arg = "BYTES",
		   .help = "Begin behind so many bytes"),
	CLI_OPTION(struct read_args, length, BYTES, "length", 'n',
		   .arg = "BYTES", .help = "Read so many at most"),
	CLI_OPTION(struct read_args, max_size, BYTES, "max-size", 0,
		   .arg = "BYTES", .help = "Fail if the file is larger"),
	CLI_OPTION(struct read_args, if_match, TEXT, "if-match", 0,
		   .arg = "ETAG", .help = "Fail unless it has this etag still"),
	CLI_OPTION(struct read_args, lf, FLAG, "lf", 0,
		   .help = "Turn line ends of DOS into those of Unix"),
	CLI_OPTION(struct read_args, output.debug, FLAG, "debug", 0,
		   .help = "Log what is done to standard error"),
	{ 0 },
};
static const struct cli_group read_group = { "Reading", read_options };

static const struct cli_operand read_operands[] = {
	PATH_OPERAND(struct read_args, path),
	{ 0 },
};

static const struct cli_command read_command = {
	.name = "read",
	.aliases = "cat",
	.summary = "Read a file of a machine",
	.about = "Its bytes go to standard output as they are.",
	.groups =
	    (const struct cli_use[]){
		{ &read_group },
		{ &where_group, offsetof(struct read_args, where) },
		{ &via_group, offsetof(struct read_args, via) },
		{ 0 } },
	.operands = read_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth file read -m gpu1 train.log", "See a file" },
		{ "berth file read -m gpu1 --offset 1G -o tail.bin model.bin",
		  "Fetch the end of one" },
		{ 0 } },
	.args_size = sizeof(struct read_args),
	.defaults = &(const struct read_args){ .max_size = CLI_UNSET },
	.run = run_read,
};

/* write */

struct write_args {
	const char *path, *from, *mode, *if_match;
	bool mkdir, is_new, lf;
	uint64_t max_size;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

struct writing {
	struct put put;
	const struct cli_call *call;
	const struct write_args *args;
	struct err err;
	int rc;
};

static void
write_on_ready(struct file_call *call, uint64_t offset, void *owner)
{
	struct writing *w = owner;

	put_begin(&w->put, call, offset);
}

static void
write_on_drain(struct file_call *call, void *owner)
{
	struct writing *w = owner;

	put_feed(&w->put, call);
}

static void
write_on_entry(struct file_call *call UNUSED, const struct file_info *info,
	       void *owner)
{
	struct writing *w = owner;
	char size[HUMAN_SIZE];

	if (wants_json(w->call, &w->args->output))
		w->rc = print_info(info, &w->err);
	else
		print_note(&w->args->output, "wrote %s: %s",
			   human_bytes(size, info->size), w->args->path);
}

static int
run_write(const struct cli_call *call, struct err *err)
{
	static const struct file_events events = { .on_ready = write_on_ready,
						   .on_drain = write_on_drain,
						   .on_entry = write_on_entry };
	const struct write_args *args = call->args;
	struct writing w = { .call = call, .args = args };
	AUTO_PLACE place = PLACE_INIT;
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int fd = -1;
	AUTO_FREE char *path = NULL;
	struct file_request request = FILE_REQUEST(
	    FILE_WRITE, NULL, .if_match = args->if_match,
	    .flags = (args->mkdir ? FILE_PARENTS : 0) |
		     (args->is_new ? FILE_NEW : 0));

	if (parse_mode(args->mode, &request.mode, err) < 0)
		return -1;
	from = args->from && !str_eq(args->from, "-")
		   ? open(args->from, O_RDONLY | O_CLOEXEC)
		   : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	if (from < 0)
		return err_sys(err, "%.200s", args->from ? args->from : "-");
	fd = put_spool(from, args->lf, &w.put.size, err);
	if (fd < 0)
		return err_wrap(err, "%.200s", args->from ? args->from : "-");
	if (args->max_size != CLI_UNSET && w.put.size > args->max_size)
		return err_set(err, ERR_LIMIT,
			       "%llu bytes are more than --max-size",
			       (unsigned long long)w.put.size);
	if (place_open(&place, &args->where, &args->output, &args->via, err) <
	    0)
		return -1;
	path = file_path(place.client, args->path, err);
	if (path == NULL)
		return -1;
	w.put.fd = fd;
	request.path = path;
	request.size = w.put.size;
	if (file_do(place.files, &request, &events, &w, err) < 0)
		return -1;
	if (w.rc < 0)
		*err = w.err;
	return w.rc;
}

static const struct cli_option write_options[] = {
	CLI_OPTION(struct write_args, mode, TEXT, "mode", 0, .arg = "MODE",
		   .shown = "what it has, or 644",
		   .help = "Give it these permission bits"),
	CLI_OPTION(struct write_args, mkdir, FLAG, "mkdir", 'p',
		   .help = "Make the directories that are missing"),
	CLI_OPTION(struct write_args, if_match, TEXT, "if-match", 0,
		   .arg = "ETAG",
		   .help = "Fail if it was changed since it had this etag"),
	CLI_OPTION(struct write_args, is_new, FLAG, "new", 0,
		   .help = "Fail if it exists"),
	CLI_OPTION(struct write_args, max_size, BYTES, "max-size", 0,
		   .arg = "BYTES", .help = "Fail if there is more to write"),
	CLI_OPTION(struct write_args, lf, FLAG, "lf", 0,
		   .help = "Turn line ends of DOS into those of Unix"),
	{ 0 },
};
static const struct cli_group write_group = { "Writing", write_options };

static const struct cli_operand write_operands[] = {
	PATH_OPERAND(struct write_args, path),
	CLI_OPERAND(struct write_args, from, TEXT, "FILE",
		    .complete = CLI_FILES,
		    .help = "What to write; standard input if it is left out"),
	{ 0 },
};

static const struct cli_command write_command = {
	.name = "write",
	.summary = "Write a file of a machine",
	.about = "The file takes its name when its last byte is there: whoever "
		 "reads it sees the old or the new one, whole.",
	.groups = (const struct cli_use[]){ { &write_group },
					    COMMON_USES(struct write_args),
					    { 0 } },
	.operands = write_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth file write -m gpu1 run.sh run.sh --mode 755",
		  "Send a script" },
		{ "date | berth file write -m gpu1 -p notes/now",
		  "Send what a command prints" },
		{ 0 } },
	.args_size = sizeof(struct write_args),
	.defaults = &(const struct write_args){ .max_size = CLI_UNSET },
	.run = run_write,
};

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
	time_t seconds = (time_t)(info->mtime_ns / 1000000000);
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

static int
print_listing(struct listing *l, struct err *err)
{
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO),
				   .headless = true };

	if (l->is_json) {
		jsonw_array_end(&l->w);
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
	static const struct file_events events = { .on_entry = ls_on_entry };
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

static const struct cli_command ls_command = {
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
	rc = wants_json(call, &args->output) ? print_info(&stat.info, err)
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

static const struct cli_command stat_command = {
	.name = "stat",
	.summary = "Tell size, mode, time and etag of a file",
	.groups = (const struct cli_use[]){ { &stat_group },
					    COMMON_USES(struct stat_args),
					    { 0 } },
	.operands = stat_operands,
	.args_size = sizeof(struct stat_args),
	.run = run_stat,
};

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
		&read_command, &write_command, &ls_command, &stat_command,
		&mkdir_command, &rm_command, &mv_command, &cp_command, NULL },
};
