/* SPDX-License-Identifier: ISC */

/* Is the front door in order; see checks.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/login/audit.h"
#include "berthd/login/checks.h"
#include "berthd/login/env_file.h"
#include "berthd/login/jail.h"
#include "berthd/login/login.h"
#include "berthd/login/policy.h"
#include "berthd/login/supervise.h"
#include "berthd/session/tmux.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/run.h"
#include "core/text.h"
#include "wire/places.h"

#define MAX_FILE (256u << 10)
#define AGENT_MS 5000
#define LINGER_DIR "/var/lib/systemd/linger"
#define DROP_INS "/etc/ssh/sshd_config.d"

extern char **environ;

static void PRINTF(2, 3) say(struct check_words *words, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words->detail, sizeof(words->detail), fmt, ap);
	va_end(ap);
}

static bool
complain(struct check_words *words, const struct err *err)
{
	say(words, "%.380s", err->msg);
	snprintf(words->hint, sizeof(words->hint), "%s", err->hint);
	return false;
}

bool
checks_settings(struct check_words *words)
{
	struct err err = ERR_INIT;
	struct env_file file;
	AUTO_POLICY policy;
	bool ok;

	policy_init(&policy);
	ok = env_file_init(&file, &err) == 0 &&
	     env_file_load(&file, LOGIN_ETC "/codex-ssh.env", &err) == 0;
	if (ok && policy_load(&policy, LOGIN_ETC "/policy.yaml", &err) < 0)
		ok = err.code == ERR_NOT_FOUND;
	if (ok)
		say(words, "%zu keys, %zu roles, %zu projects%s", policy.keys.n,
		    policy.roles.n, policy.projects.n,
		    policy.file ? "" : " (no policy)");
	env_file_fini(&file);
	return ok ? ok : complain(words, &err);
}

/* Does this drop-in name the front door? */
static bool
names_front_door(int dir_fd, const char *name)
{
	AUTO_BUF text = BUF_INIT(MAX_FILE);
	struct err err = ERR_INIT;
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".conf") == 0 &&
	       fs_read_file(dir_fd, name, &text, &err) == 0 &&
	       strstr(buf_text(&text), "codex-ssh") != NULL;
}

/* If a drop-in names the front door, it must be possible. */
bool
checks_sshd(struct check_words *words)
{
	DIR *dir = opendir(DROP_INS);
	struct dirent *entry;
	bool ok = true;

	say(words, "no drop-in names codex-ssh");
	while (dir && (entry = readdir(dir)) != NULL) {
		if (!names_front_door(dirfd(dir), entry->d_name))
			continue;
		say(words, DROP_INS "/%.200s", entry->d_name);
		ok = jail_is_possible();
		if (!ok)
			snprintf(words->hint, sizeof(words->hint),
				 "this kernel has no Landlock 3: roles of kind "
				 "files are refused");
	}
	if (dir)
		closedir(dir);
	return ok;
}

bool
checks_tmux(const struct places *places, struct check_words *words)
{
	AUTO_TMUX tmux = TMUX_INIT;
	AUTO_TMUX_LIST list = { 0 };
	struct err err = ERR_INIT;
	size_t stale = 0;

	if (tmux_open(&tmux, places, environ, &err) < 0) {
		/* Execs need none. */
		say(words, "no sessions here: %.300s", err.msg);
		return true;
	}
	if (tmux_is_up(&tmux) && tmux_list(&tmux, &list, &err) < 0)
		return complain(words, &err);
	for (size_t i = 0; i < list.n_sessions; i++)
		stale += list.sessions[i].is_dead;
	say(words, "tmux %u.%u, %zu sessions, %zu ended", tmux.version / 100,
	    tmux.version % 100, list.n_sessions, stale);
	if (stale > 0)
		snprintf(words->hint, sizeof(words->hint),
			 "who logs in next is shown how they ended, or: berth "
			 "session kill NAME");
	return true;
}

