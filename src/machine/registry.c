/* SPDX-License-Identifier: ISC */

/*
 * The machines that there are; see registry.h.
 *
 * The file is decoded twice: first for `defaults', wherever they stand in it,
 * and then for machines that begin as copies of them.
 */

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/suggest.h"
#include "core/text.h"
#include "core/yaml.h"
#include "machine/aliases.h"
#include "machine/keys.h"
#include "machine/registry.h"
#include "machine/resolve.h"
#include "secret/store.h"

static const char system_policy[] = "/etc/berth/policy.yaml";

struct content {
	struct json_list machines;
	struct machine defaults;
	bool no_password;
	struct policy policy;
	int64_t schema_version;
};

static int
check_password(void *at, struct err *err UNUSED)
{
	bool *value = at;

	*value = !*value;
	return 0;
}

static void
init_item(void *item, const void *arg)
{
	if (arg)
		machine_copy(item, arg);
	else
		machine_init(item);
}

#define N_CONTENT 5

/* `defaults' may be NULL. */
static int
decode(const char *name, const void *text, size_t n,
       const struct machine *defaults, struct content *ret, struct err *err)
{
	const struct json_field fields[N_CONTENT] = {
		{ .name = "machines",
		  .type = JSON_LIST_T,
		  .offset = offsetof(struct content, machines),
		  .item = keys_fields,
		  .n_item = keys_n_fields,
		  .item_size = sizeof(struct machine),
		  .item_init = init_item,
		  .item_arg = defaults },
		{ .name = "defaults",
		  .type = JSON_OBJECT_T,
		  .offset = offsetof(struct content, defaults),
		  .item = keys_fields,
		  .n_item = keys_n_fields },
		{ .name = "password_authentication",
		  .type = JSON_BOOL_T,
		  .offset = offsetof(struct content, no_password),
		  .check = check_password },
		{ .name = "policy",
		  .type = JSON_OBJECT_T,
		  .offset = offsetof(struct content, policy),
		  .item = policy_fields,
		  .n_item = policy_n_fields },
		{ .name = "schema_version",
		  .type = JSON_INT_T,
		  .offset = offsetof(struct content, schema_version),
		  .min = 1,
		  .max = 1 },
	};

	*ret = (struct content){ .schema_version = 1 };
	machine_init(&ret->defaults);
	return yaml_decode(name, text, n, fields, N_CONTENT, ret, err);
}

static void
free_machines(struct machine *machines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		machine_fini(&machines[i]);
	free(machines);
}

static void
content_fini(struct content *content)
{
	free_machines(content->machines.items, content->machines.n);
	machine_fini(&content->defaults);
	policy_fini(&content->policy);
}

#define AUTO_CONTENT __attribute__((cleanup(content_fini))) struct content

/* A mistake that the table cannot see, with the line of what it is about. */
static int
fail_at(const char *name, const void *text, size_t n, const char *path,
	struct err *err)
{
	struct yaml_places places;
	struct err ignored = ERR_INIT;
	const struct yaml_place *place = NULL;

	if (yaml_find_places(name, text, n, &places, &ignored) == 0)
		place = yaml_place_find(&places, path);
	err_wrap(err, "%s:%zu: %s", name, place ? place->line + 1 : 1, path);
	err->code = ERR_CONFIG;
	yaml_places_fini(&places);
	return -1;
}

static int
judge_machine(const struct machine *machines, size_t i, struct machine *m,
	      struct err *err)
{
	if (m->name == NULL)
		return err_set(err, ERR_CONFIG, "has no name");
	for (size_t j = 0; j < i; j++) {
		if (str_eq(machines[j].name, m->name))
			return err_set(err, ERR_CONFIG,
				       "there is another \"%s\"", m->name);
	}
	return keys_finish(m, err);
}

static int
judge(const char *name, const void *text, size_t n, struct content *content,
      struct err *err)
{
	struct machine *machines = content->machines.items;
	char path[64];

