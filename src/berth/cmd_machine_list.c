/* SPDX-License-Identifier: ISC */

/* machine ls and rm; see cmd_machine_list.h. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/keys.h"
#include "machine/registry.h"
#include "machine/registry_edit.h"
#include "client/link_control.h"
#include "client/link_json.h"
#include "berth/checkup.h"
#include "berth/cmd_machine_list.h"
#include "berth/common.h"
#include "berth/config_args.h"
#include "berth/out/table.h"

/* A hundred thousand machines, each with all its keys. */
#define MAX_OUTPUT (64u << 20)

struct machine_args {
	char **names;
	bool own, headless, check;
	uint64_t timeout_ms, parallel;
	struct config_args config;
	struct output_args output;
};

/* ls */

static const struct table_column columns[] = {
	{ .title = "NAME" },
	{ .title = "STATE" },
	{ .title = "RTT", .is_right = true },
	{ .title = "BERTHD" },
	{ .title = "WHERE" },
	{ .title = "FROM" },
	{ .title = "LABEL", .is_flexible = true },
};

/* Where it is, in one word; the caller frees. */
static char *
where_of(const struct machine *m)
{
	if (m->addr && !m->use_direct_addr)
		return xstrdup(m->addr);
	if (m->ssh)
		return xstrdup(m->ssh);
	if (m->hostname == NULL)
		return NULL;
	if (m->port)
		return xasprintf("%s%s%s:%" PRId64, m->user ? m->user : "",
				 m->user ? "@" : "", m->hostname, m->port);
	return xasprintf("%s%s%s", m->user ? m->user : "", m->user ? "@" : "",
			 m->hostname);
}

/* A machine and what is known of its link now. */
struct listed {
	const struct machine *machine;
	const char *state; /* NULL: there is no link */
	struct link_info link;
};

struct listing {
	const struct machine_args *args;
	struct listed *items;
	size_t n;
	struct check_report *reports; /* NULL: they were not looked at */
};

static void
listing_fini(struct listing *listing)
{
	for (size_t i = 0; listing->items && i < listing->n; i++)
		link_info_fini(&listing->items[i].link);
	free(listing->items);
	free(listing->reports);
}

#define AUTO_LISTING __attribute__((cleanup(listing_fini))) struct listing

/* Asked of the link, if there is one; none is started. */
static void
ask_link(struct listed *item)
{
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);
	struct err err = ERR_INIT;

	if (link_control_call(item->machine->name, "GET", "/v1/link", &answer,
			      &err) < 0) {
		item->state = err.code == ERR_TIMEOUT ? "hung" : NULL;
		return;
	}
	if (link_info_decode(buf_bytes(&answer), answer.len, &item->link,
			     &err) == 0)
		item->state = item->link.state;
}

static enum style
state_style(const char *state)
{
	if (state == NULL)
		return STYLE_DIM;
	if (str_eq(state, "active"))
		return STYLE_GREEN;
	return str_eq(state, "disconnected") || str_eq(state, "hung")
		   ? STYLE_RED
		   : STYLE_YELLOW;
}

static int
look_at_all(struct listing *listing, struct err *err)
{
	const struct checkup_config config = {
		.timeout_ms = listing->args->timeout_ms,
		.parallel = listing->args->parallel,
	};
	AUTO_FREE const struct machine **machines = xcalloc(listing->n + 1,
							    sizeof(*machines));

	for (size_t i = 0; i < listing->n; i++)
		machines[i] = listing->items[i].machine;
	listing->reports = xcalloc(listing->n + 1, sizeof(*listing->reports));
	return checkup_run(machines, listing->n, &config, listing->reports,
			   err);
}

