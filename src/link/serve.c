/* SPDX-License-Identifier: ISC */

/*
 * A link as a process; see serve.h.
 *
 * Detaching: a child in its own session, with /dev/null for input and output,
 * the log for messages and no other descriptor, reports through a pipe that it
 * serves, or why it does not.
 *
 * Going down: first the names, so that who comes then starts another link;
 * then the connections; the lock last.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/text.h"
#include "machine/registry.h"
#include "secret/secret.h"
#include "secret/store.h"
#include "wire/link_places.h"
#include "link/control.h"
#include "link/events.h"
#include "link/front.h"
#include "link/link.h"
#include "link/serve.h"
#include "link/transport.h"

/* Nothing is read and nobody is asked before a link serves. */
#define START_DEADLINE_MS 10000
#define LOOK_AGAIN_MS 5

/* Answers in flight get so long when the link ends. */
#define STOP_MS 500
#define STOP_LOOK_MS 5

#define MAX_LOG (1u << 20)
#define MAX_EVENTS (1u << 20)

struct process {
	uv_loop_t loop;
	uv_signal_t on_term, on_int;
	uv_timer_t stop_look;
	struct registry registry;
	const struct machine *machine;
	const char *name; /* it is found by */
	struct link_places places;
	struct events events;
	struct link *link;
	struct front *front;
	struct control *control;
	int lock_fd, sock_fd, ctl_fd;
	uint64_t stop_at_ms;
	bool is_stopping;
};

static const struct transport_ops *const transports[] = {
	[MACHINE_TRANSPORT_OPENSSH] = &transport_openssh,
	[MACHINE_TRANSPORT_LIBSSH] = &transport_libssh,
	[MACHINE_TRANSPORT_LOCAL] = &transport_local,
};

/* Coming up */

static const char *
name_of(const struct serve_options *options)
{
	return options->as ? options->as : options->machine;
}

static bool
reads_input(const struct serve_options *options)
{
	return options->config && str_eq(options->config, "-");
}

/* It was somebody's file; what is read once is not kept. */
static void
leave_input(void)
{
	AUTO_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)dup2(null, STDIN_FILENO);
}

static int
take_lock(struct process *p, struct err *err)
{
	int fd = open(p->places.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, "open %s", p->places.lock);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		p->lock_fd = fd;
		return 0;
	}
	if (errno == EWOULDBLOCK)
		err_set(err, ERR_CONFLICT, "a link to %s runs already",
			p->machine->name);
	else
		err_sys(err, "lock %s", p->places.lock);
	close(fd);
	return -1;
}

static int
bind_sockets(struct process *p, struct err *err)
{
	p->sock_fd = sock_listen_unix(p->places.sock, err);
	if (p->sock_fd < 0)
		return -1;
	p->ctl_fd = sock_listen_unix(p->places.ctl, err);
	return p->ctl_fd < 0 ? -1 : 0;
}

/* Look until nobody is connected any more, or for long enough. */
static void
check_drained(uv_timer_t *timer)
{
	struct process *p = container_of(timer, struct process, stop_look);

	if (control_n_conns(p->control) == 0 ||
	    clock_mono_ms() >= p->stop_at_ms)
		uv_stop(&p->loop);
}

static void
stop(void *owner)
{
	struct process *p = owner;
	const struct event event = { .type = "stop" };

	if (p->is_stopping)
		return;
	p->is_stopping = true;
	events_write(&p->events, &event);
	(void)unlink(p->places.ctl);
	(void)unlink(p->places.sock);
	control_drain(p->control);
	p->stop_at_ms = clock_mono_ms() + STOP_MS;
	(void)uv_timer_start(&p->stop_look, check_drained, 0, STOP_LOOK_MS);
}

static void
on_signal(uv_signal_t *handle, int number UNUSED)
{
	stop(handle->data);
}

