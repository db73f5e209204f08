/* SPDX-License-Identifier: ISC */

/*
 * Reading policy.yaml and asking it; see policy.h.
 *
 * The tables decode; finish() then checks what tables cannot: that names exist
 * and stand once, that a role has the members of its kind and no others, and
 * that no role can widen itself by writing what it is governed by.
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "berthd/login/env_file.h"
#include "berthd/login/key.h"
#include "berthd/login/policy.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "core/yaml.h"

#define MAX_FILE (1u << 20)
#define RECORD_MAX (64ull << 20)

/* Members that a role may have, beside its name and kind. */
enum role_member {
	MEMBER_SESSION = 1u << 0,
	MEMBER_PROJECTS = 1u << 1,
	MEMBER_COMMANDS = 1u << 2,
	MEMBER_FILES = 1u << 3,
	MEMBER_RECORD = 1u << 4,
};

static const struct {
	const char *word;
	unsigned may, must;
} kinds[] = {
	[ROLE_OPERATOR] = { "operator",
			    MEMBER_SESSION | MEMBER_PROJECTS | MEMBER_COMMANDS |
				MEMBER_FILES | MEMBER_RECORD,
			    0 },
	[ROLE_VIEWER] = { "viewer",
			  MEMBER_SESSION | MEMBER_PROJECTS | MEMBER_RECORD, 0 },
	[ROLE_RUNNER] = { "runner", MEMBER_COMMANDS, MEMBER_COMMANDS },
	[ROLE_EXEC] = { "exec-only", 0, 0 },
	[ROLE_FILES] = { "files", MEMBER_FILES, MEMBER_FILES },
	[ROLE_MENU] = { "menu", MEMBER_PROJECTS | MEMBER_RECORD, 0 },
};
_Static_assert(ARRAY_SIZE(kinds) == ROLE_KINDS, "a row per kind");

static const struct {
	const char *word;
	enum transfer_verb verb;
} verbs[] = {
	{ "sftp", TRANSFER_SFTP },
	{ "scp", TRANSFER_SCP },
	{ "rsync", TRANSFER_RSYNC },
	{ "git", TRANSFER_GIT },
};

/* Members by themselves */

static int
check_name(void *at, struct err *err)
{
	return env_file_check_name(*(char **)at, err);
}

static int
check_path(void *at, struct err *err)
{
	char **path = at;
	char *full = path_expand(*path, err);
	AUTO_FREE char *given UNUSED = full;

	if (full == NULL)
		return -1;
	if (full[0] != '/')
		return err_set(err, ERR_INVALID, "not an absolute path");
	free(*path);
	*path = path_clean(full);
	return 0;
}

static int
check_fingerprint(void *at, struct err *err)
{
	const char *text = *(char **)at;

	/* 256 bits in base64 without padding. */
	if (!str_starts(text, "SHA256:") || strlen(text) != 7 + 43)
		return err_set(err, ERR_INVALID,
			       "not SHA256: and 43 characters, as ssh-keygen "
			       "-l prints them");
	return 0;
}

static int
check_words(const char *word, const char *const *words, size_t n,
	    struct err *err)
{
	AUTO_BUF list = BUF_INIT(256);

