/* SPDX-License-Identifier: ISC */

/* Execs as clients see them; see exec_json.h. */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/artifacts.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/exec_json.h"
#include "berthd/exec/runner.h"
#include "berthd/exec/spec.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/strv.h"
#include "wire/errors.h"

#define MAX_ARTIFACTS (512u << 10)

/* codexd knows two words only. */
static const char *
status_of(const struct exec *exec)
{
	return exec_is_ended(exec) ? "finished" : "running";
}

static void
add_exit(const struct exec *exec, struct jsonw *w)
{
	AUTO_FREE char *name = NULL;

	if (exec_is_ended(exec) && exec->exit_code >= 0)
		jsonw_int(w, "exit_code", exec->exit_code);
	else
		jsonw_null(w, "exit_code");
	if (exec->signal && sigabbrev_np((int)exec->signal))
		name = xasprintf("SIG%s", sigabbrev_np((int)exec->signal));
	jsonw_str(w, "signal", name);
}

void
exec_json_started(const struct exec *exec, struct jsonw *w)
{
	jsonw_str(w, "exec_id", exec->id);
	jsonw_str(w, "status", status_of(exec));
	jsonw_time(w, "started_at", exec->started_ns);
	if (exec->key)
		jsonw_str(w, "key", exec->key);
}

void
exec_json_summary(const struct exec *exec, struct jsonw *w)
{
	jsonw_str(w, "exec_id", exec->id);
	jsonw_str(w, "status", status_of(exec));
	jsonw_str(w, "state", exec_state_name(exec->kind));
	jsonw_str(w, "cmd", exec->summary);
	jsonw_time(w, "started_at", exec->started_ns);
	jsonw_time(w, "finished_at", exec->finished_ns);
	add_exit(exec, w);
	if (exec->key)
		jsonw_str(w, "key", exec->key);
	if (exec->labels)
		jsonw_env(w, "labels", exec->labels);
	jsonw_u64(w, "output_bytes", exec->bytes);
}

static void
add_spec(struct jsonw *w, const struct spec *spec)
{
	AUTO_FREE char *summary = NULL;

	if (spec->cmd == NULL)
		summary = spec_summary(spec);
	jsonw_str(w, "cmd", spec->cmd ? spec->cmd : summary);
	if (spec->argv)
		jsonw_strv(w, "argv", spec->argv);
	if (spec->script)
		jsonw_str(w, "script", spec->script);
	if (spec->env)
		jsonw_env(w, "env", spec->env);
	jsonw_str(w, "shell", spec->shell);
	if (spec->project_id)
		jsonw_str(w, "project_id", spec->project_id);
	if (spec->ref)
		jsonw_str(w, "ref", spec->ref);
	jsonw_env(w, "labels", spec->labels);
	jsonw_str(w, "key", spec->key);
	jsonw_bool(w, "tty", spec->tty);
	jsonw_bool(w, "stdin", spec->stdin_open);
}

static void
add_limit(struct jsonw *w, const char *name, const char *by)
{
	if (by)
		jsonw_str(w, name, by);
}

