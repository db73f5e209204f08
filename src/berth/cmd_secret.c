/* SPDX-License-Identifier: ISC */

/*
 * secret set, ls, rm, test; see cmd_secret.h.
 *
 * A value comes from standard input or the terminal, never from the line: that
 * would stand in the list of processes and in the shell's history.
 */

#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/rand.h"
#include "core/strv.h"
#include "core/text.h"
#include "secret/secret.h"
#include "secret/store.h"
#include "berth/cmd_secret.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/out/table.h"

#define MAX_OUTPUT (1u << 20)

static const char *const stores[] = {
	[STORE_AUTO] = "auto",
	[STORE_SERVICE] = "service",
	[STORE_FILE] = "file",
	NULL,
};

struct secret_args {
	char **names;
	const char *name;
	int store;
	struct output_args output;
};

static const struct cli_option store_options[] = {
	CLI_OPTION(struct secret_args, store, CHOICE, "store", 0,
		   .arg = "STORE", .choices = stores,
		   .env = "BERTH_SECRET_STORE", .shown = "auto",
		   .help = "Keep secrets in the Secret Service of the desktop, "
			   "or in an encrypted file"),
	{ 0 },
};
static const struct cli_group store_group = { "Store", store_options };

static const struct cli_use uses[] = {
	{ &store_group },
	{ &object_group, offsetof(struct secret_args, output) },
	{ 0 },
};

#define NAME_OPERAND(member_, kind_, flags_)                                   \
	CLI_OPERAND(struct secret_args, member_, kind_, "NAME",                \
		    .flags = (flags_), .complete = "secret",                   \
		    .help = "What the configuration calls secret:NAME")

static struct store *
open_store(const struct secret_args *args, struct err *err)
{
	struct store_config config = { .kind = (enum store_kind)args->store };

	return store_open(&config, err);
}

/* Where it is kept, once; and why not where one might expect it. */
static void
note_store(const struct secret_args *args, const struct store *store,
	   const char *what)
{
	print_note(&args->output, "%s %s", what, store->where);
	if (store->why)
		print_note(&args->output, "(%s)", store->why);
}

/* The end of every answer: where it is kept. */
static int
print_with_store(struct jsonw *w, const struct store *store, struct err *err)
{
	jsonw_str(w, "store", store->ops->kind);
	jsonw_str(w, "where", store->where);
	jsonw_str(w, "why", store->why);
	return print_answer(w, err);
}

/* {KEY: NAME, ...store} or a note. */
static int
report(const struct cli_call *call, const struct store *store, const char *key,
       const char *what, struct err *err)
{
	const struct secret_args *args = call->args;
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	if (!wants_json(call, &args->output)) {
		note_store(args, store, what);
		return 0;
	}
	jsonw_object(&w, NULL);
	if (args->name)
		jsonw_str(&w, "name", args->name);
	jsonw_bool(&w, key, true);
	return print_with_store(&w, store, err);
}

/* set */

static int
read_value(const char *name, struct secret **ret, struct err *err)
{
	char prompt[160];

	if (!isatty(STDIN_FILENO)) {
		if (secret_read(STDIN_FILENO, SECRET_MAX, ret, err) < 0)
			return err_wrap(err, "the value on standard input");
		return 0;
	}
	snprintf(prompt, sizeof(prompt), "Value of %s", name);
	return ask_terminal(prompt, ASK_TWICE, ret, NULL, err);
}

static int
run_set(const struct cli_call *call, struct err *err)
{
	const struct secret_args *args = call->args;
	AUTO_STORE *store = NULL;
	AUTO_SECRET *value = NULL;

	if (store_check_name(args->name, err) < 0 ||
	    read_value(args->name, &value, err) < 0)
		return -1;
	store = open_store(args, err);
	if (store == NULL || store_set(store, args->name, value, err) < 0)
		return -1;
	return report(call, store, "set", "kept in", err);
}

static const struct cli_operand one_operand[] = {
	NAME_OPERAND(name, TEXT, CLI_REQUIRED),
	{ 0 },
};

static const struct cli_command set_command = {
	.name = "set",
	.summary = "Keep a secret, or replace it",
	.about = "The value is read from standard input, without the newline "
		 "at its end, or asked for on the terminal.",
	.groups = uses,
	.operands = one_operand,
	.examples =
	    (const struct cli_row[]){
		{ "berth secret set gpu3-password", "Type it" },
		{ "pass show gpu3 | berth secret set gpu3-password",
		  "Take it from a password manager" },
		{ 0 } },
	.args_size = sizeof(struct secret_args),
	.run = run_set,
};

/* ls */

static const struct table_column columns[] = {
	{ .title = "NAME", .is_flexible = true },
	{ .title = "CHANGED" },
};

