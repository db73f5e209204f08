/* SPDX-License-Identifier: ISC */

/*
 * A link as a process; see serve.h.
 *
 * Going down: first the names, so that who comes then starts another link;
 * then the connections; the lock last.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "core/clock.h"
#include "core/detach.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/text.h"
#include "machine/registry.h"
#include "secret/secret.h"
#include "secret/store.h"
#include "http/stream.h"
#include "wire/link_places.h"
#include "link/control.h"
#include "link/events.h"
#include "link/front.h"
#include "link/link.h"
#include "link/serve.h"
#include "link/transport.h"

/* Nothing is read and nobody is asked before a link serves. */
#define START_DEADLINE_MS 10000

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
	/* Of one that was killed. */
	(void)unlink(p->places.near);
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
	(void)unlink(p->places.near);
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
				    .near_path = p->places.near,
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
go_down(struct process *p)
{
	/* The loop still turns: nobody may look at what is freed. */
	if (p->is_stopping)
		(void)uv_timer_stop(&p->stop_look);
	p->is_stopping = true;
	if (p->control)
		control_stop(p->control);
	(void)uv_run(&p->loop, UV_RUN_NOWAIT);
	front_free(p->front);
	link_free(p->link);
	(void)uv_run(&p->loop, UV_RUN_NOWAIT);
	stream_end_lingering();
	uv_walk(&p->loop, close_handle, NULL);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	control_free(p->control);
	(void)uv_loop_close(&p->loop);
	if (p->events.path)
		events_fini(&p->events);
	fd_close(&p->sock_fd);
	fd_close(&p->ctl_fd);
	/* A name that is used once leaves nothing. */
	if (p->lock_fd >= 0 && !str_eq(p->name, p->machine->name))
		(void)unlink(p->places.lock);
	fd_close(&p->lock_fd);
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
		if (ready_fd >= 0)
			detach_say_ready(ready_fd);
		(void)uv_run(&p.loop, UV_RUN_DEFAULT);
	}
	go_down(&p);
	return rc;
}

/* In the background */

struct start {
	const struct serve_options *options;
	struct link_places places;
};

static int
open_log(void *owner, struct err *err)
{
	const struct start *start = owner;

	if (fs_mkdir_private(start->places.state, err) < 0)
		return -1;
	return detach_open_log(start->places.log, MAX_LOG, err);
}

static bool
is_served(void *owner)
{
	const struct start *start = owner;
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_connect_unix(start->places.ctl, &err);

	return fd >= 0 && detach_does_answer(fd, "/v1/link", START_DEADLINE_MS);
}

static int
serve_detached(void *owner, int ready_fd, struct err *err)
{
	const struct start *start = owner;
	int rc = serve(start->options, ready_fd, err);

	if (rc < 0 && err->code != ERR_CONFLICT)
		log_error("link", "cannot serve",
			  KV_STR("machine", start->options->machine),
			  KV_ERR(err));
	return rc;
}

int
serve_run(const struct serve_options *options, struct err *err)
{
	const struct detach_ops ops = {
		.what = "the link",
		.deadline_ms = START_DEADLINE_MS,
		.keeps_input = reads_input(options),
		.open_log = open_log,
		.is_served = is_served,
		.serve = serve_detached,
	};
	struct start start = { .options = options, .places = LINK_PLACES_INIT };
	int rc;

	if (options->foreground)
		return serve(options, -1, err);
	rc = link_places_find(&start.places, name_of(options), err);
	if (rc == 0)
		rc = detach_ensure(&ops, &start, err);
	link_places_fini(&start.places);
	return rc;
}
