/* SPDX-License-Identifier: ISC */

/* `getent ahosts' as a child; see lookup.h. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/strv.h"
#include "link/child.h"
#include "link/lookup.h"

/* More than anybody would wait for. */
#define MAX_ADDRESSES 16

struct lookup {
	char *host;
	char **addresses;
	struct child *child;
	lookup_done_fn *done;
	void *owner;
};

/* "192.0.2.1      STREAM name" */
static void
on_line(struct child *child UNUSED, int fd, const char *line, size_t n,
	void *owner)
{
	struct lookup *lookup = owner;
	AUTO_FREE char *text = xstrndup(line, n);

	if (fd != STDOUT_FILENO || strstr(text, "STREAM") == NULL ||
	    strv_len(lookup->addresses) >= MAX_ADDRESSES)
		return;
	text[strcspn(text, " \t")] = '\0';
	strv_add(&lookup->addresses, text);
}

static void
on_exit_of(struct child *child UNUSED, int status UNUSED, void *owner)
{
	struct lookup *lookup = owner;
	struct err err = ERR_INIT;

	child_free(TAKE(lookup->child));
	if (lookup->addresses) {
		lookup->done(lookup->addresses, NULL, lookup->owner);
		return;
	}
	err_set(&err, ERR_UNREACHABLE, "Could not resolve hostname %s",
		lookup->host);
	lookup->done(NULL, &err, lookup->owner);
}

static const struct child_events child_events = {
	.on_line = on_line,
	.on_exit = on_exit_of,
};

struct lookup *
lookup_new(struct uv_loop_s *loop, const char *host, lookup_done_fn *done,
	   void *owner, struct err *err)
{
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));
	AUTO_STRV char **argv = NULL;

	strv_add(&argv, "getent");
	strv_add(&argv, "ahosts");
	strv_add(&argv, host);
	lookup->host = xstrdup(host);
	lookup->done = done;
	lookup->owner = owner;
	lookup->child = child_new(loop, argv, environ, &child_events, lookup,
				  err);
	if (lookup->child)
		return lookup;
	lookup_free(lookup);
	return NULL;
}

void
lookup_free(struct lookup *lookup)
{
	if (lookup == NULL)
		return;
	child_free(lookup->child);
	strv_free(lookup->addresses);
	free(lookup->host);
	free(lookup);
}