/* What the settings say of the agent: *ret is NULL if nothing. */
static int
choose_agent(char **ret, struct err *err)
{
	AUTO_FREE char *own = path_expand("~/.config/codex-ssh/codex-ssh.env",
					  err);
	struct env_file file;
	int rc;

	*ret = NULL;
	if (own == NULL || env_file_init(&file, err) < 0)
		return -1;
	rc = env_file_load(&file, LOGIN_ETC "/codex-ssh.env", err);
	if (rc == 0)
		rc = env_file_load(&file, own, err);
	if (rc == 0 && file.command)
		*ret = xstrdup(file.command[0]);
	env_file_fini(&file);
	return rc;
}

/* Where a login would find it. */
static char *
find_agent(const char *name)
{
	const char *path = getenv("PATH");
	const char *home = getenv("HOME");
	AUTO_FREE char *pair = xasprintf("PATH=%s/.local/bin:%s",
					 home ? home : "", path ? path : "");
	char *env[] = { pair, NULL };

	return supervise_find(name, env);
}

/* Others may not know the option, and do who knows what. */
static bool
tells_version(const char *program)
{
	static const char *const agents[] = { "codex", "claude", "gemini",
					      "opencode" };

	for (size_t i = 0; i < ARRAY_SIZE(agents); i++)
		if (strcmp(path_base(program), agents[i]) == 0)
			return true;
	return false;
}

static bool
ask_version(char *program, struct check_words *words)
{
	char *argv[] = { program, (char[]){ "--version" }, NULL };
	AUTO_BUF out = BUF_INIT(4096);
	AUTO_BUF errors = BUF_INIT(4096);
	struct err err = ERR_INIT;
	int status = 0;

	if (run_program(argv, AGENT_MS, &out, &errors, &status, &err) < 0)
		return complain(words, &err);
	say(words, "%.*s", (int)strcspn(buf_text(&out), "\n"), buf_text(&out));
	if (status != 0)
		say(words, "%.200s --version ended with %d", program, status);
	return status == 0;
}

/* The agent of this user's sessions, and what it says of its version. */
bool
checks_agent(struct check_words *words)
{
	AUTO_FREE char *chosen = NULL;
	AUTO_FREE char *program = NULL;
	struct err err = ERR_INIT;
	const char *name;

	/* What is wrong with them is told as such, by another check. */
	if (choose_agent(&chosen, &err) < 0) {
		say(words, "not known, as the settings are wrong");
		return true;
	}
	name = chosen ? chosen : "codex";
	program = find_agent(name);
	if (program && tells_version(program))
		return ask_version(program, words);
	say(words, "%.200s is %s", name, program ? "there" : "not installed");
	/* Who has no front door may have no agent. */
	if (program || chosen == NULL)
		return true;
	snprintf(words->hint, sizeof(words->hint),
		 "install it where logins find it (/usr/local/bin), or change "
		 "CODEX_SSH_COMMAND in codex-ssh.env");
	return false;
}

/* Without it systemd ends a user's sessions with the last login. */
bool
checks_linger(struct check_words *words)
{
	const char *name = getenv("LOGNAME");
	AUTO_FREE char *path = xasprintf(LINGER_DIR "/%s", name ? name : "");

	if (access("/run/systemd/system", F_OK) < 0) {
		say(words, "no systemd here");
		return true;
	}
	if (geteuid() == 0 || (name && access(path, F_OK) == 0)) {
		say(words, "sessions outlive their logins");
		return true;
	}
	say(words, "off: sessions may end with the last login");
	snprintf(words->hint, sizeof(words->hint), "loginctl enable-linger %s",
		 name ? name : "");
	return true;
}

bool
checks_audit(struct check_words *words)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *path = login_audit_path(NULL, &err);
	struct audit_verdict verdict;

	if (path == NULL || access(path, F_OK) < 0) {
		say(words, "nothing on record yet");
		return true;
	}
	if (audit_verify(path, NULL, &verdict, &err) < 0)
		return complain(words, &err);
	if (verdict.line == 0)
		say(words, "%zu records, the chain is whole",
		    (size_t)verdict.n);
	else
		say(words, "%.200s:%zu: %s", path, (size_t)verdict.line,
		    verdict.why);
	return verdict.line == 0;
}
