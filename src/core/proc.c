/* SPDX-License-Identifier: ISC */

/* Recognising processes, boots and hosts; see proc.h. */

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/proc.h"
#include "core/sha1.h"
#include "core/text.h"

static struct {
	char *at;
	size_t size;
} title;

bool
proc_id_read(pid_t pid, struct proc_id *ret)
{
	AUTO_BUF stat = BUF_INIT(4096);
	char path[32], *p, *field = NULL, state;
	uint64_t start;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (fs_read_file(AT_FDCWD, path, &stat, &(struct err)ERR_INIT) < 0)
		return false;
	/* The name in field 2 may hold anything: count after its ')'. */
	p = stat.len ? strrchr((char *)buf_bytes(&stat), ')') : NULL;
	if (p == NULL || p[1] == '\0')
		return false;
	p += 2;
	state = *p;
	for (int i = 3; i <= 22; i++)
		field = strsep(&p, " ");
	if (field == NULL || state == 'Z' || state == 'X' ||
	    parse_u64(field, 0, UINT64_MAX, &start, &(struct err)ERR_INIT) < 0)
		return false;
	*ret = (struct proc_id){ .pid = pid, .start = start };
	return true;
}

static bool is_start_known;

static uint64_t
start_at(uint64_t boot_ns)
{
	return boot_ns / (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t
proc_start_now(void)
{
	return is_start_known ? start_at(clock_boot_ns()) : 0;
}

void
proc_start_check(uint64_t before)
{
	uint64_t now = clock_boot_ns();
	struct proc_id self;

	is_start_known = proc_id_read(getpid(), &self) &&
			 self.start >= start_at(before) &&
			 self.start <= start_at(now);
}

bool
proc_id_alive(const struct proc_id *id)
{
	struct proc_id now;

	return id->pid > 0 && proc_id_read(id->pid, &now) &&
	       now.start == id->start;
}

bool
proc_id_signal(const struct proc_id *id, int sig)
{
	AUTO_CLOSE int fd = -1;

	if (id->pid <= 0)
		return false;
	/* The descriptor holds the pid still while the start is compared. */
	fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd < 0 || !proc_id_alive(id))
		return false;
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) == 0;
}

void
proc_ignore_nothing(void)
{
	/* As the kernel has it: the handler first. */
	static const uint64_t by_default[4];
	uint64_t now[4];

	for (int sig = 1; sig < NSIG; sig++) {
		if (syscall(SYS_rt_sigaction, sig, NULL, now,
			    sizeof(uint64_t)) == 0 &&
		    now[0] == (uint64_t)(uintptr_t)SIG_IGN)
			(void)syscall(SYS_rt_sigaction, sig, by_default, NULL,
				      sizeof(uint64_t));
	}
}

static void
read_line(const char *path, char *out, size_t size)
{
	AUTO_BUF text = BUF_INIT(size - 1);

	out[0] = '\0';
	if (fs_read_file(AT_FDCWD, path, &text, &(struct err)ERR_INIT) < 0)
		return;
	memcpy(out, buf_text(&text), text.len + 1);
	out[strcspn(out, "\n")] = '\0';
}

const char *
proc_boot_id(void)
{
	static char id[40];

	if (id[0] == '\0')
		read_line("/proc/sys/kernel/random/boot_id", id, sizeof(id));
	return id;
}

const char *
proc_host_id(void)
{
	static char id[64 + 10];
	char name[65] = "", machine[64], seed[160];
	uint8_t digest[SHA1_SIZE];
	size_t n = 0;

	if (id[0] != '\0')
		return id;
	/* Images share a machine-id, hosts may share a name: take both. */
	(void)gethostname(name, sizeof(name) - 1);
	read_line("/etc/machine-id", machine, sizeof(machine));
	snprintf(seed, sizeof(seed), "berth host %s %s", machine, name);
	sha1(seed, strlen(seed), digest);
	for (const char *p = name; *p && n < 48; p++)
		id[n++] = isalnum((unsigned char)*p) || *p == '-' ? *p : '_';
	id[n++] = '-';
	hex_encode(id + n, digest, 4);
	return id;
}

char *
proc_own_path(struct err *err)
{
	static const char mark[] = " (deleted)";
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0) {
		err_sys(err, "find our own program");
		return NULL;
	}
	path[n] = '\0';
	if (access(path, F_OK) < 0 && str_ends(path, mark))
		path[(size_t)n - strlen(mark)] = '\0';
	return xstrdup(path);
}

char *
proc_own_dir(void)
{
	AUTO_FREE char *path = proc_own_path(&(struct err)ERR_INIT);
	char *slash = path ? strrchr(path, '/') : NULL;

	if (slash == NULL)
		return NULL;
	*slash = '\0';
	return TAKE(path);
}

void
proc_title_init(int argc, char **argv)
{
	char *end;

	if (argc < 1)
		return;
	end = argv[argc - 1] + strlen(argv[argc - 1]);
	title.at = argv[0];
	title.size = (size_t)(end - argv[0]) + 1;
}

void
proc_title_set(const char *text)
{
	size_t n = strlen(text);

	(void)prctl(PR_SET_NAME, text);
	if (title.size == 0)
		return;
	n = MIN(n, title.size - 1);
	memset(title.at, 0, title.size);
	memcpy(title.at, text, n);
}