/* States come last: looking changes them. */
static int
fill_listing(struct listing *listing, const struct registry *registry, size_t n,
	     bool checks, struct err *err)
{
	listing->n = n;
	listing->items = xcalloc(n + 1, sizeof(*listing->items));
	for (size_t i = 0; i < n; i++)
		listing->items[i].machine = &registry->machines[i];
	if (checks && look_at_all(listing, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		ask_link(&listing->items[i]);
	return 0;
}

static void
add_row(struct table *table, const struct listed *item)
{
	const struct machine *m = item->machine;
	AUTO_FREE char *where = where_of(m);

	table_add(table, m->name, STYLE_BOLD);
	table_add(table, item->state, state_style(item->state));
	table_add(table, item->link.rtt, STYLE_PLAIN);
	table_add(table, item->link.version, STYLE_PLAIN);
	table_add(table, where, STYLE_PLAIN);
	table_add(table, m->is_alias ? "ssh" : "config", STYLE_DIM);
	table_add(table, m->label, STYLE_PLAIN);
}

/* What codex-remote counts. */
struct summary {
	size_t ssh_ok, daemon_ok, failed;
};

static struct summary
summary_of(const struct listing *listing)
{
	struct summary sum = { 0 };

	for (size_t i = 0; i < listing->n; i++) {
		const struct check_report *report = &listing->reports[i];

		sum.ssh_ok += check_report_ssh_ok(report);
		sum.daemon_ok += check_report_daemon_ok(report);
		sum.failed += check_report_failure(report, NULL) != NULL;
	}
	return sum;
}

static void
add_summary_line(const struct listing *listing, struct buf *out)
{
	const struct summary sum = summary_of(listing);

	(void)buf_addf(out,
		       "\nsummary: total=%zu ssh_ok=%zu daemon_ok=%zu "
		       "failed=%zu\n",
		       listing->n, sum.ssh_ok, sum.daemon_ok, sum.failed);
}

static int
print_table(const struct listing *listing, struct err *err)
{
	const struct machine_args *args = listing->args;
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO),
				   .headless = args->headless };
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct table table;

	if (listing->n == 0) {
		print_note(&args->output, "no machines besides this one: "
					  "`berth machine add' adds one");
		return 0;
	}
	if (listing->reports) {
		check_reports_add_text(&out, listing->reports, listing->n,
				       look.colour, look.width);
		add_summary_line(listing, &out);
		return print_text(&out, err);
	}
	table_init(&table, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < listing->n; i++)
		add_row(&table, &listing->items[i]);
	table_print(&table, &look, &out);
	table_fini(&table);
	return print_text(&out, err);
}

static int
print_names(const struct registry *registry, size_t n, struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);

	for (size_t i = 0; i < n; i++)
		(void)buf_addf(&out, "%s\n", registry->machines[i].name);
	return print_text(&out, err);
}

static void
add_summary(struct jsonw *w, const struct listing *listing)
{
	const struct summary sum = summary_of(listing);

	jsonw_u64(w, "total", listing->n);
	jsonw_u64(w, "ssh_ok", sum.ssh_ok);
	jsonw_u64(w, "daemon_ok", sum.daemon_ok);
	jsonw_u64(w, "failed", sum.failed);
	jsonw_time(w, "checked_at", clock_wall_ns());
}

static void
add_machine_json(struct jsonw *w, const struct listing *listing, size_t i)
{
	AUTO_BUF text = BUF_INIT(MAX_OUTPUT);
	struct jsonw inner = JSONW_INIT(&text);

	/* Our members follow those of the configuration. */
	keys_add_json(&inner, NULL, listing->items[i].machine);
	text.len--;
	inner.comma = true;
	jsonw_str(&inner, "state", listing->items[i].state);
	jsonw_str(&inner, "version", listing->items[i].link.version);
	if (listing->reports)
		check_report_add_json(&inner, "check", &listing->reports[i]);
	jsonw_object_end(&inner);
	jsonw_raw(w, NULL, buf_text(&text));
}

static int
print_listing_json(const struct cli_call *call, const struct listing *listing,
		   struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_object(&w, NULL);
	if (listing->reports)
		add_summary(&w, listing);
	jsonw_array(&w, "machines");
	for (size_t i = 0; i < listing->n; i++) {
		if (is_codex(call))
			check_report_add_json(&w, NULL, &listing->reports[i]);
		else
			add_machine_json(&w, listing, i);
	}
	jsonw_array_end(&w);
	return print_answer(&w, err);
}

static int
ls_status(const struct cli_call *call, const struct listing *listing)
{
	for (size_t i = 0; listing->reports && i < listing->n; i++) {
		if (check_report_failure(&listing->reports[i], NULL))
			return is_codex(call) ? 0 : 1;
	}
	return 0;
}

