/* SPDX-License-Identifier: ISC */

/* Walking the table; see each.h. */

#include "core/buf.h"
#include "core/text.h"
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

struct variables {
	const struct cli_option **found;
	size_t n, max;
};

static void
note_variable(struct variables *v, const struct cli_option *option)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->found[i]->env, option->env))
			return;
	}
	if (v->n < v->max)
		v->found[v->n++] = option;
}

static int
note_variables(const struct cli_call *call, void *owner)
{
	const struct cli_use *use = cli_call_command(call)->groups;

	for (; use && use->group; use++) {
		const struct cli_option *o = use->group->options;

		for (; o->name; o++) {
			if (o->env && !(o->flags & CLI_HIDDEN))
				note_variable(owner, o);
		}
	}
	return 0;
}

size_t
cli_each_variable(const struct cli_program *program,
		  const struct cli_option **ret, size_t max)
{
	struct variables v = { .found = ret, .max = max };

	(void)cli_each(program, note_variables, &v);
	return v.n;
}