static void
start_handles(struct process *p)
{
	(void)uv_signal_init(&p->loop, &p->on_term);
	(void)uv_signal_init(&p->loop, &p->on_int);
	(void)uv_timer_init(&p->loop, &p->stop_look);
	p->on_term.data = p->on_int.data = p;
	(void)uv_signal_start(&p->on_term, on_signal, SIGTERM);
	(void)uv_signal_start(&p->on_int, on_signal, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

static int
find_transport(const struct machine *machine, const struct transport_ops **ret,
	       struct err *err)
{
	size_t kind = machine->transport;

	*ret = kind < ARRAY_SIZE(transports) ? transports[kind] : NULL;
	if (*ret)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "this release has no such transport as %s wants",
		       machine->name);
}

/* What the store keeps for such a question, or NULL. */
static struct secret *
find_secret(enum prompt_kind kind, void *owner)
{
	const struct process *p = owner;
	const struct store_config config = { .ask = ask_nobody };
	struct secret *secret = NULL;
	struct err err = ERR_INIT;
	const char *name = NULL;
	AUTO_STORE *store = NULL;

	if (kind == PROMPT_PASSWORD && registry_allows_password(&p->registry))
		name = p->machine->password_ref;
	else if (kind == PROMPT_PASSPHRASE)
		name = p->machine->passphrase_ref;
	if (name == NULL)
		return NULL;
	store = store_open(&config, &err);
	if (store == NULL || store_get(store, name, &secret, &err) < 0)
		log_info("link", "no stored secret", KV_STR("name", name),
			 KV_ERR(&err));
	return secret;
}

static int
start_link(struct process *p, struct err *err)
{
	struct link_config link = { .loop = &p->loop,
				    .machine = p->machine,
				    .directory = p->places.dir,
				    .name = p->name,
				    .events = &p->events,
				    .find_secret = find_secret,
				    .on_idle = stop,
				    .owner = p };
	struct control_config control = { .loop = &p->loop,
					  .machine = p->machine->name,
					  .events = &p->events,
					  .on_stop = stop,
					  .owner = p };

	if (find_transport(p->machine, &link.ops, err) < 0)
		return -1;
	p->link = control.link = link_new(&link);
	p->front = control.front = front_new(&p->loop, p->link, p->sock_fd,
					     err);
	if (p->front == NULL)
		return -1;
	p->sock_fd = -1;
	p->control = control_new(&control, p->ctl_fd, err);
	if (p->control == NULL)
		return -1;
	p->ctl_fd = -1;
	return 0;
}

/*
 * The machine as it is configured now.  A configuration that is sealed needs
 * its passphrase, which in the background only a file can tell.
 */
static int
find_machine(struct process *p, const struct serve_options *options,
	     struct err *err)
{
	const struct config_file_config config = { .path = options->config };

	int rc = registry_load(&p->registry, &config, err);

	if (reads_input(options))
		leave_input();
	if (rc < 0)
		return -1;
	p->machine = registry_find(&p->registry, options->machine, err);
	if (p->machine == NULL)
		return -1;
	return registry_check(&p->registry, p->machine, err);
}

static int
come_up(struct process *p, const struct serve_options *options, struct err *err)
{
	const struct event event = { .type = "start" };

	p->name = name_of(options);
	if (find_machine(p, options, err) < 0 ||
	    link_places_find(&p->places, p->name, err) < 0 ||
	    fs_mkdir_private(p->places.dir, err) < 0 ||
	    fs_mkdir_private(p->places.state, err) < 0 ||
	    take_lock(p, err) < 0 || bind_sockets(p, err) < 0)
		return -1;
	events_init(&p->events, p->places.events, options->machine, MAX_EVENTS);
	if (start_link(p, err) < 0)
		return -1;
	start_handles(p);
	events_write(&p->events, &event);
	return 0;
}

/* Going down */

static void
close_handle(uv_handle_t *handle, void *arg UNUSED)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
go_down(struct process *p)
{
	if (p->control)
		control_stop(p->control);
	(void)uv_run(&p->loop, UV_RUN_NOWAIT);
	front_free(p->front);
	link_free(p->link);
	(void)uv_run(&p->loop, UV_RUN_NOWAIT);
	uv_walk(&p->loop, close_handle, NULL);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	control_free(p->control);
	(void)uv_loop_close(&p->loop);
	if (p->events.path)
		events_fini(&p->events);
	close_fd(p->sock_fd);
	close_fd(p->ctl_fd);
	/* A name that is used once leaves nothing. */
	if (p->lock_fd >= 0 && !str_eq(p->name, p->machine->name))
		(void)unlink(p->places.lock);
	close_fd(p->lock_fd);
	link_places_fini(&p->places);
	registry_fini(&p->registry);
}

/* `ready_fd' is told, if there is one; it is closed then. */
static int
serve(const struct serve_options *options, int ready_fd, struct err *err)
{
	struct process p = { .lock_fd = -1, .sock_fd = -1, .ctl_fd = -1 };
	const struct rlimit none = { 0 };
	int rc;

	log_init(STDERR_FILENO, options->debug ? LOG_LVL_DEBUG : LOG_LVL_INFO);
	/* Passwords pass through: no dump, and nobody may look inside. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)uv_loop_init(&p.loop);
	rc = come_up(&p, options, err);
	if (rc == 0) {
		if (ready_fd >= 0) {
			(void)!write(ready_fd, "", 1);
			close(ready_fd);
		}
		(void)uv_run(&p.loop, UV_RUN_DEFAULT);
	}
	go_down(&p);
	return rc;
}

/* Detaching */

static int
open_log(const struct link_places *places, struct err *err)
{
	AUTO_FREE char *old = xasprintf("%s.1", places->log);
	struct stat st;
	int fd;

	if (fs_mkdir_private(places->state, err) < 0)
		return -1;
	if (stat(places->log, &st) == 0 && st.st_size > MAX_LOG)
		(void)rename(places->log, old);
	fd = open(places->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, "open %s", places->log) : fd;
}

static void __attribute__((noreturn))
run_detached(const struct serve_options *options, int log_fd, int ready_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int in = reads_input(options) ? STDIN_FILENO : null;
	struct err err = ERR_INIT;

	(void)setsid();
	/* Never a session leader again, so never a controlling terminal. */
	if (fork() != 0)
		_exit(0);
	if (null < 0 || dup2(in, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(log_fd, 2) < 0 || dup2(ready_fd, 3) < 0)
		_exit(1);
	(void)close_range(4, ~0u, 0);
	fd_set_cloexec(3, true);
	(void)!chdir("/");
	if (serve(options, 3, &err) == 0)
		_exit(0);
	if (err.code != ERR_CONFLICT)
		log_error("link", "cannot serve",
			  KV_STR("machine", options->machine), KV_ERR(&err));
	/* Heard only while nobody is told of readiness yet. */
	(void)!write(3, &err, sizeof(err));
	_exit(1);
}

/*
 * A connection alone proves nothing: it may wait in the queue of a link that
 * is dying.
 */
static bool
does_answer(int fd)
{
	static const char question[] = "GET /v1/link HTTP/1.1\r\n"
				       "Host: localhost\r\n"
				       "Connection: close\r\n\r\n";
	struct pollfd watch = { .fd = fd, .events = POLLIN };
	char byte;

	return send(fd, question, strlen(question), MSG_NOSIGNAL) > 0 &&
	       poll(&watch, 1, START_DEADLINE_MS) > 0 && read(fd, &byte, 1) > 0;
}

static bool
does_somebody_serve(const struct link_places *places)
{
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_connect_unix(places->ctl, &err);

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
			       "the link does not come up; see its log");
	n = read(fd, &said, sizeof(said));
	if (n == 1)
		return 0;
	if (n == (ssize_t)sizeof(said))
		*err = said;
	else
		err_set(err, ERR_SYSTEM,
			"the link died while starting; see its log");
	return -1;
}

static int
start_detached(const struct serve_options *options,
	       const struct link_places *places, struct err *err)
{
	AUTO_CLOSE int log_fd = open_log(places, err);
	int ready[2], rc;
	pid_t pid;

	if (log_fd < 0)
		return -1;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
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
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;

	if (link_places_find(&places, name_of(options), err) < 0)
		return -1;
	for (;;) {
		if (does_somebody_serve(&places) ||
		    start_detached(options, &places, err) == 0)
			return 0;
		if (err->code != ERR_CONFLICT || clock_mono_ms() > deadline)
			return -1;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

int
serve_run(const struct serve_options *options, struct err *err)
{
	if (options->foreground)
		return serve(options, -1, err);
	return ensure(options, err);
}
