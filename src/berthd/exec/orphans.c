/* SPDX-License-Identifier: ISC */

/*
 * Orphans; see orphans.h.
 *
 * An environment is read as the kernel shows it: as it was when the program was
 * started.  A pid is signalled only through its start time (proc_id), which was
 * read before the environment: then both belong to one process.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/exec/orphans.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/rand.h"
#include "core/text.h"

/* The kernel allows less for arguments and environment together. */
#define MAX_ENVIRONMENT (8u << 20)

/* The exec that a process belongs to, in `text'; NULL: to none. */
static const char *
find_mark(struct buf *text)
{
	const char *at = buf_text(text), *end = at + text->len;

	for (; at < end; at += strlen(at) + 1) {
		if (str_starts(at, ORPHANS_MARK "="))
			return at + strlen(ORPHANS_MARK "=");
	}
	return NULL;
}

/* Is it a daemon, a spawner or a holder, of whatever version? */
static bool
is_berthd(const char *pid)
{
	char path[64], program[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	n = readlink(path, program, sizeof(program) - 1);
	if (n < 0)
		return false;
	program[n] = '\0';
	name = strrchr(program, '/');
	return name &&
	       (str_eq(name, "/berthd") || str_eq(name, "/berthd (deleted)"));
}

static bool
kill_if_orphaned(const char *name,
		 bool (*is_orphaned)(const char *id, void *owner), void *owner)
{
	AUTO_BUF text = BUF_INIT(MAX_ENVIRONMENT);
	struct err err = ERR_INIT;
	struct proc_id id;
	const char *mark;
	char path[64];
	uint64_t pid;

	if (parse_u64(name, 2, INT32_MAX, &pid, &err) < 0 ||
	    (pid_t)pid == getpid() || !proc_id_read((pid_t)pid, &id))
		return false;
	snprintf(path, sizeof(path), "/proc/%.20s/environ", name);
	if (fs_read_file(AT_FDCWD, path, &text, &err) < 0)
		return false;
	mark = find_mark(&text);
	return mark && is_orphaned(mark, owner) && !is_berthd(name) &&
	       proc_id_signal(&id, SIGKILL);
}

unsigned
orphans_kill(bool (*is_orphaned)(const char *id, void *owner), void *owner)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	while (proc && (entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    kill_if_orphaned(entry->d_name, is_orphaned, owner))
			n++;
	}
	if (proc)
		closedir(proc);
	return n;
}
