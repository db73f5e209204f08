/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_JSON_H
#define BERTH_CLIENT_EXEC_JSON_H

/*
 * Execs as JSON: requests out, answers in.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct exec_spec;

/* What an answer says; members that are not in it hold what INIT says. */
struct exec_result {
	char *exec_id;
	char *status; /* "running", "finished" */
	char *state;  /* "exited", "timeout" ...; NULL from codexd */
	char *cmd, *cwd, *shell, *key, *project_id, *ref;
	char **argv, **labels, **artifacts;
	char *started_at, *finished_at;
	char *signal, *reason, *error, *warning, *runner;
	int64_t exit_code; /* -1: none */
	int64_t pid;
	uint64_t duration_ms, cpu_user_ms, cpu_system_ms;
	int64_t max_rss, stdout_bytes, stderr_bytes, lost_bytes;
	bool output_open, tty, existing;
};

#define EXEC_RESULT_INIT                                                       \
	{                                                                      \
		.exit_code = -1                                                \
	}

/* The body of a start request. */
int exec_spec_encode(const struct exec_spec *spec, struct buf *out);

/* A result object, an answer to a start, or an event.  ERR_PROTO. */
int exec_result_decode(const void *text, size_t n, struct exec_result *ret,
		       struct err *err);
void exec_result_fini(struct exec_result *result);

bool exec_result_is_finished(const struct exec_result *result);

/* What is shown of a command: its line, or its words. */
void exec_result_line(const struct exec_result *result, struct buf *out);

struct exec_results {
	struct exec_result *items;
	size_t n;
	int64_t total;
};

/* {"execs":[...],"total":N} */
int exec_results_decode(const void *text, size_t n, struct exec_results *ret,
			struct err *err);
void exec_results_fini(struct exec_results *results);

/* A line of a JSONL stream. */
enum exec_event_type {
	EXEC_EVENT_STARTED,
	EXEC_EVENT_LOG,
	EXEC_EVENT_GAP,
	EXEC_EVENT_FINISHED,
	EXEC_EVENT_OTHER,
};

struct exec_event {
	enum exec_event_type type;
	unsigned stream; /* 0: stdout, 1: stderr */
	int64_t offset;	 /* -1: codexd does not say */
	int64_t length;
	char *line; /* log: text, or the exact bytes */
	size_t n_line;
	bool is_partial; /* the line goes on in the next event */
	char *reason;	 /* gap */
};

/* ERR_PROTO if it is no event. */
int exec_event_decode(const char *line, size_t n, struct exec_event *ret,
		      struct err *err);
void exec_event_fini(struct exec_event *event);

/* The number of bytes taken, of an answer to a write. */
int exec_taken_decode(const void *text, size_t n, uint64_t *ret,
		      struct err *err);

/* {"canceled":true} or false. */
int exec_cancelled_decode(const void *text, size_t n, bool *ret,
			  struct err *err);

static inline void
auto_exec_result(struct exec_result *result)
{
	exec_result_fini(result);
}

#define AUTO_EXEC_RESULT                                                       \
	__attribute__((cleanup(auto_exec_result))) struct exec_result

static inline void
auto_exec_results(struct exec_results *results)
{
	exec_results_fini(results);
}

#define AUTO_EXEC_RESULTS                                                      \
	__attribute__((cleanup(auto_exec_results))) struct exec_results

static inline void
auto_exec_event(struct exec_event *event)
{
	exec_event_fini(event);
}

#define AUTO_EXEC_EVENT                                                        \
	__attribute__((cleanup(auto_exec_event))) struct exec_event

#endif
