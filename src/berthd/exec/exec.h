/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_EXEC_H
#define BERTHD_EXEC_EXEC_H

/*
 * One exec as the daemon knows it: a small entry that stands for a directory.
 *
 * The directory is the truth; an entry can be thrown away and read again.
 * While its holder lives the entry has a run, through which the holder tells
 * what changes.  Whoever wants to know attaches a watch.
 */

#include <stdbool.h>
#include <stdint.h>

#include "berthd/exec/state.h"
#include "core/list.h"
#include "core/rand.h"

struct exec;
struct launch;
struct run;
struct runner;
struct spec;

/*
 * Called after every change, from the loop; watches may be attached and
 * detached inside.  `why' is set when the start failed: the exec is about to
 * disappear.
 */
struct exec_watch {
	struct list link;
	void (*on_change)(struct exec_watch *, const struct err *why);
};

struct exec {
	char id[ID_SIZE];
	char *dir; /* its directory */
	enum exec_state_kind kind;
	bool is_acknowledged; /* durable, and a holder has spoken */
	uint64_t created_ns, started_ns, finished_ns;
	int64_t exit_code, signal;
	char *summary; /* the command on one line */
	char *key, *fingerprint;
	char **labels;
	bool has_stdin, has_tty;
	uint64_t bytes;		   /* output, once it ended */
	uint64_t in_taken, n_acks; /* input, and how often that was told */
	bool in_closed, is_input_known;
	bool output_open; /* background children hold it, after the end */
	struct run *run;
	struct runner *runner;
	struct list watches;
	void *log;   /* its log source while somebody reads; exec_api's */
	void *input; /* the request that brings input; exec_api's too */
	void *owner; /* the store */
};

/* What the owner, the store, wants to know. */
struct exec_events {
	void (*on_end)(struct exec *, void *owner);
	/* Nothing was started; the owner removes the entry and its remains. */
	void (*on_refused)(struct exec *, void *owner);
};

struct exec *exec_new(const char *root, const char *id, struct runner *runner,
		      const struct exec_events *events, void *owner);

/* Hear no more of its holder; the command is not touched. */
void exec_leave(struct exec *exec);

/* Leave it too. */
void exec_free(struct exec *exec);

/* Take over what a list shows of the spec. */
void exec_describe(struct exec *exec, const struct spec *spec);

/* Start it as `launch' says. */
int exec_start(struct exec *exec, const struct launch *launch, struct err *err);

/*
 * Read the directory of an entry that was not started by us, and find its
 * holder or declare it lost.  ERR_NOT_FOUND: its command was never started,
 * and nobody was told that it was.
 */
int exec_load(struct exec *exec, struct err *err);

/* Its directory, opened; -1 with err.  The caller closes. */
int exec_open_dir(const struct exec *exec, struct err *err);

bool exec_is_ended(const struct exec *exec);

void exec_watch_add(struct exec *exec, struct exec_watch *watch);
void exec_watch_remove(struct exec_watch *watch);

#endif
