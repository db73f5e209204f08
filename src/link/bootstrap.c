/* SPDX-License-Identifier: ISC */

/*
 * A daemon on an unknown machine; see bootstrap.h.
 *
 * Neither side ever sends ahead: the client says the next thing when the answer
 * to the last has come.  Shells read their input in blocks, so what is sent to
 * a script must not be there before the script asks for it.
 *
 * The command itself only starts /bin/sh.  An rc file that replaces the login
 * shell by another one loses that command, and the other shell reads our input
 * instead; so the first line, the greeting, is one that every shell
 * understands, and it starts /bin/sh once more.  A shell that read a greeting
 * may have taken a second one with it: the script goes out when the answer to
 * the last greeting has come, and not before.
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
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/rand.h"
#include "core/text.h"
#include "link/bootstrap.h"
#include "link/bootstrap_hello.h"
#include "link/bootstrap_script.h"
#include "link/program.h"
#include "link/talk.h"
#include "link/transport.h"
#include "machine/machine.h"
#include "wire/version.h"

/* No quote, variable, backslash or "!": the same words to every shell. */
#define COMMAND "exec /bin/sh -s"

/* An rc file that asks a slow network home, or sleeps. */
#define SHELL_MS 60000

/* A greeting that an rc file has swallowed is said again. */
#define GREET_MS 5000

/* Programs are looked at, each with a deadline of its own. */
#define PROBE_MS 30000

/*
 * ssh takes up to two megabytes at once, and they may then be minutes on their
 * way; that the connection lives is the transport's care.
 */
#define UPLOAD_MS 600000

/* A daemon may have many execs to read; systemd gets its chance first. */
#define START_MS 75000

/* What the script has for a number: places that were full. */
#define PLACES 5

/* Programs that the machine may tell of. */
#define MAX_PROGRAMS 32

#define CHUNK (32u << 10)
#define TOKEN_BYTES 10

enum step {
	STEP_SHELL,
	STEP_PROBE,
	STEP_PLACE,  /* asked for a place for a program */
	STEP_UPLOAD, /* the program goes out */
	STEP_START,
	STEP_STOP,
	STEP_DONE, /* nothing more is heard */
	STEPS
};

struct bootstrap {
	struct transport *transport;
	struct channel *channel; /* NULL: closed */
	const struct bootstrap_events *events;
	void *owner;
	struct bootstrap_config config;
	uv_timer_t timer;
	enum step step;
	const char *stage;
	char token[8 + 2 * TOKEN_BYTES + 1];
	struct talk talk;
	unsigned n_greetings, n_answers;
	bool was_full[PLACES];
	bool has_ended; /* cancelled; the timer's close frees */

	/* What the machine told. */
	char *kind; /* "Linux x86_64" */
	char *arch;
	char *lacks;
	uint64_t uid;
	char *broken; /* words of a program that does not work */
	struct bootstrap_hello programs[MAX_PROGRAMS];
	size_t n_programs;
	int status; /* of the shell; -1: unknown */
	char *signal;

	/* What is done about it. */
	struct program program;
	size_t sent;
	bool replaces;
	struct bootstrap_hello hello;
	struct bootstrap_result result;
};

static void open_channel(struct bootstrap *b, struct err *err);

/* Ends */

static void
close_channel(struct bootstrap *b)
{
	if (b->channel)
		b->channel->ops->close(b->channel);
	b->channel = NULL;
}

static void
fail(struct bootstrap *b, const struct err *err)
{
	struct err why = *err;
	char seen[TALK_MAX_NOISE + 1];

	if (b->has_ended)
		return;
	close_channel(b);
	(void)uv_timer_stop(&b->timer);
	b->step = STEP_DONE;
	talk_seen(&b->talk, seen, sizeof(seen));
	b->events->on_fail(b, &why, b->stage, seen, b->owner);
}

static void
fail_with(struct bootstrap *b, enum err_code code, const char *what,
	  const char *words)
{
	struct err err = ERR_INIT;
	char shown[300];

	if (words && *words)
		err_set(&err, code, "%s: %s", what,
			vis(shown, sizeof(shown), words));
	else
		err_set(&err, code, "%s", what);
	fail(b, &err);
}

