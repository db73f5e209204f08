/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_DAEMON_H
#define BERTHD_DAEMON_H

/*
 * The daemon of this user on this host: what it owns, from its start to its
 * end or to the handover to another.
 *
 * It owns the loop, the lock, the listeners, the index of execs, and nothing
 * that must outlive it.  daemon_run returns when it was asked to stop and its
 * last answers are out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "berthd/config.h"
#include "berthd/exec/runner_process.h"
#include "berthd/exec/spawner.h"
#include "berthd/file/policy.h"
#include "core/err.h"
#include "http/server.h"
#include "wire/places.h"

struct exec_store;
struct sessions;
struct uv_loop_s;

/* Which listener a request came by: the tag of its guard. */
enum listener { LISTENER_UNIX, LISTENER_TCP };

/* Start latencies, counted by the upper bounds in api_daemon.c. */
#define LATENCY_BUCKETS 10

struct daemon_stats {
	uint64_t requests, refused;
	uint64_t starts;
	uint64_t start_ms_total;
	uint64_t start_ms[LATENCY_BUCKETS + 1];
	uint64_t bytes_out, bytes_err;
};

struct daemon_options {
	const struct config *config;
	const char *listen; /* on top of the configuration; NULL: as there */
	bool replace;	    /* take over from a daemon that runs */
};

#define NONCE_SIZE 33

struct daemon {
	struct uv_loop_s *loop;
	struct places places;
	const struct config *config;
	int lock_fd;
	int unix_fd, tcp_fd; /* duplicates of what the server listens on */
	char *tcp_name;	     /* "127.0.0.1:7337"; NULL: none */
	const char *tcp_hosts[5];
	struct http_guard unix_guard, tcp_guard;
	struct http_server *server;
	struct spawner spawner;
	struct runner_process runner;
	struct exec_store *store;
	struct sessions *sessions;
	struct file_policy files, own_files;
	struct daemon_stats stats;
	uint64_t started_ns;
	char nonce[NONCE_SIZE];
	bool is_stopping;
	bool has_successor;	/* it serves these sockets and execs now */
	struct daemon_own *own; /* handles, private to daemon.c */
};

/*
 * Serve until stopped.  `spawner' was started before; it is taken.  Readiness
 * is told through on_ready, which may be NULL.
 */
int daemon_run(struct spawner *spawner, const struct daemon_options *options,
	       void (*on_ready)(const struct daemon *, void *owner),
	       void *owner, struct err *err);

/* Finish what is being answered, then end; execs go on. */
void daemon_stop(struct daemon *daemon);

/* Give listeners and lock to a successor at `fd', which is borrowed; stop. */
void daemon_hand_over(struct daemon *daemon, int fd);

#endif
