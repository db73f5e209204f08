/* SPDX-License-Identifier: ISC */

/*
 * How tmux is found and called; see tmux.h.
 *
 * The first line of the configuration names the program it was written for,
 * with its inode and time, and its version: while that holds nothing has to be
 * run to know the version.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/command.h"
#include "berthd/exec/environment.h"
#include "berthd/session/tmux.h"
#include "berthd/session/tmux_conf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/places.h"

#define CONF "tmux.conf"
#define MAX_CONF (64u << 10)
#define MAX_ANSWER 4096

/* An answer takes milliseconds; a server that hangs is not waited for. */
#define DEADLINE_MS 10000

#define DEFAULT_COLS 120
#define DEFAULT_ROWS 32

#define HAS_FEATURES 302 /* -T, and flags of attach-session */

static const char usual_path[] = "/usr/local/bin:/usr/bin:/bin";

/* Names */

bool
tmux_name_ok(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";
	size_t n = strspn(name, allowed);

	return n > 0 && n <= TMUX_NAME_MAX && name[n] == '\0' && name[0] != '-';
}

int
tmux_name_check(const char *name, struct err *err)
{
	char shown[128];

	if (tmux_name_ok(name))
		return 0;
	return err_set(err, ERR_INVALID,
		       "\"%s\" is no name for a session: 1 to %d letters, "
		       "digits, '_' and '-', no '-' in front",
		       vis(shown, sizeof(shown), name), TMUX_NAME_MAX);
}

/* The program and its version */

static char *
find_program(char *const *env)
{
	const char *path = strv_env_get(env, "PATH");

	for (path = path && *path ? path : usual_path; *path;) {
		size_t n = strcspn(path, ":");
		AUTO_FREE char *full = xasprintf("%.*s/tmux", (int)n, path);
		struct stat st;

		/* A place relative to nowhere is none. */
		if (path[0] == '/' && access(full, X_OK) == 0 &&
		    stat(full, &st) == 0 && S_ISREG(st.st_mode))
			return TAKE(full);
		path += n + (path[n] == ':');
	}
	return NULL;
}

unsigned
tmux_read_version(const char *text)
{
	const char *at = text + strcspn(text, "0123456789");
	unsigned major = 0, minor = 0;

	for (; *at >= '0' && *at <= '9' && major < 1000; at++)
		major = major * 10 + (unsigned)(*at - '0');
	if (*at++ != '.')
		return 0;
	for (; *at >= '0' && *at <= '9' && minor < 100; at++)
		minor = minor * 10 + (unsigned)(*at - '0');
	return minor < 100 ? major * 100 + minor : 0;
}

static int
ask_version(struct tmux *tmux, struct err *err)
{
	AUTO_BUF answer = BUF_INIT(MAX_ANSWER);
	char *const argv[] = { tmux->program, (char[]){ "-V" }, NULL };

	if (tmux_run(tmux, argv, &answer, err) < 0)
		return -1;
	tmux->version = tmux_read_version(buf_text(&answer));
	if (tmux->version >= TMUX_MIN_VERSION)
		return 0;
	err_set(err, ERR_UNSUPPORTED, "%s is too old: %.32s", tmux->program,
		buf_text(&answer));
	return err_hint(err, "sessions need tmux 3.0 or newer");
}

/* Terminals */

static bool
is_term_in(const char *dir, const char *term)
{
	AUTO_FREE char *letter = xasprintf("%s/%c/%s", dir, term[0], term);
	AUTO_FREE char *number = xasprintf("%s/%02x/%s", dir, term[0], term);

	return access(letter, R_OK) == 0 || access(number, R_OK) == 0;
}

