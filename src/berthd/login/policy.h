/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_POLICY_H
#define BERTHD_LOGIN_POLICY_H

/*
 * Which key may do what: policy.yaml.
 *
 * `keys' are rules that are tried in order; the first whose members all hold
 * names the role.  A role has a kind, and the kind says which members it may
 * have: an unknown or misplaced one, a role that does not exist, a root that
 * would let a key write the policy itself are ERR_CONFIG with file and line or
 * the path of what is wrong.
 *
 * Without a policy everybody who can log in is an operator of one session.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/json.h"

struct key;

enum role_kind {
	ROLE_OPERATOR, /* attach and type */
	ROLE_VIEWER,   /* attach and watch */
	ROLE_RUNNER,   /* listed commands */
	ROLE_EXEC,     /* berthd's API on standard input and output */
	ROLE_FILES,    /* transfers under a root */
	ROLE_MENU,     /* choose a project, then as an operator */
	ROLE_KINDS
};

/* How a file is transferred; `allow' of a role that transfers. */
enum transfer_verb {
	TRANSFER_SFTP = 1u << 0,
	TRANSFER_SCP = 1u << 1, /* the old protocol; the new one is sftp */
	TRANSFER_RSYNC = 1u << 2,
	TRANSFER_GIT = 1u << 3,
};

struct policy_key {
	char *fingerprint; /* SHA256:... */
	char *comment;	   /* in authorized_keys */
	char *principal;   /* of a certificate */
	char *as;	   /* `--as NAME' in command= */
	char *role;
};

/* A word of `argv' may hold "*"; "..." at the end stands for any rest. */
struct policy_command {
	char **argv;
	char *cwd;
};

struct policy_role {
	char *name;
	char *kind_word;
	enum role_kind kind;
	char *session;		   /* NULL: the login's own */
	char **projects;	   /* that it may choose; NULL: all */
	struct json_list commands; /* of struct policy_command */
	char *root;		   /* of transfers, absolute */
	bool write;
	char **allow;	/* words: sftp, scp, rsync, git */
	unsigned verbs; /* the same as flags */
	bool record;	/* record what this role sees */
};

struct policy_project {
	char *name;    /* what is typed */
	char *dir;     /* absolute */
	char *session; /* its name if NULL */
	char **command;
	char **env; /* NAME=VALUE */
};

struct policy {
	int64_t schema_version;
	struct json_list keys;	   /* of struct policy_key */
	struct json_list roles;	   /* of struct policy_role */
	struct json_list projects; /* of struct policy_project */
	char *default_role;	   /* of keys without a rule; NULL: none */
	char *authorized_keys;	   /* where comments are; "~/.ssh/..." */
	char *audit_file;	   /* NULL: as the env file says */
	char *audit_failure;	   /* "restricted", "refuse" or "allow" */
	char *audit_sync;	   /* "restricted", "all" or "none" */
	bool audit_ends; /* also of sessions: see docs/front-door.md */
	char *record;	 /* "v2" or "v3" */
	char *record_dir;
	uint64_t record_max; /* bytes of one recording */
	bool record_input;
	char *file; /* where this is from; NULL: no policy */
};

/* What holds without a file: one role, "operator", for everybody. */
void policy_init(struct policy *policy);
void policy_fini(struct policy *policy);

/* The text of a file called `name'. */
int policy_decode(struct policy *policy, const char *name, const void *text,
		  size_t n, struct err *err);

/* ERR_NOT_FOUND: there is none, and `policy' is as before. */
int policy_load(struct policy *policy, const char *path, struct err *err);

/*
 * The role of somebody with `key', called `as' in command= (NULL: nothing).
 * Borrowed; ERR_DENIED if no rule fits.
 */
const struct policy_role *policy_find_role(const struct policy *policy,
					   const struct key *key,
					   const char *as, struct err *err);

/* The project of that name which `role' may choose, or NULL; borrowed. */
const struct policy_project *policy_find_project(const struct policy *policy,
						 const struct policy_role *role,
						 const char *name);

/* May the role do less than type into a session of its own user? */
bool policy_is_restricted(const struct policy_role *role);

/* Does the word `pattern' fit `word'?  "*" in front never fits an option. */
bool policy_word_fits(const char *pattern, const char *word);

static inline void
auto_policy(struct policy *policy)
{
	policy_fini(policy);
}

#define AUTO_POLICY __attribute__((cleanup(auto_policy))) struct policy

#endif
