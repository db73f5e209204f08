/* SPDX-License-Identifier: ISC */

/* machine show; see cmd_machine_list.h. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/text.h"
#include "machine/keys.h"
#include "machine/registry.h"
#include "machine/resolve.h"
#include "client/client.h"
#include "client/daemon_json.h"
#include "client/link_control.h"
#include "client/link_json.h"
#include "berth/cmd_machine_list.h"
#include "berth/common.h"
#include "berth/config_args.h"
#include "berth/out/human.h"
#include "berth/out/table.h"

#define MAX_OUTPUT (1u << 20)

struct show_args {
	const char *name;
	struct config_args config;
	struct output_args output;
};

static const struct table_column key_columns[] = {
	{ .title = "KEY" },
	{ .title = "VALUE", .is_flexible = true },
};

/* The value below "retry.limit"; NULL if it has none. */
static char *
value_of(const struct json_t *tree, const char *name)
{
	const char *dot = strchr(name, '.');
	AUTO_FREE char *outer = dot ? xstrndup(name, (size_t)(dot - name))
				    : NULL;
	const struct json_t *value;

	if (dot)
		tree = json_get(tree, outer);
	value = tree ? json_get(tree, dot ? dot + 1 : name) : NULL;
	if (value == NULL || json_is_nothing(value))
		return NULL;
	if (json_text(value))
		return xstrdup(json_text(value));
	return json_dump(value);
}

static void
add_keys(struct table *table, const struct json_t *tree)
{
	for (size_t i = 0; i < keys_n_rows; i++) {
		AUTO_FREE char *value = value_of(tree, keys_rows[i].name);

		if (value == NULL || str_eq(value, "{}"))
			continue;
		if (str_eq(keys_rows[i].value, "TIME")) {
			char *seconds = xasprintf("%s s", value);

			free(value);
			value = seconds;
		}
		table_add(table, keys_rows[i].name, STYLE_DIM);
		table_add(table, value, STYLE_PLAIN);
	}
}

/* What ssh makes of it. */
static void
add_resolved(struct table *table, const struct resolved *r)
{
	AUTO_FREE char *way = xasprintf("%s@%s, port %" PRId64, r->user,
					r->hostname, r->port);

	table_add(table, "goes to", STYLE_DIM);
	table_add(table, way, STYLE_GREEN);
	if (r->proxy_jump || r->proxy_command) {
		table_add(table, "through", STYLE_DIM);
		table_add(table,
			  r->proxy_jump ? r->proxy_jump : r->proxy_command,
			  STYLE_GREEN);
	}
}

/* What is known of the machine now. */
struct live {
	bool is_linked;
	struct link_info link;
	int64_t free_bytes; /* -1: not known */
};

static void
live_fini(struct live *live)
{
	link_info_fini(&live->link);
}

#define AUTO_LIVE __attribute__((cleanup(live_fini))) struct live

static void
ask_daemon(const char *machine, struct live *live)
{
	const struct reach_config config = { .machine = machine };
	AUTO_BUF answer = BUF_INIT(DAEMON_MAX_ANSWER);
	AUTO_DAEMON_INFO info = DAEMON_INFO_INIT;
	struct err ignored = ERR_INIT;
	AUTO_CLIENT *client = client_new(&config, &ignored);

	if (client &&
	    client_get(client, "/v1/daemon", &answer, &ignored) == 0 &&
	    daemon_info_decode(buf_bytes(&answer), answer.len, &info,
			       &ignored) == 0)
		live->free_bytes = info.free_bytes;
}

/* Of a link that there is; none is started, and none is waited for. */
static void
ask_link(const char *machine, struct live *live)
{
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);
	struct err ignored = ERR_INIT;

	live->is_linked = link_control_call(machine, "GET", "/v1/link", &answer,
					    &ignored) == 0 &&
			  link_info_decode(buf_bytes(&answer), answer.len,
					   &live->link, &ignored) == 0;
	if (live->is_linked && str_eq(live->link.state, "active"))
		ask_daemon(machine, live);
}

static void
add_fact(struct table *table, const char *name, const char *value)
{
	if (value == NULL)
		return;
	table_add(table, name, STYLE_DIM);
	table_add(table, value, STYLE_GREEN);
}

