/* SPDX-License-Identifier: ISC */

/* What to run; see spec_args.h. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/reach.h"
#include "berth/common.h"
#include "berth/spec_args.h"

/* The daemon takes no larger request. */
#define MAX_SCRIPT (3u << 20)

static const struct cli_option what_options[] = {
	CLI_OPTION(struct spec_args, cmd, TEXT, "cmd", 'c', .arg = "LINE",
		   .help = "Run this line in the machine's shell"),
	CLI_OPTION(struct spec_args, script, TEXT, "script", 0, .arg = "FILE",
		   .complete = CLI_FILES,
		   .help = "Send this file, or \"-\" for standard input, and "
			   "run it there"),
	CLI_OPTION(struct spec_args, cwd, TEXT, "cwd", 'C', .arg = "DIR",
		   .complete = CLI_DIRS,
		   .help = "Run in this directory (default: the current one "
			   "on this machine, the home elsewhere)"),
	CLI_OPTION(struct spec_args, env, TEXTS, "env", 'e',
		   .arg = "NAME[=VALUE]",
		   .help = "Set a variable; without a value, to what it is "
			   "here; may be repeated"),
	CLI_OPTION(struct spec_args, shell, TEXT, "shell", 0, .arg = "SHELL",
		   .help = "Use this shell for --cmd: sh, bash, zsh"),
	CLI_OPTION(struct spec_args, project, TEXT, "project", 0, .arg = "ID",
		   .help = "Run in a checkout of this project of the machine's "
			   "configuration"),
	CLI_OPTION(struct spec_args, ref, TEXT, "ref", 0, .arg = "REF",
		   .help = "The commit, branch or tag of --project"),
	{ 0 },
};

const struct cli_group what_group = { "What to run", what_options };

static const struct cli_option condition_options[] = {
	CLI_OPTION(struct spec_args, stdin_open, FLAG, "stdin", 'i',
		   .help = "Give it a standard input; otherwise that is empty"),
	CLI_OPTION(struct spec_args, tty, FLAG, "tty", 't',
		   .help = "Give it a terminal"),
	CLI_OPTION(struct spec_args, timeout_ms, DURATION, "timeout", 0,
		   .arg = "TIME", .help = "Stop it after so long"),
	CLI_OPTION(struct spec_args, grace_ms, DURATION, "grace", 0,
		   .arg = "TIME", .shown = "3s",
		   .help = "When stopping it, wait so long between asking and "
			   "killing"),
	CLI_OPTION(struct spec_args, key, TEXT, "key", 0, .arg = "KEY",
		   .help = "Start nothing if an exec with this key is there; "
			   "it is that one then"),
	CLI_OPTION(struct spec_args, labels, TEXTS, "label", 'l',
		   .arg = "NAME=VALUE",
		   .help = "Mark the exec; may be repeated"),
	CLI_OPTION(struct spec_args, artifacts, TEXTS, "artifact", 0,
		   .arg = "GLOB",
		   .help = "Keep matching files of its directory when it has "
			   "ended; may be repeated"),
	CLI_OPTION(struct spec_args, nice, NUMBER, "nice", 0, .arg = "N",
		   .max = 19, .help = "Lower its priority by 0 to 19"),
	CLI_OPTION(struct spec_args, limit_memory, BYTES, "memory", 0,
		   .arg = "SIZE", .aliases = "limit-memory",
		   .help = "Let it have no more memory"),
	CLI_OPTION(struct spec_args, limit_cpu, TEXT, "cpus", 0, .arg = "N",
		   .aliases = "limit-cpu",
		   .help = "Let it use no more processors, such as 1.5"),
	CLI_OPTION(struct spec_args, limit_procs, NUMBER, "procs", 0,
		   .arg = "N", .aliases = "limit-procs", .min = 1,
		   .max = 1000000, .help = "Let it have no more processes"),
	CLI_OPTION(struct spec_args, limit_output, BYTES, "max-output", 0,
		   .arg = "SIZE", .aliases = "limit-output",
		   .help = "Keep no more of each output stream"),
	{ 0 },
};

const struct cli_group condition_group = { "Conditions", condition_options };

static int
read_script(const char *path, char **ret, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_SCRIPT);
	int rc = str_eq(path, "-") ? fs_read_fd(STDIN_FILENO, &text, err)
				   : fs_read_file(AT_FDCWD, path, &text, err);

	if (rc < 0)
		return err_wrap(err, "script %s", path);
	if (memchr(buf_bytes(&text), '\0', text.len) ||
	    !utf8_valid(buf_bytes(&text), text.len)) {
		err_set(err, ERR_INVALID, "script %s is not text", path);
		return err_hint(err,
				"a program is run as 'berth run -- %s' "
				"once it is there",
				path);
	}
	if (text.len == 0)
		return err_set(err, ERR_INVALID, "script %s is empty", path);
	*ret = buf_take(&text);
	return 0;
}