/* Is the terminal described on this host? */
static bool
is_term_known(const char *term, char *const *env)
{
	static const char *const dirs[] = { "/etc/terminfo", "/lib/terminfo",
					    "/usr/share/terminfo",
					    "/usr/lib/terminfo",
					    "/usr/local/share/terminfo" };
	const char *home = strv_env_get(env, "HOME");

	if (term == NULL || term[0] == '\0' || term[0] == '.' ||
	    strlen(term) > 63 ||
	    strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789._+-") != strlen(term) ||
	    str_eq(term, "dumb") || str_eq(term, "unknown"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (is_term_in(dirs[i], term))
			return true;
	}
	if (home) {
		AUTO_FREE char *own = path_join(home, ".terminfo");

		return is_term_in(own, term);
	}
	return false;
}

static const char *
first_known(const char *const *terms, char *const *env)
{
	while (terms[1] && !is_term_known(*terms, env))
		terms++;
	return *terms;
}

/* The configuration */

/* For the program as it is now; empty if it is gone. */
static void
make_conf(const struct tmux *tmux, unsigned version, struct buf *out)
{
	static const char *const terms[] = { "tmux-256color", "screen-256color",
					     "screen", NULL };
	struct stat st;

	if (stat(tmux->program, &st) < 0)
		return;
	(void)buf_addf(out, "# version %u of %s, %" PRIu64 " %" PRIu64 ".%ld\n",
		       version, tmux->program, (uint64_t)st.st_ino,
		       (uint64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	tmux_conf_add(out, version, first_known(terms, tmux->env));
}

/* Is it there, written for this program by this berthd? */
static bool
is_written(struct tmux *tmux)
{
	AUTO_BUF text = BUF_INIT(MAX_CONF), wanted = BUF_INIT(MAX_CONF);
	struct err err = ERR_INIT;

	if (fs_read_file(AT_FDCWD, tmux->conf, &text, &err) < 0 ||
	    sscanf(buf_text(&text), "# version %5u ", &tmux->version) != 1)
		return false;
	make_conf(tmux, tmux->version, &wanted);
	return text.len == wanted.len &&
	       memcmp(buf_bytes(&text), buf_bytes(&wanted), text.len) == 0;
}

static int
write_conf(struct tmux *tmux, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_CONF);

	if (is_written(tmux))
		return 0;
	if (ask_version(tmux, err) < 0)
		return -1;
	make_conf(tmux, tmux->version, &text);
	return fs_write_atomic(AT_FDCWD, tmux->conf, buf_bytes(&text), text.len,
			       0, err);
}

int
tmux_open(struct tmux *tmux, const struct places *places,
	  char *const *environ_now, struct err *err)
{
	*tmux = (struct tmux)TMUX_INIT;
	tmux->env = environment_base(environ_now);
	tmux->dir = path_join(places->runtime, "session");
	tmux->socket = path_join(tmux->dir, "tmux");
	tmux->conf = path_join(tmux->dir, CONF);
	tmux->program = find_program(tmux->env);
	if (tmux->program == NULL) {
		err_set(err, ERR_UNSUPPORTED, "tmux is not installed");
		err_hint(err, "sessions need tmux 3.0 or newer");
	} else if (strlen(tmux->socket) >=
		   sizeof(((struct sockaddr_un *)0)->sun_path)) {
		err_set(err, ERR_INVALID, "%s: too long for a socket",
			tmux->socket);
	} else if (fs_mkdir_private(tmux->dir, err) == 0 &&
		   write_conf(tmux, err) == 0) {
		return 0;
	}
	tmux_fini(tmux);
	return -1;
}

void
tmux_fini(struct tmux *tmux)
{
	free(tmux->program);
	free(tmux->dir);
	free(tmux->socket);
	free(tmux->conf);
	strv_free(tmux->env);
	*tmux = (struct tmux)TMUX_INIT;
}

bool
tmux_is_up(const struct tmux *tmux)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(name.sun_path, tmux->socket, strlen(tmux->socket));
	return fd >= 0 &&
	       connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
}

/* Words */

static void
add_words(char ***argv, const char *const *words)
{
	for (; *words; words++)
		strv_add(argv, *words);
}

static char **
base_argv(const struct tmux *tmux)
{
	const char *const words[] = { tmux->program, "-S",	 tmux->socket,
				      "-f",	     tmux->conf, NULL };
	char **argv = NULL;

	add_words(&argv, words);
	return argv;
}

char **
tmux_argv(const struct tmux *tmux, const char *const *words)
{
	char **argv = base_argv(tmux);

	/* What comes from tmux is UTF-8, whatever our own locale is. */
	strv_add(&argv, "-u");
	add_words(&argv, words);
	return argv;
}

/* The server itself looks whether it is still the dead one. */
static void
add_removal(char ***argv, const char *name)
{
	AUTO_FREE char *pane = xasprintf("=%s:", name);
	AUTO_FREE char *removal = xasprintf("kill-session -t =%s", name);
	const char *const words[] = { "if-shell",     "-F",    "-t", pane,
				      "#{pane_dead}", removal, ";",  NULL };

	add_words(argv, words);
}

char **
tmux_create_argv(const struct tmux *tmux, const struct tmux_create *create)
{
	uint64_t cols = create->cols ? create->cols : DEFAULT_COLS;
	uint64_t rows = create->rows ? create->rows : DEFAULT_ROWS;
	const char *const none[] = { NULL };
	const char *const words[] = { "new-session", "-d", "-s",
				      create->name,  "-x", NULL };
	char **argv = tmux_argv(tmux, none);

	if (create->replaces_dead)
		add_removal(&argv, create->name);
	add_words(&argv, words);
	strv_give(&argv, xasprintf("%" PRIu64, cols));
	strv_add(&argv, "-y");
	strv_give(&argv, xasprintf("%" PRIu64, rows));
	strv_add(&argv, "--");
	for (char *const *word = create->command; *word; word++)
		strv_add(&argv, *word);
	return argv;
}

bool
tmux_is_duplicate(const char *message)
{
	return strstr(message, "duplicate session") != NULL;
}

bool
tmux_is_no_server(const char *message)
{
	return strstr(message, "no server running") ||
	       strstr(message, "error connecting to") ||
	       strstr(message, "server exited") ||
	       strstr(message, "lost server");
}

char **
tmux_scope_argv(const struct tmux *tmux)
{
	static const char *const words[] = { "--user",
					     "--scope",
					     "--quiet",
					     "--collect",
					     "--description=berth sessions",
					     "--",
					     NULL };
	const char *runtime = strv_env_get(tmux->env, "XDG_RUNTIME_DIR");
	AUTO_FREE char *manager = NULL;
	char **argv = NULL;

	if (runtime == NULL)
		return NULL;
	manager = path_join(runtime, "systemd/private");
	if (access(manager, W_OK) < 0 || access("/usr/bin/systemd-run", X_OK))
		return NULL;
	strv_add(&argv, "/usr/bin/systemd-run");
	add_words(&argv, words);
	return argv;
}

static bool
has_true_colour(const struct tmux_view *view)
{
	return view->colorterm && (str_eq(view->colorterm, "truecolor") ||
				   str_eq(view->colorterm, "24bit"));
}

char **
tmux_attach_argv(const struct tmux *tmux, const struct tmux_view *view)
{
	char **argv = base_argv(tmux);
	bool has_features = tmux->version >= HAS_FEATURES;

	if (view->is_utf8)
		strv_add(&argv, "-u");
	if (has_features && has_true_colour(view)) {
		strv_add(&argv, "-T");
		strv_add(&argv, "256,RGB,clipboard,title");
	}
	strv_add(&argv, "attach-session");
	if (view->is_alone)
		strv_add(&argv, "-d");
	if (!has_features && view->is_read_only)
		strv_add(&argv, "-r");
	if (has_features && (view->is_read_only || view->ignores_size)) {
		strv_add(&argv, "-f");
		strv_give(
		    &argv,
		    xasprintf("%s%s%s", view->is_read_only ? "read-only" : "",
			      view->is_read_only && view->ignores_size ? ","
								       : "",
			      view->ignores_size ? "ignore-size" : ""));
	}
	strv_add(&argv, "-t");
	strv_give(&argv, xasprintf("=%s", view->name));
	return argv;
}

char **
tmux_view_env(const struct tmux *tmux, const struct tmux_view *view)
{
	const char *const terms[] = { view->term, "xterm-256color", "xterm",
				      "screen",	  "vt100",	    "ansi",
				      NULL };
	const char *const *from = view->term ? terms : terms + 1;
	AUTO_FREE char *term = xasprintf("TERM=%s",
					 first_known(from, tmux->env));
	char **env = strv_copy(tmux->env);

	strv_env_set(&env, term);
	strv_env_set(&env, view->is_utf8 ? "LC_ALL=C.UTF-8" : "LC_ALL=C");
	if (view->at_end) {
		AUTO_FREE char *at_end = xasprintf(TMUX_CONF_AT_END "=%s",
						   view->at_end);

		strv_env_set(&env, at_end);
	}
	return env;
}

/* Blocking */

/* Take what comes until both ends are closed. */
static int
take_output(const struct command *command, struct buf *out, struct buf *said,
	    struct err *err)
{
	struct pollfd watch[2] = { { .fd = command->out_fd, .events = POLLIN },
				   { .fd = command->err_fd,
				     .events = POLLIN } };
	struct buf *const into[2] = { out, said };
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (watch[0].fd >= 0 || watch[1].fd >= 0) {
		uint64_t now = clock_mono_ms();

		if (now >= deadline ||
		    poll(watch, 2, (int)(deadline - now)) == 0)
			return err_set(err, ERR_TIMEOUT, "tmux hangs");
		for (int i = 0; i < 2; i++) {
			char bytes[4096];
			ssize_t n;

			if (watch[i].fd < 0 || watch[i].revents == 0)
				continue;
			n = read(watch[i].fd, bytes, sizeof(bytes));
			if (n <= 0 && !(n < 0 && errno == EINTR))
				watch[i].fd = -1;
			else if (n > 0 &&
				 buf_add(into[i], bytes, (size_t)n) < 0)
				return err_set(err, ERR_LIMIT,
					       "tmux says too much");
		}
	}
	return 0;
}

static int
explain(int status, const struct buf *said, struct err *err)
{
	int n = (int)strcspn(buf_text(said), "\n");

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (said->len > 0)
		return err_set(err, ERR_REMOTE, "%.*s", n, buf_text(said));
	return err_set(err, ERR_REMOTE, "tmux ended with status %d", status);
}

int
tmux_run(const struct tmux *tmux, char *const *argv, struct buf *out,
	 struct err *err)
{
	struct command_config config = {
		.argv = argv, .env = tmux->env, .cwd = "/", .cgroup_fd = -1
	};
	AUTO_BUF said = BUF_INIT(MAX_ANSWER);
	struct command command;
	int status = 0, rc;

	if (command_start(&config, &command, err) < 0)
		return -1;
	rc = take_output(&command, out, &said, err);
	if (rc < 0)
		(void)kill(command.pid, SIGKILL);
	while (waitpid(command.pid, &status, 0) < 0 && errno == EINTR)
		;
	close(command.out_fd);
	close(command.err_fd);
	if (rc == 0 && explain(status, &said, err) < 0)
		rc = err_wrap(err, "tmux");
	return rc;
}

int
tmux_list(const struct tmux *tmux, struct tmux_list *ret, struct err *err)
{
	AUTO_BUF out = BUF_INIT(TMUX_LIST_MAX);
	AUTO_STRV char **argv = tmux_list_argv(tmux);

	*ret = (struct tmux_list){ .n_sessions = 0 };
	if (tmux_run(tmux, argv, &out, err) < 0) {
		if (err->code == ERR_REMOTE && tmux_is_no_server(err->msg)) {
			*err = (struct err)ERR_INIT;
			return 0;
		}
		return -1;
	}
	tmux_list_parse(buf_bytes(&out), out.len, ret);
	return 0;
}

bool
tmux_has(const struct tmux *tmux, const char *name)
{
	AUTO_FREE char *target = xasprintf("=%s", name);
	const char *const words[] = { "has-session", "-t", target, NULL };
	AUTO_STRV char **argv = tmux_argv(tmux, words);
	AUTO_BUF out = BUF_INIT(MAX_ANSWER);

	return tmux_run(tmux, argv, &out, &(struct err)ERR_INIT) == 0;
}
