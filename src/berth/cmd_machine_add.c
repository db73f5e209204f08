/* SPDX-License-Identifier: ISC */

/*
 * machine add, edit; see cmd_machine_add.h.
 *
 * Whatever says what is wanted (options, --set, the wizard) becomes a list of
 * KEY=VALUE, which is all that the registry is asked to write.  try_machine
 * sees the machine as it will be read, before the file is replaced.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/suggest.h"
#include "core/text.h"
#include "machine/keys.h"
#include "machine/name.h"
#include "machine/registry.h"
#include "machine/registry_edit.h"
#include "machine/resolve.h"
#include "client/link_control.h"
#include "berth/cmd_machine_add.h"
#include "berth/common.h"
#include "berth/config_args.h"
#include "berth/trial.h"
#include "berth/tty_asker.h"
#include "berth/wizard.h"

#define MAX_OUTPUT (1u << 20)

struct settings {
	const char *ssh, *hostname, *port, *user, *auth, *key_file, *label;
	const char *workdir, *shell, *password, *passphrase, *addr;
	char **sets;
};

struct add_args {
	const char *name, *destination;
	char **unsets;
	bool no_check;
	struct settings settings;
	struct config_args config;
	struct output_args output;
};

#define SET(member_, name_, arg_, ...)                                         \
	CLI_OPTION(struct settings, member_, TEXT, name_, 0, .arg = (arg_),    \
		   __VA_ARGS__)

static const struct cli_option settings_options[] = {
	SET(ssh, "ssh", "DESTINATION",
	    .help = "Where ssh goes: an alias, USER@HOST or a URL"),
	SET(hostname, "hostname", "HOST", .help = "Instead: the host alone"),
	SET(port, "port", "PORT", .help = "The port of its ssh server"),
	SET(user, "user", "USER", .help = "Who to be there"),
	SET(auth, "auth", "HOW",
	    .help = "How to log in: auto, agent, key, password or "
		    "keyboard-interactive"),
	SET(key_file, "key-file", "FILE", .complete = CLI_FILES,
	    .help = "The private key"),
	SET(password, "password-secret", "NAME", .complete = "secret",
	    .help = "The secret that is the password"),
	SET(passphrase, "passphrase-secret", "NAME", .complete = "secret",
	    .help = "The secret that unlocks the key"),
	SET(label, "label", "TEXT", .help = "What people call it"),
	SET(workdir, "workdir", "DIR", .help = "Where commands run"),
	SET(shell, "shell", "SHELL", .help = "What runs command lines"),
	SET(addr, "addr", "URL",
	    .help = "A daemon that can be reached without ssh"),
	CLI_OPTION(struct settings, sets, TEXTS, "set", 's', .arg = "KEY=VALUE",
		   .complete = "machine-key",
		   .help = "Any key of a machine, as it stands in the "
			   "configuration"),
	{ 0 },
};
static const struct cli_group settings_group = { "Settings", settings_options };

static const struct {
	const char *key;
	size_t offset;
	const char *prefix;
} plain[] = {
	{ "ssh", offsetof(struct settings, ssh), "" },
	{ "hostname", offsetof(struct settings, hostname), "" },
	{ "port", offsetof(struct settings, port), "" },
	{ "user", offsetof(struct settings, user), "" },
	{ "auth", offsetof(struct settings, auth), "" },
	{ "key_file", offsetof(struct settings, key_file), "" },
	{ "password", offsetof(struct settings, password), "secret:" },
	{ "passphrase", offsetof(struct settings, passphrase), "secret:" },
	{ "label", offsetof(struct settings, label), "" },
	{ "default_workdir", offsetof(struct settings, workdir), "" },
	{ "default_shell", offsetof(struct settings, shell), "" },
	{ "addr", offsetof(struct settings, addr), "" },
};

static void
add_settings(const struct settings *settings, char ***pairs)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		const char *value = *(
		    const char *const *)((const char *)settings +
					 plain[i].offset);

		if (value)
			strv_give(pairs, xasprintf("%s=%s%s", plain[i].key,
						   plain[i].prefix, value));
	}
	for (char **set = settings->sets; set && *set; set++)
		strv_add(pairs, *set);
}

/* env.NAME has any name; "env" and "retry" alone hold no value. */
static int
check_key(const char *key, struct err *err)
{
	struct suggest near;

	suggest_init(&near, key);
	for (size_t i = 0; i < keys_n_rows; i++) {
		const char *name = keys_rows[i].name;

		if (str_eq(name, key) && !str_eq(name, "env"))
			return 0;
		suggest_offer(&near, name);
	}
	if (str_starts(key, "env.") && key[4])
		return 0;
	err_set(err, ERR_INVALID, "\"%.64s\" is no key of a machine", key);
	if (str_eq(key, "env"))
		return err_hint(err, "env.NAME=VALUE sets a variable");
	if (near.best)
		return err_hint(err, "did you mean \"%s\"?", near.best);
	return err_hint(err, "docs/machines.md has them all");
}

