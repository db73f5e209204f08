/* SPDX-License-Identifier: ISC */

/*
 * play, audit; see cmd_play.h.
 *
 * A recording is read line by line, so its size does not matter.  Versions 2
 * and 3 differ in the time of an event: since the start, since the last one.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/cmd_play.h"
#include "client/spawn.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

/* Nobody watches a pause of a night. */
#define MAX_WAIT_MS 600000

struct play_args {
	const char *file;
	const char *speed;
	uint64_t idle_ms;
};

static const struct cli_option play_options[] = {
	CLI_OPTION(struct play_args, speed, TEXT, "speed", 's', .arg = "FACTOR",
		   .shown = "1", .help = "Play so many times as fast"),
	CLI_OPTION(struct play_args, idle_ms, DURATION, "idle", 'i',
		   .arg = "TIME", .shown = "10m",
		   .help = "Shorten pauses to this"),
	{ 0 },
};
static const struct cli_group play_group = { "Options", play_options };
static const struct cli_operand play_operands[] = {
	CLI_OPERAND(struct play_args, file, TEXT, "FILE", .help = "A recording",
		    .complete = CLI_FILES, .flags = CLI_REQUIRED),
	{ 0 },
};

struct player {
	const char *file;
	double speed, last;
	uint64_t idle_ms;
	int64_t version; /* 0: the header is still to come */
	size_t line;
};

static int
bad_line(const struct player *p, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s:%zu: not a line of an asciicast",
		       p->file, p->line);
}

/* What JSON knows as a number of either kind. */
static double
seconds_of(const struct json_t *value)
{
	AUTO_FREE char *text = json_dump(value);
	char *end;
	double seconds = strtod(text, &end);

	return end == text || *end || seconds < 0 ? -1 : seconds;
}

static void
wait_for(const struct player *p, double seconds)
{
	double ms = seconds * 1000 / p->speed;
	uint64_t cut = MIN(p->idle_ms, (uint64_t)MAX_WAIT_MS);

	if (ms >= 1)
		(void)poll(NULL, 0, ms < (double)cut ? (int)ms : (int)cut);
}

static int
play_event(struct player *p, const struct json_t *event, struct err *err)
{
	const char *code = json_text(json_at(event, 1));
	const char *data = json_text(json_at(event, 2));
	double time;

	if (json_len(event) < 3 || code == NULL || data == NULL)
		return bad_line(p, err);
	time = seconds_of(json_at(event, 0));
	if (time < 0)
		return bad_line(p, err);
	wait_for(p, p->version == 3 ? time : time - p->last);
	p->last = time;
	if (str_eq(code, "o") &&
	    write_full(STDOUT_FILENO, data, strlen(data)) < 0)
		return err_sys(err, "write");
	return 0;
}

static int
play_line(struct player *p, const char *line, size_t n, struct err *err)
{
	struct err why = ERR_INIT;
	AUTO_JSON *value = NULL;

	p->line++;
	if (n == 0 || line[0] == '#')
		return 0;
	value = json_parse(line, n, &why);
	if (value == NULL)
		return bad_line(p, err);
	if (p->version != 0)
		return play_event(p, value, err);
	p->version = json_get_int(value, "version", 0);
	if (p->version == 2 || p->version == 3)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "%s is no asciicast of version 2 or 3", p->file);
}

static int
run_play(const struct cli_call *call, struct err *err)
{
	const struct play_args *args = call->args;
	struct player p = { .file = args->file,
			    .speed = 1,
			    .idle_ms = args->idle_ms };
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *file;
	int rc = 0;

	if (args->speed) {
		char *end;

		p.speed = strtod(args->speed, &end);
		if (*end || !(p.speed > 0))
			return err_set(err, ERR_INVALID,
				       "--speed: not a positive number");
	}
	file = fopen(args->file, "re");
	if (file == NULL)
		return err_sys(err, "open %s", args->file);
	while (rc == 0 && (n = getline(&line, &size, file)) > 0)
		rc = play_line(&p, line, (size_t)n - (line[n - 1] == '\n'),
			       err);
	fclose(file);
	if (rc == 0 && p.version == 0)
		return err_set(err, ERR_INVALID, "%s is empty", args->file);
	return rc;
}

const struct cli_command session_play_command = {
	.name = "play",
	.summary = "Play the recording of a session",
	.about = "Recordings are files in the format of asciinema, version 2 "
		 "or 3, and are played by its players as well.",
	.groups = (const struct cli_use[]){ { &play_group }, { 0 } },
	.operands = play_operands,
	.args_size = sizeof(struct play_args),
	.defaults = &(const struct play_args){ .idle_ms = MAX_WAIT_MS },
	.run = run_play,
};

/* audit */

struct audit_args {
	char **words;
};

static const struct cli_operand audit_operands[] = {
	CLI_OPERAND(struct audit_args, words, TEXTS, "WORD",
		    .help = "verify or show, and their options",
		    .flags = CLI_REQUIRED | CLI_REST),
	{ 0 },
};

static int
run_audit(const struct cli_call *call, struct err *err)
{
	const struct audit_args *args = call->args;
	AUTO_FREE char *program = spawn_find_daemon(err);
	AUTO_STRV char **argv = NULL;

	if (program == NULL)
		return -1;
	strv_add(&argv, program);
	strv_add(&argv, "audit");
	for (char **word = args->words; *word; word++)
		strv_add(&argv, *word);
	execv(program, argv);
	return err_sys(err, "run %s", program);
}

const struct cli_command audit_command = {
	.name = "audit",
	.summary = "Read and verify the log of logins of this machine",
	.about = "What berthd-audit(8) tells of it: 'berth audit verify' "
		 "follows its chain, 'berth audit show' prints it.",
	.operands = audit_operands,
	.args_size = sizeof(struct audit_args),
	.run = run_audit,
};
