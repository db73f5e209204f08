/* SPDX-License-Identifier: ISC */

/* file read, file write; see cmd_file.h. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/rand.h"
#include "core/text.h"
#include "wire/errors.h"
#include "archive/newfile.h"
#include "client/file/file_open.h"
#include "client/file/put.h"
#include "berth/cmd_file_own.h"
#include "berth/out/human.h"
#include "berth/out/progress.h"

/*
 * A write under a key asks first where to go on; one without a key leaves
 * nothing when it is cut off, but only where a daemon writes.  Where the link
 * was lost before, a key is worth its round trips always.
 */
#define WORTH_A_KEY (4u << 20)
#define WORTH_A_KEY_ELSEWHERE (256u << 10)

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

/* Of one file; without a size there is nothing to show. */
static void
show_progress(struct progress *progress, uint64_t n, uint64_t total)
{
	const struct progress_state state = { .bytes = n,
					      .bytes_total = total };

	if (total > 0)
		progress_show(progress, &state, clock_mono_ms());
}

struct reading {
	const struct read_args *args;
	int fd;
	uint64_t n; /* in all goes */
	uint64_t total;
	char *etag; /* of what the first go read */
	struct progress progress;
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

	if (r->etag == NULL && info->etag)
		r->etag = xstrdup(info->etag);
	r->total = info->size - MIN(info->size, r->args->offset);
	if (r->args->length > 0)
		r->total = MIN(r->total, r->args->length);
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
	show_progress(&r->progress, r->n, r->total);
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

/* What the goes before have not brought; of the same file. */
static int
read_once(struct reading *r, struct goes *goes, struct err *err)
{
	static const struct file_events events = { .on_entry = read_on_entry,
						   .on_data = read_on_data };
	const struct read_args *args = r->args;
	AUTO_PLACE place = PLACE_INIT;
	AUTO_FREE char *path = NULL;
	struct file_request request = FILE_REQUEST(
	    FILE_READ, NULL, .offset = args->offset + r->n,
	    .length = args->length ? args->length - r->n : 0,
	    .if_match = r->etag ? r->etag : args->if_match);
	int rc;

	/* A length of none left would be all. */
	if (args->length && r->n >= args->length)
		return 0;
	if (goes_open(goes, args->path, &place, &path, err) < 0)
		return -1;
	request.path = path;
	rc = file_do(place.files, &request, &events, r, err);
	progress_clear(&r->progress);
	if (rc < 0 && err->code == ERR_CONFLICT && goes->n > 0)
		return err_set(err, ERR_CONFLICT,
			       "%.200s changed while the link was lost",
			       args->path);
	return rc;
}

static int
read_into(const struct read_args *args, int fd, struct err *err)
{
	struct reading r = { .args = args, .fd = fd };
	struct goes goes;
	uint64_t before;
	char last[1];
	int rc;

	goes_init(&goes, &args->where, &args->output, &args->via);
	progress_init(&r.progress, args->output.quiet || isatty(fd));
	do {
		before = r.n;
		rc = read_once(&r, &goes, err);
	} while (rc < 0 && !r.failed && goes_on(&goes, r.n > before, err));
	put_out(&r, last, lf_filter_end(&r.lf, last));
	free(r.piece);
	free(r.etag);
	if (r.failed) {
		*err = r.err;
		return -1;
	}
	return rc;
}

/* Into a file that appears when it is whole. */
static int
read_to_file(const struct read_args *args, struct err *err)
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
	rc = read_into(args, file.fd, err);
	if (rc == 0)
		rc = newfile_commit(&file, dir_fd, base, 0644, 0, err);
	newfile_fini(&file);
	return rc;
}

