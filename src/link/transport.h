/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_TRANSPORT_H
#define BERTH_LINK_TRANSPORT_H

/*
 * One connection to a machine, and the channels in it, whatever carries them.
 *
 * A transport is an implementation of this interface: a process of this host
 * (local), the system's ssh with our own client of its multiplexing protocol
 * (openssh), libssh in this process (libssh).  All pass one conformance suite.
 * The link is the only user.
 *
 * A transport connects once: up or down is told once each, and after `on_down'
 * it is good for nothing but freeing.  Trying again is the link's business.
 * All channels of a transport that goes down get their `on_close' first.
 *
 * Nothing here calls back from inside a function of this header.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/macros.h"

struct channel;
struct machine;
struct transport;
struct uv_loop_s;

/* What somebody has to answer before the connection can go on. */
enum prompt_kind {
	PROMPT_HOST_KEY, /* unknown host key: "yes" takes it */
	PROMPT_PASSWORD,
	PROMPT_PASSPHRASE,
	PROMPT_CODE,	/* keyboard-interactive: anything else it asks */
	PROMPT_CONFIRM, /* yes or no; a security key that wants a touch */
};

struct prompt {
	enum prompt_kind kind;
	const char *text; /* as the other side or ssh wrote it, made visible */
	const char *fingerprint; /* of PROMPT_HOST_KEY, if known; or NULL */
	bool echo;
	bool is_notice; /* needs no answer: a security key waits for a touch */
};

/*
 * Unanswered signs of life after which a transport gives up by itself.  Who
 * asks more often than it takes a slow line to answer leaves that to the link,
 * which knows what is on its way.
 */
#define TRANSPORT_SILENT_MS 30000
static inline unsigned
transport_max_silent(uint64_t keep_alive_ms)
{
	return (unsigned)MAX(TRANSPORT_SILENT_MS / keep_alive_ms, 3u);
}

struct transport_events {
	/* "resolve", "connect", "host_key", "auth", "shell": the last reached.
	 */
	void (*on_stage)(struct transport *, const char *stage, void *owner);

	/* Answer by transport_answer, at once or later. */
	void (*on_prompt)(struct transport *, const struct prompt *,
			  void *owner);

	void (*on_up)(struct transport *, void *owner);

	/*
	 * It is gone, and nothing can be opened any more; the channels are told
	 * with the reason, just before on_down.  May not come; may be NULL.
	 */
	void (*on_lost)(struct transport *, void *owner);

	/*
	 * Never came up, or is gone.  ERR_UNREACHABLE may be tried again;
	 * ERR_AUTH and ERR_HOST_KEY may not.
	 */
	void (*on_down)(struct transport *, const struct err *why, void *owner);
};

/* What a transport can tell of its connection; borrowed until it is freed. */
struct transport_facts {
	const char *host_key; /* fingerprint of the key that was shown */
	const char *socket;   /* of ssh's master, if it is up */
};

struct transport_config {
	struct uv_loop_s *loop;
	const struct machine *machine; /* borrowed for good */
	const char *name;	       /* of sockets; NULL: the machine's */
	const char *directory;	       /* for sockets; private; ours */
	bool compress;
	const struct transport_events *events;
	void *owner;
};

enum channel_kind {
	CHANNEL_COMMAND,   /* `what' to the login shell */
	CHANNEL_SUBSYSTEM, /* "sftp" */
	CHANNEL_UNIX,	   /* the socket `what' on the machine */
	CHANNEL_TCP,	   /* host `what' and `port', seen from the machine */
};

struct channel_spec {
	enum channel_kind kind;
	const char *what;
	uint16_t port;

	/* of CHANNEL_COMMAND */
	bool has_tty;
	uint16_t cols, rows;
	const char *term;
};

struct channel_events {
	void (*on_open)(struct channel *, void *owner);

	/* Borrowed bytes; `fd' is 1, or 2 for a command's stderr. */
	void (*on_data)(struct channel *, int fd, const void *bytes, size_t n,
			void *owner);

	/* The other side sends no more; writing goes on.  May not come. */
	void (*on_eof)(struct channel *, void *owner);

	/* What was written has left; after channel_write said stop. */
	void (*on_drain)(struct channel *, void *owner);

	/*
	 * The machine has taken some of what was written, which shows that it
	 * lives.  May be NULL; calls nothing of this interface.
	 */
	void (*on_taken)(struct channel *, void *owner);

	/* A command's end: an exit code, or a signal's name without SIG. */
	void (*on_exit)(struct channel *, int code, const char *signal,
			void *owner);

	/*
	 * Once, the last one; the channel is dead.  `err' is NULL if it was
	 * closed in order; ERR_DENIED if the machine refused to open it.
	 */
	void (*on_close)(struct channel *, const struct err *err, void *owner);
};

struct transport_ops {
	const char *name; /* "openssh" */

	struct transport *(*new)(const struct transport_config *, struct err *);
	/* Channels are closed without a word to their owners. */
	void (*free)(struct transport *);
	void (*answer)(struct transport *, const char *text); /* NULL: none */

	/* NULL with an error when there is no more room for channels. */
	struct channel *(*open)(struct transport *, const struct channel_spec *,
				const struct channel_events *, void *owner,
				struct err *);
	/* Copies.  True: stop until on_drain. */
	bool (*write)(struct channel *, const void *bytes, size_t n);
	void (*write_end)(struct channel *);
	/* Paused, no data come; the other side is slowed down.  Opens paused.
	 */
	void (*pause)(struct channel *);
	void (*resume)(struct channel *);
	void (*resize)(struct channel *, uint16_t cols, uint16_t rows);
	void (*signal)(struct channel *, const char *name); /* "INT" */
	/* No callback follows. */
	void (*close)(struct channel *);

	/* Fills in what it knows.  May be NULL. */
	void (*facts)(struct transport *, struct transport_facts *);

	/*
	 * Have the socket `path' of this host, which is not there yet, lead to
	 * the socket `remote' of the machine, past this process, as long as the
	 * connection stands.  Once in a connection; `done' is told NULL if it
	 * does, and comes no more after the end.  May be NULL.
	 */
	int (*forward)(struct transport *, const char *path, const char *remote,
		       void (*done)(const struct err *err, void *owner),
		       struct err *);

	/* A sign of life; the callback tells the round trip in microseconds. */
	void (*ping)(struct transport *,
		     void (*on_pong)(void *owner, uint64_t us));
};

/* Every transport and channel begins with this. */
struct transport {
	const struct transport_ops *ops;
};

struct channel {
	const struct transport_ops *ops;
};

extern const struct transport_ops transport_local, transport_openssh,
    transport_libssh;

#endif