static void
add_live(struct table *table, const struct live *live)
{
	const struct link_info *link = &live->link;
	char room[HUMAN_SIZE];

	add_fact(table, "link", live->is_linked ? link->state : "none");
	if (!live->is_linked)
		return;
	add_fact(table, "error", link->error);
	add_fact(table, "round trip", link->rtt);
	add_fact(table, "berthd", link->version);
	add_fact(table, "lives", link->life);
	add_fact(table, "host key", link->host_key);
	if (live->free_bytes >= 0)
		add_fact(table, "free there",
			 human_bytes(room, (uint64_t)live->free_bytes));
}

static void
add_live_json(struct jsonw *w, const struct live *live)
{
	const struct link_info *link = &live->link;

	if (!live->is_linked) {
		jsonw_null(w, "link");
		return;
	}
	jsonw_object(w, "link");
	jsonw_str(w, "state", link->state);
	jsonw_str(w, "error", link->error);
	jsonw_str(w, "version", link->version);
	jsonw_str(w, "life", link->life);
	jsonw_str(w, "host_key", link->host_key);
	if (live->free_bytes >= 0)
		jsonw_int(w, "free_bytes", live->free_bytes);
	else
		jsonw_null(w, "free_bytes");
	jsonw_object_end(w);
}

static int
print_machine(const struct machine *m, const struct resolved *r,
	      const struct live *live, struct err *err)
{
	struct table_look look = { .colour = style_wanted(STDOUT_FILENO),
				   .headless = true };
	AUTO_BUF json = BUF_INIT(MAX_OUTPUT), out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&json);
	AUTO_JSON *tree = NULL;
	struct table table;

	keys_add_json(&w, NULL, m);
	tree = json_parse(buf_bytes(&json), json.len, err);
	if (tree == NULL)
		return -1;
	table_init(&table, key_columns, ARRAY_SIZE(key_columns));
	add_keys(&table, tree);
	if (r)
		add_resolved(&table, r);
	add_live(&table, live);
	table_print(&table, &look, &out);
	table_fini(&table);
	return print_text(&out, err);
}

static int
print_machine_json(const struct machine *m, const struct resolved *r,
		   const struct live *live, struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_object(&w, NULL);
	keys_add_json(&w, "machine", m);
	if (r) {
		jsonw_object(&w, "resolved");
		jsonw_str(&w, "hostname", r->hostname);
		jsonw_str(&w, "user", r->user);
		jsonw_int(&w, "port", r->port);
		jsonw_strv(&w, "identity_files", r->identity_files);
		jsonw_str(&w, "proxy_jump", r->proxy_jump);
		jsonw_str(&w, "proxy_command", r->proxy_command);
		jsonw_object_end(&w);
	} else {
		jsonw_null(&w, "resolved");
	}
	add_live_json(&w, live);
	return print_answer(&w, err);
}

static int
run_show(const struct cli_call *call, struct err *err)
{
	const struct show_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_RESOLVED resolved = { .hostname = NULL };
	const struct resolved *r = NULL;
	AUTO_LIVE live = { .free_bytes = -1 };
	struct err why = ERR_INIT;
	const struct machine *m;
	AUTO_REGISTRY registry = { .file = NULL };

	if (open_registry(&registry, &config, &args->output, err) < 0)
		return -1;
	m = registry_find(&registry, args->name, err);
	if (m == NULL)
		return -1;
	if (m->ssh || m->hostname) {
		if (resolve_machine(m, &resolved, &why) == 0)
			r = &resolved;
		else
			print_note(&args->output, "%s", why.msg);
	}
	if (m->addr == NULL && !m->use_direct_addr)
		ask_link(m->name, &live);
	if (wants_json(call, &args->output))
		return print_machine_json(m, r, &live, err);
	return print_machine(m, r, &live, err);
}

static const struct cli_operand show_operands[] = {
	CLI_OPERAND(struct show_args, name, TEXT, "NAME", .flags = CLI_REQUIRED,
		    .complete = "machine", .help = "The machine"),
	{ 0 },
};

static const struct cli_use uses[] = {
	{ &config_group, offsetof(struct show_args, config) },
	{ &object_group, offsetof(struct show_args, output) },
	{ 0 },
};

const struct cli_command machine_show_command = {
	.name = "show",
	.summary = "Show all settings of a machine, and how it is now",
	.about = "Secrets are named, never shown. Below the settings stand "
		 "where ssh would go and what is known of the link, if there "
		 "is one; none is started for it. `machine check' looks.",
	.groups = uses,
	.operands = show_operands,
	.args_size = sizeof(struct show_args),
	.run = run_show,
};
