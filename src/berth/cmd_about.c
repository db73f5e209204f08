/* SPDX-License-Identifier: ISC */

/* version, capabilities; see cmd_about.h. */

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/strv.h"
#include "wire/errors.h"
#include "client/client.h"
#include "client/hello.h"
#include "berth/cmd_about.h"
#include "berth/common.h"

struct about_args {
	struct where_args where;
	struct output_args output;
};

/* Of this program; codex-remote prints the bare number. */
static int
run_version(const struct cli_call *call, struct err *err)
{
	const struct output_args *output = call->args;
	AUTO_BUF text = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&text);

	if (output->format == FORMAT_JSON || output->format == FORMAT_JSONL) {
		jsonw_object(&w, NULL);
		jsonw_str(&w, "version", BERTH_VERSION);
		jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
		jsonw_object_end(&w);
		return print_json(&text, err);
	}
	(void)buf_addf(&text, "%s%s\n", is_codex(call) ? "" : "berth ",
		       BERTH_VERSION);
	return print_text(&text, err);
}

static int
run_capabilities(const struct cli_call *call, struct err *err)
{
	const struct about_args *args = call->args;
	AUTO_CLIENT *client = open_client(&args->where, &args->output, err);
	AUTO_HELLO hello = HELLO_INIT;
	AUTO_BUF answer = BUF_INIT(HELLO_MAX), text = BUF_INIT(HELLO_MAX);

	if (client == NULL || hello_ask(client, &answer, &hello, err) < 0)
		return -1;
	if (wants_json(call, &args->output))
		return print_json(&answer, err);
	for (char **word = hello.capabilities; word && *word; word++)
		(void)buf_addf(&text, "%s\n", *word);
	return print_text(&text, err);
}

const struct cli_command version_command = {
	.name = "version",
	.summary = "Print the version of this program",
	.about = "'berth capabilities --json' tells that of the daemon.",
	.groups = (const struct cli_use[]){ { &object_group }, { 0 } },
	.args_size = sizeof(struct output_args),
	.run = run_version,
};

const struct cli_command capabilities_command = {
	.name = "capabilities",
	.summary = "List what the daemon of a machine can do",
	.groups =
	    (const struct cli_use[]){
		{ &where_group, offsetof(struct about_args, where) },
		{ &object_group, offsetof(struct about_args, output) },
		{ 0 } },
	.args_size = sizeof(struct about_args),
	.run = run_capabilities,
};
