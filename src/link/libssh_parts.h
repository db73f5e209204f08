/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_LIBSSH_PARTS_H
#define BERTH_LINK_LIBSSH_PARTS_H

/*
 * What the parts of the libssh transport share: the session, its way in
 * (libssh_auth.c), the machine's key (libssh_hostkey.c) and its channels
 * (libssh_channel.c).  Nobody else includes this.
 *
 * Callbacks of libssh only make notes; the owner is called from session_turn
 * alone, outside of libssh.  So nothing of ours runs inside of a call into it,
 * and any callback of an owner may close or free anything.
 */

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/list.h"
#include "link/askpass.h"
#include "link/ssh_report.h"
#include "link/transport.h"
#include "machine/resolve.h"

#define MAX_KEYS 32

/* The functions of libssh that are used; loaded on first use. */
#define LIBSSH_FUNCTIONS(X)                                                    \
	X(ssh_add_channel_callbacks)                                           \
	X(ssh_channel_cancel_forward)                                          \
	X(ssh_channel_change_pty_size)                                         \
	X(ssh_channel_free)                                                    \
	X(ssh_channel_is_open)                                                 \
	X(ssh_channel_new)                                                     \
	X(ssh_channel_open_forward)                                            \
	X(ssh_channel_open_forward_unix)                                       \
	X(ssh_channel_open_session)                                            \
	X(ssh_channel_read_nonblocking)                                        \
	X(ssh_channel_request_exec)                                            \
	X(ssh_channel_request_pty_size)                                        \
	X(ssh_channel_request_send_signal)                                     \
	X(ssh_channel_request_subsystem)                                       \
	X(ssh_channel_send_eof)                                                \
	X(ssh_channel_window_size)                                             \
	X(ssh_channel_write)                                                   \
	X(ssh_connect)                                                         \
	X(ssh_disconnect)                                                      \
	X(ssh_event_add_session)                                               \
	X(ssh_event_dopoll)                                                    \
	X(ssh_event_free)                                                      \
	X(ssh_event_new)                                                       \
	X(ssh_event_remove_session)                                            \
	X(ssh_free)                                                            \
	X(ssh_get_error)                                                       \
	X(ssh_get_poll_flags)                                                  \
	X(ssh_get_server_publickey)                                            \
	X(ssh_get_status)                                                      \
	X(ssh_is_connected)                                                    \
	X(ssh_key_free)                                                        \
	X(ssh_new)                                                             \
	X(ssh_options_set)                                                     \
	X(ssh_pki_copy_cert_to_privkey)                                        \
	X(ssh_pki_export_pubkey_base64)                                        \
	X(ssh_pki_import_cert_file)                                            \
	X(ssh_pki_import_privkey_file)                                         \
	X(ssh_pki_import_pubkey_file)                                          \
	X(ssh_remove_channel_callbacks)                                        \
	X(ssh_set_blocking)                                                    \
	X(ssh_string_free_char)                                                \
	X(ssh_userauth_agent)                                                  \
	X(ssh_userauth_kbdint)                                                 \
	X(ssh_userauth_kbdint_getnprompts)                                     \
	X(ssh_userauth_kbdint_getprompt)                                       \
	X(ssh_userauth_kbdint_setanswer)                                       \
	X(ssh_userauth_list)                                                   \
	X(ssh_userauth_none)                                                   \
	X(ssh_userauth_password)                                               \
	X(ssh_userauth_publickey)                                              \
	X(ssh_userauth_try_publickey)

struct libssh {
#define LIBSSH_MEMBER(name) __typeof__(name) *name;
	LIBSSH_FUNCTIONS(LIBSSH_MEMBER)
#undef LIBSSH_MEMBER
};

/* --- libssh_load.c --- */
/* All NULL until libssh_load has succeeded. */
extern struct libssh libssh;

/* ERR_UNSUPPORTED: it is not installed, or too old. */
int libssh_load(struct err *err);

enum session_state {
	SESSION_RESOLVING, /* ssh -G */
	SESSION_LOOKING,   /* the host's addresses */
	SESSION_DIALLING,
	SESSION_SHAKING, /* keys are exchanged */
	SESSION_ASKING,	 /* whether the machine's key is right */
	SESSION_ENTERING,
	SESSION_UP,
	SESSION_DOWN,
};

/* One key file. */
struct ssh_way {
	char *path;
	ssh_key key;		/* private */
	ssh_key certified;	/* the same, with its certificate */
	bool is_tried;		/* the machine would take it */
	unsigned n_passphrases; /* that were wrong */
};