/* With nothing to say when a daemon was stopped, or none ran. */
static void
succeed(struct bootstrap *b)
{
	struct bootstrap_result *r = &b->result;
	const struct bootstrap_hello *h = &b->hello;

	if (b->has_ended)
		return;
	r->program = h->program;
	r->home = h->home;
	r->socket = h->socket;
	r->version = h->version;
	r->host_id = h->host_id;
	r->nonce = h->nonce;
	r->life = h->life;
	r->hello = h->hello;
	r->uid = h->uid;
	r->api = h->api;
	r->machine = b->kind;
	r->keeps_channel = h->life && str_eq(h->life, "attached");
	(void)uv_timer_stop(&b->timer);
	b->step = STEP_DONE;
	if (!r->keeps_channel)
		close_channel(b);
	b->events->on_done(b, r, b->owner);
}

/* Steps */

static void
on_deadline(uv_timer_t *timer)
{
	struct bootstrap *b = container_of(timer, struct bootstrap, timer);
	static const char *const what[STEPS] = {
		[STEP_SHELL] = "the login shell runs no commands",
		[STEP_PROBE] = "the machine does not say what is there",
		[STEP_PLACE] = "the machine does not say where to install",
		[STEP_UPLOAD] = "the upload stands still",
		[STEP_START] = "the daemon does not start",
		[STEP_STOP] = "the daemon does not stop",
	};

	fail_with(b, ERR_TIMEOUT, what[b->step], NULL);
}

static void
enter(struct bootstrap *b, enum step step, const char *stage, uint64_t ms)
{
	if (b->has_ended)
		return;
	b->step = step;
	(void)uv_timer_start(&b->timer, on_deadline, ms, 0);
	if (str_eq(b->stage, stage))
		return;
	b->stage = stage;
	b->events->on_stage(b, stage, b->owner);
}

static void
say(struct bootstrap *b, const char *text)
{
	if (b->channel)
		(void)b->channel->ops->write(b->channel, text, strlen(text));
}

static void on_quiet(uv_timer_t *timer);

/*
 * The token comes in two parts, so that a shell or terminal that only repeats
 * what it is given does not answer.
 */
static void
greet(struct bootstrap *b)
{
	AUTO_BUF line = BUF_INIT(1024);
	uint64_t waited = b->n_greetings * GREET_MS;
	unsigned k = ++b->n_greetings;
	const char *end = b->token + 8;

	(void)buf_addf(&line,
		       "exec /bin/sh -c \"echo %.8s''%s hello %u; "
		       "echo %.8s''%s >&2; exec /bin/sh -s\"\n",
		       b->token, end, k, b->token, end);
	say(b, buf_text(&line));
	if (b->n_answers > 0)
		return;
	(void)uv_timer_start(&b->timer,
			     waited >= SHELL_MS ? on_deadline : on_quiet,
			     GREET_MS, 0);
}

static void
on_quiet(uv_timer_t *timer)
{
	struct bootstrap *b = container_of(timer, struct bootstrap, timer);

	greet(b);
}

static void
send_script(struct bootstrap *b)
{
	AUTO_BUF head = BUF_INIT(1024);

	(void)buf_addf(&head, "t=%s; full='", b->token);
	for (unsigned i = 0; i < PLACES; i++) {
		if (b->was_full[i])
			(void)buf_addf(&head, " %u", i);
	}
	(void)buf_adds(&head, "'\n");
	say(b, buf_text(&head));
	say(b, bootstrap_script);
}

static void
on_hello(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;
	uint64_t k;

	if (parse_u64(talk_word(&rest), 1, b->n_greetings, &k, &err) < 0)
		return;
	b->n_answers++;
	if (k < b->n_greetings) {
		(void)uv_timer_start(&b->timer, on_deadline, SHELL_MS, 0);
		greet(b);
		return;
	}
	talk_forget_noise(&b->talk);
	enter(b, STEP_PROBE, "probe", PROBE_MS);
	send_script(b);
}

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
		fail_with(b, ERR_PROTO, "the machine has no user id", rest);
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

	if (parse_u64(talk_word(&rest), 1, MAX_PROGRAMS, &n, &err) < 0)
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
	say(b, line);
}

static void
start_program(struct bootstrap *b, size_t n)
{
	enter(b, STEP_START, "start", START_MS);
	ask(b, b->replaces ? "replace" : "up", n);
}

