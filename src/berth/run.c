/* SPDX-License-Identifier: ISC */

/*
 * Staying with an exec; see run.h.
 *
 * Signals: the first SIGINT is passed on, a second within two seconds cancels
 * the exec, a third leaves it.  SIGTERM and SIGHUP leave it at once: whoever
 * ends this client does not mean the exec, which can be followed again.  With a
 * terminal lent, keys are bytes, and Ctrl-] leaves.
 *
 * Output that nobody reads any more (EPIPE) means SIGPIPE for the command when
 * we stand in for it, and nothing when we print events.
 */

#include <signal.h>
#include <string.h>

#include <uv.h>

#include "core/clock.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_input.h"
#include "client/exec_side.h"
#include "berth/common.h"
#include "berth/outcome.h"
#include "berth/run.h"
#include "berth/show.h"
#include "berth/term.h"

#define AGAIN_MS 2000

/* Ctrl-], as telnet and docker's users know a way out. */
#define ESCAPE 0x1d

/* As shells say it. */
#define STATUS_DENIED 126
#define STATUS_NOT_FOUND 127

enum { ON_INT, ON_TERM, ON_HUP, ON_WINCH, N_SIGNALS };

static const int signals[N_SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };

struct run {
	const struct run_config *config;
	struct show show;
	struct exec_input *input;
	struct term term;
	const char *id; /* NULL until it is started */
	uv_signal_t handles[N_SIGNALS];
	uint64_t last_int_ms;
	unsigned n_ints; /* in a row */
	bool owes_int;	 /* to be passed on once it is started */
	int left_by;	 /* the signal we leave by, or 0 */
};

static struct exec_side
side_of(struct run *run)
{
	return (struct exec_side){ .client = run->config->client,
				   .id = run->id };
}

/* Leave the exec as it is. */
static void
leave(struct run *run, int sig)
{
	run->left_by = sig;
	show_leave(&run->show);
}

static void
pass_int(struct run *run)
{
	struct exec_side side = side_of(run);

	if (run->id)
		exec_side_signal(&side, "INT");
	run->owes_int = run->id == NULL;
}

static void
on_int(struct run *run)
{
	struct exec_side side = side_of(run);
	uint64_t now = clock_mono_ms();

	if (run->n_ints > 0 && now - run->last_int_ms > AGAIN_MS)
		run->n_ints = 0;
	run->last_int_ms = now;
	switch (run->n_ints++) {
	case 0:
		pass_int(run);
		return;
	case 1:
		if (run->id) {
			show_flush(&run->show);
			print_note(run->config->output, "cancelling %s",
				   run->id);
			exec_side_cancel(&side);
			return;
		}
		__attribute__((fallthrough));
	default:
		leave(run, SIGINT);
	}
}

static void
on_resize(struct run *run)
{
	struct exec_side side = side_of(run);
	uint64_t cols, rows;

	if (run->id && run->config->has_tty &&
	    term_size(STDIN_FILENO, &cols, &rows))
		exec_side_resize(&side, cols, rows);
}

static void
on_signal(uv_signal_t *handle, int sig)
{
	struct run *run = handle->data;

	if (sig == SIGINT)
		on_int(run);
	else if (sig == SIGWINCH)
		on_resize(run);
	else
		leave(run, sig);
}

static void
on_escape(void *owner)
{
	leave(owner, SIGHUP);
}

static void
on_input_failed(const struct err *err, void *owner)
{
	struct run *run = owner;

	show_flush(&run->show);
	print_note(run->config->output, "its input is cut off: %s", err->msg);
	if (err->hint[0])
		print_note(run->config->output, "%s", err->hint);
}

static void
start_input(struct run *run)
{
	struct exec_input_config config = { .client = run->config->client,
					    .id = run->id,
					    .fd = STDIN_FILENO,
					    .on_fail = on_input_failed,
					    .escape = ESCAPE,
					    .owner = run };

	if (run->config->has_tty && term_make_raw(&run->term, STDIN_FILENO))
		config.on_escape = on_escape;
	run->input = exec_input_start(&config);
}

static void
on_started(const char *id, void *owner)
{
	struct run *run = owner;

	run->id = id;
	if (run->owes_int)
		pass_int(run);
	if (run->config->has_input || run->config->has_tty)
		start_input(run);
}

static void
catch_signals(struct run *run)
{
	for (size_t i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(client_loop(run->config->client),
			       &run->handles[i]);
		run->handles[i].data = run;
		uv_signal_start(&run->handles[i], on_signal, signals[i]);
		uv_unref((uv_handle_t *)&run->handles[i]);
	}
}

static void
release_signals(struct run *run)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		uv_close((uv_handle_t *)&run->handles[i], NULL);
}

/* We left before the end; the exec goes on. */
static int
after_leaving(const struct run *run)
{
	const char *at = client_reach(run->config->client)->words;

	if (run->id)
		print_note(run->config->output,
			   "exec %s goes on; 'berth logs%s -f %s' follows it",
			   run->id, at, run->id);
	return 128 + run->left_by;
}

/* Nobody reads our output: the command is told as if it had written itself. */
static int
after_cut(struct run *run)
{
	struct err ignored = ERR_INIT;

	if (run->id && !run->config->is_events)
		(void)exec_signal(run->config->client, run->id, "PIPE",
				  &ignored);
	return 128 + SIGPIPE;
}

/* What was probably meant by a command that could not be started. */
static void
hint_start(const struct run *run, const struct exec_result *result)
{
	static const char no_dir[] = "working directory ";
	const struct output_args *output = run->config->output;
	char *const *argv = run->config->spec->argv;
	int status = outcome_status(result);

	/* 'berth run "make all"' looks for a program of that name. */
	if (status == STATUS_NOT_FOUND && argv && strchr(argv[0], ' '))
		print_note(output, "a line for the shell is run with --cmd");
	if (status == STATUS_DENIED && result->error &&
	    str_starts(result->error, no_dir))
		print_note(output, "--cwd DIR runs it in another directory");
}

static int
conclude(struct run *run, struct err *err)
{
	const struct exec_result *result = run->show.result;

	if (run->show.is_left)
		return after_leaving(run);
	if (run->show.is_cut)
		return after_cut(run);
	if (result == NULL)
		return err_set(err, ERR_PROTO, "the exec ended without a word");
	if (!run->config->is_events) {
		outcome_notes(result, run->config->client, run->config->output);
		hint_start(run, result);
	}
	return outcome_status(result);
}

int
run_stay(const struct run_config *config, struct err *err)
{
	struct show_config look = { .client = config->client,
				    .output = config->output,
				    .form = config->is_events ? SHOW_EVENTS
							      : SHOW_BYTES,
				    .is_live = true,
				    .is_raw = config->is_raw || config->has_tty,
				    .on_started = on_started };
	struct exec_stream_config stream = { .spec = config->spec };
	const char *at = client_reach(config->client)->words;
	struct run run = { .config = config };
	int status = -1;

	look.owner = &run;
	show_init(&run.show, &look);
	catch_signals(&run);
	if (show_run(&run.show, &stream, err) == 0) {
		term_restore(&run.term);
		status = conclude(&run, err);
	} else if (run.id) {
		err_hint(err,
			 "exec %s goes on; 'berth logs%s -f %s' follows it",
			 run.id, at, run.id);
	}
	term_restore(&run.term);
	exec_input_free(run.input);
	release_signals(&run);
	show_fini(&run.show);
	return status;
}
