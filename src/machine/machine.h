/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_MACHINE_H
#define BERTH_MACHINE_MACHINE_H

/*
 * A machine as the configuration describes it: where it is, how to get in, and
 * what holds there unless a command says otherwise.
 *
 * Plain values.  It is made by the registry (registry.h), from a row of the
 * configuration or from an alias of ~/.ssh/config, and read by the link and by
 * clients.  Secrets are named here, never held.
 */

#include <stdbool.h>
#include <stdint.h>

enum machine_auth {
	MACHINE_AUTH_AUTO, /* as OpenSSH decides */
	MACHINE_AUTH_AGENT,
	MACHINE_AUTH_KEY,
	MACHINE_AUTH_PASSWORD,
	MACHINE_AUTH_KEYBOARD,
};

enum machine_compression {
	MACHINE_COMPRESSION_AUTO, /* when the round trip is long */
	MACHINE_COMPRESSION_ON,
	MACHINE_COMPRESSION_OFF,
};

enum machine_transport {
	MACHINE_TRANSPORT_OPENSSH,
	MACHINE_TRANSPORT_LIBSSH,
	MACHINE_TRANSPORT_LOCAL, /* a process on this host; for tests */
};

struct machine {
	char *name;    /* its id: [A-Za-z0-9._-], not beginning with "-" */
	char *label;   /* for people; may be NULL */
	bool is_alias; /* known from ~/.ssh/config only */

	/* The destination: `ssh' ("user@host", an alias), or these three. */
	char *ssh;
	char *hostname;
	int64_t port; /* 0: as ssh decides */
	char *user;

	enum machine_auth auth;
	char *key_file;	      /* for MACHINE_AUTH_KEY; NULL: as ssh decides */
	char *passphrase_ref; /* names in the secret store, or NULL */
	char *password_ref;
	bool forward_agent;
	enum machine_compression compression;
	enum machine_transport transport;

	/* Without a link: a port that somebody forwards, or a tunnel of ours.
	 */
	char *addr; /* "http://127.0.0.1:7337", or NULL */
	bool use_direct_addr;
	int64_t daemon_port; /* 7337 */
	char *token_ref;     /* name in the secret store, or NULL */
	char *token;	     /* in clear, as old configurations have it */
	char *daemon_cmd;    /* old configurations; NULL: ours */
	bool no_install;     /* never put a daemon there by ourselves */

	/* What holds on the machine. */
	char *default_workdir;
	char *default_shell;
	char *runner;	/* "process" */
	char *sandbox;	/* NULL: none asked */
	char *approval; /* NULL: never */
	char **env;	/* NAME=VALUE */

	struct machine_retry {
		int64_t limit;	/* attempts after which it is disconnected */
		uint64_t first; /* ms; doubled with jitter after each */
		uint64_t max;	/* ms */
	} retry;
	uint64_t connect_timeout; /* ms; for everything until it is ready */
	uint64_t keep_alive;	  /* ms between signs of life */
	uint64_t idle;		  /* ms after which an unused link ends */
};

/* The words of the configuration for the enums above; end with NULL. */
extern const char *const machine_auth_words[];
extern const char *const machine_compression_words[];
extern const char *const machine_transport_words[];

void machine_init(struct machine *machine); /* the defaults */
void machine_fini(struct machine *machine);

/* Make `machine', whatever it held, a copy. */
void machine_copy(struct machine *machine, const struct machine *from);

static inline void
auto_machine(struct machine *machine)
{
	machine_fini(machine);
}

#define AUTO_MACHINE __attribute__((cleanup(auto_machine))) struct machine

#endif