static int
print_names(const struct secret_args *args, const struct store *store,
	    const struct store_list *list, struct err *err)
{
	struct table_look look = { .width = style_columns(STDOUT_FILENO),
				   .colour = style_wanted(STDOUT_FILENO) };
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < list->n; i++) {
		char when[RFC3339_SIZE], shown[HUMAN_SIZE];

		rfc3339_format(when, list->items[i].changed_s * 1000000000);
		table_add(&table, list->items[i].name, STYLE_PLAIN);
		table_add(&table, human_time(shown, when), STYLE_DIM);
	}
	if (list->n > 0)
		table_print(&table, &look, &out);
	table_fini(&table);
	note_store(args, store, list->n ? "in" : "no secrets in");
	return print_text(&out, err);
}

static int
print_names_json(const struct store *store, const struct store_list *list,
		 struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "secrets");
	for (size_t i = 0; i < list->n; i++) {
		jsonw_object(&w, NULL);
		jsonw_str(&w, "name", list->items[i].name);
		jsonw_time(&w, "changed_at",
			   list->items[i].changed_s * 1000000000);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	return print_with_store(&w, store, err);
}

static int
run_ls(const struct cli_call *call, struct err *err)
{
	const struct secret_args *args = call->args;
	AUTO_STORE *store = open_store(args, err);
	struct store_list list;
	int rc;

	if (store == NULL || store_list(store, &list, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		rc = print_names_json(store, &list, err);
	else
		rc = print_names(args, store, &list, err);
	store_list_fini(&list);
	return rc;
}

static const struct cli_command ls_command = {
	.name = "ls",
	.aliases = "list",
	.summary = "List the names of secrets, and say where they are kept",
	.groups = uses,
	.args_size = sizeof(struct secret_args),
	.run = run_ls,
};

/* rm */

static int
run_rm(const struct cli_call *call, struct err *err)
{
	const struct secret_args *args = call->args;
	AUTO_STORE *store = open_store(args, err);

	if (store == NULL)
		return -1;
	for (char **name = args->names; *name; name++) {
		if (store_remove(store, *name, err) < 0)
			return -1;
	}
	return report(call, store, "removed", "removed from", err);
}

static const struct cli_operand many_operands[] = {
	NAME_OPERAND(names, TEXTS, CLI_REQUIRED),
	{ 0 },
};

static const struct cli_command rm_command = {
	.name = "rm",
	.aliases = "remove",
	.summary = "Remove secrets",
	.groups = uses,
	.operands = many_operands,
	.args_size = sizeof(struct secret_args),
	.run = run_rm,
};

/* test */

/* Keep something, read it, remove it. */
static int
try_store(struct store *store, struct err *err)
{
	char id[ID_SIZE], name[ID_SIZE + 16];
	AUTO_SECRET *value = NULL, *got = NULL;

	id_new(id, clock_wall_ns());
	snprintf(name, sizeof(name), "berth/test/%s", id);
	value = secret_new(id, sizeof(id) - 1);
	if (store_set(store, name, value, err) < 0 ||
	    store_get(store, name, &got, err) < 0)
		return -1;
	if (!secret_is_equal(value, got))
		return err_set(err, ERR_SYSTEM,
			       "%s gave back another value than it got",
			       store->where);
	return store_remove(store, name, err);
}

static int
run_test(const struct cli_call *call, struct err *err)
{
	const struct secret_args *args = call->args;
	AUTO_STORE *store = open_store(args, err);
	AUTO_SECRET *secret = NULL;

	if (store == NULL)
		return -1;
	if (args->name == NULL && try_store(store, err) < 0)
		return -1;
	if (args->name && store_get(store, args->name, &secret, err) < 0)
		return -1;
	return report(call, store, "ok",
		      args->name ? "it can be read from" : "this works:", err);
}

static const struct cli_operand maybe_operand[] = {
	NAME_OPERAND(name, TEXT, 0),
	{ 0 },
};

static const struct cli_command test_command = {
	.name = "test",
	.summary =
	    "See whether a secret can be read, or whether the store works",
	.about = "Without a name, something is kept, read again and removed. "
		 "A secret is never shown.",
	.groups = uses,
	.operands = maybe_operand,
	.args_size = sizeof(struct secret_args),
	.run = run_test,
};

const struct cli_command secret_command = {
	.name = "secret",
	.summary = "Keep passwords and passphrases",
	.about =
	    "The configuration holds no secrets, only references to them: "
	    "secret:NAME. They are kept by the Secret Service of the desktop "
	    "(GNOME Keyring, KWallet, KeePassXC), or, where there is none, in "
	    "a file that is encrypted with a passphrase.\n"
	    "\n"
	    "The passphrase is asked for on the terminal. A script names a "
	    "file that holds it with BERTH_PASSPHRASE_FILE; only its owner "
	    "may be able to read it.",
	.commands = (const struct cli_command *const[]){ &set_command,
							 &ls_command,
							 &rm_command,
							 &test_command, NULL },
};
