/* SPDX-License-Identifier: ISC */

/*
 * bootstrap [-i] [-u] [-d] [-k] COMMAND...
 *
 * Brings a daemon up through a login shell that COMMAND reaches, such as `ssh
 * -F FILE HOST', and says on standard output what happens, a line each: stage
 * NAME, done with a line NAME=VALUE per member, or failed STAGE CODE: TEXT and
 * what was seen.
 *
 *	-i	may install
 *	-u	may upgrade
 *	-d	down instead of up
 *	-k	stay while the daemon needs the login
 */

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/macros.h"
#include "link/bootstrap.h"
#include "machine/machine.h"
#include "tests/tools/shell_transport.h"
#include "wire/errors.h"

static int status = 99;
static bool stays;

static void
on_stage(struct bootstrap *b UNUSED, const char *stage, void *owner UNUSED)
{
	printf("stage %s\n", stage);
	fflush(stdout);
}

static void
on_progress(struct bootstrap *b UNUSED, uint64_t done, uint64_t total,
	    void *owner UNUSED)
{
	if (done == total)
		printf("sent %llu\n", (unsigned long long)total);
}

static void
on_done(struct bootstrap *b, const struct bootstrap_result *r,
	void *owner UNUSED)
{
	printf(
	    "home=%s\nprogram=%s\nsocket=%s\nversion=%s\nhost_id=%s\nnonce=%s\n"
	    "life=%s\nmachine=%s\nuid=%lld\napi=%lld\ninstalled=%d\n"
	    "upgraded=%d\nkeeps=%d\ndone\n",
	    r->home ? r->home : "", r->program ? r->program : "",
	    r->socket ? r->socket : "", r->version ? r->version : "",
	    r->host_id ? r->host_id : "", r->nonce ? r->nonce : "",
	    r->life ? r->life : "", r->machine ? r->machine : "",
	    (long long)r->uid, (long long)r->api, r->was_installed,
	    r->was_upgraded, r->keeps_channel);
	fflush(stdout);
	status = 0;
	if (!stays || !r->keeps_channel)
		bootstrap_cancel(b);
}

static void
on_fail(struct bootstrap *b, const struct err *err, const char *stage,
	const char *seen, void *owner UNUSED)
{
	printf("failed %s %s: %s\nhint=%s\nseen=%s\n", stage,
	       error_row(err->code)->word, err->msg, err->hint, seen);
	status = 1;
	bootstrap_cancel(b);
}

static const struct bootstrap_events events = {
	.on_stage = on_stage,
	.on_progress = on_progress,
	.on_done = on_done,
	.on_fail = on_fail,
};

int
main(int argc, char **argv)
{
	static char name[] = "there";
	struct machine machine = { .name = name };
	struct bootstrap_config config = { .machine = &machine };
	struct transport *transport;
	struct err err = ERR_INIT;
	int option;
	uv_loop_t loop;

	while ((option = getopt(argc, argv, "+iudk")) != -1) {
		config.may_install |= option == 'i';
		config.may_upgrade |= option == 'u';
		stays |= option == 'k';
		if (option == 'd')
			config.goal = BOOTSTRAP_DOWN;
	}
	(void)uv_loop_init(&loop);
	config.loop = &loop;
	transport = shell_transport_new(&loop, argv + optind, NULL);
	if (bootstrap_start(transport, &config, &events, NULL, &err) == NULL) {
		fprintf(stderr, "bootstrap: %s\n", err.msg);
		return 2;
	}
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	shell_transport_free(transport);
	(void)uv_loop_close(&loop);
	return status;
}
