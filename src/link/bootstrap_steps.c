/* SPDX-License-Identifier: ISC */

/*
 * The steps of a bootstrap; see bootstrap_parts.h.
 *
 * What a step may hear is a row in `hears'; anything else is dropped, as it can
 * only come from a step that was given up.
 *
 * A place without room is found when the upload fails.  Bytes are on the way
 * then, so the channel is given up, and another one begins anew, knowing the
 * place.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "link/bootstrap_parts.h"
#include "machine/machine.h"
#include "wire/version.h"

/*
 * ssh takes up to two megabytes at once, and they may then be minutes on their
 * way; that the connection lives is the transport's care.
 */
#define UPLOAD_MS 600000

/* A daemon may have many execs to read; systemd gets its chance first. */
#define START_MS 75000

#define CHUNK (32u << 10)

/* Probing */

static void
on_system(struct bootstrap *b, char *rest)
{
	const char *space = strchr(rest, ' ');

	free(b->kind);
	free(b->arch);
	b->kind = xstrdup(rest);
	b->arch = xstrdup(space ? space + 1 : "");
}

static void
on_uid(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;

	if (parse_u64(rest, 0, UINT32_MAX, &b->uid, &err) < 0)
		bootstrap_fail_with(b, ERR_PROTO, "the machine has no user id",
				    rest);
}

static void
keep(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

static void
on_lacks(struct bootstrap *b, char *rest)
{
	keep(&b->lacks, rest);
}

static void
on_broken(struct bootstrap *b, char *rest)
{
	keep(&b->broken, rest);
}

/* A program that says no proper hello keeps its number, and is not taken. */
static void
on_program(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;
	uint64_t n;

	if (parse_u64(talk_word(&rest), 1, BOOTSTRAP_MAX_PROGRAMS, &n, &err) <
	    0)
		return;
	bootstrap_hello_fini(&b->programs[n - 1]);
	if (bootstrap_hello_read(rest, strlen(rest), &b->programs[n - 1],
				 &err) < 0)
		keep(&b->broken, err.msg);
	b->n_programs = MAX(b->n_programs, n);
}

/* Deciding */

/* Number of the first program whose daemon runs; 0: none. */
static size_t
find_running(const struct bootstrap *b)
{
	for (size_t i = 0; i < b->n_programs; i++) {
		if (b->programs[i].is_running)
			return i + 1;
	}
	return 0;
}

/* Number of the newest program that we can talk to; 0: none. */
static size_t
find_program(const struct bootstrap *b)
{
	size_t best = 0;

	for (size_t i = 0; i < b->n_programs; i++) {
		const struct bootstrap_hello *p = &b->programs[i];

		if (p->program == NULL || wire_api_is_too_old(p->program_api))
			continue;
		if (best == 0 ||
		    version_cmp(p->program_version,
				b->programs[best - 1].program_version) > 0)
			best = i + 1;
	}
	return best;
}

/*
 * Number of a program in the home of the daemon that is as new as ours: put
 * there by a package or another client, and not started yet.  0: none.
 */
static size_t
find_newer(const struct bootstrap *b, const char *nonce)
{
	for (size_t i = 0; i < b->n_programs; i++) {
		const struct bootstrap_hello *p = &b->programs[i];

		if (p->is_running && str_eq(p->nonce, nonce) &&
		    !wire_api_is_too_new(p->program_api) &&
		    version_cmp(p->program_version, BERTH_VERSION) >= 0)
			return i + 1;
	}
	return 0;
}

static void
ask(struct bootstrap *b, const char *verb, size_t n)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%s %zu\n", verb, n);
	bootstrap_say(b, line);
}

static void
start_program(struct bootstrap *b, size_t n)
{
	bootstrap_enter(b, STEP_START, "start", START_MS);
	ask(b, b->replaces ? "replace" : "up", n);
}

/* A program of ours goes there; for the home of program n, unless 0. */
static void
install(struct bootstrap *b, size_t n)
{
	struct err err = ERR_INIT;
	char line[128];

	if (b->lacks) {
		bootstrap_fail_with(
		    b, ERR_UNSUPPORTED,
		    "programs needed to install are missing there", b->lacks);
		return;
	}
	program_fini(&b->program);
	if (!str_starts(b->kind, "Linux ")) {
		bootstrap_fail_with(b, ERR_UNSUPPORTED,
				    "berthd needs Linux, this is", b->kind);
		return;
	}
	if (program_find(b->config.programs, b->arch, &b->program, &err) < 0) {
		bootstrap_fail(b, &err);
		return;
	}
	(void)snprintf(line, sizeof(line), "install %zu %s %zu\n",
		       b->program.bytes.len, b->program.sha1, n);
	bootstrap_enter(b, STEP_PLACE, "upload", BOOTSTRAP_PROBE_MS);
	bootstrap_say(b, line);
}

