/* SPDX-License-Identifier: ISC */

/* sync ...; see cmd_sync.h. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/file/file_open.h"
#include "client/file/sync.h"
#include "berth/cmd_sync.h"
#include "berth/file_args.h"
#include "berth/out/human.h"
#include "berth/out/progress.h"

#define MAX_LINE (64u << 10)
#define MAX_PATTERNS (1u << 20)

struct sync_args {
	const char *src, *dst;	       /* operands */
	const char *from_opt, *to_opt; /* codex-remote's way */
	bool deletes, checksum, dry_run, verbose;
	char **excludes;
	const char *exclude_from;
	struct where_args where;
	struct output_args output;
	struct via_args via;
};

struct run {
	const struct sync_args *args;
	bool is_push, is_json, is_jsonl;
	struct progress progress;
};

static const char *const acts[] = {
	[SYNC_SEND] = "send",
	[SYNC_CHANGE] = "change",
	[SYNC_DELETE] = "delete",
	[SYNC_SKIP] = "skip",
};

static void
add_path(struct jsonw *w, const char *path)
{
	AUTO_BUF base64 = BUF_INIT(MAX_LINE);

	jsonw_str(w, "path", path);
	if (utf8_valid(path, strlen(path)))
		return;
	(void)base64_add(&base64, path, strlen(path));
	jsonw_str(w, "path_bytes", buf_text(&base64));
}

static void
print_event_json(const struct sync_event *event)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);
	struct err ignored = ERR_INIT;

	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", acts[event->act]);
	add_path(&w, event->path);
	jsonw_str(&w, "kind", event->type);
	jsonw_u64(&w, "size", event->size);
	if (event->why)
		jsonw_str(&w, "reason", event->why);
	jsonw_object_end(&w);
	(void)print_json(&line, &ignored);
}

static void
print_event_text(const struct sync_event *event, int fd)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);

	(void)buf_addf(&line, "%-7s", acts[event->act]);
	(void)vis_add(&line, event->path, strlen(event->path));
	if (event->why) {
		(void)buf_adds(&line, ": ");
		(void)vis_add(&line, event->why, strlen(event->why));
	}
	(void)buf_addc(&line, '\n');
	(void)write_full(fd, buf_bytes(&line), line.len);
}

static void
on_event(const struct sync_event *event, void *owner)
{
	struct run *run = owner;
	const struct sync_args *args = run->args;

	if (run->is_jsonl) {
		print_event_json(event);
		return;
	}
	if (args->output.quiet ||
	    (event->act != SYNC_SKIP && !args->verbose && !args->dry_run))
		return;
	progress_clear(&run->progress);
	print_event_text(event, run->is_json || event->act == SYNC_SKIP
				    ? STDERR_FILENO
				    : STDOUT_FILENO);
}

static void
on_progress(const struct sync_counts *counts, void *owner)
{
	struct run *run = owner;
	const struct progress_state state = {
		.bytes = counts->bytes,
		.bytes_total = counts->bytes_total,
		.files = counts->files,
		.files_total = counts->files_total,
	};

	progress_show(&run->progress, &state, clock_mono_ms());
}

static void
add_counts(struct jsonw *w, const struct sync_counts *c, bool is_dry,
	   uint64_t ms)
{
	jsonw_u64(w, "files", is_dry ? c->files_total : c->files);
	jsonw_u64(w, "bytes", is_dry ? c->bytes_total : c->bytes);
	jsonw_u64(w, "resumed_bytes", c->resumed);
	jsonw_u64(w, "changed", c->changed);
	jsonw_u64(w, "deleted", c->deleted);
	jsonw_u64(w, "unchanged", c->same);
	jsonw_u64(w, "skipped", c->skipped);
	jsonw_bool(w, "dry_run", is_dry);
	jsonw_seconds(w, "seconds", ms);
}

static int
print_end_json(const struct run *run, const struct sync_counts *counts,
	       uint64_t ms, struct err *err)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	jsonw_object(&w, NULL);
	if (run->is_jsonl)
		jsonw_str(&w, "type", "end");
	jsonw_bool(&w, "ok", counts->skipped == 0);
	add_counts(&w, counts, run->args->dry_run, ms);
	return print_answer(&w, err);
}