/* A program of ours goes there; for the home of program n, unless 0. */
static void
install(struct bootstrap *b, size_t n)
{
	struct err err = ERR_INIT;
	char line[128];

	if (b->lacks) {
		fail_with(b, ERR_UNSUPPORTED,
			  "programs needed to install are missing there",
			  b->lacks);
		return;
	}
	program_fini(&b->program);
	if (!str_starts(b->kind, "Linux ")) {
		fail_with(b, ERR_UNSUPPORTED, "berthd needs Linux, this is",
			  b->kind);
		return;
	}
	if (program_find(b->config.programs, b->arch, &b->program, &err) < 0) {
		fail(b, &err);
		return;
	}
	(void)snprintf(line, sizeof(line), "install %zu %s %zu\n",
		       b->program.bytes.len, b->program.sha1, n);
	enter(b, STEP_PLACE, "upload", PROBE_MS);
	say(b, line);
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
	fail(b, &err);
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
	fail(b, &err);
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
	enter(b, STEP_DONE, "identity", PROBE_MS);
	if ((uint64_t)b->hello.uid != b->uid)
		fail_with(b, ERR_REMOTE, "the daemon is another user's", NULL);
	else if (wire_api_is_too_new(b->hello.api))
		refuse_version(b, b->hello.version, true);
	else
		succeed(b);
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
		fail_with(b, ERR_PROTO, "the machine does not say what it is",
			  NULL);
	} else if (b->config.goal == BOOTSTRAP_DOWN && running) {
		enter(b, STEP_STOP, "stop", START_MS);
		ask(b, "stop", running);
	} else if (b->config.goal == BOOTSTRAP_DOWN) {
		succeed(b);
	} else if (running) {
		decide_running(b, running);
	} else {
		decide_stopped(b);
	}
}

/* Uploading */

static void
send_program(struct bootstrap *b)
{
	const struct buf *bytes = &b->program.bytes;
	bool is_full = false;

	while (b->channel && !is_full && b->sent < bytes->len) {
		size_t n = MIN(bytes->len - b->sent, CHUNK);

		is_full = b->channel->ops->write(b->channel,
						 buf_bytes(bytes) + b->sent, n);
		b->sent += n;
	}
	enter(b, STEP_UPLOAD, "upload", UPLOAD_MS);
	if (b->events->on_progress && !b->has_ended)
		b->events->on_progress(b, b->sent, bytes->len, b->owner);
}

static void
on_send(struct bootstrap *b, char *rest UNUSED)
{
	b->sent = 0;
	b->step = STEP_UPLOAD;
	send_program(b);
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
	fail(b, &err);
}

/* A new channel begins again, and does not try that place. */
static void
on_full(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;
	uint64_t place;

	if (parse_u64(talk_word(&rest), 0, PLACES - 1, &place, &err) < 0 ||
	    b->was_full[place]) {
		fail_with(b, ERR_REMOTE, "the upload failed there", rest);
		return;
	}
	b->was_full[place] = true;
	close_channel(b);
	open_channel(b, &err);
	if (b->channel == NULL)
		fail(b, &err);
}

static void
on_damaged(struct bootstrap *b, char *rest)
{
	b->stage = "install";
	fail_with(b, ERR_REMOTE, "what was sent does not run there", rest);
}

static void
on_installed(struct bootstrap *b, char *rest)
{
	struct err err = ERR_INIT;
	uint64_t n;

	if (parse_u64(rest, 1, UINT32_MAX, &n, &err) < 0) {
		fail(b, &err);
		return;
	}
	enter(b, STEP_START, "install", START_MS);
	start_program(b, (size_t)n);
}

/* Starting and stopping */

static void
on_up(struct bootstrap *b, char *rest)
{
	struct bootstrap_hello hello = { 0 };
	struct err err = ERR_INIT;

	if (bootstrap_hello_read(rest, strlen(rest), &hello, &err) < 0) {
		fail(b, &err);
	} else if (!hello.is_running) {
		bootstrap_hello_fini(&hello);
		fail_with(b, ERR_REMOTE, "the daemon is gone at once", NULL);
	} else {
		take(b, &hello);
		identify(b);
	}
}

static void
on_stopped(struct bootstrap *b, char *rest UNUSED)
{
	succeed(b);
}

static void
on_failed(struct bootstrap *b, char *rest)
{
	fail_with(b, ERR_REMOTE, "the machine's berthd failed", rest);
}

/* Hearing */

static const struct hearing {
	enum step step;
	const char *word;
	void (*hear)(struct bootstrap *, char *rest);
} hears[] = {
	{ STEP_SHELL, "hello", on_hello },
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

static void
hear(struct bootstrap *b, struct talk_line *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(hears); i++) {
		if (hears[i].step == b->step &&
		    str_eq(hears[i].word, line->word)) {
			hears[i].hear(b, line->rest);
			return;
		}
	}
}

