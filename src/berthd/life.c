/* SPDX-License-Identifier: ISC */

/*
 * How daemons live; see life.h.
 *
 * systemd is asked through its own programs, so that nothing of D-Bus has to
 * be in a daemon of a megabyte.  The unit is transient: nothing is left in a
 * home that other hosts may share, and the next use after a reboot starts the
 * daemon again.  Each has a name of its own, as a successor starts while its
 * predecessor still runs.
 */

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "berthd/life.h"
#include "berthd/tool.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/rand.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"

/* logind and the user manager answer in milliseconds, or hang for minutes. */
#define ASK_MS 5000

/* As `berthd serve --detach' waits. */
#define START_MS 30000

/* A user manager that lingering has just started. */
#define MANAGER_MS 3000
#define LOOK_AGAIN_MS 20

#define MAX_WORDS 4096

extern char **environ;

const char *
life_word(enum life life)
{
	static const char *const words[] = {
		[LIFE_LINGER] = "systemd-linger",
		[LIFE_DETACHED] = "detached",
		[LIFE_SYSTEMD] = "systemd",
		[LIFE_ATTACHED] = "attached",
	};
	_Static_assert(ARRAY_SIZE(words) == LIVES, "a word per life");

	return words[life];
}

/* Our environment, with the runtime directory that a bare login lacks. */
static char **
user_env(void)
{
	AUTO_FREE char *runtime = xasprintf("XDG_RUNTIME_DIR=/run/user/%u",
					    geteuid());
	char **env = strv_copy(environ);

	if (strv_env_get(env, "XDG_RUNTIME_DIR") == NULL)
		strv_env_set(&env, runtime);
	return env;
}

/* What `loginctl show-user ... -p NAME' says. */
static bool
logind_says_yes(const char *user, const char *name)
{
	AUTO_STRV char **argv = NULL;
	AUTO_BUF out = BUF_INIT(MAX_WORDS);
	struct err err = ERR_INIT;

	strv_add(&argv, "loginctl");
	strv_add(&argv, "show-user");
	if (user)
		strv_add(&argv, user);
	strv_add(&argv, "--value");
	strv_add(&argv, "-p");
	strv_add(&argv, name);
	return tool_run(argv, environ, ASK_MS, &out, &err) == 0 &&
	       str_starts(buf_text(&out), "yes");
}

static bool
does_linger(void)
{
	AUTO_FREE char *uid = xasprintf("%u", geteuid());

	return logind_says_yes(uid, "Linger");
}

static void
try_to_linger(void)
{
	static char *const argv[] = { (char *)(uintptr_t) "loginctl",
				      (char *)(uintptr_t) "--no-ask-password",
				      (char *)(uintptr_t) "enable-linger",
				      NULL };
	AUTO_BUF out = BUF_INIT(MAX_WORDS);

	(void)tool_run(argv, environ, ASK_MS, &out, &(struct err)ERR_INIT);
}

static bool
does_manager_answer(uint64_t wait_ms)
{
	AUTO_FREE char *path = xasprintf("/run/user/%u/systemd/private",
					 geteuid());
	uint64_t deadline = clock_mono_ms() + wait_ms;

	for (;;) {
		AUTO_CLOSE int fd = sock_connect_unix(path,
						      &(struct err)ERR_INIT);

		if (fd >= 0)
			return true;
		if (clock_mono_ms() >= deadline)
			return false;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

/* Which part of the system's tree of control groups a process is in. */
static void
read_cgroup(pid_t pid, struct buf *out)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/cgroup", pid);

	(void)fs_read_file(AT_FDCWD, path, out, &(struct err)ERR_INIT);
}

static bool
is_of_manager(const struct buf *cgroup)
{
	AUTO_FREE char *manager = xasprintf("/user@%u.service/", geteuid());

	return strstr(buf_text(cgroup), manager) != NULL;
}

/* logind excludes root from KillUserProcesses unless told otherwise. */
static bool
is_killed_at_logout(const struct buf *cgroup)
{
	const char *session = strstr(buf_text(cgroup), "/session-");

	return geteuid() != 0 && session && strstr(session, ".scope") &&
	       logind_says_yes(NULL, "KillUserProcesses");
}

enum life
life_of(pid_t pid)
{
	AUTO_BUF cgroup = BUF_INIT(MAX_WORDS);

	read_cgroup(pid, &cgroup);
	if (is_of_manager(&cgroup))
		return does_linger() ? LIFE_LINGER : LIFE_SYSTEMD;
	return is_killed_at_logout(&cgroup) ? LIFE_ATTACHED : LIFE_DETACHED;
}

enum life
life_best(void)
{
	AUTO_BUF cgroup = BUF_INIT(MAX_WORDS);
	bool lingers = does_linger();

	read_cgroup(getpid(), &cgroup);
	if (!lingers) {
		try_to_linger();
		lingers = does_linger();
	}
	if (lingers && does_manager_answer(MANAGER_MS))
		return LIFE_LINGER;
	if (!is_killed_at_logout(&cgroup))
		return LIFE_DETACHED;
	return does_manager_answer(0) ? LIFE_SYSTEMD : LIFE_ATTACHED;
}

/* What the daemon's places and its execs depend on; no secret is among it. */
static void
pass_on(char ***argv)
{
	static const char *const names[] = { "PATH", "BERTH_HOME",
					     "XDG_CONFIG_HOME",
					     "XDG_STATE_HOME" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value)
			strv_give(argv,
				  xasprintf("--setenv=%s=%s", names[i], value));
	}
}

/* As packaging/systemd/berthd.service.in, which says why. */
static char **
unit_argv(const char *program, bool replace)
{
	static const char *const options[] = {
		"systemd-run",
		"--user",
		"--quiet",
		"--collect",
		"--description=berth: durable execs of this user",
		"--service-type=notify",
		"--property=KillMode=process",
		"--property=Delegate=yes",
		"--property=UMask=0077",
		"--setenv=BERTH_CGROUP=delegated",
		"--property=Restart=on-failure",
		"--property=RestartSec=1",
		/* What it says itself, such as that another one serves. */
		"--property=RestartPreventExitStatus=64 77 78 125",
	};
	char **argv = NULL;
	uint8_t random[4];
	char hex[9];

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		strv_add(&argv, options[i]);
	rand_bytes(random, sizeof(random));
	hex_encode(hex, random, sizeof(random));
	strv_give(&argv, xasprintf("--unit=berthd-%s", hex));
	pass_on(&argv);
	strv_add(&argv, "--");
	strv_add(&argv, program);
	strv_add(&argv, "serve");
	if (replace)
		strv_add(&argv, "--replace");
	return argv;
}

int
life_start_unit(const char *program, bool replace, struct err *err)
{
	AUTO_STRV char **argv = unit_argv(program, replace);
	AUTO_STRV char **env = user_env();
	AUTO_BUF out = BUF_INIT(MAX_WORDS);
	char words[300];
	int status = tool_run(argv, env, START_MS, &out, err);

	if (status <= 0)
		return status;
	return err_set(err, ERR_REMOTE, "systemd-run: %s",
		       vis(words, sizeof(words), buf_text(&out)));
}