static void
add_limits(struct jsonw *w, const struct spec *spec,
	   const struct exec_state *state)
{
	jsonw_object(w, "limits");
	if (spec->limit_memory) {
		jsonw_object(w, "memory");
		jsonw_u64(w, "asked", spec->limit_memory);
		add_limit(w, "mechanism", state->memory_by);
		jsonw_object_end(w);
	}
	if (spec->limit_procs) {
		jsonw_object(w, "procs");
		jsonw_int(w, "asked", spec->limit_procs);
		add_limit(w, "mechanism", state->procs_by);
		jsonw_object_end(w);
	}
	if (spec->limit_cpu) {
		jsonw_object(w, "cpu");
		jsonw_str(w, "asked", spec->limit_cpu);
		add_limit(w, "mechanism", state->cpu_by);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

/* While it runs the files tell how much there is. */
static void
add_sizes(struct jsonw *w, const struct exec *exec, int dir_fd,
	  const struct exec_state *state)
{
	int64_t out = state->stdout_bytes, err_size = state->stderr_bytes;
	struct stat st;

	if (!exec_is_ended(exec) || exec->run) {
		if (fstatat(dir_fd, "out", &st, 0) == 0)
			out = MAX(out, st.st_size);
		if (fstatat(dir_fd, "err", &st, 0) == 0)
			err_size = MAX(err_size, st.st_size);
	}
	jsonw_int(w, "stdout_bytes", out);
	jsonw_int(w, "stderr_bytes", err_size);
	jsonw_int(w, "lost_bytes", state->lost_bytes);
}

static void
add_end(struct jsonw *w, const struct exec *exec,
	const struct exec_state *state)
{
	uint64_t end = exec_is_ended(exec) ? exec->finished_ns :
					     clock_wall_ns();

	jsonw_time(w, "started_at", exec->started_ns);
	jsonw_time(w, "finished_at", exec->finished_ns);
	jsonw_seconds(w, "duration",
		      exec->started_ns && end > exec->started_ns ?
			  (end - exec->started_ns) / NS_PER_MS :
			  0);
	add_exit(exec, w);
	jsonw_str(w, "reason",
		  exec_is_ended(exec) ? exec_state_name(exec->kind) : NULL);
	jsonw_str(w, "error", state->error);
	jsonw_seconds(w, "cpu_user", (uint64_t)state->cpu_user_us / 1000);
	jsonw_seconds(w, "cpu_system", (uint64_t)state->cpu_system_us / 1000);
	jsonw_int(w, "max_rss", state->max_rss);
	jsonw_bool(w, "output_open",
		   exec_is_ended(exec) && state->output_open &&
		       exec->run != NULL);
}

static void
add_warning(struct jsonw *w, const struct spec *spec,
	    const struct exec_state *state)
{
	AUTO_FREE char *both = NULL;

	if (spec->warning && state->warning)
		both = xasprintf("%s; %s", spec->warning, state->warning);
	if (spec->warning || state->warning)
		jsonw_str(w, "warning",
			  both		  ? both :
			  spec->warning ? spec->warning :
					  state->warning);
}

static void
add_artifacts(struct jsonw *w, int dir_fd)
{
	AUTO_BUF text = BUF_INIT(MAX_ARTIFACTS);
	struct err err = ERR_INIT;

	if (fs_read_file(dir_fd, ARTIFACTS_FILE, &text, &err) == 0 &&
	    text.len > 0)
		jsonw_raw(w, "artifacts", buf_text(&text));
}

int
exec_json_result(const struct exec *exec, struct jsonw *w, struct err *err)
{
	struct exec_state state = EXEC_STATE_INIT;
	struct spec spec = SPEC_INIT;
	AUTO_CLOSE int dir_fd = exec_open_dir(exec, err);

	if (dir_fd < 0)
		return -1;
	if (spec_read(dir_fd, &spec, err) < 0) {
		spec_fini(&spec);
		return -1;
	}
	/* No state yet: it is just being started. */
	(void)exec_state_read(dir_fd, &state, err);
	jsonw_str(w, "exec_id", exec->id);
	jsonw_str(w, "status", status_of(exec));
	jsonw_str(w, "state", exec_state_name(exec->kind));
	add_spec(w, &spec);
	jsonw_str(w, "cwd", state.cwd ? state.cwd : spec.cwd);
	if (state.pid)
		jsonw_int(w, "pid", state.pid);
	add_end(w, exec, &state);
	add_sizes(w, exec, dir_fd, &state);
	add_artifacts(w, dir_fd);
	add_warning(w, &spec, &state);
	add_limits(w, &spec, &state);
	jsonw_str(w, "runner", exec->runner->name);
	jsonw_int(w, "schema_version", WIRE_SCHEMA_VERSION);
	spec_fini(&spec);
	exec_state_fini(&state);
	return 0;
}