/* Cut KEY=VALUE in place; the list's strings stay the owners. */
static int
split(char **pairs, char *const *unsets, struct text_edit_change **ret,
      size_t *ret_n, struct err *err)
{
	size_t n = 0, max = strv_len(pairs) + strv_len(unsets);
	AUTO_FREE struct text_edit_change *changes = xcalloc(max + 1,
							     sizeof(*changes));

	for (; pairs && *pairs; pairs++) {
		char *equals = strchr(*pairs, '=');

		if (equals == NULL)
			return err_set(err, ERR_INVALID,
				       "\"%.64s\" is not KEY=VALUE", *pairs);
		*equals = '\0';
		changes[n++] = (struct text_edit_change){ *pairs, equals + 1 };
	}
	for (; unsets && *unsets; unsets++)
		changes[n++] = (struct text_edit_change){ *unsets, NULL };
	for (size_t i = 0; i < n; i++) {
		if (check_key(changes[i].key, err) < 0)
			return -1;
	}
	*ret = TAKE(changes);
	*ret_n = n;
	return 0;
}

/* --- before it is written --- */

struct attempt {
	const struct add_args *args;
	const struct registry *registry; /* for its policies */
	const struct text_edit_change *changes;
	size_t n_changes;
};

static int
check_key_file(const struct machine *machine, struct err *err)
{
	if (machine->key_file == NULL || access(machine->key_file, R_OK) == 0)
		return 0;
	err_sys(err, "the key %s", machine->key_file);
	return err_hint(err, "--no-check adds the machine all the same");
}

/* A change of these is a change of the way there. */
static const char *const ways[] = { "name",	"ssh",	    "hostname",
				    "port",	"user",	    "auth",
				    "key_file", "password", "passphrase",
				    "transport" };

static bool
changes_way(const struct attempt *attempt)
{
	for (size_t i = 0; i < attempt->n_changes; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(ways); j++) {
			if (str_eq(attempt->changes[i].key, ways[j]))
				return true;
		}
	}
	return false;
}

