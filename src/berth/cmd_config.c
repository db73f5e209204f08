/* SPDX-License-Identifier: ISC */

/* config path, show, check, encrypt, decrypt; see cmd_config.h. */

#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/strv.h"
#include "machine/keys.h"
#include "machine/registry.h"
#include "berth/cmd_config.h"
#include "berth/common.h"
#include "berth/config_args.h"

/* A hundred thousand machines, each with all its keys. */
#define MAX_OUTPUT (64u << 20)

struct show_args {
	struct config_args config;
	struct output_args output;
	bool keyring;
};

static const struct cli_use uses[] = {
	{ &config_group, offsetof(struct show_args, config) },
	{ &object_group, offsetof(struct show_args, output) },
	{ 0 },
};

/* {"path","exists","encrypted"}, or the path alone. */
static int
print_path(const struct cli_call *call, const struct config_file *file,
	   struct err *err)
{
	const struct show_args *args = call->args;
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	if (args->output.format == FORMAT_AUTO ||
	    args->output.format == FORMAT_TEXT) {
		(void)buf_addf(&out, "%s\n", file->path);
		return print_text(&out, err);
	}
	jsonw_object(&w, NULL);
	jsonw_str(&w, "path", file->path);
	jsonw_bool(&w, "exists", file->is_there);
	jsonw_bool(&w, "encrypted", file->is_sealed);
	return print_answer(&w, err);
}

static int
run_path(const struct cli_call *call, struct err *err)
{
	const struct show_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_CONFIG_FILE file = { .lock = -1 };

	if (config_file_find(&file, &config, err) < 0)
		return -1;
	return print_path(call, &file, err);
}

static const struct cli_command path_command = {
	.name = "path",
	.summary = "Say which file the configuration is, or would be",
	.groups = uses,
	.args_size = sizeof(struct show_args),
	.run = run_path,
};

/* show */

static void
add_registry(struct jsonw *w, const struct registry *registry)
{
	jsonw_str(w, "file", registry->file);
	jsonw_bool(w, "password_authentication",
		   registry_allows_password(registry));
	jsonw_array(w, "policies");
	for (size_t i = 0; i < registry->n_policies; i++) {
		const struct policy *policy = &registry->policies[i];

		jsonw_object(w, NULL);
		jsonw_str(w, "file", policy->file);
		jsonw_strv(w, "allow_hosts", policy->allow_hosts);
		jsonw_strv(w, "allow_machines", policy->allow_machines);
		jsonw_bool(w, "allow_password", !policy->refuse_password);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_array(w, "machines");
	for (size_t i = 0; i < registry->n; i++)
		keys_add_json(w, NULL, &registry->machines[i]);
	jsonw_array_end(w);
	jsonw_strv(w, "warnings", registry->warnings);
}

static int
run_show(const struct cli_call *call, struct err *err)
{
	const struct show_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);
	AUTO_REGISTRY registry = { .file = NULL };
	AUTO_JSON *tree = NULL;
	AUTO_FREE char *lines = NULL;

	if (registry_load(&registry, &config, err) < 0)
		return -1;
	jsonw_object(&w, NULL);
	add_registry(&w, &registry);
	if (end_answer(&w, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		return print_json(&out, err);
	tree = json_parse(buf_bytes(&out), out.len, err);
	if (tree == NULL)
		return -1;
	lines = json_dump_lines(tree);
	buf_clear(&out);
	(void)buf_adds(&out, lines);
	return print_json(&out, err);
}

static const struct cli_command show_command = {
	.name = "show",
	.summary = "Show what is in force, defaults included",
	.about = "This is JSON, over many lines on a terminal. Tokens that "
		 "stand in the file in clear are not shown.",
	.groups = uses,
	.args_size = sizeof(struct show_args),
	.run = run_show,
};

/* check */

static int
run_check(const struct cli_call *call, struct err *err)
{
	const struct show_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);
	AUTO_REGISTRY registry = { .file = NULL };

	if (open_registry(&registry, &config, &args->output, err) < 0)
		return -1;
	if (!wants_json(call, &args->output)) {
		if (registry.file)
			print_note(&args->output,
				   "%s is right: %zu machines in it",
				   registry.file, registry.n_own);
		else
			print_note(&args->output, "there is no file yet");
		return 0;
	}
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "file", registry.file);
	jsonw_u64(&w, "machines", registry.n_own);
	jsonw_strv(&w, "warnings", registry.warnings);
	return print_answer(&w, err);
}

static const struct cli_command check_command = {
	.name = "check",
	.summary = "See whether the configuration is right",
	.about = "A mistake is named with file, line and key; the exit status "
		 "is then 78.",
	.groups = uses,
	.args_size = sizeof(struct show_args),
	.run = run_check,
};

/* encrypt, decrypt */

static int
change(const struct cli_call *call, bool seals, struct err *err)
{
	const struct show_args *args = call->args;
	AUTO_ASK_MEMORY memory = { 0 };
	struct config_file_config config = config_of(call, &args->config,
						     &memory);
	AUTO_CONFIG_FILE file = { .lock = -1 };
	enum sealed_key key = args->keyring ? SEALED_BY_KEYRING
					    : SEALED_BY_PASSPHRASE;

	if (config_file_find(&file, &config, err) < 0)
		return -1;
	if ((seals ? config_file_seal(&file, key, err)
		   : config_file_unseal(&file, err)) < 0)
		return -1;
	if (args->output.format == FORMAT_JSON)
		return print_path(call, &file, err);
	print_note(&args->output, "the configuration is %s now", file.path);
	return 0;
}

static int
run_encrypt(const struct cli_call *call, struct err *err)
{
	return change(call, true, err);
}

static int
run_decrypt(const struct cli_call *call, struct err *err)
{
	return change(call, false, err);
}

static const struct cli_option encrypt_options[] = {
	CLI_OPTION(struct show_args, keyring, FLAG, "keyring", 0,
		   .help = "Let the Secret Service keep a random passphrase "
			   "instead of asking for one"),
	{ 0 },
};
static const struct cli_group encrypt_group = { "Encryption", encrypt_options };

static const struct cli_command encrypt_command = {
	.name = "encrypt",
	.summary = "Keep the configuration encrypted",
	.about =
	    "The file becomes config.yaml.enc, encrypted with a passphrase. "
	    "Everything works as before; a command that reads it asks for the "
	    "passphrase, on the terminal or by BERTH_PASSPHRASE_FILE.",
	.groups =
	    (const struct cli_use[]){
		{ &encrypt_group },
		{ &config_group, offsetof(struct show_args, config) },
		{ &object_group, offsetof(struct show_args, output) },
		{ 0 } },
	.args_size = sizeof(struct show_args),
	.run = run_encrypt,
};

static const struct cli_command decrypt_command = {
	.name = "decrypt",
	.summary = "Keep the configuration in clear again",
	.groups = uses,
	.args_size = sizeof(struct show_args),
	.run = run_decrypt,
};

const struct cli_command config_command = {
	.name = "config",
	.summary = "Look at the configuration, and encrypt it",
	.about = "The configuration names machines, and holds for them. It is "
		 "config.yaml or config.json in ~/.config/berth.",
	.commands =
	    (const struct cli_command *const[]){
		&path_command, &show_command, &check_command, &encrypt_command,
		&decrypt_command, NULL },
};