static void
refuse_version(struct bootstrap *b, const char *version, bool is_too_new)
{
	struct err err = ERR_INIT;
	char shown[64];

	err_set(&err, ERR_UNSUPPORTED, "berthd %s there is too %s for berth %s",
		vis(shown, sizeof(shown), version), is_too_new ? "new" : "old",
		BERTH_VERSION);
	if (is_too_new)
		err_hint(&err, "upgrade berth here");
	else
		err_hint(&err,
			 "`berth machine up --upgrade %s' upgrades it; its "
			 "execs go on",
			 b->config.machine->name);
	bootstrap_fail(b, &err);
}

static void
refuse_absence(struct bootstrap *b)
{
	struct err err = ERR_INIT;
	char shown[200];

	if (b->broken)
		err_set(&err, ERR_NOT_FOUND, "no berthd works there: %s",
			vis(shown, sizeof(shown), b->broken));
	else
		err_set(&err, ERR_NOT_FOUND, "berthd is not installed there");
	err_hint(&err, "`berth machine up %s' installs it",
		 b->config.machine->name);
	bootstrap_fail(b, &err);
}

static void
take(struct bootstrap *b, struct bootstrap_hello *hello)
{
	bootstrap_hello_fini(&b->hello);
	b->hello = *hello;
	*hello = (struct bootstrap_hello){ 0 };
}

static void
identify(struct bootstrap *b)
{
	bootstrap_enter(b, STEP_DONE, "identity", BOOTSTRAP_PROBE_MS);
	if ((uint64_t)b->hello.uid != b->uid)
		bootstrap_fail_with(b, ERR_REMOTE,
				    "the daemon is another user's", NULL);
	else if (wire_api_is_too_new(b->hello.api))
		refuse_version(b, b->hello.version, true);
	else
		bootstrap_succeed(b);
}

/* The daemon of program n runs. */
static void
decide_running(struct bootstrap *b, size_t n)
{
	struct bootstrap_hello *h = &b->programs[n - 1];
	bool is_too_old = wire_api_is_too_old(h->api);
	bool is_older = version_cmp(h->version, BERTH_VERSION) < 0;
	size_t newer = find_newer(b, h->nonce);

	if (wire_api_is_too_new(h->api)) {
		refuse_version(b, h->version, true);
	} else if (is_too_old && !b->config.may_upgrade) {
		refuse_version(b, h->version, false);
	} else if (b->config.may_upgrade && (is_older || is_too_old)) {
		b->replaces = true;
		b->result.was_upgraded = true;
		if (newer > 0)
			start_program(b, newer);
		else
			install(b, n);
	} else {
		take(b, h);
		identify(b);
	}
}

static void
decide_stopped(struct bootstrap *b)
{
	size_t best = find_program(b);
	const struct bootstrap_hello *p = best ? &b->programs[best - 1] : NULL;

	if (p && wire_api_is_too_new(p->program_api)) {
		refuse_version(b, p->program_version, true);
	} else if (p && !(b->config.may_upgrade &&
			  version_cmp(p->program_version, BERTH_VERSION) < 0)) {
		start_program(b, best);
	} else if (b->config.may_install || b->config.may_upgrade) {
		b->result.was_upgraded = p != NULL;
		b->result.was_installed = p == NULL;
		install(b, best);
	} else {
		refuse_absence(b);
	}
}

static void
on_ready(struct bootstrap *b, char *rest UNUSED)
{
	size_t running = find_running(b);

	if (b->kind == NULL) {
		bootstrap_fail_with(
		    b, ERR_PROTO, "the machine does not say what it is", NULL);
	} else if (b->config.goal == BOOTSTRAP_DOWN && running) {
		bootstrap_enter(b, STEP_STOP, "stop", START_MS);
		ask(b, "stop", running);
	} else if (b->config.goal == BOOTSTRAP_DOWN) {
		bootstrap_succeed(b);
	} else if (running) {
		decide_running(b, running);
	} else {
		decide_stopped(b);
	}
}

/* Uploading */

