/* SPDX-License-Identifier: ISC */

/*
 * Descendants; see tree.h.
 *
 * /proc/PID/task/TID/children names the children of a thread.  The list may
 * miss some while the tree changes; callers repeat until waitpid says that
 * nothing is left.  A pid found here cannot be reused before we signal it: its
 * parent is alive or its zombie waits for us, the reaper.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "berthd/exec/tree.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/parse.h"

#define MAX_CHILDREN_TEXT (1u << 20)
#define MAX_DEPTH 256

static unsigned signal_children(pid_t parent, int sig, unsigned depth);

void
tree_adopt(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The pids of one "children" file, depth first, children before parents. */
static unsigned
signal_listed(char *list, int sig, unsigned depth)
{
	unsigned n = 0;
	char *word;

	while ((word = strsep(&list, " \n")) != NULL) {
		uint64_t pid;

		if (parse_u64(word, 2, INT32_MAX, &pid, &(struct err)ERR_INIT) <
		    0)
			continue;
		n += signal_children((pid_t)pid, sig, depth + 1);
		if (kill((pid_t)pid, sig) == 0)
			n++;
	}
	return n;
}

static unsigned
signal_children(pid_t parent, int sig, unsigned depth)
{
	char path[64];
	unsigned n = 0;
	DIR *tasks;
	struct dirent *task;

	if (depth > MAX_DEPTH)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", parent);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks)) != NULL) {
		AUTO_BUF list = BUF_INIT(MAX_CHILDREN_TEXT);

		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.20s/children", task->d_name);
		if (fs_read_file(dirfd(tasks), path, &list,
				 &(struct err)ERR_INIT) == 0 &&
		    list.len > 0)
			n += signal_listed((char *)buf_bytes(&list), sig,
					   depth);
	}
	if (tasks)
		closedir(tasks);
	return n;
}

unsigned
tree_signal(int sig)
{
	return signal_children(getpid(), sig, 0);
}

void
tree_kill(void)
{
	if (tree_signal(SIGSTOP) > 0)
		(void)tree_signal(SIGKILL);
}