	for (size_t i = 0; i < n; i++) {
		if (str_eq(words[i], word))
			return 0;
		(void)buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	return err_set(err, ERR_INVALID, "not one of %s", buf_text(&list));
}

static int
check_failure(void *at, struct err *err)
{
	static const char *const words[] = { "restricted", "refuse", "allow" };

	return check_words(*(char **)at, words, ARRAY_SIZE(words), err);
}

static int
check_sync(void *at, struct err *err)
{
	static const char *const words[] = { "restricted", "all", "none" };

	return check_words(*(char **)at, words, ARRAY_SIZE(words), err);
}

static int
check_record(void *at, struct err *err)
{
	static const char *const words[] = { "off", "v2", "v3" };

	return check_words(*(char **)at, words, ARRAY_SIZE(words), err);
}

/* The first word names a program and must stand as it is. */
static int
check_argv(void *at, struct err *err)
{
	char **argv = *(char ***)at;

	if (argv == NULL || argv[0][0] == '\0' || strchr(argv[0], '*'))
		return err_set(err, ERR_INVALID,
			       "the first word names one program");
	for (; *argv; argv++) {
		if (str_eq(*argv, "...") && argv[1])
			return err_set(err, ERR_INVALID,
				       "\"...\" stands at the end");
	}
	return 0;
}

#define CHECKED(st, member, kind, need, fn)                                    \
	{                                                                      \
		.name = #member, .type = JSON_##kind##_T,                      \
		.offset = offsetof(st, member), .required = (need),            \
		.check = (fn)                                                  \
	}
#define LIST_OF(st, member, fields, item_st)                                   \
	{                                                                      \
		.name = #member, .type = JSON_LIST_T,                          \
		.offset = offsetof(st, member), .item = (fields),              \
		.n_item = ARRAY_SIZE(fields), .item_size = sizeof(item_st)     \
	}

static const struct json_field key_fields[] = {
	CHECKED(struct policy_key, fingerprint, STR, false, check_fingerprint),
	JSON_F(struct policy_key, comment, STR, false),
	JSON_F(struct policy_key, principal, STR, false),
	CHECKED(struct policy_key, as, STR, false, check_name),
	CHECKED(struct policy_key, role, STR, true, check_name),
};

static const struct json_field command_fields[] = {
	CHECKED(struct policy_command, argv, STRS, true, check_argv),
	CHECKED(struct policy_command, cwd, STR, false, check_path),
};

static const struct json_field role_fields[] = {
	CHECKED(struct policy_role, name, STR, true, check_name),
	{ .name = "kind",
	  .type = JSON_STR_T,
	  .offset = offsetof(struct policy_role, kind_word),
	  .required = true },
	CHECKED(struct policy_role, session, STR, false, check_name),
	JSON_F(struct policy_role, projects, STRS, false),
	LIST_OF(struct policy_role, commands, command_fields,
		struct policy_command),
	CHECKED(struct policy_role, root, STR, false, check_path),
	JSON_F(struct policy_role, write, BOOL, false),
	JSON_F(struct policy_role, allow, STRS, false),
	JSON_F(struct policy_role, record, BOOL, false),
};

static const struct json_field project_fields[] = {
	CHECKED(struct policy_project, name, STR, true, check_name),
	CHECKED(struct policy_project, dir, STR, true, check_path),
	CHECKED(struct policy_project, session, STR, false, check_name),
	JSON_F(struct policy_project, command, STRS, false),
	JSON_F(struct policy_project, env, MAP, false),
};

static const struct json_field policy_fields[] = {
	{ .name = "schema_version",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct policy, schema_version),
	  .min = 1,
	  .max = 1 },
	LIST_OF(struct policy, keys, key_fields, struct policy_key),
	LIST_OF(struct policy, roles, role_fields, struct policy_role),
	LIST_OF(struct policy, projects, project_fields, struct policy_project),
	CHECKED(struct policy, default_role, STR, false, check_name),
	CHECKED(struct policy, authorized_keys, STR, false, check_path),
	CHECKED(struct policy, audit_file, STR, false, check_path),
	CHECKED(struct policy, audit_failure, STR, false, check_failure),
	CHECKED(struct policy, audit_sync, STR, false, check_sync),
	JSON_F(struct policy, audit_ends, BOOL, false),
	CHECKED(struct policy, record, STR, false, check_record),
	CHECKED(struct policy, record_dir, STR, false, check_path),
	JSON_F(struct policy, record_max, BYTES, false),
	JSON_F(struct policy, record_input, BOOL, false),
};

/* Roles */

static const struct policy_role *
find_role(const struct policy *policy, const char *name)
{
	const struct policy_role *roles = policy->roles.items;

	for (size_t i = 0; i < policy->roles.n; i++) {
		if (str_eq(roles[i].name, name))
			return &roles[i];
	}
	return NULL;
}

static const struct policy_project *
find_project(const struct policy *policy, const char *name)
{
	const struct policy_project *projects = policy->projects.items;

	for (size_t i = 0; i < policy->projects.n; i++) {
		if (str_eq(projects[i].name, name))
			return &projects[i];
	}
	return NULL;
}

static unsigned
members_of(const struct policy_role *role)
{
	unsigned members = 0;

	if (role->session)
		members |= MEMBER_SESSION;
	if (role->projects)
		members |= MEMBER_PROJECTS;
	if (role->commands.n > 0)
		members |= MEMBER_COMMANDS;
	if (role->root || role->write || role->allow)
		members |= MEMBER_FILES;
	if (role->record)
		members |= MEMBER_RECORD;
	return members;
}