void
bootstrap_send_program(struct bootstrap *b)
{
	const struct buf *bytes = &b->program.bytes;
	bool is_full = false;

	while (b->channel && !is_full && b->sent < bytes->len) {
		size_t n = MIN(bytes->len - b->sent, CHUNK);

		is_full = b->channel->ops->write(b->channel,
						 buf_bytes(bytes) + b->sent, n);
		b->sent += n;
	}
	bootstrap_enter(b, STEP_UPLOAD, "upload", UPLOAD_MS);
	if (b->events->on_progress && !b->has_ended)
		b->events->on_progress(b, b->sent, bytes->len, b->owner);
}

static void
on_send(struct bootstrap *b, char *rest UNUSED)
{
	b->sent = 0;
	b->step = STEP_UPLOAD;
	bootstrap_send_program(b);
}

static void
on_nowhere(struct bootstrap *b, char *rest UNUSED)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_REMOTE,
		"no directory there takes a file of %zu bytes and lets it run",
		b->program.bytes.len);
	err_hint(&err, "make room in the home there, or name a directory with "
		       "BERTH_HOME");
	bootstrap_fail(b, &err);
}

/* A new channel begins again, and does not try that place. */
static void
on_full(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;
	uint64_t place;

	if (parse_u64(talk_word(&rest), 0, BOOTSTRAP_PLACES - 1, &place, &err) <
		0 ||
	    b->was_full[place]) {
		bootstrap_fail_with(b, ERR_REMOTE, "the upload failed there",
				    rest);
		return;
	}
	b->was_full[place] = true;
	bootstrap_close_channel(b);
	bootstrap_open_channel(b, &err);
	if (b->channel == NULL)
		bootstrap_fail(b, &err);
}

static void
on_damaged(struct bootstrap *b, char *rest)
{
	b->stage = "install";
	bootstrap_fail_with(b, ERR_REMOTE, "what was sent does not run there",
			    rest);
}

static void
on_installed(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;
	uint64_t n;

	if (parse_u64(rest, 1, UINT32_MAX, &n, &err) < 0) {
		bootstrap_fail(b, &err);
		return;
	}
	bootstrap_enter(b, STEP_START, "install", START_MS);
	start_program(b, (size_t)n);
}

/* Starting and stopping */

static void
on_up(struct bootstrap *b, char *rest)
{
	struct bootstrap_hello hello = { 0 };
	struct err err = ERR_INIT;

	if (bootstrap_hello_read(rest, strlen(rest), &hello, &err) < 0) {
		bootstrap_fail(b, &err);
	} else if (!hello.is_running) {
		bootstrap_hello_fini(&hello);
		bootstrap_fail_with(b, ERR_REMOTE, "the daemon is gone at once",
				    NULL);
	} else {
		take(b, &hello);
		identify(b);
	}
}

static void
on_stopped(struct bootstrap *b, char *rest UNUSED)
{
	bootstrap_succeed(b);
}

static void
on_failed(struct bootstrap *b, char *rest)
{
	bootstrap_fail_with(b, ERR_REMOTE, "the machine's berthd failed", rest);
}

/* Hearing */

static const struct hearing {
	enum step step;
	const char *word;
	void (*hear)(struct bootstrap *, char *rest);
} hears[] = {
	{ STEP_SHELL, "hello", bootstrap_on_greeted },
	{ STEP_PROBE, "lacks", on_lacks },
	{ STEP_PROBE, "system", on_system },
	{ STEP_PROBE, "uid", on_uid },
	{ STEP_PROBE, "program", on_program },
	{ STEP_PROBE, "broken", on_broken },
	{ STEP_PROBE, "ready", on_ready },
	{ STEP_PLACE, "send", on_send },
	{ STEP_PLACE, "nowhere", on_nowhere },
	{ STEP_UPLOAD, "full", on_full },
	{ STEP_UPLOAD, "damaged", on_damaged },
	{ STEP_UPLOAD, "installed", on_installed },
	{ STEP_START, "up", on_up },
	{ STEP_START, "failed", on_failed },
	{ STEP_STOP, "stopped", on_stopped },
	{ STEP_STOP, "failed", on_failed },
};

void
bootstrap_hear(struct bootstrap *b, struct talk_line *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(hears); i++) {
		if (hears[i].step == b->step &&
		    str_eq(hears[i].word, line->word)) {
			hears[i].hear(b, line->rest);
			return;
		}
	}
}
