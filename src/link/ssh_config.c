/* SPDX-License-Identifier: ISC */

/* `ssh -G' as a child; see ssh_config.h. */

#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"
#include "machine/machine.h"
#include "machine/resolve.h"
#include "link/child.h"
#include "link/ssh_config.h"
#include "link/ssh_report.h"

#define MAX_OUTPUT (1u << 20)

struct ssh_config {
	char *machine;
	struct child *child;
	struct buf out;
	struct ssh_report report;
	ssh_config_done_fn *done;
	void *owner;
};

static void
on_line(struct child *child UNUSED, int fd, const char *line, size_t n,
	void *owner)
{
	struct ssh_config *config = owner;

	if (fd == STDERR_FILENO) {
		ssh_report_add(&config->report, line, n);
		return;
	}
	(void)buf_add(&config->out, line, n);
	(void)buf_addc(&config->out, '\n');
}

static int
read_answer(const struct ssh_config *config, int status, struct resolved *ret,
	    struct err *err)
{
	if (status == 0)
		return resolve_decode(buf_text(&config->out), config->out.len,
				      ret, err);
	ssh_report_error(&config->report, config->machine, NULL, err);
	/* It has not tried to connect: trying again is no use. */
	if (err->code == ERR_UNREACHABLE)
		err->code = ERR_CONFIG;
	return -1;
}

static void
on_exit_of(struct child *child UNUSED, int status, void *owner)
{
	struct ssh_config *config = owner;
	AUTO_RESOLVED resolved = { .hostname = NULL };
	struct err err = ERR_INIT;

	child_free(TAKE(config->child));
	if (read_answer(config, status, &resolved, &err) < 0)
		config->done(NULL, &err, config->owner);
	else
		config->done(&resolved, NULL, config->owner);
}

static const struct child_events child_events = {
	.on_line = on_line,
	.on_exit = on_exit_of,
};

struct ssh_config *
ssh_config_ask(struct uv_loop_s *loop, const struct machine *machine,
	       ssh_config_done_fn *done, void *owner, struct err *err)
{
	struct ssh_config *config;
	AUTO_STRV char **argv = NULL;

	strv_add(&argv, "ssh");
	strv_add(&argv, "-G");
	if (resolve_add_destination(machine, &argv, err) < 0)
		return NULL;
	config = xcalloc(1, sizeof(*config));
	config->machine = xstrdup(machine->name);
	config->done = done;
	config->owner = owner;
	buf_init(&config->out, MAX_OUTPUT);
	ssh_report_init(&config->report);
	config->child = child_new(loop, argv, environ, &child_events, config,
				  err);
	if (config->child)
		return config;
	ssh_config_free(config);
	return NULL;
}

void
ssh_config_free(struct ssh_config *config)
{
	if (config == NULL)
		return;
	child_free(config->child);
	buf_fini(&config->out);
	free(config->machine);
	free(config);
}
