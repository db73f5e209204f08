/* SPDX-License-Identifier: ISC */

/*
 * reaper SECONDS COMMAND [ARGUMENT...]
 *
 * Runs one test and proves that it leaves no process behind.  Whatever the
 * test starts, and however it detaches itself, becomes a child of this process
 * once its parents are gone (PR_SET_CHILD_SUBREAPER).  So when the command has
 * ended and there are no children, nothing is left.  And a daemon of which
 * nobody would hear is seen to crash.
 *
 * Exit status: the command's; 96 when something crashed; 97 when its time was
 * over; 98 when something still ran LEFT_MS after the command's end.  What
 * still runs is shown, then killed, in both cases.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/parse.h"

#define CRASHED 96
#define TIMED_OUT 97
#define LEFT_BEHIND 98
#define FAILED 99

/* A daemon that was told to stop has this long to be gone. */
#define LEFT_MS 3000

#define MAX_PROCESSES 65536

static struct {
	pid_t pid, parent;
	bool is_ours;
} table[MAX_PROCESSES];

static volatile sig_atomic_t interrupted;

static bool has_crash;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

static pid_t
read_parent(pid_t pid)
{
	char path[40], text[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strrchr(text, ')');
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : -1;
}

static size_t
list_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir)) && n < MAX_PROCESSES) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		table[n].pid = (pid_t)strtol(entry->d_name, NULL, 10);
		table[n].parent = read_parent(table[n].pid);
		table[n++].is_ours = false;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Mark the descendants of this process, however deep; their number. */
static size_t
mark_descendants(size_t n)
{
	size_t found = 0, before;

	do {
		before = found;
		for (size_t i = 0; i < n; i++) {
			bool below = table[i].parent == getpid();

			for (size_t j = 0; j < n && !below; j++)
				below = table[j].is_ours &&
					table[j].pid == table[i].parent;
			if (below && !table[i].is_ours) {
				table[i].is_ours = true;
				found++;
			}
		}
	} while (found > before);
	return found;
}

static void
show(pid_t pid)
{
	char path[40], text[200];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		text[i] = isprint((unsigned char)text[i]) ? text[i] : ' ';
	text[n > 0 ? n : 0] = '\0';
	if (n > 0)
		printf("# still running: %d %s\n", pid, text);
}

/* Show once and kill until nothing is left. */
static void
kill_descendants(void)
{
	bool shown = false;

	for (;;) {
		size_t n = list_processes();

		mark_descendants(n);
		for (size_t i = 0; i < n; i++) {
			if (table[i].is_ours && !shown)
				show(table[i].pid);
		}
		for (size_t i = 0; i < n; i++) {
			if (table[i].is_ours)
				(void)kill(table[i].pid, SIGKILL);
		}
		shown = true;
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return;
	}
}

/* Of its own doing; nobody sends these. */
static bool
is_crash(int sig)
{
	static const int crashes[] = { SIGSEGV, SIGBUS,	 SIGILL,
				       SIGFPE,	SIGABRT, SIGSYS };

	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		if (crashes[i] == sig)
			return true;
	}
	return false;
}

/* ssh, for one, does crash now and then. */
static bool
is_ours(const char *name)
{
	return strncmp(name, "berth", 5) == 0 ||
	       strncmp(name, "codex-", 6) == 0 || strcmp(name, "codexd") == 0;
}

/* One that is dead and not reaped has its name still. */
static void
note_end(const siginfo_t *info)
{
	char path[40], name[64];
	ssize_t n;
	int fd;

	if (info->si_code == CLD_EXITED || !is_crash(info->si_status))
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", info->si_pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);
	if (fd >= 0)
		close(fd);
	name[n > 0 ? n - 1 : 0] = '\0';
	if (!is_ours(name))
		return;
	printf("# crashed: %d %s (%s)\n", info->si_pid, name,
	       strsignal(info->si_status));
	has_crash = true;
}

/* As waitpid for any child, without waiting. */
static pid_t
reap_one(int *ret_status)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return -1;
	if (info.si_pid == 0)
		return 0;
	note_end(&info);
	return waitpid(info.si_pid, ret_status, 0);
}

/*
 * Reap until `pid' has ended (or, with 0, until no child is left) or the time
 * is over; 1, 0, and in *ret_status how `pid' ended.
 */
static bool
reap_until(pid_t pid, uint64_t deadline, int *ret_status)
{
	const struct timespec tick = { .tv_nsec = 100 * (long)NS_PER_MS };
	sigset_t chld;
	int status;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (!interrupted) {
		pid_t got = reap_one(&status);

		if (got > 0 && got == pid) {
			*ret_status = status;
			return true;
		}
		if (got < 0 && errno == ECHILD)
			return pid == 0;
		if (got > 0)
			continue;
		if (clock_mono_ms() >= deadline)
			return false;
		(void)sigtimedwait(&chld, NULL, &tick);
	}
	return false;
}

static pid_t
start(char **argv)
{
	sigset_t chld, before;
	pid_t pid;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &before);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		(void)setpgid(0, 0);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

int
main(int argc, char **argv)
{
	const struct sigaction act = { .sa_handler = on_interrupt };
	struct err err = ERR_INIT;
	uint64_t seconds, deadline;
	int status = 0;
	pid_t pid;

	if (argc < 3 || parse_u64(argv[1], 1, 86400, &seconds, &err) < 0) {
		fprintf(stderr, "usage: reaper SECONDS COMMAND...\n");
		return FAILED;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	deadline = clock_mono_ms() + seconds * 1000;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || (pid = start(argv + 2)) < 0)
		return FAILED;

	if (!reap_until(pid, deadline, &status)) {
		printf("# timed out after %d s\n", (int)seconds);
		kill_descendants();
		return TIMED_OUT;
	}
	if (!reap_until(0, clock_mono_ms() + LEFT_MS, NULL)) {
		printf("# processes were left behind\n");
		kill_descendants();
		return LEFT_BEHIND;
	}
	if (has_crash)
		return CRASHED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
