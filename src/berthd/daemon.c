/* SPDX-License-Identifier: ISC */

/*
 * The daemon; see daemon.h.
 *
 * Order of coming up: directories, lock (or handover), listeners, index, card,
 * readiness.  The lock comes before everything that is shared; the sockets
 * before the index, so that clients wait in the backlog instead of failing.
 */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/api.h"
#include "berthd/daemon.h"
#include "berthd/exec/exec_api.h"
#include "berthd/exec/store.h"
#include "berthd/handover.h"
#include "berthd/lock.h"
#include "berthd/notify.h"
#include "berthd/session/session.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/rand.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/stream.h"
#include "wire/errors.h"
#include "wire/living.h"

/* Answers in flight get so long after a stop was asked for. */
#define STOP_MS 2000
#define STOP_LOOK_MS 5

/*
 * Free memory beyond this is not kept; see mallopt(3).  Who reads a live log
 * takes a window and a piece of a queue for each turn of the loop: with less
 * than both they would be mapped anew and cleared each time.
 */
#define TRIM_BYTES (2 << 20)

/* Sockets that systemd may pass: one unix, one TCP. */
#define MAX_PASSED 2

struct daemon_own {
	uv_loop_t loop;
	uv_signal_t on_term, on_int;
	uv_timer_t stop_look;
	uv_fs_event_t runtime_watch;
	uv_poll_t spawner_watch;
	int spawner_pidfd;
	struct handover taken; /* from the daemon before */
	uint64_t stop_at_ms;
	bool gave_away; /* the socket's name belongs to a successor */
};

/* Coming up */

