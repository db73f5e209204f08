/* SPDX-License-Identifier: ISC */

/* From a request to a launch; see decide.h. */

#include <string.h>

#include "berthd/config.h"
#include "berthd/exec/decide.h"
#include "berthd/exec/environment.h"
#include "berthd/exec/launch.h"
#include "berthd/exec/orphans.h"
#include "berthd/exec/spec.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"

int
decide_init(struct decide *d, const char *root, const struct config *config,
	    struct err *err)
{
	extern char **environ;

	d->config = config;
	d->root = xstrdup(root);
	d->base_env = environment_base(environ);
	d->home = path_home(err);
	if (d->home == NULL)
		return -1;
	d->roots = strv_copy(config->allowed_cwd_roots);
	strv_add(&d->roots, d->home);
	strv_add(&d->roots, d->root);
	return 0;
}

void
decide_fini(struct decide *d)
{
	strv_free(d->base_env);
	strv_free(d->roots);
	free(d->root);
	free(d->home);
}

static char **
make_argv(const struct decide *d, const struct spec *spec)
{
	const char *shell = spec->shell ? spec->shell
					: d->config->default_shell;
	char **argv = NULL;

	if (spec->argv)
		return strv_copy(spec->argv);
	if (spec->script && spec->shell == NULL &&
	    str_starts(spec->script, "#!")) {
		strv_add(&argv, "{}");
	} else {
		strv_add(&argv, shell ? shell : "sh");
		strv_add(&argv, spec->script ? "-l" : "-lc");
		strv_add(&argv, spec->script ? "{}" : spec->cmd);
	}
	for (char *const *arg = spec->script_args; arg && *arg; arg++)
		strv_add(&argv, *arg);
	return argv;
}

/* An unknown project is not the request's fault alone: it becomes an exec. */
static void
add_project(const struct decide *d, const struct spec *spec,
	    struct launch *launch)
{
	const struct config_project *project;

	if (spec->project_id == NULL)
		return;
	project = config_find_project(d->config, spec->project_id);
	if (spec->ref == NULL) {
		launch->refusal = xstrdup(
		    "ref is required when project_id is set");
	} else if (project == NULL) {
		launch->refusal = xasprintf("unknown project_id: %.200s",
					    spec->project_id);
	} else {
		launch->repo_url = xstrdup(project->repo_url);
		launch->ref = xstrdup(spec->ref);
		launch->mirror = project->mirror_dir
				     ? xstrdup(project->mirror_dir)
				     : xasprintf("%s/../mirrors/%s.git",
						 d->root, project->id);
	}
}

static void
make_env(const struct decide *d, struct spec *spec, struct launch *launch)
{
	AUTO_STRV char **refused = NULL;
	AUTO_BUF names = BUF_INIT(512);
	AUTO_FREE char *own = xasprintf(ORPHANS_MARK "=%s", spec->exec_id);

	launch->env = environment_make(d->base_env, d->config->env, spec->env,
				       d->config->allow_env, &refused);
	strv_env_set(&launch->env, own);
	if (spec->tty && strv_env_get(launch->env, "TERM") == NULL)
		strv_add(&launch->env, "TERM=xterm-256color");
	for (char **name = refused; name && *name; name++)
		(void)buf_addf(&names, "%s%s", name == refused ? "" : ", ",
			       *name);
	if (refused)
		spec->warning = xasprintf(
		    "not passed to the command: %s (allow_env in "
		    "the daemon's configuration lets them through)",
		    buf_text(&names));
}

int
decide_launch(const struct decide *d, struct spec *spec, bool is_restricted,
	      struct launch *l, struct err *err)
{
	AUTO_BUF text = BUF_INIT(2 * SPEC_MAX);

	l->argv = make_argv(d, spec);
	make_env(d, spec, l);
	add_project(d, spec, l);
	if (spec_encode(spec, &text) < 0)
		return err_set(err, ERR_LIMIT, "the request is too large");
	l->spec = buf_take(&text);
	l->id = xstrdup(spec->exec_id);
	l->root = xstrdup(d->root);
	l->home = xstrdup(d->home);
	l->cwd = spec->cwd ? path_expand(spec->cwd, err) : NULL;
	if (is_restricted || d->config->allowed_cwd_roots)
		l->roots = strv_copy(d->roots);
	l->script = spec->script ? xstrdup(spec->script) : NULL;
	l->artifacts = strv_copy(spec->artifacts);
	l->flags = (spec->tty ? LAUNCH_TTY : 0) |
		   (spec->stdin_open ? LAUNCH_STDIN : 0) |
		   (spec->argv ? 0 : LAUNCH_SHELL);
	l->cols = (uint64_t)spec->cols;
	l->rows = (uint64_t)spec->rows;
	l->timeout_ms = spec->timeout;
	l->grace_ms = spec->grace;
	l->max_log = spec->limit_output ? spec->limit_output
					: d->config->max_log_bytes;
	l->limit_memory = spec->limit_memory;
	l->limit_procs = (uint64_t)spec->limit_procs;
	l->limit_cpu = spec_cpu(spec);
	l->niceness = (uint64_t)spec->nice;
	return 0;
}