	if (content->defaults.name) {
		err_set(err, ERR_CONFIG, "a name belongs to one machine");
		return fail_at(name, text, n, "defaults.name", err);
	}
	for (size_t i = 0; i < content->machines.n; i++) {
		if (judge_machine(machines, i, &machines[i], err) == 0)
			continue;
		snprintf(path, sizeof(path), "machines[%zu]", i);
		return fail_at(name, text, n, path, err);
	}
	return 0;
}

/* What odd things a machine of the file has. */
static void
warn_machine(struct registry *registry, const struct machine *m)
{
	if (m->token)
		strv_give(&registry->warnings,
			  xasprintf("the token of \"%s\" stands in clear; "
				    "`berth secret set %s-token' and token: "
				    "secret:%s-token keep it safely",
				    m->name, m->name, m->name));
	if (m->forward_agent)
		strv_give(&registry->warnings,
			  xasprintf("\"%s\" may use the keys of your agent "
				    "(forward_agent)",
				    m->name));
}

int
registry_decode(struct registry *registry, const char *name, const void *text,
		size_t n, struct err *err)
{
	AUTO_CONTENT first = { 0 }, content = { 0 };

	*registry = (struct registry){ .file = NULL };
	machine_init(&registry->defaults);
	if (decode(name, text, n, NULL, &first, err) < 0 ||
	    decode(name, text, n, &first.defaults, &content, err) < 0 ||
	    judge(name, text, n, &content, err) < 0)
		return -1;
	registry->machines = content.machines.items;
	registry->n = registry->n_own = content.machines.n;
	content.machines = (struct json_list){ 0 };
	machine_copy(&registry->defaults, &content.defaults);
	registry->no_password = content.no_password;
	registry->policies[0] = content.policy;
	registry->policies[0].file = xstrdup(name);
	registry->n_policies = 1;
	content.policy = (struct policy){ 0 };
	for (size_t i = 0; i < registry->n; i++)
		warn_machine(registry, &registry->machines[i]);
	return 0;
}

static void
add_alias(struct registry *registry, const char *name)
{
	struct err ignored = ERR_INIT;
	struct machine *m;

	registry->machines = xrealloc(registry->machines,
				      (registry->n + 1) *
					  sizeof(*registry->machines));
	m = &registry->machines[registry->n++];
	machine_copy(m, &registry->defaults);
	free(m->ssh);
	free(m->hostname);
	m->hostname = NULL;
	m->name = xstrdup(name);
	m->ssh = xstrdup(name);
	m->is_alias = true;
	(void)keys_finish(m, &ignored);
}

static const struct machine *
find(const struct registry *registry, const char *name)
{
	for (size_t i = 0; i < registry->n; i++) {
		if (str_eq(registry->machines[i].name, name))
			return &registry->machines[i];
	}
	return NULL;
}

static int
add_aliases(struct registry *registry, struct err *err)
{
	AUTO_STRV char **names = NULL;

	if (aliases_read(&names, err) < 0)
		return -1;
	for (char **name = names; name && *name; name++) {
		if (find(registry, *name) == NULL)
			add_alias(registry, *name);
	}
	return 0;
}

static int
add_policy(struct registry *registry, const char *path, struct err *err)
{
	struct policy *policy = &registry->policies[registry->n_policies];

	if (policy_load(policy, path, err) == 0) {
		registry->n_policies++;
		return 0;
	}
	policy_fini(policy);
	return err->code == ERR_NOT_FOUND ? 0 : -1;
}

/* BERTH_POLICY names one more: it cannot take the system's away. */
static int
add_policies(struct registry *registry, struct err *err)
{
	const char *more = secure_getenv("BERTH_POLICY");

	if (add_policy(registry, system_policy, err) < 0)
		return -1;
	return more && *more ? add_policy(registry, more, err) : 0;
}

static int
read_file(struct registry *registry, struct config_file *file, struct err *err)
{
	AUTO_BUF text = BUF_INIT(CONFIG_FILE_MAX);
	int rc;

	if (config_file_read(file, &text, err) < 0)
		return -1;
	rc = registry_decode(registry, file->path, buf_bytes(&text), text.len,
			     err);
	explicit_bzero(buf_bytes(&text), text.len);
	if (rc == 0 && file->is_there)
		registry->file = xstrdup(file->path);
	return rc;
}