enum ssh_auth_step {
	AUTH_STEP_NONE, /* what does the machine take? */
	AUTH_STEP_AGENT,
	AUTH_STEP_KEYS,
	AUTH_STEP_CODES,
	AUTH_STEP_PASSWORD,
	AUTH_STEP_LAST,
};

struct ssh_auth {
	enum ssh_auth_step order[AUTH_STEP_LAST + 1];
	size_t at; /* in the order */
	int methods;
	struct ssh_way keys[MAX_KEYS];
	size_t n_keys, key; /* how many; the one that is tried */
	unsigned n_failed;  /* answers to the present method */
	int prompt;	    /* of keyboard-interactive; -1: none is open */
	bool is_asking;
	char *answer; /* to be used; wiped */
};

struct session {
	struct transport base;
	struct transport_config config;
	enum session_state state;
	enum ssh_stage stage;
	struct resolved resolved;
	char *host; /* as known_hosts has it */

	struct ssh_config *asked;
	struct lookup *lookup;
	struct dial *dial;
	struct err why; /* if nobody answers a prompt */

	int fd;	      /* ours */
	int their_fd; /* a duplicate; libssh may close it any time */
	ssh_session ssh;
	ssh_event event;
	struct ssh_auth auth;
	char *key_type, *key; /* of the machine, until it is known */
	bool is_cancelled;    /* nobody answers */
	char *answer;	      /* to the last prompt; wiped */

	struct list channels, ready, opening, writers;
	struct list dead; /* closed, to be freed when nobody stands on them */

	void (*on_pong)(void *owner, uint64_t us);
	uint64_t pinged_ns;
	bool is_pinging;
	unsigned n_silent; /* keep-alives without an answer */

	uv_poll_t poll;
	uv_timer_t timer, alive;
	uv_idle_t later;
	unsigned n_handles;
	bool has_poll, is_freed;
};

/* Do what can be done, from the loop, soon. */
void session_kick(struct session *s);

/* It ends; told from the loop. */
void session_fail(struct session *s, const struct err *why);

/* The session broke, in libssh's words. */
void session_broken(struct session *s, struct err *err);

void session_stage(struct session *s, enum ssh_stage stage);

/* Ask; the answer is in `answer' when the session turns next. */
void session_ask(struct session *s, const struct prompt *prompt,
		 const struct err *if_nobody);
void session_wipe_answer(struct session *s);

/* What to do about what libssh cannot; -1. */
int session_hint_openssh(const struct session *s, struct err *err);

/* A path of the configuration, with "~/" and percent signs; freed by caller. */
char *session_path(const struct session *s, const char *path);

/* The socket is connected. */
void session_shake_hands(struct session *s);

/* --- libssh_way.c --- */
/* 1: ssh is asked for its configuration, and then it goes on; 0: there is no
 * ssh, and the machine's own row counts; -1. */
int way_ask(struct session *s, struct err *err);
/* The configuration is there: go on to session_shake_hands, or fail. */
void way_go(struct session *s);

/* --- libssh_hostkey.c ---
 * 1: it is the known one; 0: somebody is asked; -1: it is not to be trusted. */
int hostkey_check(struct session *s, struct err *err);
/* The answer has come; 1 or -1. */
int hostkey_answered(struct session *s, struct err *err);
/* Ask for keys that we could recognise. */
void hostkey_prefer_known(struct session *s);

/* --- libssh_auth.c ---
 * 1: we are in; 0: not yet; -1. */
void auth_init(struct session *s);
int auth_step(struct session *s, struct err *err);
void auth_fini(struct session *s);

/* --- libssh_channel.c --- */
struct channel *libssh_open(struct transport *, const struct channel_spec *,
			    const struct channel_events *, void *owner,
			    struct err *err);
bool libssh_write(struct channel *, const void *bytes, size_t n);
void libssh_write_end(struct channel *);
void libssh_pause(struct channel *);
void libssh_resume(struct channel *);
void libssh_resize(struct channel *, uint16_t cols, uint16_t rows);
void libssh_signal(struct channel *, const char *name);
void libssh_close(struct channel *);

/* All that can be done for channels without waiting. */
void channels_turn(struct session *s);
/* All of them end with `why', or without a word. */
void channels_end(struct session *s, const struct err *why);
/* Those nobody stands on any more. */
void channels_bury(struct session *s);

#endif
