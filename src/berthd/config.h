/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_CONFIG_H
#define BERTHD_CONFIG_H

/*
 * What the daemon is told by its configuration file, and by nobody else.
 *
 * Calling sequence: config_init with the kind of daemon, then one of
 * config_load (a file that was named) and config_load_default (the file at its
 * usual place, if any), then what the command line says on top, and at last
 * config_fini.  All paths are absolute and clean once loaded.
 *
 * A mistake in the file is ERR_CONFIG with one line: file, line, key, what was
 * expected there.  What is odd but can be lived with is in `warnings'.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/json.h"
#include "core/log.h"

/*
 * codexd's own places and defaults serve those who come from it: it listens
 * on TCP and keeps 200 execs in ~/.codexd.
 */
enum config_kind { CONFIG_BERTHD, CONFIG_CODEXD };

struct config_project {
	char *id;
	char *repo_url;
	char *mirror_dir; /* NULL: <data_dir>/mirrors/<id>.git */
};

/* What the name of an agent stands for; see session/profile.h. */
struct config_profile {
	char *name;
	char **command;
	char *cwd;  /* may be NULL */
	char **env; /* NAME=VALUE; may be NULL */
};

struct config_sessions {
	uint64_t reap_after; /* ms after their end; 0: never */
};

struct config {
	char *listen;	    /* numeric address:port; NULL: no TCP */
	bool listen_remote; /* may `listen' be more than loopback? */
	char *data_dir;	    /* NULL: the state directory of this host */
	char *auth_token;   /* for TCP; NULL: none was configured */
	char *auth_token_file;
	char **allowed_cwd_roots; /* besides home and data_dir; may be NULL */
	char *default_shell;
	struct json_list projects; /* of struct config_project */
	struct json_list profiles; /* of struct config_profile */
	char *default_profile;	   /* of sessions; NULL: codex */
	struct config_sessions sessions;
	char **env;	  /* NAME=VALUE for every command */
	char **allow_env; /* names that need no scrubbing */
	char *log_level;  /* a word; see config_log_level */
	int64_t retention_count;
	uint64_t retention_age;	  /* ms; 0: for ever */
	uint64_t retention_bytes; /* of all finished execs; 0: no limit */
	uint64_t max_file_size;	  /* of POST /v1/file/{read,write} */
	uint64_t max_log_bytes;	  /* of one stream of one exec */
	char *file;		  /* where all this is from; NULL: defaults */
	char **warnings;	  /* one line each, to be logged once */
};

void config_init(struct config *config, enum config_kind kind);
void config_fini(struct config *config);

/* The text of a configuration file called `name'. */
int config_decode(struct config *config, const char *name, const void *text,
		  size_t n, struct err *err);

/*
 * Read `path' ("~" is understood), and the token in auth_token_file if there
 * is one.  ERR_NOT_FOUND if either file is not there.
 */
int config_load(struct config *config, const char *path, struct err *err);

/*
 * Read berthd.yaml or berthd.json in `dir', or neither: then `config' keeps
 * its defaults.  Both at once are ERR_CONFIG.
 */
int config_load_default(struct config *config, const char *dir,
			struct err *err);

/*
 * codexd's file: `path', or ~/.config/codexd/config.yaml if that is NULL.  If
 * it is missing, it is made from a commented template and *ret_created is set.
 */
int config_load_codexd(struct config *config, const char *path,
		       bool *ret_created, struct err *err);

/*
 * Set `listen' as the file would: a numeric address, or "localhost:PORT".  An
 * address that other machines reach is ERR_CONFIG unless listen_remote is set.
 */
int config_set_listen(struct config *config, const char *address,
		      struct err *err);

/*
 * Have a token: if none is configured, the one kept in `path', which is made
 * (256 random bits, mode 0600) when it is missing.
 */
int config_ensure_token(struct config *config, const char *path,
			struct err *err);

enum log_level config_log_level(const struct config *config);

/* Borrowed; NULL if there is no such project. */
const struct config_project *config_find_project(const struct config *config,
						 const char *id);

static inline void
auto_config(struct config *config)
{
	config_fini(config);
}

#define AUTO_CONFIG __attribute__((cleanup(auto_config))) struct config

#endif