/* An owner may cancel in any callback; then the handles close later. */
static void
on_data(struct channel *channel, int fd, const void *bytes, size_t n,
	void *owner)
{
	struct bootstrap *b = owner;
	struct talk_line line;
	struct err err = ERR_INIT;

	if (fd == 2) {
		talk_feed_error(&b->talk, bytes, n);
		return;
	}
	if (b->step == STEP_DONE)
		return;
	if (talk_feed(&b->talk, bytes, n, &err) < 0) {
		fail(b, &err);
		return;
	}
	while (b->channel == channel && b->step != STEP_DONE &&
	       talk_next(&b->talk, &line))
		hear(b, &line);
}

static void
on_open(struct channel *channel, void *owner)
{
	struct bootstrap *b = owner;

	channel->ops->resume(channel);
	greet(b);
	b->events->on_stage(b, b->stage, b->owner);
}

static void
on_drain(struct channel *channel UNUSED, void *owner)
{
	struct bootstrap *b = owner;

	if (b->step == STEP_UPLOAD && b->sent < b->program.bytes.len)
		send_program(b);
}

static void
on_shell_exit(struct channel *channel UNUSED, int code, const char *signal,
	      void *owner)
{
	struct bootstrap *b = owner;

	b->status = code;
	free(b->signal);
	b->signal = signal ? xstrdup(signal) : NULL;
}

static void
on_close(struct channel *channel UNUSED, const struct err *why, void *owner)
{
	struct bootstrap *b = owner;
	char what[128];

	b->channel = NULL;
	if (b->step == STEP_DONE)
		return;
	if (why) {
		fail(b, why);
		return;
	}
	if (b->signal)
		snprintf(what, sizeof(what), "was killed by SIG%s", b->signal);
	else if (b->status >= 0)
		snprintf(what, sizeof(what), "ended with status %d", b->status);
	else
		snprintf(what, sizeof(what), "ended");
	fail_with(b, ERR_REMOTE,
		  b->step == STEP_SHELL ? "the login shell runs no commands"
					: "the shell there is gone",
		  what);
}

static const struct channel_events channel_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_exit = on_shell_exit,
	.on_close = on_close,
};

/* From the beginning; what is known of full places stays. */
static void
open_channel(struct bootstrap *b, struct err *err)
{
	static const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
						  .what = COMMAND };

	talk_fini(&b->talk);
	talk_init(&b->talk, b->token);
	b->n_greetings = b->n_answers = 0;
	for (size_t i = 0; i < b->n_programs; i++)
		bootstrap_hello_fini(&b->programs[i]);
	b->n_programs = 0;
	b->status = -1;
	b->replaces = b->result.was_installed = b->result.was_upgraded = false;
	b->step = STEP_SHELL;
	b->stage = "shell";
	b->channel = b->transport->ops->open(b->transport, &spec,
					     &channel_events, b, err);
	if (b->channel)
		(void)uv_timer_start(&b->timer, on_deadline, SHELL_MS, 0);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct bootstrap *b = container_of((uv_timer_t *)handle,
					   struct bootstrap, timer);

	talk_fini(&b->talk);
	program_fini(&b->program);
	for (size_t i = 0; i < MAX_PROGRAMS; i++)
		bootstrap_hello_fini(&b->programs[i]);
	bootstrap_hello_fini(&b->hello);
	free(b->kind);
	free(b->arch);
	free(b->lacks);
	free(b->broken);
	free(b->signal);
	free(b);
}

struct bootstrap *
bootstrap_start(struct transport *transport,
		const struct bootstrap_config *config,
		const struct bootstrap_events *events, void *owner,
		struct err *err)
{
	struct bootstrap *b = xcalloc(1, sizeof(*b));
	uint8_t random[TOKEN_BYTES];

	*b = (struct bootstrap){ .transport = transport,
				 .events = events,
				 .owner = owner,
				 .config = *config };
	rand_bytes(random, sizeof(random));
	memcpy(b->token, "berth-", 6);
	hex_encode(b->token + 6, random, sizeof(random));
	(void)uv_timer_init(config->loop, &b->timer);
	open_channel(b, err);
	if (b->channel)
		return b;
	bootstrap_cancel(b);
	return NULL;
}

void
bootstrap_cancel(struct bootstrap *b)
{
	if (b == NULL || b->has_ended)
		return;
	b->has_ended = true;
	b->step = STEP_DONE;
	close_channel(b);
	uv_close((uv_handle_t *)&b->timer, on_timer_closed);
}
