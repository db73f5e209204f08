/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_H
#define BERTH_CLIENT_EXEC_H

/*
 * Execs of a machine: start, look, stop.  Output is read by exec_stream.h.
 *
 * Answers come as the daemon's JSON, which goes to users unchanged; what is
 * needed of it here is decoded by exec_json.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct client;

/* An answer about one exec; larger than any. */
#define EXEC_MAX_ANSWER (8u << 20)
/* A list of all of them. */
#define EXEC_MAX_LIST (256u << 20)

/* What is to run.  All borrowed; NULL and 0 are "not said". */
struct exec_spec {
	const char *cmd; /* one of these three */
	char *const *argv;
	const char *script;
	char *const *script_args;
	const char *cwd;
	char *const *env; /* NAME=VALUE */
	const char *shell;
	const char *project_id, *ref;
	bool tty;
	uint64_t cols, rows;
	bool stdin_open;
	uint64_t timeout_ms, grace_ms;
	const char *key;
	char *const *labels; /* NAME=VALUE */
	char *const *artifacts;
	uint64_t nice;
	uint64_t limit_memory, limit_procs, limit_output;
	const char *limit_cpu;
};

/* Which execs to list. */
struct exec_filter {
	const char *state; /* "running", "finished" */
	const char *before;
	const char *label; /* NAME=VALUE */
	const char *text;
	uint64_t limit; /* 0: all */
};

/* A name for one request, to be its idempotency key. */
#define EXEC_KEY_SIZE 40
void exec_key_new(char out[EXEC_KEY_SIZE]);

/*
 * Start `spec', which has a key.  When the answer is lost the request is
 * repeated: the key makes sure that nothing starts twice.
 */
int exec_start(struct client *client, const struct exec_spec *spec,
	       struct buf *answer, struct err *err);

/* The result object.  ERR_NOT_FOUND. */
int exec_get(struct client *client, const char *id, struct buf *answer,
	     struct err *err);

/*
 * The result object once it is finished, or when `timeout_ms' are over (0:
 * never); *ret_finished says which.
 */
int exec_wait(struct client *client, const char *id, uint64_t timeout_ms,
	      struct buf *answer, bool *ret_finished, struct err *err);

/* All of its standard output, as far as it is text of `out->max' bytes. */
int exec_text(struct client *client, const char *id, struct buf *out,
	      struct err *err);

int exec_list(struct client *client, const struct exec_filter *filter,
	      struct buf *answer, struct err *err);

/* `signal' and `grace_ms' may be NULL and 0: as the exec was started. */
int exec_cancel(struct client *client, const char *id, const char *signal,
		uint64_t grace_ms, struct buf *answer, struct err *err);
int exec_signal(struct client *client, const char *id, const char *signal,
		struct err *err);
int exec_resize(struct client *client, const char *id, uint64_t cols,
		uint64_t rows, struct err *err);

/* Remove a finished exec; ERR_CONFLICT if it runs. */
int exec_remove(struct client *client, const char *id, struct err *err);

/*
 * Bytes for the standard input, behind those it has; waits until they are
 * taken.  *ret_taken counts all it has now.  ERR_CONFLICT: it reads no more.
 */
int exec_write(struct client *client, const char *id, const struct buf *bytes,
	       bool eof, uint64_t *ret_taken, struct err *err);

#endif
