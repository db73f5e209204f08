/* SPDX-License-Identifier: ISC */

/*
 * ssh_bench HOST DIRECTORY
 *
 * Commands and bytes over an OpenSSH master: through our channels and, on the
 * same master in the same run, through `ssh -S'; and through libssh, if it is
 * there.  bench/ssh starts a server and calls this.  Prints one JSON object per
 * line.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "core/err.h"
#include "core/mem.h"
#include "link/askpass.h"
#include "link/transport.h"
#include "machine/machine.h"

#define ROUNDS 200
#define PASSES 3
#define BYTES 268435456.0
#define MANY_BYTES "head -c 268435456 /dev/zero"

enum way { OPENSSH, SSH, LIBSSH, WAYS };

static struct {
	uv_loop_t loop;
	struct transport *transports[WAYS]; /* NULL: not here */
	struct transport *transport;	    /* the one that is timed */
	char *socket, *host;
	bool is_up, is_closed;
	double n_bytes;
} program;

static double
now_ms(void)
{
	return (double)uv_hrtime() / 1e6;
}

static void
give_up(const char *why)
{
	fprintf(stderr, "ssh_bench: %s\n", why);
	exit(1);
}

static void
on_prompt(struct transport *t, const struct prompt *p, void *owner)
{
	give_up(p->text);
}

static void
on_up(struct transport *t, void *owner)
{
	program.is_up = true;
}

static void
on_down(struct transport *t, const struct err *why, void *owner)
{
	give_up(why->msg);
}

static void
on_open(struct channel *ch, void *owner)
{
}

static void
on_data(struct channel *ch, int fd, const void *bytes, size_t n, void *owner)
{
	program.n_bytes += (double)n;
}

static void
on_close(struct channel *ch, const struct err *err, void *owner)
{
	if (err)
		give_up(err->msg);
	program.is_closed = true;
}

/* One command through a channel, to its end. */
static double
time_channel(const char *command)
{
	static const struct channel_events events = {
		.on_open = on_open,
		.on_data = on_data,
		.on_close = on_close,
	};
	const struct channel_spec spec = { .what = command };
	struct err err = ERR_INIT;
	double start = now_ms();
	struct channel *ch = program.transport->ops->open(
	    program.transport, &spec, &events, NULL, &err);

	if (ch == NULL)
		give_up(err.msg);
	ch->ops->resume(ch);
	program.is_closed = false;
	while (!program.is_closed)
		uv_run(&program.loop, UV_RUN_ONCE);
	return now_ms() - start;
}

/* The same by a spawned ssh, its output read and thrown away. */
static double
time_ssh(const char *command)
{
	static char bytes[65536];
	char *config = getenv("BERTH_SSH_CONFIG");
	char *argv[] = { (char[]){ "ssh" },
			 (char[]){ "-F" },
			 config,
			 (char[]){ "-S" },
			 program.socket,
			 (char[]){ "--" },
			 program.host,
			 (char *)(uintptr_t)command,
			 NULL };
	double start = now_ms();
	int out[2], status;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		give_up("pipe");
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	while (read(out[0], bytes, sizeof(bytes)) > 0)
		;
	close(out[0]);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		give_up("ssh failed");
	return now_ms() - start;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static void
show(const char *what, const char *unit, const double *values)
{
	printf("{\"what\":\"%s\",\"unit\":\"%s\",\"channel\":%.3f,"
	       "\"ssh\":%.3f,",
	       what, unit, values[OPENSSH], values[SSH]);
	if (program.transports[LIBSSH])
		printf("\"libssh\":%.3f,", values[LIBSSH]);
	printf("\"ratio\":%.3f}\n", values[OPENSSH] / values[SSH]);
}

static double
time_by(int way, const char *command)
{
	if (way == SSH)
		return time_ssh(command);
	program.transport = program.transports[way];
	return program.transport ? time_channel(command) : 0;
}

/* In turns, so that a disturbance hits all. */
static void
bench_starts(void)
{
	static double times[WAYS][ROUNDS];
	double medians[WAYS];

	for (int i = 0; i < ROUNDS; i++) {
		for (int way = 0; way < WAYS; way++)
			times[way][i] = time_by(way, "true");
	}
	for (int way = 0; way < WAYS; way++)
		medians[way] = median(times[way], ROUNDS);
	show("a command that does nothing", "ms", medians);
}

static void
bench_bytes(void)
{
	double times[WAYS][PASSES], rates[WAYS];

	for (int i = 0; i < PASSES; i++) {
		for (int way = 0; way < WAYS; way++) {
			program.n_bytes = 0;
			times[way][i] = time_by(way, MANY_BYTES);
			if (way != SSH && program.transports[way] &&
			    program.n_bytes != BYTES)
				give_up("bytes were lost");
		}
	}
	for (int way = 0; way < WAYS; way++)
		rates[way] = BYTES / 1e3 / median(times[way], PASSES);
	show("output", "MB/s", rates);
}

static struct transport *
come_up(const struct transport_ops *ops, const struct transport_config *config)
{
	struct err err = ERR_INIT;
	struct transport *t = ops->new (config, &err);

	if (t == NULL && err.code == ERR_UNSUPPORTED)
		return NULL;
	if (t == NULL)
		give_up(err.msg);
	program.is_up = false;
	while (!program.is_up)
		uv_run(&program.loop, UV_RUN_ONCE);
	return t;
}

int
main(int argc, char **argv)
{
	static const struct transport_events events = {
		.on_prompt = on_prompt,
		.on_up = on_up,
		.on_down = on_down,
	};
	struct machine machine = { .connect_timeout = 20000 };
	struct transport_config config = { .loop = &program.loop,
					   .machine = &machine,
					   .events = &events };

	if (askpass_is_meant(argv))
		return askpass_main(argc, argv);
	if (argc != 3)
		give_up("HOST DIRECTORY");
	signal(SIGPIPE, SIG_IGN);
	program.host = machine.name = argv[1];
	config.directory = argv[2];
	program.socket = xasprintf("%s/%s.mux", argv[2], argv[1]);
	uv_loop_init(&program.loop);
	program.transports[OPENSSH] = come_up(&transport_openssh, &config);
	program.transports[LIBSSH] = come_up(&transport_libssh, &config);
	bench_starts();
	bench_bytes();
	for (int way = 0; way < WAYS; way++) {
		if (program.transports[way])
			program.transports[way]->ops->free(
			    program.transports[way]);
	}
	uv_run(&program.loop, UV_RUN_DEFAULT);
	free(program.socket);
	return 0;
}