/* The terminal is theirs: a yes to what failed. */
static bool
is_wanted_anyway(const char *what)
{
	struct link_question question = { .echo = true };
	AUTO_FREE char *answer = NULL;
	AUTO_FREE char *text = xasprintf("Write %s all the same? (y/n)", what);
	const struct link_asker *asker = tty_asker(false);

	if (asker == NULL || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	question.text = text;
	answer = asker->ask(&question, asker->owner);
	return answer && (str_eq(answer, "y") || str_eq(answer, "yes"));
}

/* Stage, cause and next step; a person may overrule it. */
static int
tell_failure(const struct machine *machine, const struct check_report *report,
	     const struct output_args *output, struct err *err)
{
	enum check_stage stage = CHECK_STAGES;
	const struct check_row *row = check_report_failure(report, &stage);

	if (row == NULL) {
		err_set(err, ERR_UNREACHABLE, "%s was not reached",
			machine->name);
	} else {
		print_note(output, "%s failed: %s", check_stage_name(stage),
			   row->detail);
		if (row->hint[0])
			print_note(output, "%s", row->hint);
		err_set(err, row->code, "%s: %s: %s", machine->name,
			check_stage_name(stage), row->detail);
	}
	if (is_wanted_anyway(machine->name))
		return 0;
	return err_hint(err, "%s%s--no-check writes it all the same",
			row && row->hint[0] ? row->hint : "",
			row && row->hint[0] ? "; " : "");
}

/* What works as far as a shell is a machine; its daemon may come later. */
static int
try_handshake(const struct machine *machine, const struct registry_draft *draft,
	      const struct output_args *output, struct err *err)
{
	struct check_report report;
	const struct check_row *row;

	if (trial_run(machine, draft, tty_asker(output->quiet), &report, err) <
	    0)
		return -1;
	if (!check_report_ssh_ok(&report))
		return tell_failure(machine, &report, output, err);
	print_note(output, "%s answers: %s", machine->name,
		   report.facts.host_key[0] ? report.facts.host_key : "ok");
	row = check_report_failure(&report, NULL);
	if (row)
		print_note(output, "but not its daemon: %s", row->detail);
	return 0;
}

/*
 * Is it worth to be written?  What policies forbid is refused always; the rest
 * is tried unless --no-check.
 */
static int
try_machine(const struct machine *machine, const struct registry_draft *draft,
	    void *owner, struct err *err)
{
	const struct attempt *attempt = owner;
	const struct output_args *output = &attempt->args->output;
	AUTO_RESOLVED resolved = { .hostname = NULL };

	if (registry_check(attempt->registry, machine, err) < 0)
		return -1;
	if (attempt->args->no_check)
		return 0;
	if (check_key_file(machine, err) < 0)
		return -1;
	if (machine->ssh == NULL && machine->hostname == NULL)
		return 0;
	if (resolve_machine(machine, &resolved, err) < 0)
		return err_hint(err, "--no-check adds it all the same");
	print_note(output, "%s is %s@%s, port %lld", machine->name,
		   resolved.user, resolved.hostname, (long long)resolved.port);
	if (machine->addr || machine->use_direct_addr || !changes_way(attempt))
		return 0;
	return try_handshake(machine, draft, output, err);
}

/* --- add --- */

static int
report(const struct cli_call *call, const struct config_file_config *config,
       const char *what, const char *name, struct err *err)
{
	const struct add_args *args = call->args;
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);
	const struct machine *m;
	AUTO_REGISTRY registry = { .file = NULL };

	if (registry_load(&registry, config, err) < 0)
		return -1;
	m = registry_find(&registry, name, err);
	if (m == NULL)
		return -1;
	if (!wants_json(call, &args->output)) {
		print_note(&args->output, "%s %s in %s", what, name,
			   registry.file);
		return 0;
	}
	jsonw_object(&w, NULL);
	keys_add_json(&w, "machine", m);
	jsonw_str(&w, "file", registry.file);
	return print_answer(&w, err);
}

static bool
has_key(char *const *pairs, const char *key)
{
	return strv_env_get(pairs, key) != NULL;
}

/* What the words of the line, or else a person, say. */
static int
collect(const struct add_args *args, const struct registry *registry,
	char ***pairs, struct err *err)
{
	if (args->name == NULL && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		return wizard_run(registry, pairs, err);
	if (args->name == NULL) {
		err_set(err, ERR_INVALID, "a name is missing");
		return err_hint(err, "berth machine add NAME USER@HOST; on a "
				     "terminal, without words, you are asked");
	}
	if (name_check_machine(args->name, err) < 0)
		return -1;
	strv_give(pairs, xasprintf("name=%s", args->name));
	if (args->destination)
		strv_give(pairs, xasprintf("ssh=%s", args->destination));
	add_settings(&args->settings, pairs);
	/* Its name may be all that there is to say. */
	if (!has_key(*pairs, "ssh") && !has_key(*pairs, "hostname") &&
	    !has_key(*pairs, "addr") && !has_key(*pairs, "transport"))
		strv_give(pairs, xasprintf("ssh=%s", args->name));
	return 0;
}

static int
run_add(const struct cli_call *call, struct err *err)
{
	const struct add_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_FREE struct text_edit_change *changes = NULL;
	AUTO_STRV char **pairs = NULL;
	AUTO_REGISTRY registry = { .file = NULL };
	struct attempt attempt = { .args = args, .registry = &registry };
	struct registry_edit edit = { .config = &config,
				      .check = try_machine,
				      .owner = &attempt };
	size_t n;

	if (open_registry(&registry, &config, &args->output, err) < 0 ||
	    collect(args, &registry, &pairs, err) < 0 ||
	    split(pairs, NULL, &changes, &n, err) < 0)
		return -1;
	attempt.changes = changes;
	attempt.n_changes = n;
	if (registry_add(&edit, changes, n, err) < 0)
		return -1;
	if (report(call, &config, "added", changes[0].value, err) < 0)
		return -1;
	if (!wants_json(call, &args->output))
		print_note(&args->output,
			   "'berth run -m %s -- COMMAND' runs there",
			   changes[0].value);
	return 0;
}

static const struct cli_option check_options[] = {
	CLI_OPTION(struct add_args, no_check, FLAG, "no-check", 0,
		   .help = "Do not try it before it is written"),
	{ 0 },
};
static const struct cli_group check_group = { "Check", check_options };

static const struct cli_operand add_operands[] = {
	CLI_OPERAND(struct add_args, name, TEXT, "NAME",
		    .help = "What to call it"),
	CLI_OPERAND(struct add_args, destination, TEXT, "DESTINATION",
		    .help = "As --ssh; without it, NAME"),
	{ 0 },
};

const struct cli_command machine_add_command = {
	.name = "add",
	.summary = "Add a machine to the configuration",
	.about =
	    "Without words, on a terminal, you are asked step by step. The "
	    "machine is tried before it is written.\n"
	    "\n"
	    "Every alias of ~/.ssh/config is a machine already; adding one "
	    "gives it settings of its own. The rest of the file, comments "
	    "included, stays as it is.",
	.groups =
	    (const struct cli_use[]){
		{ &settings_group, offsetof(struct add_args, settings) },
		{ &check_group },
		{ &config_group, offsetof(struct add_args, config) },
		{ &object_group, offsetof(struct add_args, output) },
		{ 0 } },
	.operands = add_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth machine add", "Be asked" },
		{ "berth machine add gpu3 me@gpu3.example.com --workdir /data",
		  "Say it in a line" },
		{ "berth machine add box root@10.0.0.7 --auth password "
		  "--password-secret box",
		  "Log in with a password that `berth secret set box' keeps" },
		{ 0 } },
	.args_size = sizeof(struct add_args),
	.run = run_add,
};

