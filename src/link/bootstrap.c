/* SPDX-License-Identifier: ISC */

/*
 * A daemon on an unknown machine; see bootstrap.h.
 *
 * This is its channel, from the first greeting to the end; what is said over it
 * is in bootstrap_steps.c.
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
 */

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/rand.h"
#include "core/text.h"
#include "link/bootstrap_parts.h"
#include "link/bootstrap_script.h"

/* No quote, variable, backslash or "!": the same words to every shell. */
#define COMMAND "exec /bin/sh -s"

/* An rc file that asks a slow network home, or sleeps. */
#define SHELL_MS 60000

/* A greeting that an rc file has swallowed is said again. */
#define GREET_MS 5000

/* Ends */

void
bootstrap_close_channel(struct bootstrap *b)
{
	if (b->channel)
		b->channel->ops->close(b->channel);
	b->channel = NULL;
}

void
bootstrap_fail(struct bootstrap *b, const struct err *err)
{
	struct err why = *err;
	char seen[TALK_MAX_NOISE + 1];

	if (b->has_ended)
		return;
	bootstrap_close_channel(b);
	(void)uv_timer_stop(&b->timer);
	b->step = STEP_DONE;
	talk_seen(&b->talk, seen, sizeof(seen));
	b->events->on_fail(b, &why, b->stage, seen, b->owner);
}

void
bootstrap_fail_with(struct bootstrap *b, enum err_code code, const char *what,
		    const char *words)
{
	struct err err = ERR_INIT;
	char shown[300];

	if (words && *words)
		err_set(&err, code, "%s: %s", what,
			vis(shown, sizeof(shown), words));
	else
		err_set(&err, code, "%s", what);
	bootstrap_fail(b, &err);
}

/* With nothing to say when a daemon was stopped, or none ran. */
void
bootstrap_succeed(struct bootstrap *b)
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
		bootstrap_close_channel(b);
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

	bootstrap_fail_with(b, ERR_TIMEOUT, what[b->step], NULL);
}

void
bootstrap_enter(struct bootstrap *b, enum step step, const char *stage,
		uint64_t ms)
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

void
bootstrap_say(struct bootstrap *b, const char *text)
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
	bootstrap_say(b, buf_text(&line));
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
	for (unsigned i = 0; i < BOOTSTRAP_PLACES; i++) {
		if (b->was_full[i])
			(void)buf_addf(&head, " %u", i);
	}
	(void)buf_adds(&head, "'\n");
	bootstrap_say(b, buf_text(&head));
	bootstrap_say(b, bootstrap_script);
}

void
bootstrap_on_greeted(struct bootstrap *b, char *rest)
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
	bootstrap_enter(b, STEP_PROBE, "probe", BOOTSTRAP_PROBE_MS);
	send_script(b);
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
		bootstrap_fail(b, &err);
		return;
	}
	while (b->channel == channel && b->step != STEP_DONE &&
	       talk_next(&b->talk, &line))
		bootstrap_hear(b, &line);
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
		bootstrap_send_program(b);
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
		bootstrap_fail(b, why);
		return;
	}
	if (b->signal)
		snprintf(what, sizeof(what), "was killed by SIG%s", b->signal);
	else if (b->status >= 0)
		snprintf(what, sizeof(what), "ended with status %d", b->status);
	else
		snprintf(what, sizeof(what), "ended");
	bootstrap_fail_with(b, ERR_REMOTE,
			    b->step == STEP_SHELL
				? "the login shell runs no commands"
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

void
bootstrap_open_channel(struct bootstrap *b, struct err *err)
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
	for (size_t i = 0; i < BOOTSTRAP_MAX_PROGRAMS; i++)
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
	uint8_t random[BOOTSTRAP_TOKEN];

	*b = (struct bootstrap){ .transport = transport,
				 .events = events,
				 .owner = owner,
				 .config = *config };
	rand_bytes(random, sizeof(random));
	memcpy(b->token, "berth-", 6);
	hex_encode(b->token + 6, random, sizeof(random));
	(void)uv_timer_init(config->loop, &b->timer);
	bootstrap_open_channel(b, err);
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
	bootstrap_close_channel(b);
	uv_close((uv_handle_t *)&b->timer, on_timer_closed);
}
