/* SPDX-License-Identifier: ISC */

/* Policies; see policy.h. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "core/yaml.h"
#include "machine/policy.h"

#define MAX_FILE (1u << 20)

static int
check_allow(void *at, struct err *err UNUSED)
{
	bool *value = at;

	*value = !*value;
	return 0;
}

/* An empty list was written to allow nothing; it is not an absent one. */
static int
check_list(void *at, struct err *err UNUSED)
{
	char ***list = at;

	if (strv_len(*list) == 0)
		strv_add(list, "!*");
	return 0;
}

const struct json_field policy_fields[] = {
	{ .name = "allow_hosts",
	  .type = JSON_STRS_T,
	  .offset = offsetof(struct policy, allow_hosts),
	  .check = check_list },
	{ .name = "allow_machines",
	  .type = JSON_STRS_T,
	  .offset = offsetof(struct policy, allow_machines),
	  .check = check_list },
	{ .name = "allow_password",
	  .type = JSON_BOOL_T,
	  .offset = offsetof(struct policy, refuse_password),
	  .check = check_allow },
};
const size_t policy_n_fields = ARRAY_SIZE(policy_fields);

void
policy_fini(struct policy *policy)
{
	json_fields_fini(policy_fields, policy_n_fields, policy);
	free(policy->file);
	policy->file = NULL;
}

static int
open_policy(const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND, "there is no %s", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open %s", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, ERR_DENIED,
			       "%s: others can write this policy", path);
	return TAKE_FD(fd);
}

int
policy_load(struct policy *policy, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open_policy(path, err);
	AUTO_BUF text = BUF_INIT(MAX_FILE);

	*policy = (struct policy){ .file = NULL };
	if (fd < 0)
		return -1;
	policy->file = xstrdup(path);
	if (fs_read_fd(fd, &text, err) < 0)
		return err_wrap(err, "%s", path);
	return yaml_decode(path, buf_bytes(&text), text.len, policy_fields,
			   policy_n_fields, policy, err);
}

/* A star takes as little as it can, and more when what follows fails. */
bool
policy_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *after = text;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			after = text;
		} else if (*pattern == '?' ||
			   tolower((unsigned char)*pattern) ==
			       tolower((unsigned char)*text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++after;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
is_allowed(char *const *patterns, const char *text)
{
	bool allowed = false;

	for (; *patterns; patterns++) {
		bool refuses = (*patterns)[0] == '!';

		if (!policy_matches(*patterns + refuses, text))
			continue;
		if (refuses)
			return false;
		allowed = true;
	}
	return allowed;
}

bool
policy_has_hosts(const struct policy *policy)
{
	return policy->allow_hosts != NULL;
}

int
policy_check(const struct policy *policy, const char *name,
	     const char *hostname, struct err *err)
{
	if (policy->allow_machines && !is_allowed(policy->allow_machines, name))
		err_set(err, ERR_DENIED,
			"the machine \"%s\" is not allowed by %s", name,
			policy->file);
	else if (policy->allow_hosts &&
		 (hostname == NULL ||
		  !is_allowed(policy->allow_hosts, hostname)))
		err_set(err, ERR_DENIED,
			"the host \"%s\" of \"%s\" is not allowed by %s",
			hostname ? hostname : "(unknown)", name, policy->file);
	else
		return 0;
	return err_hint(err, "whoever looks after this machine can add it to "
			     "allow_hosts or allow_machines");
}