/* codex-remote prints a table unless --json is said. */
static bool
wants_listing_json(const struct cli_call *call, const struct machine_args *args)
{
	if (is_codex(call))
		return args->output.format == FORMAT_JSON;
	return wants_json(call, &args->output);
}

static int
run_ls(const struct cli_call *call, struct err *err)
{
	const struct machine_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_REGISTRY registry = { .file = NULL };
	AUTO_LISTING listing = { .args = args };
	bool own = args->own || is_codex(call);
	size_t n;
	int rc;

	if (open_registry(&registry, &config, &args->output, err) < 0)
		return -1;
	n = own ? registry.n_own : registry.n;
	if (args->output.quiet && args->output.format == FORMAT_AUTO)
		return print_names(&registry, n, err);
	/* codex-remote's list looks at them. */
	if (fill_listing(&listing, &registry, n, args->check || is_codex(call),
			 err) < 0)
		return -1;
	rc = wants_listing_json(call, args)
		 ? print_listing_json(call, &listing, err)
		 : print_table(&listing, err);
	return rc < 0 ? -1 : ls_status(call, &listing);
}

static const struct cli_option ls_options[] = {
	CLI_OPTION(struct machine_args, own, FLAG, "own", 0,
		   .help = "Leave out the aliases of ~/.ssh/config"),
	CLI_OPTION(struct machine_args, check, FLAG, "check", 0,
		   .help = "Look at each, as `machine check' does"),
	CLI_OPTION(struct machine_args, timeout_ms, DURATION, "timeout", 0,
		   .arg = "TIME", .shown = "15s",
		   .help = "Give each so long, with --check"),
	CLI_OPTION(struct machine_args, parallel, NUMBER, "parallel", 0,
		   .arg = "N", .shown = "16", .min = 1, .max = 1000,
		   .help = "Look at so many at a time, with --check"),
	CLI_OPTION(struct machine_args, headless, FLAG, "no-headers", 0,
		   .help = "Leave out the titles"),
	{ 0 },
};
static const struct cli_group ls_group = { "Which", ls_options };

const struct cli_command machine_ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List the machines of the configuration and of ssh",
	.about =
	    "With --quiet only their names. STATE is that of the link, if "
	    "there is one; none is started for it. \"local\", the machine that "
	    "you sit at, is always there and not listed.",
	.groups =
	    (const struct cli_use[]){
		{ &ls_group },
		{ &config_group, offsetof(struct machine_args, config) },
		{ &object_group, offsetof(struct machine_args, output) },
		{ 0 } },
	.args_size = sizeof(struct machine_args),
	.defaults = &(const struct machine_args){ .timeout_ms = 15000,
						  .parallel = 16 },
	.run = run_ls,
};

/* rm */

static int
run_rm(const struct cli_call *call, struct err *err)
{
	const struct machine_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	struct registry_edit edit = { .config = &config };
	AUTO_BUF out = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&out);

	for (char **name = args->names; *name; name++) {
		if (registry_remove(&edit, *name, err) < 0)
			return -1;
	}
	if (!wants_json(call, &args->output)) {
		print_note(&args->output, "removed %zu", strv_len(args->names));
		return 0;
	}
	jsonw_object(&w, NULL);
	jsonw_u64(&w, "removed", strv_len(args->names));
	return print_answer(&w, err);
}

static const struct cli_operand rm_operands[] = {
	CLI_OPERAND(struct machine_args, names, TEXTS, "NAME",
		    .flags = CLI_REQUIRED, .complete = "own-machine",
		    .help = "The machines"),
	{ 0 },
};

static const struct cli_use uses[] = {
	{ &config_group, offsetof(struct machine_args, config) },
	{ &object_group, offsetof(struct machine_args, output) },
	{ 0 },
};

const struct cli_command machine_rm_command = {
	.name = "rm",
	.aliases = "remove",
	.summary = "Remove machines from the configuration",
	.about = "What runs there goes on, and its secrets are kept. The rest "
		 "of the file, comments included, stays as it is.",
	.groups = uses,
	.operands = rm_operands,
	.args_size = sizeof(struct machine_args),
	.run = run_rm,
};
