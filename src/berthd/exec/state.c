/* SPDX-License-Identifier: ISC */

/* state.json; see state.h. */

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/state.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"

/* An exec has a handful of states. */
#define MAX_FILE (16 * STATE_MAX)

/* The members as the tables of core/json.h see them. */
struct wire {
	struct exec_state s;
	char *state;
	int64_t started_ns, finished_ns;
};

#define F(member, kind) JSON_F(struct exec_state, member, kind, false)

static const struct json_field fields[] = {
	JSON_F(struct wire, state, STR, true),
	JSON_F(struct wire, started_ns, INT, false),
	JSON_F(struct wire, finished_ns, INT, false),
	F(holder_pid, INT),
	F(holder_start, INT),
	F(boot_id, STR),
	F(pid, INT),
	F(pid_start, INT),
	F(exit_code, INT),
	F(signal, INT),
	F(error, STR),
	F(warning, STR),
	F(cwd, STR),
	F(cpu_user_us, INT),
	F(cpu_system_us, INT),
	F(max_rss, INT),
	F(stdout_bytes, INT),
	F(stderr_bytes, INT),
	F(lost_bytes, INT),
	F(output_open, BOOL),
	F(memory_by, STR),
	F(procs_by, STR),
	F(cpu_by, STR),
};
_Static_assert(offsetof(struct wire, s) == 0, "the tables mix both structs");

static const char *const names[] = {
	[EXEC_STARTING] = "starting", [EXEC_RUNNING] = "running",
	[EXEC_EXITED] = "exited",     [EXEC_SIGNALLED] = "signalled",
	[EXEC_TIMEOUT] = "timeout",   [EXEC_CANCELLED] = "cancelled",
	[EXEC_OOM] = "oom",	      [EXEC_FAILED] = "failed",
	[EXEC_LOST] = "lost",
};
_Static_assert(ARRAY_SIZE(names) == EXEC_STATES, "a name per state");

#define ENDS                                                                   \
	(BIT(EXEC_EXITED) | BIT(EXEC_SIGNALLED) | BIT(EXEC_TIMEOUT) |          \
	 BIT(EXEC_CANCELLED) | BIT(EXEC_OOM) | BIT(EXEC_FAILED) |              \
	 BIT(EXEC_LOST))

/* An end may repeat itself: the sizes grow while the output is still open. */
static const uint32_t may_follow[] = {
	[EXEC_STARTING] = BIT(EXEC_STARTING) | BIT(EXEC_RUNNING) | ENDS,
	[EXEC_RUNNING] = BIT(EXEC_RUNNING) | ENDS,
	[EXEC_EXITED] = BIT(EXEC_EXITED),
	[EXEC_SIGNALLED] = BIT(EXEC_SIGNALLED),
	[EXEC_TIMEOUT] = BIT(EXEC_TIMEOUT),
	[EXEC_CANCELLED] = BIT(EXEC_CANCELLED),
	[EXEC_OOM] = BIT(EXEC_OOM),
	[EXEC_FAILED] = BIT(EXEC_FAILED),
	[EXEC_LOST] = BIT(EXEC_LOST),
};
_Static_assert(ARRAY_SIZE(may_follow) == EXEC_STATES, "a row per state");

const char *
exec_state_name(enum exec_state_kind kind)
{
	return names[kind];
}

bool
exec_state_is_end(enum exec_state_kind kind)
{
	return (ENDS & BIT(kind)) != 0;
}

bool
exec_state_may_follow(enum exec_state_kind from, enum exec_state_kind to)
{
	return (may_follow[from] & BIT(to)) != 0;
}

void
exec_state_fini(struct exec_state *state)
{
	free(state->boot_id);
	free(state->error);
	free(state->warning);
	free(state->cwd);
	free(state->memory_by);
	free(state->procs_by);
	free(state->cpu_by);
	*state = (struct exec_state)EXEC_STATE_INIT;
}

