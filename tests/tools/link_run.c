/* SPDX-License-Identifier: ISC */

/*
 * One transport and one channel, by hand.
 *
 *	link_run [OPTION...] WHAT [ARGUMENT...]
 *
 *	up			come up, say so, wait for the end of stdin
 *	exec COMMAND		... and tty COMMAND
 *	subsystem NAME
 *	unix PATH
 *	tcp HOST PORT
 *	ping N
 *
 *	-m NAME			name of the machine, its destination if no -d
 *	-d DESTINATION		-p PORT	-u USER	-k KEY-FILE	-A
 *	-s DIRECTORY		of the sockets (default: $TMP/link)
 *	-a ANSWER		to the next question; may be repeated
 *	-t MS			to connect in
 *	-T TRANSPORT		openssh (default) or libssh
 *
 * Standard input goes to the channel and its output comes out.  Everything
 * else is said on standard error, a line each: "stage NAME", "prompt KIND
 * TEXT", "up", "open", "exit CODE|SIGNAL", "closed [ERROR]", "down CODE
 * MESSAGE" and "hint HINT".  The status is that of the command, or 250 if
 * there was none.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/fs.h"
#include "core/log.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/text.h"
#include "http/stream.h"
#include "link/askpass.h"
#include "link/transport.h"
#include "machine/machine.h"
#include "wire/errors.h"

static struct {
	uv_loop_t loop;
	struct machine machine;
	const char *directory;
	const char *answers[16];
	size_t n_answers, next_answer;

	char **words;
	bool is_channel;
	struct channel_spec spec;
	struct transport *transport;
	struct channel *channel;
	struct stream *input;
	uint64_t pings;
	int status;
} program = { .status = 250 };

static const struct transport_ops *ops = &transport_openssh;

static void
say(const char *what, const char *text)
{
	fprintf(stderr, "%s%s%s\n", what, *text ? " " : "", text);
}

static void
finish(void)
{
	stream_close(program.input);
	program.input = NULL;
	if (program.transport)
		program.transport->ops->free(program.transport);
	program.transport = NULL;
}

/* --- standard input --------------------------------------------------------
 */

static void
on_input(struct stream *s, const void *bytes, size_t n, void *owner)
{
	if (program.channel &&
	    program.channel->ops->write(program.channel, bytes, n))
		stream_pause(s);
}

static void
on_input_end(struct stream *s, const struct err *err, void *owner)
{
	if (program.channel)
		program.channel->ops->write_end(program.channel);
	else
		finish();
}

static const struct stream_events input_events = {
	.on_data = on_input,
	.on_end = on_input_end,
};

static void
read_input(void)
{
	struct err err = ERR_INIT;

	program.input = stream_new(&program.loop, STDIN_FILENO, STDIN_FILENO,
				   &input_events, NULL, &err);
	if (program.input)
		stream_resume(program.input);
	else if (program.channel)
		program.channel->ops->write_end(program.channel);
}

/* --- the channel -----------------------------------------------------------
 */

static void
on_open(struct channel *ch, void *owner)
{
	say("open", "");
}

static void
on_data(struct channel *ch, int fd, const void *bytes, size_t n, void *owner)
{
	(void)write_full(fd, bytes, n);
}

static void
on_drain(struct channel *ch, void *owner)
{
	if (program.input)
		stream_resume(program.input);
}

static void
on_exit_(struct channel *ch, int code, const char *signal, void *owner)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", code);
	say("exit", signal ? signal : text);
	program.status = signal ? 128 : code;
}

static void
on_close(struct channel *ch, const struct err *err, void *owner)
{
	program.channel = NULL;
	say("closed", err ? err->msg : "");
	if (err == NULL && program.status == 250)
		program.status = 0;
	finish();
}

static const struct channel_events channel_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_exit = on_exit_,
	.on_close = on_close,
};

/* --- the transport ---------------------------------------------------------
 */

static void
on_stage(struct transport *t, const char *stage, void *owner)
{
	say("stage", stage);
}

static void
on_prompt(struct transport *t, const struct prompt *p, void *owner)
{
	static const char *const kinds[] = {
		[PROMPT_HOST_KEY] = "host_key",
		[PROMPT_PASSWORD] = "password",
		[PROMPT_PASSPHRASE] = "passphrase",
		[PROMPT_CODE] = "code",
		[PROMPT_CONFIRM] = "confirm",
	};

	fprintf(stderr, "prompt %s %s\n", kinds[p->kind], p->text);
	if (p->fingerprint)
		say("fingerprint", p->fingerprint);
	if (p->is_notice)
		return;
	t->ops->answer(t, program.next_answer < program.n_answers
			      ? program.answers[program.next_answer++]
			      : NULL);
}

