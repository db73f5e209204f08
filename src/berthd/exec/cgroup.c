/* SPDX-License-Identifier: ISC */

/*
 * A cgroup per exec; see cgroup.h.
 *
 * The delegated directory is where the daemon was started.  As a cgroup with
 * controllers for its children may not hold processes itself, the daemon moves
 * into the leaf "daemon" and execs become siblings of it.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/cgroup.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"

static char base[4096]; /* the delegated directory; "" if none */

static bool
write_file(int dir_fd, const char *name, const char *text)
{
	AUTO_CLOSE int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write_full(fd, text, strlen(text)) == 0;
}

/* "0::/path" of /proc/self/cgroup. */
static bool
read_own_path(char *out, size_t size)
{
	AUTO_BUF text = BUF_INIT(65536);
	const char *line;

	if (fs_read_file(AT_FDCWD, "/proc/self/cgroup", &text,
			 &(struct err)ERR_INIT) < 0)
		return false;
	line = strstr(buf_text(&text), "0::/");
	if (line == NULL)
		return false;
	line += strlen("0::");
	snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
	return true;
}

/* Where cgroup2 is mounted, from /proc/self/mounts. */
static bool
read_mount(char *out, size_t size)
{
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *mounts = fopen("/proc/self/mounts", "re");

	while (mounts && !found && getline(&line, &room, mounts) > 0) {
		char *rest = line, *at, *type;

		(void)strsep(&rest, " ");
		at = strsep(&rest, " ");
		type = strsep(&rest, " ");
		if (at && type && str_eq(type, "cgroup2")) {
			snprintf(out, size, "%s", at);
			found = true;
		}
	}
	if (mounts)
		fclose(mounts);
	return found;
}

void
cgroup_prepare(void)
{
	const char *asked = getenv("BERTH_CGROUP");
	char mount[1024], own[2048], leaf[4096 + 16];
	AUTO_CLOSE int dir = -1;

	if (asked == NULL || !str_eq(asked, "delegated") ||
	    !read_mount(mount, sizeof(mount)) ||
	    !read_own_path(own, sizeof(own)))
		return;
	/* A daemon that replaces another is in the leaf already. */
	if (str_ends(own, "/daemon"))
		own[strlen(own) - strlen("/daemon")] = '\0';
	snprintf(base, sizeof(base), "%s%s", mount, own);
	snprintf(leaf, sizeof(leaf), "%s/daemon", base);
	(void)mkdir(leaf, 0755);
	dir = open(leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !write_file(dir, "cgroup.procs", "0")) {
		base[0] = '\0';
		return;
	}
	/* One by one: what this kernel lacks must not cost the others. */
	(void)write_file(dir, "../cgroup.subtree_control", "+memory");
	(void)write_file(dir, "../cgroup.subtree_control", "+pids");
	(void)write_file(dir, "../cgroup.subtree_control", "+cpu");
}

static void
path_of(const char *id, char *out, size_t size)
{
	snprintf(out, size, "%s/exec-%s", base, id);
}

static unsigned
set_limits(int dir, const struct cgroup_limits *limits)
{
	unsigned controls = 0;
	char text[64];

	snprintf(text, sizeof(text), "%" PRIu64, limits->memory);
	if (limits->memory && write_file(dir, "memory.max", text)) {
		(void)write_file(dir, "memory.swap.max", "0");
		controls |= CGROUP_MEMORY;
	}
	snprintf(text, sizeof(text), "%" PRIu64, limits->procs);
	if (limits->procs && write_file(dir, "pids.max", text))
		controls |= CGROUP_PIDS;
	snprintf(text, sizeof(text), "%" PRIu64 " 100000", limits->cpu * 100);
	if (limits->cpu && write_file(dir, "cpu.max", text))
		controls |= CGROUP_CPU;
	return controls;
}

int
cgroup_open(const char *id, const struct cgroup_limits *limits,
	    unsigned *ret_controls)
{
	char path[4096 + 64];
	int dir;

	*ret_controls = 0;
	if (base[0] == '\0')
		return -1;
	path_of(id, path, sizeof(path));
	if (mkdir(path, 0755) < 0)
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		*ret_controls = set_limits(dir, limits);
	return dir;
}

bool
cgroup_kill(int dir_fd)
{
	return write_file(dir_fd, "cgroup.kill", "1");
}

/* The number behind `key' (with its space) in a flat keyed file, or 0. */
static uint64_t
read_number(int dir_fd, const char *name, const char *key)
{
	AUTO_BUF text = BUF_INIT(4096);
	const char *at;
	char digits[24];
	uint64_t n = 0;

	if (fs_read_file(dir_fd, name, &text, &(struct err)ERR_INIT) < 0)
		return 0;
	at = strstr(buf_text(&text), key);
	if (at == NULL)
		return 0;
	at += strlen(key);
	snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(at, "\n"), at);
	(void)parse_u64(digits, 0, UINT64_MAX, &n, &(struct err)ERR_INIT);
	return n;
}

bool
cgroup_was_oom(int dir_fd)
{
	return read_number(dir_fd, "memory.events", "oom_kill ") > 0;
}

uint64_t
cgroup_peak(int dir_fd)
{
	return read_number(dir_fd, "memory.peak", "");
}

void
cgroup_remove(const char *id)
{
	char path[4096 + 64];

	if (base[0] == '\0')
		return;
	path_of(id, path, sizeof(path));
	(void)rmdir(path);
}
