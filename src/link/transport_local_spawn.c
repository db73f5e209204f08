/* SPDX-License-Identifier: ISC */

/* The start of commands; see transport_local_spawn.h. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "link/transport.h"
#include "link/transport_local_spawn.h"

extern char **environ;

/* A terminal: our side, and the name of the other. */
static int
open_terminal(const struct channel_spec *spec, char *name, size_t size,
	      struct err *err)
{
	const struct winsize window = { .ws_col = spec->cols,
					.ws_row = spec->rows };
	AUTO_CLOSE int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 ||
	    ptsname_r(fd, name, size) != 0)
		return err_sys(err, "open a terminal");
	(void)ioctl(fd, TIOCSWINSZ, &window);
	return TAKE_FD(fd);
}

static char **
make_environment(const struct channel_spec *spec)
{
	char **env = strv_copy(environ);

	if (spec->has_tty && spec->term) {
		AUTO_FREE char *pair = xasprintf("TERM=%s", spec->term);

		strv_env_set(&env, pair);
	}
	return env;
}

/* `argv' in a session of its own, on `fds' or the terminal `tty'. */
static int
spawn(char *const *argv, char *const *env, const int fds[3], const char *tty,
      pid_t *ret, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
					    POSIX_SPAWN_SETSIGMASK |
					    POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	/* The first terminal that a session's leader opens is its own. */
	if (tty)
		posix_spawn_file_actions_addopen(&actions, 0, tty, O_RDWR, 0);
	for (int i = tty ? 1 : 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, tty ? 0 : fds[i], i);
	rc = posix_spawn(ret, argv[0], &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(err, "start %s", argv[0]);
}

static int
spawn_on_terminal(const struct channel_spec *spec, char *const *argv,
		  char *const *env, struct local_process *ret, struct err *err)
{
	char name[64];
	AUTO_CLOSE int fd = open_terminal(spec, name, sizeof(name), err);

	if (fd < 0 || spawn(argv, env, NULL, name, &ret->pid, err) < 0)
		return -1;
	ret->fds[0] = TAKE_FD(fd);
	return 0;
}

/* Pipes for its standard input, output and error: its ends, and ours. */
static int
open_pipes(int theirs[3], int ours[3], struct err *err)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(err, "pipe");
		theirs[i] = ends[i > 0];
		ours[i] = ends[i == 0];
	}
	return 0;
}

static int
spawn_on_pipes(char *const *argv, char *const *env, struct local_process *ret,
	       struct err *err)
{
	int theirs[3] = { -1, -1, -1 };
	int rc = open_pipes(theirs, ret->fds, err);

	if (rc == 0)
		rc = spawn(argv, env, theirs, NULL, &ret->pid, err);
	for (int i = 0; i < 3; i++)
		fd_close(&theirs[i]);
	return rc;
}

static const char *
find_sftp_server(void)
{
	static const char *const places[] = {
		"/usr/lib/openssh/sftp-server",
		"/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server",
		"/usr/libexec/sftp-server"
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

static int
add_words(const struct channel_spec *spec, char ***argv, struct err *err)
{
	const char *server;

	if (spec->kind == CHANNEL_COMMAND) {
		strv_add(argv, "/bin/sh");
		strv_add(argv, "-c");
		strv_add(argv, spec->what);
		return 0;
	}
	server = str_eq(spec->what, "sftp") ? find_sftp_server() : NULL;
	if (server == NULL)
		return err_set(err, ERR_DENIED, "no subsystem \"%s\"",
			       spec->what);
	strv_add(argv, server);
	return 0;
}

int
local_spawn(const struct channel_spec *spec, struct local_process *ret,
	    struct err *err)
{
	struct local_process process = LOCAL_PROCESS_INIT;
	AUTO_STRV char **argv = NULL, **env = make_environment(spec);
	int rc = add_words(spec, &argv, err);

	if (rc == 0)
		rc = spec->has_tty
			 ? spawn_on_terminal(spec, argv, env, &process, err)
			 : spawn_on_pipes(argv, env, &process, err);
	if (rc == 0)
		*ret = process;
	else
		local_process_fini(&process);
	return rc;
}

void
local_process_fini(struct local_process *process)
{
	for (int i = 0; i < 3; i++)
		fd_close(&process->fds[i]);
}
