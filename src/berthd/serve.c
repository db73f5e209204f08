/* SPDX-License-Identifier: ISC */

/*
 * `berthd serve'; see serve.h.
 */

#include <stdio.h>
#include <unistd.h>

#include "berthd/daemon.h"
#include "berthd/exec/cgroup.h"
#include "berthd/serve.h"
#include "core/detach.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "wire/living.h"
#include "wire/places.h"

/* Until a detached daemon serves; it may have 100,000 execs to read. */
#define START_DEADLINE_MS 30000

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
		detach_say_ready(fd);
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

/* In the background */

static int
open_log(void *owner UNUSED, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_FREE char *path = NULL;

	if (places_find(&places, err) < 0 ||
	    fs_mkdir_private(places.state, err) < 0)
		return -1;
	path = path_join(places.state, "berthd.log");
	return detach_open_log(path, MAX_LOG, err);
}

static bool
is_served(void *owner)
{
	const struct serve_options *options = owner;
	AUTO_PLACES places = PLACES_INIT;
	AUTO_LIVING living = { 0 };
	AUTO_CLOSE int fd = -1;
	struct err err = ERR_INIT;

	if (options->replace || places_find(&places, &err) < 0)
		return false;
	fd = sock_connect_unix(places.socket, &err);
	if (fd < 0 && living_read(places.state, &living, &err) == 0)
		fd = sock_connect_unix(living.socket, &err);
	return fd >= 0 && detach_does_answer(fd, "/health", START_DEADLINE_MS);
}

static int
serve_detached(void *owner, int ready_fd, struct err *err)
{
	int rc = serve(owner, ready_fd, err);

	if (rc < 0)
		log_error("daemon", "cannot serve", KV_ERR(err));
	return rc;
}

static const struct detach_ops detach_ops = {
	.what = "the daemon",
	.deadline_ms = START_DEADLINE_MS,
	.open_log = open_log,
	.is_served = is_served,
	.serve = serve_detached,
};

int
serve_ensure(struct err *err)
{
	struct serve_options options = { .detach = true };

	return detach_ensure(&detach_ops, &options, err);
}

int
serve_run(const struct serve_options *options, struct err *err)
{
	struct serve_options own = *options;

	return options->detach ? detach_ensure(&detach_ops, &own, err)
			       : serve(options, -1, err);
}