static const char *
member_name(unsigned members)
{
	if (members & MEMBER_SESSION)
		return "session";
	if (members & MEMBER_PROJECTS)
		return "projects";
	if (members & MEMBER_COMMANDS)
		return "commands";
	return members & MEMBER_FILES ? "root" : "record";
}

static int
set_kind(struct policy_role *role, struct err *err)
{
	AUTO_BUF list = BUF_INIT(256);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_eq(kinds[i].word, role->kind_word)) {
			role->kind = (enum role_kind)i;
			return 0;
		}
		(void)buf_addf(&list, "%s%s", i ? ", " : "", kinds[i].word);
	}
	return err_set(err, ERR_CONFIG, "kind: not one of %s", buf_text(&list));
}

static int
set_verbs(struct policy_role *role, struct err *err)
{
	for (size_t i = 0; role->allow && role->allow[i]; i++) {
		unsigned verb = 0;

		for (size_t j = 0; j < ARRAY_SIZE(verbs); j++) {
			if (str_eq(verbs[j].word, role->allow[i]))
				verb = verbs[j].verb;
		}
		if (verb == 0)
			return err_set(err, ERR_CONFIG,
				       "allow[%zu]: not one of sftp, scp, "
				       "rsync, git",
				       i);
		role->verbs |= verb;
	}
	return 0;
}

/* Whoever writes there decides what the next login does. */
static int
check_root(const struct policy *policy, const struct policy_role *role,
	   struct err *err)
{
	AUTO_FREE char *home = path_expand("~", err);

	if (home == NULL)
		return -1;
	if (!role->write)
		return 0;
	if (path_is_within(role->root, home))
		return err_set(err, ERR_CONFIG,
			       "root: with write it must not hold the home "
			       "directory: keys and settings lie there");
	if (policy->file && path_is_within(role->root, policy->file))
		return err_set(err, ERR_CONFIG,
			       "root: with write it must not hold this file");
	/* A repository's own settings name programs, which git runs. */
	if ((role->verbs & TRANSFER_GIT) && role->verbs != TRANSFER_GIT)
		return err_set(err, ERR_CONFIG,
			       "allow: git beside another way to write below "
			       "the same root lets a key run programs");
	return 0;
}

static int
finish_role(const struct policy *policy, struct policy_role *role,
	    struct err *err)
{
	unsigned members = members_of(role), wrong;

	if (set_kind(role, err) < 0 || set_verbs(role, err) < 0)
		return -1;
	wrong = members & ~kinds[role->kind].may;
	if (wrong)
		return err_set(err, ERR_CONFIG, "%s: not of a role of kind %s",
			       member_name(wrong), role->kind_word);
	wrong = kinds[role->kind].must & ~members;
	if (wrong)
		return err_set(err, ERR_CONFIG, "%s: missing, kind %s needs it",
			       member_name(wrong), role->kind_word);
	if (members & MEMBER_FILES) {
		if (role->root == NULL || role->verbs == 0)
			return err_set(err, ERR_CONFIG, "%s: missing",
				       role->root ? "allow" : "root");
		if (check_root(policy, role, err) < 0)
			return -1;
	}
	for (size_t i = 0; role->projects && role->projects[i]; i++) {
		if (!find_project(policy, role->projects[i]))
			return err_set(err, ERR_CONFIG,
				       "projects[%zu]: no such project", i);
	}
	return 0;
}

/* The whole */

static int
finish_roles(struct policy *policy, struct err *err)
{
	struct policy_role *roles = policy->roles.items;

	for (size_t i = 0; i < policy->roles.n; i++) {
		if (finish_role(policy, &roles[i], err) < 0)
			return err_wrap(err, "roles[%zu]", i);
		if (find_role(policy, roles[i].name) != &roles[i])
			return err_set(err, ERR_CONFIG,
				       "roles[%zu].name: stands twice", i);
	}
	return 0;
}

static int
finish_keys(const struct policy *policy, struct err *err)
{
	const struct policy_key *keys = policy->keys.items;

	for (size_t i = 0; i < policy->keys.n; i++) {
		const struct policy_key *key = &keys[i];

		if (!key->fingerprint && !key->comment && !key->principal &&
		    !key->as)
			return err_set(err, ERR_CONFIG,
				       "keys[%zu]: names no key (fingerprint, "
				       "comment, principal or as)",
				       i);
		if (!find_role(policy, key->role))
			return err_set(err, ERR_CONFIG,
				       "keys[%zu].role: no such role", i);
	}
	if (policy->default_role && !find_role(policy, policy->default_role))
		return err_set(err, ERR_CONFIG, "default_role: no such role");
	return 0;
}

