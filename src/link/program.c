/* SPDX-License-Identifier: ISC */

/* Our programs for other machines; see program.h. */

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/text.h"
#include "link/program.h"

/* Where it may be, seen from the directory of this program. */
static const char *const places[] = { ".", "../libexec/berth", "../berthd",
				      "../../bin", "../bin" };

/* The words of one machine in others' mouths; NULL: not ours to serve. */
static const char *
architecture(const char *machine)
{
	static const char *const rows[][2] = {
		{ "x86_64", "x86_64" },
		{ "amd64", "x86_64" },
		{ "aarch64", "aarch64" },
		{ "arm64", "aarch64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (str_eq(machine, rows[i][0]))
			return rows[i][1];
	}
	return NULL;
}

static bool
is_own(const char *arch)
{
	struct utsname here;
	const char *own;

	if (uname(&here) < 0)
		return false;
	own = architecture(here.machine);
	return own && str_eq(own, arch);
}

/* In one directory, by its full name, or plain where it is of this machine. */
static char *
look_in(const char *dir, const char *arch)
{
	AUTO_FREE char *name = xasprintf("berthd-%s", arch);
	AUTO_FREE char *full = path_join(dir, name);
	AUTO_FREE char *plain = path_join(dir, "berthd");

	if (access(full, R_OK) == 0)
		return TAKE(full);
	if (is_own(arch) && access(plain, X_OK) == 0)
		return TAKE(plain);
	return NULL;
}

static char *
find(const char *directory, const char *arch)
{
	AUTO_FREE char *own = NULL;

	if (directory == NULL)
		directory = getenv("BERTH_BERTHD_DIR");
	if (directory && *directory)
		return look_in(directory, arch);
	own = proc_own_dir();
	for (size_t i = 0; own && i < ARRAY_SIZE(places); i++) {
		AUTO_FREE char *dir = path_join(own, places[i]);
		char *found = look_in(dir, arch);

		if (found)
			return found;
	}
	return NULL;
}

int
program_find(const char *directory, const char *machine, struct program *ret,
	     struct err *err)
{
	const char *arch = architecture(machine);
	struct program program = { .bytes = BUF_INIT(PROGRAM_MAX) };
	uint8_t digest[SHA1_SIZE];
	char shown[64];

	if (arch == NULL) {
		err_set(err, ERR_UNSUPPORTED,
			"there is no berthd for machines of the kind %s",
			vis(shown, sizeof(shown), machine));
		return err_hint(err, "x86_64 and aarch64 are served; build "
				     "it there, and put it into PATH");
	}
	program.path = find(directory, arch);
	if (program.path == NULL) {
		err_set(err, ERR_NOT_FOUND,
			"berthd-%s is not installed here, to be sent there",
			arch);
		return err_hint(err, "install berth from its tarball or "
				     "package, or name the directory with "
				     "BERTH_BERTHD_DIR");
	}
	if (fs_read_file(AT_FDCWD, program.path, &program.bytes, err) < 0) {
		program_fini(&program);
		return -1;
	}
	sha1(buf_bytes(&program.bytes), program.bytes.len, digest);
	hex_encode(program.sha1, digest, sizeof(digest));
	*ret = program;
	return 0;
}

void
program_fini(struct program *program)
{
	free(program->path);
	buf_fini(&program->bytes);
	*program = (struct program){ .path = NULL };
}
