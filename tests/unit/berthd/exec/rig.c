/* SPDX-License-Identifier: ISC */

/* Holders without a daemon; see rig.h. */

#include "tests/unit/berthd/exec/rig.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/proc.h"
#include "core/rand.h"
#include "core/strv.h"

#define TICK_MS 5
#define MAX_TEXT (64u << 20)

static void
on_tick(uv_timer_t *tick UNUSED)
{
}

/* One for all tests of a program: it is forked before libuv is used. */
static struct spawner spawner = { .fd = -1 };

int
rig_start_spawner(void **state UNUSED)
{
	return spawner_start(&spawner, &(struct err)ERR_INIT);
}

int
rig_stop_spawner(void **state UNUSED)
{
	spawner_stop(&spawner);
	return 0;
}

void
rig_init_in(struct rig *rig, const char *root)
{
	memset(rig, 0, sizeof(*rig));
	rig->root = xstrdup(root);
	rig->spawner = spawner;
	uv_loop_init(&rig->loop);
	uv_timer_init(&rig->loop, &rig->tick);
	uv_timer_start(&rig->tick, on_tick, TICK_MS, TICK_MS);
	runner_process_init(&rig->runner, &rig->loop, &rig->spawner);
}

void
rig_init(struct rig *rig)
{
	rig_init_in(rig, unit_temp_dir());
}

/* A test that failed has left its jobs. */
static void
close_handle(uv_handle_t *handle, void *arg UNUSED)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void
rig_fini(struct rig *rig)
{
	runner_process_fini(&rig->runner);
	uv_walk(&rig->loop, close_handle, NULL);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	free(rig->root);
}

void
rig_turn(struct rig *rig)
{
	uv_run(&rig->loop, UV_RUN_ONCE);
}

int
rig_setup(void **state)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	rig_init(rig);
	*state = rig;
	return 0;
}

int
rig_teardown(void **state)
{
	rig_fini(*state);
	free(*state);
	return 0;
}

static void
on_state(struct run *run UNUSED, const struct exec_state *state, void *owner)
{
	AUTO_BUF text = BUF_INIT(STATE_MAX);
	struct job *job = owner;
	struct err err = ERR_INIT;

	assert_true(exec_state_may_follow(job->state.kind, state->kind));
	assert_int_equal(exec_state_encode(state, &text), 0);
	assert_int_equal(
	    exec_state_decode(buf_bytes(&text), text.len, &job->state, &err),
	    0);
	job->n_states++;
}

static void
on_refused(struct run *run UNUSED, const struct err *err, void *owner)
{
	struct job *job = owner;

	job->is_refused = true;
	job->why = *err;
}

static void
on_input(struct run *run UNUSED, uint64_t taken, bool closed, void *owner)
{
	struct job *job = owner;

	assert_true(taken >= job->taken);
	job->taken = taken;
	job->in_closed = closed;
}

static void
on_gone(struct run *run, void *owner)
{
	struct job *job = owner;

	job->is_gone = true;
	job->run = NULL;
	run->runner->free(run);
}

static const struct run_events events = {
	.on_state = on_state,
	.on_refused = on_refused,
	.on_input = on_input,
	.on_gone = on_gone,
};

void
job_init(struct job *job, struct rig *rig, const char *script)
{
	char id[ID_SIZE];
	struct launch *l = &job->launch;

	memset(job, 0, sizeof(*job));
	job->rig = rig;
	job->state = (struct exec_state)EXEC_STATE_INIT;
	id_new(id, clock_wall_ns());
	l->id = xstrdup(id);
	l->root = xstrdup(rig->root);
	l->spec = xstrdup("{\"cmd\":\"test\"}");
	strv_add(&l->argv, "sh");
	strv_add(&l->argv, "-c");
	strv_add(&l->argv, script);
	strv_add(&l->env, "PATH=/usr/local/bin:/usr/bin:/bin");
	l->home = xstrdup("/");
	l->grace_ms = 5000;
	l->flags = LAUNCH_SHELL;
}

