/* SPDX-License-Identifier: ISC */

/* Landlock, by its system calls; see jail.h and landlock(7). */

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "berthd/login/jail.h"
#include "core/macros.h"

/* Of later kernels than the headers: rights by the version they came with. */
#define RIGHT_REFER (1ull << 13)    /* 2 */
#define RIGHT_TRUNCATE (1ull << 14) /* 3 */

#define READ_FILE (LANDLOCK_ACCESS_FS_READ_FILE)
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RUN (READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE)
/* No devices, sockets or pipes are made. */
#define WRITE                                                                  \
	(WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                          \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |        \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |           \
	 RIGHT_REFER | RIGHT_TRUNCATE)
#define ALL_OF_VERSION_1 ((1ull << 13) - 1)

static const struct {
	const char *path;
	uint64_t rights;
} system_paths[] = {
	{ "/usr", RUN },
	{ "/bin", RUN },
	{ "/sbin", RUN },
	{ "/lib", RUN },
	{ "/lib64", RUN },
	{ "/nix/store", RUN },
	{ "/etc/ld.so.cache", READ_FILE },
	{ "/etc/passwd", READ_FILE },
	{ "/etc/group", READ_FILE },
	{ "/etc/nsswitch.conf", READ_FILE },
	{ "/etc/localtime", READ_FILE },
	{ "/etc/gitconfig", READ_FILE },
	{ "/dev/null", READ_FILE | WRITE_FILE },
	{ "/dev/urandom", READ_FILE },
};

static int
landlock_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			    LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t
known_rights(int version)
{
	uint64_t rights = ALL_OF_VERSION_1;

	if (version >= 2)
		rights |= RIGHT_REFER;
	if (version >= 3)
		rights |= RIGHT_TRUNCATE;
	return rights;
}

/* What is not there needs no rule. */
static int
allow(int ruleset, const char *path, uint64_t rights)
{
	AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = rights,
						   .parent_fd = fd };

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	return (int)syscall(SYS_landlock_add_rule, ruleset,
			    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

bool
jail_is_possible(void)
{
	/* The first version lets a file be truncated through a link. */
	return landlock_version() >= 3;
}

int
jail_enter(const char *root, bool write, struct err *err)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = known_rights(
						  landlock_version()) };
	AUTO_CLOSE int ruleset = -1;
	uint64_t rights = write ? READ | WRITE : READ;

	if (!jail_is_possible())
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel cannot confine a transfer to %s "
			       "(Landlock 3, Linux 6.2)",
			       root);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
			       0);
	if (ruleset < 0)
		return err_sys(err, "make a Landlock ruleset");
	for (size_t i = 0; i < ARRAY_SIZE(system_paths); i++) {
		if (allow(ruleset, system_paths[i].path,
			  system_paths[i].rights) < 0)
			return err_sys(err, "allow %s", system_paths[i].path);
	}
	if (access(root, F_OK) < 0)
		return err_sys(err, "the root %s", root);
	if (allow(ruleset, root, rights) < 0)
		return err_sys(err, "allow %s", root);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(err, "enter the jail");
	return 0;
}