static int
finish(struct policy *policy, struct err *err)
{
	const struct policy_project *projects = policy->projects.items;

	for (size_t i = 0; i < policy->projects.n; i++) {
		if (find_project(policy, projects[i].name) != &projects[i])
			return err_set(err, ERR_CONFIG,
				       "projects[%zu].name: stands twice", i);
	}
	if (finish_roles(policy, err) < 0)
		return -1;
	return finish_keys(policy, err);
}

int
policy_decode(struct policy *policy, const char *name, const void *text,
	      size_t n, struct err *err)
{
	policy_fini(policy);
	policy->record_max = RECORD_MAX;
	policy->file = xstrdup(name);
	if (yaml_decode(name, text, n, policy_fields, ARRAY_SIZE(policy_fields),
			policy, err) < 0)
		return -1;
	if (finish(policy, err) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

int
policy_load(struct policy *policy, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_FILE);

	if (env_file_read(path, &text, err) < 0)
		return -1;
	return policy_decode(policy, path, buf_bytes(&text), text.len, err);
}

void
policy_init(struct policy *policy)
{
	struct policy_role *role = xcalloc(1, sizeof(*role));

	*policy = (struct policy){ .record_max = RECORD_MAX };
	role->name = xstrdup("operator");
	role->kind_word = xstrdup("operator");
	role->kind = ROLE_OPERATOR;
	policy->roles = (struct json_list){ .items = role, .n = 1 };
	policy->default_role = xstrdup("operator");
}

void
policy_fini(struct policy *policy)
{
	json_fields_fini(policy_fields, ARRAY_SIZE(policy_fields), policy);
	free(policy->file);
	*policy = (struct policy){ 0 };
}

/* Asking */

static bool
key_fits(const struct policy_key *rule, const struct key *key, const char *as)
{
	bool has_principal = rule->principal == NULL;

	for (size_t i = 0; key->principals && key->principals[i]; i++)
		has_principal = has_principal ||
				str_eq(key->principals[i], rule->principal);
	return has_principal &&
	       (!rule->fingerprint ||
		(key->fingerprint &&
		 str_eq(rule->fingerprint, key->fingerprint))) &&
	       (!rule->comment ||
		(key->comment && str_eq(rule->comment, key->comment))) &&
	       (!rule->as || (as && str_eq(rule->as, as)));
}

const struct policy_role *
policy_find_role(const struct policy *policy, const struct key *key,
		 const char *as, struct err *err)
{
	const struct policy_key *keys = policy->keys.items;

	for (size_t i = 0; i < policy->keys.n; i++) {
		if (key_fits(&keys[i], key, as))
			return find_role(policy, keys[i].role);
	}
	if (policy->default_role)
		return find_role(policy, policy->default_role);
	err_set(err, ERR_DENIED, "this key has no role here");
	if (key->fingerprint)
		err_hint(err, "its fingerprint is %s", key->fingerprint);
	else
		err_hint(err, "sshd does not say which key it is: set "
			      "ExposeAuthInfo yes, or use --as in command=");
	return NULL;
}

const struct policy_project *
policy_find_project(const struct policy *policy, const struct policy_role *role,
		    const char *name)
{
	bool allowed = role->projects == NULL;

	for (size_t i = 0; role->projects && role->projects[i]; i++)
		allowed = allowed || str_eq(role->projects[i], name);
	return allowed ? find_project(policy, name) : NULL;
}

bool
policy_is_restricted(const struct policy_role *role)
{
	return role->kind != ROLE_OPERATOR && role->kind != ROLE_MENU;
}

/* "*" stands for any run of characters; nothing else is special. */
static bool
glob_fits(const char *pattern, const char *word)
{
	const char *star = NULL, *mark = NULL;

	while (*word) {
		if (*pattern == '*') {
			star = pattern++;
			mark = word;
		} else if (*pattern == *word) {
			pattern++;
			word++;
		} else if (star) {
			pattern = star + 1;
			word = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
policy_word_fits(const char *pattern, const char *word)
{
	if (pattern[0] == '*' && word[0] == '-')
		return false;
	return glob_fits(pattern, word);
}