static int
run_read(const struct cli_call *call, struct err *err)
{
	const struct read_args *args = call->args;

	if (args->to && !str_eq(args->to, "-"))
		return read_to_file(args, err);
	return read_into(args, STDOUT_FILENO, err);
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

const struct cli_command file_read_command = {
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
	uint64_t most; /* bytes that the machine has had in any go */
	char key[NEWFILE_KEY_LEN + 1];
	struct progress progress;
	const struct cli_call *call;
	const struct write_args *args;
	int mode;
	struct err err;
	int rc;
};

static void
write_on_ready(struct file_call *call, uint64_t offset, void *owner)
{
	struct writing *w = owner;

	w->most = MAX(w->most, offset);
	put_begin(&w->put, call, offset);
	show_progress(&w->progress, w->put.at, w->put.size);
}

static void
write_on_drain(struct file_call *call, void *owner)
{
	struct writing *w = owner;

	put_feed(&w->put, call);
	show_progress(&w->progress, w->put.at, w->put.size);
}

static void
write_on_entry(struct file_call *call UNUSED, const struct file_info *info,
	       void *owner)
{
	struct writing *w = owner;
	char size[HUMAN_SIZE];

	progress_clear(&w->progress);
	if (wants_json(w->call, &w->args->output))
		w->rc = file_print_info(info, &w->err);
	else
		print_note(&w->args->output, "wrote %s: %s",
			   human_bytes(size, info->size), w->args->path);
}

/* A name that no other run has. */
static void
choose_key(struct writing *w)
{
	uint64_t random;

	rand_bytes(&random, sizeof(random));
	snprintf(w->key, sizeof(w->key), "%016" PRIx64, random);
}

/* What lies under the key is of no use: nothing goes on with it. */
static void
forget_part(struct place *place, const char *path, const char *key)
{
	char name[32];
	AUTO_FREE char *part = NULL;
	struct err err = ERR_INIT;

	newfile_key_name(name, key);
	part = xasprintf("%.*s%s", (int)(path_base(path) - path), path, name);
	(void)file_do(place->files,
		      &(struct file_request)FILE_REQUEST(FILE_REMOVE, part),
		      NULL, NULL, &err);
}

static bool
wants_key(const struct writing *w, const struct goes *goes,
	  const struct place *place)
{
	uint64_t worth = place->files->ops->has_bulk ? WORTH_A_KEY
						     : WORTH_A_KEY_ELSEWHERE;

	return goes->is_linked && (goes->n > 0 || w->put.size >= worth);
}

static int
write_once(struct writing *w, struct file_request *request, struct goes *goes,
	   struct err *err)
{
	static const struct file_events events = { .on_ready = write_on_ready,
						   .on_drain = write_on_drain,
						   .on_entry = write_on_entry };
	const struct write_args *args = w->args;
	AUTO_PLACE place = PLACE_INIT;
	AUTO_FREE char *path = NULL;
	int rc;

	if (goes_open(goes, args->path, &place, &path, err) < 0)
		return -1;
	request->path = path;
	request->key = wants_key(w, goes, &place) ? w->key : NULL;
	w->put = (struct put){ .fd = w->put.fd, .size = w->put.size };
	rc = file_do(place.files, request, &events, w, err);
	progress_clear(&w->progress);
	if (rc < 0 && request->key && !error_is_retryable(err))
		forget_part(&place, path, w->key);
	if (rc < 0 && err->code == ERR_CONFLICT && goes->n > 0)
		err_hint(err, "it may be this command that wrote it, just "
			      "before the link was lost");
	return rc;
}

/* All of `w->put', until it is there. */
static int
write_all(struct writing *w, struct err *err)
{
	const struct write_args *args = w->args;
	struct file_request request = FILE_REQUEST(
	    FILE_WRITE, NULL, .if_match = args->if_match,
	    .flags = (args->mkdir ? FILE_PARENTS : 0) |
		     (args->is_new ? FILE_NEW : 0));
	struct goes goes;
	uint64_t before;
	int rc;

	goes_init(&goes, &args->where, &args->output, &args->via);
	choose_key(w);
	request.mode = w->mode;
	request.size = w->put.size;
	progress_init(&w->progress, args->output.quiet);
	do {
		before = w->most;
		rc = write_once(w, &request, &goes, err);
	} while (rc < 0 && goes_on(&goes, w->most > before, err));
	return rc;
}

static int
run_write(const struct cli_call *call, struct err *err)
{
	const struct write_args *args = call->args;
	struct writing w = { .call = call, .args = args };
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int fd = -1;

	if (parse_mode(args->mode, &w.mode, err) < 0)
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
	w.put.fd = fd;
	if (write_all(&w, err) < 0)
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

const struct cli_command file_write_command = {
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