static void
raise_nofile(void)
{
	struct rlimit limit;

	/* After the spawner was forked: commands keep the user's limit. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
make_places(struct daemon *daemon, struct err *err)
{
	if (places_find(&daemon->places, err) < 0 ||
	    fs_mkdir_private(daemon->places.state, err) < 0 ||
	    fs_mkdir_private(daemon->places.runtime, err) < 0)
		return -1;
	return 0;
}

static bool
is_tcp(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       domain != AF_UNIX;
}

/* Sockets that systemd holds for us; then their names are systemd's. */
static void
take_passed(struct daemon *daemon)
{
	int fds[MAX_PASSED];
	size_t n = notify_take_sockets(fds, ARRAY_SIZE(fds));

	for (size_t i = 0; i < n; i++) {
		int *at = is_tcp(fds[i]) ? &daemon->tcp_fd : &daemon->unix_fd;

		if (*at >= 0)
			close(*at);
		*at = fds[i];
		if (at == &daemon->unix_fd)
			daemon->own->gave_away = true;
	}
}

static int
take_over(struct daemon *daemon, struct err *err)
{
	struct handover *taken = &daemon->own->taken;
	AUTO_LIVING living = { 0 };

	if (living_read(daemon->places.state, &living, err) < 0)
		return -1;
	if (handover_request(living.socket, taken, err) < 0)
		return -1;
	daemon->lock_fd = taken->lock_fd;
	daemon->unix_fd = taken->unix_fd;
	daemon->tcp_fd = taken->tcp_fd;
	free(daemon->places.socket);
	daemon->places.socket = xstrdup(living.socket);
	log_info("daemon", "took over", KV_STR("from", living.version),
		 KV_INT("pid", living.pid));
	return 0;
}

static int
take_lock(struct daemon *daemon, bool replace, struct err *err)
{
	struct err why = ERR_INIT;

	daemon->lock_fd = lock_take(daemon->places.state, err);
	if (daemon->lock_fd >= 0)
		return 0;
	if (!replace)
		return -1;
	if (take_over(daemon, &why) < 0) {
		*err = why;
		return err_wrap(err, "replace the running daemon");
	}
	return 0;
}

/*
 * Which Host a request by TCP may name: no name that the resolver of somebody
 * else could point at us.  The port is no matter of ours, since a client comes
 * through a forwarded one.
 */
static void
allow_hosts(struct daemon *daemon)
{
	daemon->tcp_hosts[0] = daemon->tcp_name;
	daemon->tcp_hosts[1] = "127.0.0.1:*";
	daemon->tcp_hosts[2] = "localhost:*";
	daemon->tcp_hosts[3] = "[::1]:*";
}

/* The server takes one descriptor; a duplicate stays for the handover. */
static int
serve_on(struct daemon *daemon, int fd, const struct http_guard *guard,
	 struct err *err)
{
	int dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (dup_fd < 0)
		return err_sys(err, "duplicate a listener");
	return http_server_listen(daemon->server, dup_fd, guard, err);
}

static int
listen_unix(struct daemon *daemon, struct err *err)
{
	if (daemon->unix_fd < 0)
		daemon->unix_fd = sock_listen_unix(daemon->places.socket, err);
	if (daemon->unix_fd < 0)
		return -1;
	daemon->unix_guard = (struct http_guard){ .refuse_origin = true,
						  .tag = LISTENER_UNIX };
	return serve_on(daemon, daemon->unix_fd, &daemon->unix_guard, err);
}

static int
listen_tcp(struct daemon *daemon, const char *address, struct err *err)
{
	char name[64];

	if (daemon->tcp_fd < 0 && address == NULL)
		return 0;
	if (daemon->tcp_fd < 0)
		daemon->tcp_fd = sock_listen_tcp(address, err);
	if (daemon->tcp_fd < 0)
		return -1;
	sock_name(daemon->tcp_fd, name, sizeof(name));
	daemon->tcp_name = xstrdup(name);
	allow_hosts(daemon);
	daemon->tcp_guard = (struct http_guard){ .hosts = daemon->tcp_hosts,
						 .refuse_origin = true,
						 .tag = LISTENER_TCP };
	return serve_on(daemon, daemon->tcp_fd, &daemon->tcp_guard, err);
}

/* Clients of the daemon before, who will not notice. */
static void
serve_taken(struct daemon *daemon)
{
	struct handover *taken = &daemon->own->taken;
	struct err err = ERR_INIT;

	while (taken->n_conns > 0) {
		int fd = taken->conns[--taken->n_conns];
		const struct http_guard *guard = is_tcp(fd)
						     ? &daemon->tcp_guard
						     : &daemon->unix_guard;

		if (http_server_serve(daemon->server, fd, fd, guard, &err) < 0)
			close(fd);
	}
}

static int
open_store(struct daemon *daemon, struct err *err)
{
	const char *data = daemon->config->data_dir ? daemon->config->data_dir
						    : daemon->places.state;
	AUTO_FREE char *root = path_join(data, "exec");
	struct exec_store_config config = {
		.loop = daemon->loop,
		.root = root,
		.runner = &daemon->runner.runner,
		.config = daemon->config,
		.on_remove = exec_api_forget,
		.owner = daemon,
	};

	runner_process_init(&daemon->runner, daemon->loop, &daemon->spawner);
	daemon->store = exec_store_new(&config, err);
	if (daemon->store == NULL)
		return -1;
	if (file_policy_init(&daemon->files, daemon->loop,
			     daemon->config->allowed_cwd_roots, data,
			     daemon->config->max_file_size, err) < 0)
		return -1;
	file_policy_init_own(&daemon->own_files, &daemon->files,
			     daemon->config->allowed_cwd_roots != NULL);
	return 0;
}

static void
open_sessions(struct daemon *daemon)
{
	struct sessions_config config = { .loop = daemon->loop,
					  .config = daemon->config,
					  .places = &daemon->places,
					  .roots = daemon->files.roots };

	daemon->sessions = sessions_new(&config);
}

static int
write_card(struct daemon *daemon, struct err *err)
{
	struct proc_id self = { 0 };
	struct living card = { .boot_id = (char *)(uintptr_t)proc_boot_id(),
			       .version = (char *)(uintptr_t)BERTH_VERSION,
			       .socket = daemon->places.socket,
			       .nonce = daemon->nonce };

	(void)proc_id_read(getpid(), &self);
	card.pid = self.pid;
	card.start = (int64_t)self.start;
	return living_write(daemon->places.state, &card, err);
}

/*
 * The runtime directory goes away when the last login of the user ends, while
 * daemons may live on: bind again, at the place that is right then.
 */
static void
on_runtime_change(uv_fs_event_t *watch, const char *name UNUSED,
		  int events UNUSED, int status UNUSED)
{
	struct daemon *daemon = watch->data;
	struct err err = ERR_INIT;
	struct stat st;

	if (daemon->is_stopping || lstat(daemon->places.socket, &st) == 0)
		return;
	(void)uv_fs_event_stop(watch);
	close(daemon->unix_fd);
	daemon->unix_fd = -1;
	places_fini(&daemon->places);
	if (make_places(daemon, &err) < 0 || listen_unix(daemon, &err) < 0 ||
	    write_card(daemon, &err) < 0) {
		log_error("daemon", "the socket is gone and cannot come back",
			  KV_ERR(&err));
		return;
	}
	log_warn("daemon", "the socket was removed; bound again",
		 KV_STR("socket", daemon->places.socket));
	(void)uv_fs_event_start(watch, on_runtime_change,
				daemon->places.runtime, 0);
}

static void
on_stop_signal(uv_signal_t *handle, int number)
{
	log_info("daemon", "stopping", KV_INT("signal", number));
	daemon_stop(handle->data);
}

/*
 * Without its spawner a daemon can start nothing, and it must not fork another:
 * too much would be inherited.  The next client, or systemd, starts anew.
 */
static void
on_spawner_end(uv_poll_t *watch, int status UNUSED, int events UNUSED)
{
	struct daemon *daemon = watch->data;

	(void)uv_poll_stop(watch);
	log_error("daemon", "stopping: the spawner was killed");
	daemon_stop(daemon);
}

static void
watch_spawner(struct daemon *daemon)
{
	struct daemon_own *own = daemon->own;
	uv_poll_t *watch = &own->spawner_watch;

	own->spawner_pidfd = (int)syscall(SYS_pidfd_open, daemon->spawner.pid,
					  0);
	if (own->spawner_pidfd < 0 ||
	    uv_poll_init(daemon->loop, watch, own->spawner_pidfd) < 0)
		return;
	watch->data = daemon;
	(void)uv_poll_start(watch, UV_READABLE, on_spawner_end);
}

static void
start_handles(struct daemon *daemon)
{
	struct daemon_own *own = daemon->own;

	(void)uv_signal_init(daemon->loop, &own->on_term);
	(void)uv_signal_init(daemon->loop, &own->on_int);
	(void)uv_timer_init(daemon->loop, &own->stop_look);
	(void)uv_fs_event_init(daemon->loop, &own->runtime_watch);
	own->on_term.data = own->on_int.data = daemon;
	own->stop_look.data = own->runtime_watch.data = daemon;
	(void)uv_signal_start(&own->on_term, on_stop_signal, SIGTERM);
	(void)uv_signal_start(&own->on_int, on_stop_signal, SIGINT);
	watch_spawner(daemon);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (!own->gave_away)
		(void)uv_fs_event_start(&own->runtime_watch, on_runtime_change,
					daemon->places.runtime, 0);
}

/* Pages between what is still used are not given back by themselves. */
static void
on_fewer_clients(void *owner UNUSED)
{
	(void)malloc_trim(0);
}

static int
come_up(struct daemon *daemon, const struct daemon_options *options,
	struct err *err)
{
	const char *listen = options->listen ? options->listen
					     : options->config->listen;
	struct http_server_config server = { .loop = daemon->loop,
					     .on_request = api_on_request,
					     .on_fewer = on_fewer_clients,
					     .owner = daemon,
					     .add_error = error_json_add };

	if (make_places(daemon, err) < 0)
		return -1;
	take_passed(daemon);
	if (take_lock(daemon, options->replace, err) < 0)
		return -1;
	raise_nofile();
	daemon->server = http_server_new(&server);
	if (listen_unix(daemon, err) < 0 ||
	    listen_tcp(daemon, listen, err) < 0 ||
	    open_store(daemon, err) < 0 || write_card(daemon, err) < 0)
		return -1;
	open_sessions(daemon);
	serve_taken(daemon);
	start_handles(daemon);
	return 0;
}

/* Going down */

/* Look until nobody is connected any more, or for long enough. */
static void
check_drained(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	if (http_server_n_conns(daemon->server) == 0 ||
	    clock_mono_ms() >= daemon->own->stop_at_ms)
		uv_stop(daemon->loop);
}

void
daemon_stop(struct daemon *daemon)
{
	struct daemon_own *own = daemon->own;

	if (daemon->is_stopping)
		return;
	daemon->is_stopping = true;
	notify_systemd("STOPPING=1");
	(void)uv_fs_event_stop(&own->runtime_watch);
	/* First the name: who comes now starts another daemon. */
	if (!own->gave_away)
		(void)unlink(daemon->places.socket);
	http_server_drain(daemon->server);
	own->stop_at_ms = clock_mono_ms() + STOP_MS;
	(void)uv_timer_start(&own->stop_look, check_drained, 0, STOP_LOOK_MS);
}

void
daemon_hand_over(struct daemon *daemon, int fd)
{
	struct handover handover = { .lock_fd = daemon->lock_fd,
				     .unix_fd = daemon->unix_fd,
				     .tcp_fd = daemon->tcp_fd };
	int sent;

	handover.n_conns = http_server_take_idle(daemon->server, handover.conns,
						 ARRAY_SIZE(handover.conns));
	sent = handover_send(fd, &handover);
	for (size_t i = 0; i < handover.n_conns; i++)
		close(handover.conns[i]);
	if (sent < 0) {
		log_error("daemon", "cannot hand over",
			  KV_STR("error", strerror(errno)));
		return;
	}
	log_info("daemon", "handed over");
	daemon->own->gave_away = true;
	daemon->has_successor = true;
	daemon_stop(daemon);
}

static void
close_handle(uv_handle_t *handle, void *arg UNUSED)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
go_down(struct daemon *daemon)
{
	/* The loop still turns: nobody may look at what is freed. */
	daemon->is_stopping = true;
	(void)uv_timer_stop(&daemon->own->stop_look);
	if (daemon->server)
		http_server_free(daemon->server);
	(void)uv_run(daemon->loop, UV_RUN_NOWAIT);
	exec_store_free(daemon->store);
	runner_process_fini(&daemon->runner);
	sessions_free(daemon->sessions);
	(void)uv_run(daemon->loop, UV_RUN_NOWAIT);
	stream_end_lingering();
	uv_walk(daemon->loop, close_handle, NULL);
	(void)uv_run(daemon->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(daemon->loop);
	spawner_stop(&daemon->spawner);
	file_policy_fini(&daemon->files);
	file_policy_fini(&daemon->own_files);
	/* The lock last: until here nobody else may touch the state. */
	fd_close(&daemon->own->spawner_pidfd);
	fd_close(&daemon->unix_fd);
	fd_close(&daemon->tcp_fd);
	fd_close(&daemon->lock_fd);
	free(daemon->tcp_name);
	places_fini(&daemon->places);
	free(daemon->own);
}

int
daemon_run(struct spawner *spawner, const struct daemon_options *options,
	   void (*on_ready)(const struct daemon *, void *owner), void *owner,
	   struct err *err)
{
	struct daemon daemon = { .config = options->config,
				 .lock_fd = -1,
				 .unix_fd = -1,
				 .tcp_fd = -1,
				 .spawner = *spawner,
				 .places = PLACES_INIT };
	uint8_t nonce[(NONCE_SIZE - 1) / 2];
	int rc;

	daemon.own = xcalloc(1, sizeof(*daemon.own));
	daemon.own->spawner_pidfd = -1;
	daemon.loop = &daemon.own->loop;
	(void)uv_loop_init(daemon.loop);
	rand_bytes(nonce, sizeof(nonce));
	hex_encode(daemon.nonce, nonce, sizeof(nonce));
	daemon.started_ns = clock_wall_ns();
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* Set, it stays: what a thousand readers took goes back to the system.
	 */
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, TRIM_BYTES);
	rc = come_up(&daemon, options, err);
	if (rc == 0) {
		log_info("daemon", "serving", KV_STR("version", BERTH_VERSION),
			 KV_STR("socket", daemon.places.socket),
			 KV_STR("listen", daemon.tcp_name),
			 KV_INT("execs", exec_store_len(daemon.store)));
		if (on_ready)
			on_ready(&daemon, owner);
		notify_systemd("READY=1");
		(void)uv_run(daemon.loop, UV_RUN_DEFAULT);
	}
	go_down(&daemon);
	return rc;
}
