/* SPDX-License-Identifier: ISC */

/* Walking the table; see each.h. */

#include "core/buf.h"
#include "cli/each.h"

static int
visit(struct cli_call *call, cli_each_fn *fn, void *owner)
{
	const struct cli_command *const *c = cli_call_command(call)->commands;

	if (fn(call, owner) < 0)
		return -1;
	for (; c && *c; c++) {
		if (((*c)->flags & CLI_HIDDEN) || (*c)->alias_of)
			continue;
		call->path[call->depth++] = *c;
		if (visit(call, fn, owner) < 0)
			return -1;
		call->depth--;
	}
	return 0;
}

int
cli_each(const struct cli_program *program, cli_each_fn *fn, void *owner)
{
	struct cli_call call = { .program = program,
				 .path = { program->root },
				 .depth = 1 };

	return visit(&call, fn, owner);
}

int
cli_each_target(const struct cli_call *parent,
		const struct cli_command *command, struct buf *out)
{
	if (command->alias_of)
		return buf_adds(out, command->alias_of);
	for (size_t i = 1; i < parent->depth; i++) {
		if (buf_addf(out, "%s ", parent->path[i]->name) < 0)
			return -1;
	}
	return buf_adds(out, command->name);
}