/* Exactly one of a line, a script, and words; words may follow a script. */
static int
take_command(struct request *r, const struct spec_args *args, struct err *err)
{
	int n = (args->cmd != NULL) + (args->script != NULL) +
		(args->words != NULL && args->script == NULL);

	if (n == 0) {
		err_set(err, ERR_INVALID, "there is nothing to run");
		return err_hint(err, "write -- COMMAND ARG..., --cmd LINE or "
				     "--script FILE");
	}
	if (n > 1) {
		err_set(err, ERR_INVALID,
			"only one of --cmd, --script and a command can be run");
		return err_hint(err, "put the arguments into --cmd, or leave "
				     "--cmd out");
	}
	r->spec.cmd = args->cmd;
	if (args->script) {
		if (read_script(args->script, &r->script, err) < 0)
			return -1;
		r->spec.script = r->script;
		r->spec.script_args = args->words;
	} else {
		r->spec.argv = args->words;
	}
	return 0;
}

/* "NAME" is what NAME is here. */
static int
take_env(struct request *r, char *const *env, struct err *err)
{
	for (; env && *env; env++) {
		const char *value;

		if (strchr(*env, '=')) {
			strv_add(&r->env, *env);
			continue;
		}
		value = getenv(*env);
		if (value == NULL)
			return err_set(err, ERR_INVALID,
				       "--env: %.64s is not set here", *env);
		strv_give(&r->env, xasprintf("%s=%s", *env, value));
	}
	r->spec.env = r->env;
	return 0;
}

static int
check_labels(char *const *labels, struct err *err)
{
	for (; labels && *labels; labels++) {
		if (strchr(*labels, '=') == NULL || **labels == '=')
			return err_set(err, ERR_INVALID,
				       "--label: \"%.64s\" is not NAME=VALUE",
				       *labels);
	}
	return 0;
}

/*
 * On this machine a command runs where it was typed, as without berth.
 * codex-remote and other machines know no such place.
 */
static int
take_cwd(struct request *r, const struct cli_call *call,
	 const struct where_args *where, const struct spec_args *args,
	 struct err *err)
{
	AUTO_FREE char *here = NULL;

	r->spec.cwd = args->cwd;
	if (is_codex(call) || where->addr || args->project ||
	    (where->machine && !str_eq(where->machine, "local")))
		return 0;
	here = realpath(".", NULL);
	if (here == NULL)
		return err_sys(err, "the current directory");
	r->cwd = args->cwd ? path_join(here, args->cwd) : TAKE(here);
	if (args->cwd && args->cwd[0] == '~') {
		free(r->cwd);
		r->cwd = path_expand(args->cwd, err);
		if (r->cwd == NULL)
			return -1;
	}
	r->spec.cwd = r->cwd;
	return 0;
}

static void
take_conditions(struct exec_spec *spec, const struct spec_args *args)
{
	spec->shell = args->shell;
	spec->project_id = args->project;
	spec->ref = args->ref;
	spec->tty = args->tty;
	spec->stdin_open = args->stdin_open;
	spec->timeout_ms = args->timeout_ms;
	spec->grace_ms = args->grace_ms;
	spec->labels = args->labels;
	spec->artifacts = args->artifacts;
	spec->nice = args->nice;
	spec->limit_memory = args->limit_memory;
	spec->limit_procs = args->limit_procs;
	spec->limit_output = args->limit_output;
	spec->limit_cpu = args->limit_cpu;
}

int
request_init(struct request *ret, const struct cli_call *call,
	     const struct where_args *where, const struct spec_args *args,
	     struct err *err)
{
	*ret = (struct request){ .script = NULL };
	if (take_command(ret, args, err) < 0 ||
	    take_env(ret, args->env, err) < 0 ||
	    check_labels(args->labels, err) < 0 ||
	    take_cwd(ret, call, where, args, err) < 0)
		return -1;
	take_conditions(&ret->spec, args);
	exec_key_new(ret->key);
	ret->spec.key = args->key ? args->key : ret->key;
	return 0;
}

/* Below the machine's own directory, where it has one. */
static void
fit_cwd(struct request *request, const char *workdir)
{
	const char *given = request->spec.cwd;
	char *fitted;

	if (workdir == NULL || request->spec.project_id ||
	    (given && (given[0] == '/' || given[0] == '~')))
		return;
	fitted = given ? path_join(workdir, given) : xstrdup(workdir);
	free(request->cwd);
	request->spec.cwd = request->cwd = fitted;
}

void
request_fit(struct request *request, const struct reach *reach)
{
	struct exec_spec *spec = &request->spec;

	fit_cwd(request, reach->workdir);
	if (spec->shell == NULL && (spec->cmd || spec->script))
		spec->shell = reach->shell;
	for (char *const *pair = reach->env; pair && *pair; pair++) {
		AUTO_FREE char *name = xstrndup(*pair, strcspn(*pair, "="));

		if (strv_env_get(request->env, name) == NULL)
			strv_add(&request->env, *pair);
	}
	spec->env = request->env;
}

void
request_fini(struct request *request)
{
	free(request->script);
	free(request->cwd);
	free(request->line);
	strv_free(request->env);
	request->script = request->cwd = request->line = NULL;
	request->env = NULL;
}
