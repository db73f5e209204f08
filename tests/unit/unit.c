/* SPDX-License-Identifier: ISC */

/* What every unit test needs; see unit.h. */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/rand.h"
#include "tests/unit/unit.h"

/* What the kernel calls nobody; a number, for there is no user table here. */
#define NOBODY 65534

static struct {
	char *dirs[64];
	size_t n;
	pid_t owner;
} temp;

static uint64_t random_state;

void
unit_assert_err(const struct err *err, enum err_code code, const char *part,
		const char *file, int line)
{
	if (err->code == code && strstr(err->msg, part))
		return;
	print_error("code %d: %s\nwanted code %d: ...%s...\n", err->code,
		    err->msg, code, part);
	_fail(file, line);
}

static void
remove_temp_dirs(void)
{
	struct err err = ERR_INIT;

	if (getpid() != temp.owner)
		return;
	for (size_t i = 0; i < temp.n; i++) {
		if (fs_remove_tree(AT_FDCWD, temp.dirs[i], &err) < 0)
			fprintf(stderr, "# %s\n", err.msg);
		free(temp.dirs[i]);
	}
}

const char *
unit_temp_dir(void)
{
	const char *base = getenv("TMPDIR");
	char *dir = xasprintf("%s/berth-unit-XXXXXX", base ? base : "/tmp");

	assert_true(temp.n < ARRAY_SIZE(temp.dirs));
	assert_non_null(mkdtemp(dir));
	if (temp.n == 0) {
		temp.owner = getpid();
		atexit(remove_temp_dirs);
	}
	temp.dirs[temp.n++] = dir;
	return dir;
}

size_t
unit_n_entries(int dir_fd, const char *path)
{
	DIR *dir = fdopendir(
	    openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

/* splitmix64: every seed is a good one. */
uint64_t
unit_random(void)
{
	const char *given = getenv("BERTH_SEED");
	uint64_t z;

	if (random_state == 0) {
		rand_bytes(&random_state, sizeof(random_state));
		if (given)
			(void)parse_u64(given, 0, UINT64_MAX, &random_state,
					&(struct err)ERR_INIT);
		printf("# BERTH_SEED=%" PRIu64 "\n", random_state);
	}
	z = random_state += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

size_t
unit_below(size_t n)
{
	return (size_t)(unit_random() % n);
}

void
unit_as_nobody(unit_fn *fn, void *arg)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY)))
			_exit(2);
		_exit(fn(arg) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