static void
on_pong(void *owner, uint64_t us)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)us);
	say("pong", text);
	program.status = 0;
	if (--program.pings > 0)
		program.transport->ops->ping(program.transport, on_pong);
	else
		finish();
}

static void
on_up(struct transport *t, void *owner)
{
	struct err err = ERR_INIT;

	say("up", "");
	if (program.pings) {
		t->ops->ping(t, on_pong);
		return;
	}
	if (program.is_channel) {
		program.channel = t->ops->open(t, &program.spec,
					       &channel_events, NULL, &err);
		if (program.channel == NULL) {
			say("closed", err.msg);
			finish();
			return;
		}
		t->ops->resume(program.channel);
	} else {
		program.status = 0;
	}
	read_input();
}

static void
on_down(struct transport *t, const struct err *why, void *owner)
{
	fprintf(stderr, "down %s %s\n", error_row(why->code)->word, why->msg);
	if (why->hint[0])
		say("hint", why->hint);
	program.status = 251;
	finish();
}

static const struct transport_events events = {
	.on_stage = on_stage,
	.on_prompt = on_prompt,
	.on_up = on_up,
	.on_down = on_down,
};

static uint64_t
number(const char *text)
{
	struct err err = ERR_INIT;
	uint64_t n = 0;

	if (text == NULL || parse_u64(text, 0, UINT32_MAX, &n, &err) < 0)
		exit(64);
	return n;
}

static void
read_options(int argc, char **argv)
{
	struct machine *m = &program.machine;
	int c;

	while ((c = getopt(argc, argv, "+m:d:p:u:k:s:a:t:T:Av")) != -1) {
		switch (c) {
		case 'm':
			m->name = optarg;
			break;
		case 'd':
			m->ssh = optarg;
			break;
		case 'p':
			m->port = (int64_t)number(optarg);
			break;
		case 'u':
			m->user = optarg;
			break;
		case 'k':
			m->key_file = optarg;
			m->auth = MACHINE_AUTH_KEY;
			break;
		case 'A':
			m->forward_agent = true;
			break;
		case 's':
			program.directory = optarg;
			break;
		case 't':
			m->connect_timeout = number(optarg);
			break;
		case 'T':
			if (str_eq(optarg, "libssh"))
				ops = &transport_libssh;
			else if (!str_eq(optarg, "openssh"))
				exit(64);
			break;
		case 'v':
			log_init(STDERR_FILENO, LOG_LVL_DEBUG);
			break;
		case 'a':
			if (program.n_answers < 16)
				program.answers[program.n_answers++] = optarg;
			break;
		default:
			exit(64);
		}
	}
	program.words = argv + optind;
}

static bool
read_words(char **w)
{
	struct channel_spec *spec = &program.spec;

	if (w[0] && str_eq(w[0], "up"))
		return true;
	if (w[0] == NULL || w[1] == NULL)
		return false;
	spec->what = w[1];
	program.is_channel = true;
	if (str_eq(w[0], "ping"))
		program.pings = number(w[1]);
	else if (str_eq(w[0], "subsystem"))
		spec->kind = CHANNEL_SUBSYSTEM;
	else if (str_eq(w[0], "unix"))
		spec->kind = CHANNEL_UNIX;
	else if (str_eq(w[0], "tcp"))
		spec->kind = CHANNEL_TCP, spec->port = (uint16_t)number(w[2]);
	else if (str_eq(w[0], "tty"))
		spec->has_tty = true, spec->term = "xterm";
	else
		return str_eq(w[0], "exec");
	return true;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct transport_config config = {
		.loop = &program.loop,
		.machine = &program.machine,
		.events = &events,
	};

	if (askpass_is_meant(argv))
		return askpass_main(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	program.machine.name = (char *)(uintptr_t) "machine";
	program.machine.connect_timeout = 20000;
	program.spec = (struct channel_spec){ .cols = 80, .rows = 24 };
	read_options(argc, argv);
	/* An alias of ssh's configuration, as the registry has them. */
	if (program.machine.ssh == NULL && program.machine.hostname == NULL)
		program.machine.ssh = program.machine.name;
	if (!read_words(program.words))
		return 64;
	config.directory = program.directory;
	uv_loop_init(&program.loop);
	if (config.directory == NULL ||
	    fs_mkdir_private(config.directory, &err) < 0) {
		fprintf(stderr, "link_run: %s\n", err.msg);
		return 64;
	}
	program.transport = ops->new (&config, &err);
	if (program.transport == NULL) {
		fprintf(stderr, "down %s %s\n", error_row(err.code)->word,
			err.msg);
		uv_run(&program.loop, UV_RUN_DEFAULT);
		return 251;
	}
	uv_run(&program.loop, UV_RUN_DEFAULT);
	return program.status;
}