static bool
has_token(const struct registry *registry)
{
	for (size_t i = 0; i < registry->n_own; i++) {
		if (registry->machines[i].token)
			return true;
	}
	return false;
}

int
registry_load(struct registry *registry,
	      const struct config_file_config *config, struct err *err)
{
	static const struct config_file_config usual = { .path = NULL };
	AUTO_CONFIG_FILE file = { .lock = -1 };

	*registry = (struct registry){ .file = NULL };
	if (config_file_find(&file, config ? config : &usual, err) < 0 ||
	    read_file(registry, &file, err) < 0 ||
	    add_policies(registry, err) < 0)
		return -1;
	if (file.is_readable && has_token(registry))
		strv_give(&registry->warnings,
			  xasprintf("others can read the token in %s: chmod "
				    "600 %s",
				    file.path, file.path));
	return add_aliases(registry, err);
}

void
registry_fini(struct registry *registry)
{
	free_machines(registry->machines, registry->n);
	machine_fini(&registry->defaults);
	for (size_t i = 0; i < registry->n_policies; i++)
		policy_fini(&registry->policies[i]);
	free(registry->file);
	strv_free(registry->warnings);
	*registry = (struct registry){ .file = NULL };
}

const struct machine *
registry_find(const struct registry *registry, const char *name,
	      struct err *err)
{
	const struct machine *found = find(registry, name);
	struct suggest near;
	char shown[80];

	if (found)
		return found;
	err_set(err, ERR_NOT_FOUND, "there is no machine \"%s\"",
		vis(shown, sizeof(shown), name));
	suggest_init(&near, name);
	suggest_offer(&near, "local");
	for (size_t i = 0; i < registry->n; i++)
		suggest_offer(&near, registry->machines[i].name);
	if (near.best)
		err_hint(err, "did you mean \"%s\"?", near.best);
	else
		err_hint(err, "`berth machine ls' lists them, `berth machine "
			      "add' adds one");
	return NULL;
}

bool
registry_allows_password(const struct registry *registry)
{
	for (size_t i = 0; i < registry->n_policies; i++) {
		if (registry->policies[i].refuse_password)
			return false;
	}
	return !registry->no_password;
}

static bool
needs_hostname(const struct registry *registry)
{
	for (size_t i = 0; i < registry->n_policies; i++) {
		if (policy_has_hosts(&registry->policies[i]))
			return true;
	}
	return false;
}

/* The host of an addr: what stands there is where it goes. */
static char *
host_of_addr(const char *addr)
{
	const char *scheme = strstr(addr, "://");
	const char *host = scheme ? scheme + 3 : addr;

	if (host[0] == '[')
		return xstrndup(host + 1, strcspn(host + 1, "]"));
	return xstrndup(host, strcspn(host, ":/"));
}

int
registry_check(const struct registry *registry, const struct machine *machine,
	       struct err *err)
{
	AUTO_RESOLVED resolved = { .hostname = NULL };
	AUTO_FREE char *hostname = NULL;

	if (machine->auth == MACHINE_AUTH_PASSWORD &&
	    !registry_allows_password(registry)) {
		err_set(err, ERR_DENIED,
			"\"%s\" wants a password, and password authentication "
			"is switched off",
			machine->name);
		return err_hint(err, "use a key: auth: key");
	}
	if (needs_hostname(registry) && (machine->ssh || machine->hostname)) {
		if (resolve_machine(machine, &resolved, err) < 0)
			return -1;
		hostname = TAKE(resolved.hostname);
	} else if (needs_hostname(registry) && machine->addr) {
		hostname = host_of_addr(machine->addr);
	}
	for (size_t i = 0; i < registry->n_policies; i++) {
		if (policy_check(&registry->policies[i], machine->name,
				 hostname, err) < 0)
			return -1;
	}
	return 0;
}
