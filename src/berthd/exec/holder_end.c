/* SPDX-License-Identifier: ISC */

/* What is said of an exec, and how it ends; see holder_own.h. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/artifacts.h"
#include "berthd/exec/cgroup.h"
#include "berthd/exec/holder.h"
#include "berthd/exec/holder_own.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"

/* A refused write of state.json is repeated so often. */
#define RETRY_MS 1000

#define OOM_AGE_MS 500

/* Before the command started. */
static uint64_t oom_kills_before;

void
holder_tell_state(struct holder *h, int conn)
{
	struct control_msg msg = { .type = CONTROL_STATE };
	AUTO_BUF text = BUF_INIT(STATE_MAX);

	/* Told and then forgotten, an end would become a loss. */
	if (exec_state_is_end(h->state.kind) && !h->is_durable)
		return;
	if (h->state.kind == EXEC_STARTING && conn < 0) {
		msg = (struct control_msg){ .type = CONTROL_BEGUN,
					    .a = h->state.started_ns };
		control_server_send_all(&h->control, &msg, NULL, 0);
		return;
	}
	if (exec_state_encode(&h->state, &text) < 0)
		return;
	if (conn < 0)
		control_server_send_all(&h->control, &msg, buf_bytes(&text),
					text.len);
	else
		control_server_send(&h->control, conn, &msg, buf_bytes(&text),
				    text.len);
}

/* Somebody removed the exec's directory: there is nowhere left to write. */
static bool
is_removed(const struct holder *h)
{
	struct stat st;

	return fstat(h->dir_fd, &st) == 0 && st.st_nlink == 0;
}

void
holder_publish(struct holder *h)
{
	bool is_end = exec_state_is_end(h->state.kind);
	bool is_flushed = capture_flush(&h->capture);
	struct err err = ERR_INIT;

	h->state.stdout_bytes = (int64_t)h->capture.streams[TIMELINE_OUT].size;
	h->state.stderr_bytes = (int64_t)h->capture.streams[TIMELINE_ERR].size;
	h->state.lost_bytes = (int64_t)h->capture.lost;
	/* An end says that the records before it are complete. */
	h->is_durable = (is_flushed || !is_end) &&
			exec_state_add(h->state_fd, &h->state, is_end, &err) ==
			    0;
	h->is_durable = h->is_durable || is_removed(h);
	h->retry_at = h->is_durable ? HOLDER_NEVER : clock_mono_ms() + RETRY_MS;
	holder_tell_state(h, -1);
}

void
holder_set_text(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

void
holder_set_state(struct holder *h, enum exec_state_kind kind)
{
	if (!exec_state_may_follow(h->state.kind, kind))
		abort();
	h->state.kind = kind;
}

static void
add_warning(struct holder *h, char *taken)
{
	char *old = h->state.warning;

	if (taken == NULL)
		return;
	h->state.warning = old ? xasprintf("%s; %s", old, taken) : taken;
	if (old) {
		free(old);
		free(taken);
	}
}

/* OOM kills of this machine so far. */
static uint64_t
read_oom_kills(void)
{
	AUTO_BUF text = BUF_INIT(65536);
	struct err err = ERR_INIT;
	const char *at;

	if (fs_read_file(AT_FDCWD, "/proc/vmstat", &text, &err) < 0)
		return 0;
	at = strstr(buf_text(&text), "\noom_kill ");
	return at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
}

/*
 * The number is the sum of what each processor counted, so it is read once for
 * all that start within OOM_AGE_MS.  A kill in that time, followed by a SIGKILL
 * from elsewhere, is taken for one of ours.
 */
void
holder_prepare(void)
{
	static uint64_t read_at;
	uint64_t now = clock_mono_ms();

	(void)proc_boot_id();
	if (read_at > 0 && now - read_at < OOM_AGE_MS)
		return;
	read_at = now;
	oom_kills_before = read_oom_kills();
}

static bool
was_oom(struct holder *h, int sig)
{
	if (sig != SIGKILL || h->stop != EXEC_RUNNING)
		return false;
	if (h->cgroup_fd >= 0 && cgroup_was_oom(h->cgroup_fd))
		return true;
	return read_oom_kills() > oom_kills_before;
}

/* Kind, exit code and words for the status that wait gave. */
static void
describe_end(struct holder *h)
{
	AUTO_FREE char *text = NULL;
	int sig = WIFSIGNALED(h->status) ? WTERMSIG(h->status) : 0;

	h->state.signal = sig;
	h->state.exit_code = sig ? 128 + sig : WEXITSTATUS(h->status);
	if (h->stop == EXEC_TIMEOUT) {
		h->state.exit_code = 124;
		text = xasprintf(
		    "timed out after %llu.%03llu s",
		    (unsigned long long)h->launch.timeout_ms / 1000,
		    (unsigned long long)h->launch.timeout_ms % 1000);
		holder_set_state(h, EXEC_TIMEOUT);
	} else if (h->stop == EXEC_CANCELLED) {
		text = xstrdup("cancelled");
		holder_set_state(h, EXEC_CANCELLED);
	} else if (was_oom(h, sig)) {
		text = xstrdup("killed: out of memory");
		holder_set_state(h, EXEC_OOM);
	} else if (sig) {
		text = xasprintf("killed by SIG%s",
				 sigabbrev_np(sig) ? sigabbrev_np(sig) : "?");
		holder_set_state(h, EXEC_SIGNALLED);
	} else {
		if (h->state.exit_code)
			text = xasprintf("exit status %d",
					 (int)h->state.exit_code);
		holder_set_state(h, EXEC_EXITED);
	}
	if (text)
		holder_set_text(&h->state.error, text);
}

static void
collect_artifacts(struct holder *h)
{
	AUTO_CLOSE int cwd = -1;
	char *warning = NULL;

	if (h->cwd)
		cwd = open(h->cwd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0)
		return;
	artifacts_collect(h->dir_fd, cwd, h->launch.artifacts, &warning);
	add_warning(h, warning);
}

struct checkout
holder_checkout(const struct holder *h)
{
	return (struct checkout){ .repo_url = h->launch.repo_url,
				  .mirror = h->launch.mirror,
				  .ref = h->launch.ref,
				  .dir = h->workdir,
				  .env = h->launch.env };
}

/* Everything that ends an exec ends here, once. */
static void
conclude(struct holder *h)
{
	struct checkout checkout = holder_checkout(h);

	h->phase = ENDED;
	h->main_pid = -1;
	h->timeout_at = h->kill_at = HOLDER_NEVER;
	/* Whom it left behind must not read on for ever. */
	if (h->in_fd >= 0)
		holder_close_input(h);
	capture_drain(&h->capture);
	if (h->cgroup_fd >= 0)
		h->state.max_rss = MAX(h->state.max_rss,
				       (int64_t)cgroup_peak(h->cgroup_fd));
	collect_artifacts(h);
	if (h->workdir)
		checkout_remove(&checkout);
	capture_sync(&h->capture);
	h->state.finished_ns = clock_base_ns(&h->clock);
	h->state.output_open = capture_is_open(&h->capture);
	holder_publish(h);
}

void
holder_finish(struct holder *h)
{
	describe_end(h);
	conclude(h);
}

void
holder_finish_unstarted(struct holder *h, int code, const char *why)
{
	h->state.exit_code = code;
	holder_set_text(&h->state.error, why);
	holder_set_state(h, h->stop == EXEC_RUNNING ? EXEC_FAILED : h->stop);
	conclude(h);
}