int
exec_state_encode(const struct exec_state *s, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "schema_version", 1);
	jsonw_str(&w, "state", names[s->kind]);
	jsonw_int(&w, "holder_pid", s->holder_pid);
	jsonw_int(&w, "holder_start", s->holder_start);
	jsonw_str(&w, "boot_id", s->boot_id);
	jsonw_int(&w, "pid", s->pid);
	jsonw_int(&w, "pid_start", s->pid_start);
	jsonw_u64(&w, "started_ns", s->started_ns);
	jsonw_u64(&w, "finished_ns", s->finished_ns);
	jsonw_int(&w, "exit_code", s->exit_code);
	jsonw_int(&w, "signal", s->signal);
	jsonw_str(&w, "error", s->error);
	jsonw_str(&w, "warning", s->warning);
	jsonw_str(&w, "cwd", s->cwd);
	jsonw_int(&w, "cpu_user_us", s->cpu_user_us);
	jsonw_int(&w, "cpu_system_us", s->cpu_system_us);
	jsonw_int(&w, "max_rss", s->max_rss);
	jsonw_int(&w, "stdout_bytes", s->stdout_bytes);
	jsonw_int(&w, "stderr_bytes", s->stderr_bytes);
	jsonw_int(&w, "lost_bytes", s->lost_bytes);
	jsonw_bool(&w, "output_open", s->output_open);
	jsonw_str(&w, "memory_by", s->memory_by);
	jsonw_str(&w, "procs_by", s->procs_by);
	jsonw_str(&w, "cpu_by", s->cpu_by);
	jsonw_object_end(&w);
	return jsonw_done(&w);
}

static int
find_kind(const char *name, enum exec_state_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_eq(names[i], name)) {
			*ret = (enum exec_state_kind)i;
			return 0;
		}
	}
	return -1;
}

int
exec_state_decode(const void *text, size_t n, struct exec_state *ret,
		  struct err *err)
{
	struct wire wire = { .s = EXEC_STATE_INIT };
	int rc;

	rc = json_decode_text(text, n, fields, ARRAY_SIZE(fields),
			      JSON_UNKNOWN_OK, &wire, err);
	if (rc == 0 && find_kind(wire.state, &wire.s.kind) < 0)
		rc = err_set(err, ERR_INVALID, "state: \"%.32s\" is unknown",
			     wire.state);
	free(wire.state);
	if (rc < 0) {
		exec_state_fini(&wire.s);
		return -1;
	}
	wire.s.started_ns = (uint64_t)wire.started_ns;
	wire.s.finished_ns = (uint64_t)wire.finished_ns;
	exec_state_fini(ret);
	*ret = wire.s;
	return 0;
}

static int
open_file(int dir_fd, int flags, struct err *err)
{
	int fd = openat(dir_fd, STATE_FILE,
			O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);

	return fd < 0 ? err_sys(err, "open " STATE_FILE) : fd;
}

int
exec_state_create(int dir_fd, struct err *err)
{
	return open_file(dir_fd, O_EXCL, err);
}

/* One state a line; what a dead writer left half written gets an end first. */
static int
encode_line(int fd, off_t size, const struct exec_state *state,
	    struct buf *line, struct err *err)
{
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return err_sys(err, "read " STATE_FILE);
	if (last != '\n')
		(void)buf_add(line, "\n", 1);
	if (exec_state_encode(state, line) < 0 || buf_add(line, "\n", 1) < 0)
		return err_set(err, ERR_LIMIT, "state is too large");
	return 0;
}

int
exec_state_add(int fd, const struct exec_state *state, bool sync,
	       struct err *err)
{
	AUTO_BUF line = BUF_INIT(STATE_MAX + 2);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat " STATE_FILE);
	if (encode_line(fd, st.st_size, state, &line, err) < 0)
		return -1;
	if (write_full(fd, buf_bytes(&line), line.len) < 0)
		err_sys(err, "write " STATE_FILE);
	else if (sync && fdatasync(fd) < 0)
		err_sys(err, "sync " STATE_FILE);
	else
		return 0;
	(void)!ftruncate(fd, st.st_size);
	return -1;
}

int
exec_state_write(int dir_fd, const struct exec_state *state, bool sync,
		 struct err *err)
{
	AUTO_CLOSE int fd = open_file(dir_fd, 0, err);

	if (fd < 0)
		return -1;
	/* The file may be new. */
	if (sync && fsync(dir_fd) < 0)
		return err_sys(err, "sync directory of " STATE_FILE);
	return exec_state_add(fd, state, sync, err);
}

/* Nothing else can be recovered from a disk that lies: go back until it fits.
 */
static int
decode_last(const char *text, size_t n, struct exec_state *ret, struct err *err)
{
	while (n > 0) {
		const char *before;

		n -= text[n - 1] == '\n';
		before = memrchr(text, '\n', n);
		before = before ? before + 1 : text;
		*err = (struct err)ERR_INIT;
		if (exec_state_decode(before, n - (size_t)(before - text), ret,
				      err) == 0)
			return 0;
		n = (size_t)(before - text);
	}
	return err_wrap(err, STATE_FILE);
}

int
exec_state_read(int dir_fd, struct exec_state *ret, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_FILE);

	if (fs_read_file(dir_fd, STATE_FILE, &text, err) < 0)
		return -1;
	if (text.len == 0)
		return err_set(err, ERR_NOT_FOUND, STATE_FILE " is empty");
	return decode_last(buf_text(&text), text.len, ret, err);
}