/* --- edit --- */

static int
run_edit(const struct cli_call *call, struct err *err)
{
	const struct add_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_FREE struct text_edit_change *changes = NULL;
	AUTO_STRV char **pairs = NULL;
	AUTO_REGISTRY registry = { .file = NULL };
	struct attempt attempt = { .args = args, .registry = &registry };
	struct registry_edit edit = { .config = &config,
				      .check = try_machine,
				      .owner = &attempt };
	const char *name = args->name;
	size_t n;

	add_settings(&args->settings, &pairs);
	if (split(pairs, args->unsets, &changes, &n, err) < 0)
		return -1;
	if (n == 0) {
		err_set(err, ERR_INVALID, "nothing is to be changed");
		return err_hint(err, "--set KEY=VALUE, --unset KEY");
	}
	attempt.changes = changes;
	attempt.n_changes = n;
	if (open_registry(&registry, &config, &args->output, err) < 0 ||
	    registry_change(&edit, name, changes, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (str_eq(changes[i].key, "name"))
			name = changes[i].value;
	}
	return report(call, &config, "changed", name, err);
}

static const struct cli_option unset_options[] = {
	CLI_OPTION(struct add_args, unsets, TEXTS, "unset", 'u', .arg = "KEY",
		   .complete = "machine-key",
		   .help = "Take a key out, so that its default holds"),
	CLI_OPTION(struct add_args, no_check, FLAG, "no-check", 0,
		   .help = "Do not try it before it is written"),
	{ 0 },
};
static const struct cli_group unset_group = { "Change", unset_options };

static const struct cli_operand edit_operands[] = {
	CLI_OPERAND(struct add_args, name, TEXT, "NAME", .flags = CLI_REQUIRED,
		    .complete = "own-machine", .help = "The machine"),
	{ 0 },
};

const struct cli_command machine_edit_command = {
	.name = "edit",
	.summary = "Change settings of a machine",
	.about = "Only the lines of the changed keys are written anew; order "
		 "and comments of the file stay.",
	.groups =
	    (const struct cli_use[]){
		{ &settings_group, offsetof(struct add_args, settings) },
		{ &unset_group },
		{ &config_group, offsetof(struct add_args, config) },
		{ &object_group, offsetof(struct add_args, output) },
		{ 0 } },
	.operands = edit_operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth machine edit gpu3 --set retry.limit=3 --unset label",
		  "Change two keys" },
		{ 0 } },
	.args_size = sizeof(struct add_args),
	.run = run_edit,
};