static void
print_end_text(const struct run *run, const struct sync_counts *c, uint64_t ms)
{
	static const char *const words[] = { "fetched", "sent" };
	static const char *const dry_words[] = { "would fetch", "would send" };
	bool is_dry = run->args->dry_run;
	uint64_t n = is_dry ? c->files_total : c->files;
	char bytes[HUMAN_SIZE], time[HUMAN_SIZE], resumed[HUMAN_SIZE + 32] = "";

	if (c->resumed)
		snprintf(resumed, sizeof(resumed), " (%s were there)",
			 human_bytes(bytes, c->resumed));
	human_bytes(bytes, is_dry ? c->bytes_total : c->bytes);
	print_note(&run->args->output,
		   "%s %" PRIu64 " %s, %s%s; %" PRIu64 " changed, %" PRIu64
		   " deleted, %" PRIu64 " as they were%s%s",
		   is_dry ? dry_words[run->is_push] : words[run->is_push], n,
		   n == 1 ? "file" : "files", bytes, resumed, c->changed,
		   c->deleted, c->same, is_dry ? "" : "; ",
		   is_dry ? "" : human_duration(time, ms));
}

/* Patterns of a file, a line each; empty lines and those with '#' are none. */
static int
add_patterns(const char *path, char ***patterns, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_PATTERNS);
	char *rest, *line;

	if (fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return err_wrap(err, "--exclude-from");
	rest = (char *)(uintptr_t)buf_text(&text);
	while ((line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if (line[0] && line[0] != '#')
			strv_add(patterns, line);
	}
	return 0;
}

/* One go, on a connection of its own. */
static int
copy_once(struct run *run, struct sync_config *config, const char *remote,
	  struct sync_counts *counts, struct goes *goes, struct err *err)
{
	AUTO_PLACE place = PLACE_INIT;
	AUTO_FREE char *path = NULL;
	int rc;

	if (goes_open(goes, remote, &place, &path, err) < 0)
		return -1;
	config->files = place.files;
	config->remote = path;
	rc = sync_run(config, counts, err);
	progress_clear(&run->progress);
	return rc;
}

/*
 * Of several goes, the first says what there was to do, and each of the next
 * how much of that is left.
 */
static void
sum_up(struct sync_counts *sum, const struct sync_counts *last)
{
	const struct sync_counts first = *sum;

	*sum = *last;
	sum->changed += first.changed;
	sum->deleted += first.deleted;
	if (first.files_total == 0)
		return;
	sum->files_total = first.files_total;
	sum->bytes_total = first.bytes_total;
	sum->files += first.files_total -
		      MIN(first.files_total, last->files_total);
	sum->bytes += first.bytes_total -
		      MIN(first.bytes_total, last->bytes_total);
	sum->same = first.same;
	sum->resumed = first.resumed;
}

/* Until all is there. */
static int
copy(struct run *run, struct sync_config *config, const char *remote,
     struct sync_counts *sum, struct err *err)
{
	const struct sync_args *args = run->args;
	struct sync_counts counts;
	struct goes goes;
	int rc;

	goes_init(&goes, &args->where, &args->output, &args->via);
	do {
		counts = (struct sync_counts){ 0 };
		rc = copy_once(run, config, remote, &counts, &goes, err);
		sum_up(sum, &counts);
		config->was_lost = true;
	} while (rc < 0 &&
		 goes_on(&goes, counts.files + counts.bytes > 0, err));
	return rc;
}

static int
run_places(struct run *run, struct sync_config *config, const char *local,
	   const char *remote, struct err *err)
{
	struct sync_counts counts = { 0 };
	uint64_t began = clock_mono_ms(), ms;

	config->local = local;
	if (copy(run, config, remote, &counts, err) < 0)
		return -1;
	ms = clock_mono_ms() - began;
	if (run->is_json || run->is_jsonl) {
		if (print_end_json(run, &counts, ms, err) < 0)
			return -1;
	} else {
		print_end_text(run, &counts, ms);
	}
	return counts.skipped ? 1 : 0;
}

static int
run_sync(const struct cli_call *call, bool is_push, struct err *err)
{
	const struct sync_args *args = call->args;
	const char *src = args->src ? args->src : args->from_opt;
	const char *dst = args->dst ? args->dst : args->to_opt;
	struct run run = { .args = args, .is_push = is_push };
	AUTO_STRV char **excludes = strv_copy(args->excludes);
	struct sync_config config = { .is_push = is_push,
				      .deletes = args->deletes,
				      .checksum = args->checksum,
				      .dry_run = args->dry_run,
				      .on_event = on_event,
				      .on_progress = on_progress,
				      .owner = &run };

	if (src == NULL || dst == NULL || !src[0] || !dst[0]) {
		err_set(err, ERR_INVALID,
			"say what to copy and where: SRC DST");
		return cli_hint_usage(call, err);
	}
	if (args->exclude_from &&
	    add_patterns(args->exclude_from, &excludes, err) < 0)
		return -1;
	config.excludes = excludes;
	run.is_jsonl = args->output.format == FORMAT_JSONL;
	run.is_json = !run.is_jsonl && wants_json(call, &args->output);
	progress_init(&run.progress, args->output.quiet);
	return run_places(&run, &config, is_push ? src : dst,
			  is_push ? dst : src, err);
}

static int
run_push(const struct cli_call *call, struct err *err)
{
	return run_sync(call, true, err);
}

static int
run_pull(const struct cli_call *call, struct err *err)
{
	return run_sync(call, false, err);
}

static const struct cli_option sync_options[] = {
	CLI_OPTION(struct sync_args, deletes, FLAG, "delete", 0,
		   .help = "Delete what SRC does not have"),
	CLI_OPTION(struct sync_args, excludes, TEXTS, "exclude", 'x',
		   .arg = "PATTERN",
		   .help = "Leave alone what matches, on both sides; as in a "
			   ".gitignore"),
	CLI_OPTION(struct sync_args, exclude_from, TEXT, "exclude-from", 0,
		   .arg = "FILE", .complete = CLI_FILES,
		   .help = "Read patterns from this file, too"),
	CLI_OPTION(struct sync_args, checksum, FLAG, "checksum", 'c',
		   .help = "Compare contents, not times"),
	CLI_OPTION(struct sync_args, dry_run, FLAG, "dry-run", 'n',
		   .help = "Only say what would be done"),
	CLI_OPTION(struct sync_args, verbose, FLAG, "verbose", 'v',
		   .help = "Name every file"),
	CLI_OPTION(struct sync_args, from_opt, TEXT, "src", 0, .arg = "DIR",
		   .flags = CLI_HIDDEN, .help = "SRC, as codex-remote has it"),
	CLI_OPTION(struct sync_args, to_opt, TEXT, "dst", 0, .arg = "DIR",
		   .flags = CLI_HIDDEN, .help = "DST, as codex-remote has it"),
	CLI_OPTION(struct sync_args, output.format, PICK, "jsonl", 0,
		   .value = FORMAT_JSONL,
		   .help = "Print a line of JSON per file"),
	{ 0 },
};
static const struct cli_group sync_group = { "What", sync_options };

#define SYNC_USES                                                              \
	(const struct cli_use[])                                               \
	{                                                                      \
		{ &sync_group },                                               \
		    { &where_group, offsetof(struct sync_args, where) },       \
		    { &object_group, offsetof(struct sync_args, output) },     \
		    { &via_group, offsetof(struct sync_args, via) },           \
		{                                                              \
			0                                                      \
		}                                                              \
	}

static const struct cli_operand push_operands[] = {
	CLI_OPERAND(struct sync_args, src, TEXT, "SRC", .complete = CLI_DIRS,
		    .help = "A directory here"),
	CLI_OPERAND(struct sync_args, dst, TEXT, "DST",
		    .help = "A directory on the machine; it is made"),
	{ 0 },
};

static const struct cli_operand pull_operands[] = {
	CLI_OPERAND(struct sync_args, src, TEXT, "SRC",
		    .help = "A directory on the machine"),
	CLI_OPERAND(struct sync_args, dst, TEXT, "DST", .complete = CLI_DIRS,
		    .help = "A directory here; it is made"),
	{ 0 },
};

#define ABOUT                                                                  \
	"The contents of SRC become the contents of DST. What has the same "   \
	"size and time of change is not sent again. Modes, times, symbolic "   \
	"links and empty directories are kept; links that lead out of SRC "    \
	"are skipped. Each file appears whole; a large one that was cut off "  \
	"is gone on with by the next run.\n"                                   \
	"\n"                                                                   \
	"The exit status is 1 when files were skipped."

static const struct cli_command push_command = {
	.name = "push",
	.summary = "Make a directory of a machine equal to one here",
	.about = ABOUT,
	.groups = SYNC_USES,
	.operands = push_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth sync push -m gpu1 . work/project -x .git/ -x "
		  "'*.o' --delete",
		  "Send a project" },
		{ 0 } },
	.args_size = sizeof(struct sync_args),
	.run = run_push,
};

static const struct cli_command pull_command = {
	.name = "pull",
	.summary = "Make a directory here equal to one of a machine",
	.about = ABOUT,
	.groups = SYNC_USES,
	.operands = pull_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth sync pull -m gpu1 results .", "Fetch results" },
		{ 0 } },
	.args_size = sizeof(struct sync_args),
	.run = run_pull,
};

const struct cli_command sync_command = {
	.name = "sync",
	.summary = "Copy directories to and from a machine",
	.commands = (const struct cli_command *const[]){ &push_command,
							 &pull_command, NULL },
};
