/* SPDX-License-Identifier: ISC */

/* Which configuration; see config_args.h. */

#include "machine/registry.h"
#include "berth/common.h"
#include "berth/config_args.h"

static const struct cli_option options[] = {
	CLI_OPTION(struct config_args, file, TEXT, "config", 0, .arg = "FILE",
		   .complete = CLI_FILES,
		   .help = "Use this file as the configuration"),
	{ 0 },
};

const struct cli_group config_group = { "Configuration", options };

struct config_file_config
config_of(const struct cli_call *call, const struct config_args *args,
	  struct ask_memory *memory)
{
	return (struct config_file_config){
		.path = args->file,
		.is_codex = is_codex(call),
		.ask = ask_remembering,
		.owner = memory,
	};
}

int
open_registry(struct registry *registry,
	      const struct config_file_config *config,
	      const struct output_args *output, struct err *err)
{
	if (registry_load(registry, config, err) < 0)
		return -1;
	for (char **warning = registry->warnings; warning && *warning;
	     warning++)
		print_note(output, "%s", *warning);
	return 0;
}
