/* SPDX-License-Identifier: ISC */

/* The daemon under test, and /proc; see rig.h. */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/rig.h"
#include "bench/talk.h"
#include "core/fs.h"
#include "core/mem.h"

/* A daemon that does not answer by then never will. */
#define START_LIMIT_MS 30000.0

/* Everything may be kept: what is removed meanwhile would be measured too. */
static const char config[] = "retention_count: 100000\n"
			     "log_level: error\n";

void
give_up(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
quantile(double *values, size_t n, double share)
{
	qsort(values, n, sizeof(*values), compare);
	return values[(size_t)((double)(n - 1) * share + 0.5)];
}

char *
rig_path(const struct rig *rig, const char *name)
{
	return xasprintf("%s/%s", rig->dir, name);
}

/* The daemon */

void
rig_clear(struct rig *rig)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *path = xasprintf("%s/config", rig->home);
	AUTO_CLOSE int fd = -1;

	if (fs_remove_tree(AT_FDCWD, rig->home, &err) < 0 ||
	    fs_mkdir_parents(path, &err) < 0)
		give_up("%s", err.msg);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs_write_atomic(fd, "berthd.yaml", config, strlen(config), 0,
			    &err) < 0)
		give_up("%s", err.msg);
}

static void __attribute__((noreturn)) become_daemon(const struct rig *rig)
{
	int null = open("/dev/null", O_RDWR);

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	setenv("BERTH_HOME", rig->home, 1);
	execl(rig->berthd, "berthd", "serve", NULL);
	_exit(127);
}

/* Where the daemon keeps its execs: below a directory named by the host. */
static char *
find_store(const struct rig *rig)
{
	AUTO_FREE char *pattern = xasprintf("%s/state/*/exec", rig->home);
	char *found;
	glob_t glob_found;

	if (glob(pattern, 0, NULL, &glob_found) != 0)
		give_up("no %s", pattern);
	found = xstrdup(glob_found.gl_pathv[0]);
	globfree(&glob_found);
	return found;
}

double
rig_start(struct rig *rig)
{
	double start = now_ms();
	struct talk talk;

	rig->daemon = fork();
	if (rig->daemon == 0)
		become_daemon(rig);
	while (!talk_try(rig->socket)) {
		if (now_ms() - start > START_LIMIT_MS ||
		    waitpid(rig->daemon, NULL, WNOHANG) != 0)
			give_up("no daemon at %s", rig->socket);
		usleep(200);
	}
	/* It listens first and reads its store then: an answer means both. */
	talk_open(&talk, rig->socket);
	(void)talk_ask(&talk, "GET", "/v1/hello", NULL, NULL);
	talk_close(&talk);
	start = now_ms() - start;
	free(rig->store);
	rig->store = find_store(rig);
	return start;
}

void
rig_stop(struct rig *rig)
{
	if (rig->daemon <= 0)
		return;
	kill(rig->daemon, SIGTERM);
	wait_plain(rig->daemon);
	rig->daemon = -1;
}

/* Plain processes */

pid_t
run_plain(char *const *argv, int out_fd)
{
	pid_t pid;

	/* Others may have used up what there is of processes. */
	while ((pid = fork()) < 0 && errno == EAGAIN)
		usleep(1000);
	if (pid == 0) {
		if (out_fd >= 0) {
			dup2(out_fd, STDOUT_FILENO);
			dup2(out_fd, STDERR_FILENO);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		give_up("fork: %s", strerror(errno));
	return pid;
}

void
wait_plain(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* /proc */

/* The number after `name' in a file of a process, or 0. */
static uint64_t
proc_number(pid_t pid, const char *file, const char *name)
{
	char path[64], line[256];
	uint64_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			n = strtoull(line + strlen(name), NULL, 10);
	}
	if (f)
		fclose(f);
	return n;
}

uint64_t
pss_kb(pid_t pid)
{
	return proc_number(pid, "smaps_rollup", "Pss:");
}

uint64_t
switches(pid_t pid)
{
	return proc_number(pid, "status", "voluntary_ctxt_switches:");
}

typedef void child_fn(pid_t pid, struct tree *tree);

static void
each_child(pid_t pid, child_fn *fn, struct tree *tree)
{
	char path[64];
	FILE *f;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		fn(child, tree);
	if (f)
		fclose(f);
}

static void
look_command(pid_t pid, struct tree *tree)
{
	tree->n_commands++;
	tree->commands_kb += pss_kb(pid);
	each_child(pid, look_command, tree);
}

static void
look_holder(pid_t pid, struct tree *tree)
{
	tree->n_holders++;
	tree->holder = pid;
	tree->holders_kb += pss_kb(pid);
	tree->switches += switches(pid);
	each_child(pid, look_command, tree);
}

static void
look_spawner(pid_t pid, struct tree *tree)
{
	tree->spawner = pid;
	tree->spawner_kb = pss_kb(pid);
	tree->switches += switches(pid);
	each_child(pid, look_holder, tree);
}

void
tree_look(pid_t daemon, struct tree *ret)
{
	*ret = (struct tree){ .daemon_kb = pss_kb(daemon),
			      .switches = switches(daemon) };
	each_child(daemon, look_spawner, ret);
}
