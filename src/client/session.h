/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_SESSION_H
#define BERTH_CLIENT_SESSION_H

/*
 * Sessions of a machine: all but looking at them live, which is
 * session_attach.h.
 *
 * Answers come as the daemon's JSON, which goes to users unchanged; what is
 * needed of it here is in struct session_info.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct client;

#define SESSION_MAX_ANSWER (64u << 20)

/* What is to be there.  All borrowed; NULL and 0 are "not said". */
struct session_spec {
	const char *name;
	const char *profile; /* or a command of its own: */
	char *const *argv;
	const char *cwd;
	char *const *env; /* NAME=VALUE */
	uint64_t cols, rows;
};

/* What an answer says of a session. */
struct session_info {
	char *name;
	char *state;  /* "running", "ended" */
	char *reason; /* "exited", "signalled", "lost", "rebooted" */
	char *profile;
	char **argv;
	char *cwd;
	char *title;
	char *created_at, *active_at, *ended_at;
	int64_t exit_code; /* -1: none */
	int64_t signal;
	int64_t viewers;
	int64_t cols, rows;
	bool existing;
	char *outcome; /* of a wait */
};

void session_info_fini(struct session_info *info);
int session_info_decode(const void *text, size_t n, struct session_info *ret,
			struct err *err);
bool session_info_is_ended(const struct session_info *info);

struct session_infos {
	struct session_info *items;
	size_t n;
};
int session_infos_decode(const void *text, size_t n, struct session_infos *ret,
			 struct err *err);
void session_infos_fini(struct session_infos *infos);

/*
 * Have it: start it, or find that it runs.  Repeated when the answer is lost;
 * the agent starts once.
 */
int session_new(struct client *client, const struct session_spec *spec,
		struct buf *answer, struct err *err);
int session_list(struct client *client, struct buf *answer, struct err *err);
int session_get(struct client *client, const char *name, struct buf *answer,
		struct err *err);

/* Type: a text (may be NULL), then keys by name. */
struct session_typing {
	const char *text;
	char *const *keys;
	bool paste;
};
int session_send(struct client *client, const char *name,
		 const struct session_typing *typing, struct err *err);

/* `lines' of the history above the screen: NULL, a number, "all". */
struct session_view {
	const char *lines;
	bool is_ansi, joins;
};
int session_capture(struct client *client, const char *name,
		    const struct session_view *view, struct buf *out,
		    struct err *err);

/* One of the three is waited for. */
struct session_wish {
	bool until_ended;
	const char *pattern, *regex;
	uint64_t quiet_ms;   /* 0: as the daemon likes */
	uint64_t timeout_ms; /* 0: none */
};
int session_wait(struct client *client, const char *name,
		 const struct session_wish *wish, struct buf *answer,
		 struct err *err);

/* `grace_ms' UINT64_MAX: as the daemon likes. */
int session_kill(struct client *client, const char *name, uint64_t grace_ms,
		 struct err *err);
int session_rename(struct client *client, const char *name, const char *to,
		   struct err *err);

static inline void
auto_session_info(struct session_info *info)
{
	session_info_fini(info);
}

#define AUTO_SESSION_INFO                                                      \
	__attribute__((cleanup(auto_session_info))) struct session_info
#define SESSION_INFO_INIT                                                      \
	{                                                                      \
		.exit_code = -1                                                \
	}

static inline void
auto_session_infos(struct session_infos *infos)
{
	session_infos_fini(infos);
}

#define AUTO_SESSION_INFOS                                                     \
	__attribute__((cleanup(auto_session_infos))) struct session_infos

#endif
