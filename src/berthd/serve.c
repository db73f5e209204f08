/* SPDX-License-Identifier: ISC */

/*
 * `berthd serve'; see serve.h.
 *
 * Detaching: a child in its own session, with /dev/null for input and output,
 * the log for messages and no other descriptor, reports through a pipe that it
 * serves, or why it does not.  Who loses the race for the lock waits until the
 * winner answers.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/daemon.h"
#include "berthd/exec/cgroup.h"
#include "berthd/serve.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "wire/living.h"
#include "wire/places.h"

/* Until a detached daemon serves; it may have 100,000 execs to read. */
#define START_DEADLINE_MS 30000
#define LOOK_AGAIN_MS 5

/* The log of a detached daemon starts anew beyond this; one old is kept. */
#define MAX_LOG (4u << 20)

static int
load_config(const struct serve_options *options, struct config *config,
	    struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	bool created = false;

	if (options->as_codexd) {
		if (config_load_codexd(config, options->config, &created, err) <
		    0)
			return -1;
		if (created)
			fprintf(stderr, "created default config: %s\n",
				config->file);
		return 0;
	}
	if (options->config)
		return config_load(config, options->config, err);
	if (places_find(&places, err) < 0)
		return -1;
	return config_load_default(config, places.config, err);
}

/* TCP needs a token: the configured one, or one that we keep. */
static int
ensure_token(const struct serve_options *options, struct config *config,
	     struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_FREE char *path = NULL;

	if (options->listen &&
	    config_set_listen(config, options->listen, err) < 0)
		return -1;
	if (config->listen == NULL)
		return 0;
	if (places_find(&places, err) < 0 ||
	    fs_mkdir_private(places.state, err) < 0)
		return -1;
	path = path_join(places.state, "token");
	return config_ensure_token(config, path, err);
}

static void
say_ready(const struct daemon *daemon, void *owner)
{
	int fd = *(int *)owner;

	if (fd >= 0) {
		(void)!write(fd, "", 1);
		close(fd);
		*(int *)owner = -1;
		return;
	}
	fprintf(stderr, "berthd %s serves on %s\n", BERTH_VERSION,
		daemon->places.socket);
	if (daemon->tcp_name)
		fprintf(stderr, "listening on %s\n", daemon->tcp_name);
}

/* The daemon in this process; `ready_fd' is told, or the terminal. */
static int
serve(const struct serve_options *options, int ready_fd, struct err *err)
{
	AUTO_CONFIG config = { 0 };
	struct daemon_options daemon = { .config = &config,
					 .replace = options->replace };
	struct spawner spawner;
	enum log_level level;

	config_init(&config,
		    options->as_codexd ? CONFIG_CODEXD : CONFIG_BERTHD);
	if (load_config(options, &config, err) < 0 ||
	    ensure_token(options, &config, err) < 0)
		return -1;
	level = options->debug ? LOG_LVL_DEBUG : config_log_level(&config);
	log_init(STDERR_FILENO, level);
	for (char **warning = config.warnings; warning && *warning; warning++)
		log_warn("config", *warning);
	cgroup_prepare();
	if (spawner_start(&spawner, err) < 0)
		return -1;
	return daemon_run(&spawner, &daemon, say_ready, &ready_fd, err);
}

/* Detaching */

static void
rotate_log(const char *path)
{
	AUTO_FREE char *old = xasprintf("%s.1", path);
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > MAX_LOG)
		(void)rename(path, old);
}

static int
open_log(struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_FREE char *path = NULL;
	int fd;

	if (places_find(&places, err) < 0 ||
	    fs_mkdir_private(places.state, err) < 0)
		return -1;
	path = path_join(places.state, "berthd.log");
	rotate_log(path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, "open %s", path) : fd;
}

static void __attribute__((noreturn))
run_detached(const struct serve_options *options, int log_fd, int ready_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)setsid();
	/* Never a session leader again, so never a controlling terminal. */
	if (fork() != 0)
		_exit(0);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(log_fd, 2) < 0 || dup2(ready_fd, 3) < 0)
		_exit(1);
	(void)close_range(4, ~0u, 0);
	fd_set_cloexec(3, true);
	(void)!chdir("/");
	if (serve(options, 3, &err) == 0)
		_exit(0);
	log_error("daemon", "cannot serve", KV_ERR(&err));
	/* Heard only while nobody is told of readiness yet. */
	(void)!write(3, &err, sizeof(err));
	_exit(1);
}

/*
 * A connection alone proves nothing: it may wait in the queue of a daemon that
 * is dying.  By hand, since a child that is forked after libuv was used, and
 * closes all descriptors, cannot use it again.
 */
static bool
does_answer(int fd)
{
	static const char question[] = "GET /health HTTP/1.1\r\n"
				       "Host: localhost\r\n"
				       "Connection: close\r\n\r\n";
	struct pollfd watch = { .fd = fd, .events = POLLIN };
	char byte;

	return send(fd, question, strlen(question), MSG_NOSIGNAL) > 0 &&
	       poll(&watch, 1, START_DEADLINE_MS) > 0 && read(fd, &byte, 1) > 0;
}

static bool
does_somebody_serve(void)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_LIVING living = { 0 };
	AUTO_CLOSE int fd = -1;
	struct err err = ERR_INIT;

	if (places_find(&places, &err) < 0)
		return false;
	fd = sock_connect_unix(places.socket, &err);
	if (fd < 0 && living_read(places.state, &living, &err) == 0)
		fd = sock_connect_unix(living.socket, &err);
	return fd >= 0 && does_answer(fd);
}

/* 0: it serves; -1 with what the child said. */
static int
await_ready(int fd, struct err *err)
{
	struct pollfd watch = { .fd = fd, .events = POLLIN };
	struct err said;
	ssize_t n;

	if (poll(&watch, 1, START_DEADLINE_MS) <= 0)
		return err_set(err, ERR_TIMEOUT,
			       "the daemon does not come up; see its log");
	n = read(fd, &said, sizeof(said));
	if (n == 1)
		return 0;
	if (n == (ssize_t)sizeof(said))
		*err = said;
	else
		err_set(err, ERR_SYSTEM,
			"the daemon died while starting; see its log");
	return -1;
}

static int
start_detached(const struct serve_options *options, struct err *err)
{
	AUTO_CLOSE int log_fd = open_log(err);
	int ready[2], rc;
	pid_t pid;

	if (log_fd < 0)
		return -1;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_detached(options, log_fd, ready[1]);
	close(ready[1]);
	if (pid < 0) {
		close(ready[0]);
		return err_sys(err, "fork");
	}
	(void)waitpid(pid, NULL, 0);
	rc = await_ready(ready[0], err);
	close(ready[0]);
	return rc;
}

/* A lost race is won by somebody who will serve soon, or has just stopped. */
static int
ensure(const struct serve_options *options, struct err *err)
{
	uint64_t deadline = clock_mono_ms() + START_DEADLINE_MS;

	for (;;) {
		if (!options->replace && does_somebody_serve())
			return 0;
		if (start_detached(options, err) == 0)
			return 0;
		if (err->code != ERR_CONFLICT || clock_mono_ms() > deadline)
			return -1;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

int
serve_ensure(struct err *err)
{
	const struct serve_options options = { .detach = true };

	return ensure(&options, err);
}

int
serve_run(const struct serve_options *options, struct err *err)
{
	if (options->detach)
		return ensure(options, err);
	return serve(options, -1, err);
}