void
job_fini(struct job *job)
{
	if (job->run)
		job->run->runner->free(job->run);
	exec_state_fini(&job->state);
	launch_fini(&job->launch);
}

void
job_start(struct job *job)
{
	struct runner *runner = &job->rig->runner.runner;

	job->run = runner->start(runner, &job->launch, &events, job, &job->why);
	if (job->run == NULL)
		fail_msg("%s", job->why.msg);
}

void
job_finish(struct job *job)
{
	rig_until(job->rig, job->is_gone);
}

void
job_run(struct job *job, struct rig *rig, const char *script)
{
	job_init(job, rig, script);
	job_start(job);
	job_finish(job);
}

bool
job_adopt(struct job *job, const struct job *other)
{
	struct runner *runner = &other->rig->runner.runner;
	AUTO_FREE char *dir = job_path(other, "");
	AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct exec_state state = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	memset(job, 0, sizeof(*job));
	job->rig = other->rig;
	job->state = (struct exec_state)EXEC_STATE_INIT;
	job->launch.root = xstrdup(other->launch.root);
	job->launch.id = xstrdup(other->launch.id);
	(void)exec_state_read(dir_fd, &state, &err);
	job->run = runner->adopt(runner, dir_fd, &state, &events, job);
	exec_state_fini(&state);
	return job->run != NULL;
}

void
job_input(struct job *job, uint64_t offset, const char *text, bool eof)
{
	assert_true(job->rig->runner.runner.input(job->run, offset, text,
						  strlen(text), eof));
}

char *
job_path(const struct job *job, const char *name)
{
	return xasprintf("%s/%s/%s", job->launch.root, job->launch.id, name);
}

static int
read_file(const struct job *job, const char *name, struct buf *ret)
{
	AUTO_FREE char *path = job_path(job, name);

	return fs_read_file(AT_FDCWD, path, ret, &(struct err)ERR_INIT);
}

static bool
has_text(const struct job *job, const char *name, const char *text)
{
	AUTO_BUF content = BUF_INIT(MAX_TEXT);

	return read_file(job, name, &content) == 0 &&
	       strstr(buf_text(&content), text) != NULL;
}

void
job_until(struct job *job, const char *name, const char *text)
{
	rig_until(job->rig, has_text(job, name, text));
}

void
job_assert_file(const struct job *job, const char *name, const char *text)
{
	AUTO_BUF content = BUF_INIT(MAX_TEXT);

	/* A file of output comes with its first byte. */
	if (read_file(job, name, &content) < 0)
		assert_string_equal(text, "");
	assert_string_equal(buf_text(&content), text);
}

void
job_read_state(const struct job *job, struct exec_state *ret)
{
	AUTO_FREE char *dir = job_path(job, "");
	AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	*ret = (struct exec_state)EXEC_STATE_INIT;
	if (exec_state_read(dir_fd, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

void
job_assert_ended(const struct job *job, enum exec_state_kind kind,
		 int exit_code)
{
	struct exec_state on_disk;

	job_read_state(job, &on_disk);
	assert_int_equal(job->state.kind, kind);
	assert_int_equal(job->state.exit_code, exit_code);
	assert_int_equal(on_disk.kind, kind);
	assert_int_equal(on_disk.exit_code, exit_code);
	assert_true(on_disk.finished_ns >= on_disk.started_ns);
	exec_state_fini(&on_disk);
}

int64_t
job_read_pid(const struct job *job, const char *name)
{
	AUTO_FREE char *path = job_path(job, name);
	AUTO_BUF text = BUF_INIT(4096);
	struct err err = ERR_INIT;
	uint64_t pid = 0;

	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	((char *)buf_bytes(&text))[strcspn(buf_text(&text), "\n")] = '\0';
	assert_int_equal(parse_u64(buf_text(&text), 1, INT32_MAX, &pid, &err),
			 0);
	return (int64_t)pid;
}

bool
is_alive(int64_t pid)
{
	struct proc_id id;

	return proc_id_read((pid_t)pid, &id);
}
