/* SPDX-License-Identifier: ISC */

/*
 * Worktrees from mirrors; see checkout.h.
 *
 * Fetching is serialised per mirror by a lock beside it, as git itself fails
 * rather than waits.  Arguments of the client come behind --end-of-options.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/checkout.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

#define MAX_OUTPUT (64u << 10)

static void __attribute__((noreturn))
run_git(char *const *argv, char *const *env, int out, int err_fd)
{
	int null = open("/dev/null", O_RDONLY);

	if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err_fd, 2) < 0)
		_exit(127);
	execvpe("git", argv, env);
	dprintf(2, "git: %m");
	_exit(127);
}

/* The last line that says something, without its line end. */
static const char *
last_line(struct buf *text)
{
	char *s = (char *)buf_bytes(text);
	size_t n = text->len;
	char *line;

	while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == '\r'))
		s[--n] = '\0';
	line = strrchr(s, '\n');
	return line ? line + 1 : s;
}

/*
 * Run git with the arguments up to NULL; its output goes to `ret_out' if that
 * is given, its last words into the error.
 */
static int
git(const struct checkout *checkout, struct buf *ret_out, struct err *err, ...)
{
	AUTO_CLOSE int messages = memfd_create("git", MFD_CLOEXEC);
	AUTO_CLOSE int out = memfd_create("git", MFD_CLOEXEC);
	AUTO_BUF text = BUF_INIT(MAX_OUTPUT);
	AUTO_STRV char **argv = NULL;
	const char *verb;
	int status = 0;
	pid_t pid;
	va_list ap;

	strv_add(&argv, "git");
	va_start(ap, err);
	for (const char *arg; (arg = va_arg(ap, const char *)) != NULL;)
		strv_add(&argv, arg);
	va_end(ap);
	verb = str_eq(argv[1], "-C") ? argv[3] : argv[1];
	if (messages < 0 || out < 0)
		return err_sys(err, "memfd");
	pid = fork();
	if (pid == 0)
		run_git(argv, checkout->env, out, messages);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return err_sys(err, "run git");
	if (status != 0) {
		(void)lseek(messages, 0, SEEK_SET);
		(void)fs_read_fd(messages, &text, err);
		return err_set(err, ERR_REMOTE, "git %s failed: %s", verb,
			       last_line(&text));
	}
	if (ret_out == NULL)
		return 0;
	(void)lseek(out, 0, SEEK_SET);
	return fs_read_fd(out, ret_out, err);
}

static int
update_mirror(const struct checkout *c, struct err *err)
{
	struct stat st;

	if (stat(c->mirror, &st) < 0)
		return git(c, NULL, err, "clone", "--mirror", "--", c->repo_url,
			   c->mirror, NULL);
	return git(c, NULL, err, "-C", c->mirror, "fetch", "--prune", NULL);
}

static int
find_commit(const struct checkout *c, struct buf *ret, struct err *err)
{
	AUTO_FREE char *spec = xasprintf("%s^{commit}", c->ref);

	if (git(c, ret, err, "-C", c->mirror, "rev-parse", "--verify",
		"--quiet", "--end-of-options", spec, NULL) < 0)
		return err_set(err, ERR_NOT_FOUND,
			       "git rev-parse failed: ref %.80s is not in %s",
			       c->ref, c->repo_url);
	return 0;
}

static int
add_worktree(const struct checkout *c, struct err *err)
{
	AUTO_BUF text = BUF_INIT(256);
	AUTO_FREE char *commit = NULL;

	/* Worktrees of execs that were removed or killed. */
	(void)git(c, NULL, &(struct err)ERR_INIT, "-C", c->mirror, "worktree",
		  "prune", NULL);
	if (find_commit(c, &text, err) < 0)
		return -1;
	commit = xstrndup(buf_text(&text), strcspn(buf_text(&text), "\n"));
	return git(c, NULL, err, "-C", c->mirror, "worktree", "add", "--force",
		   "--detach", c->dir, commit, NULL);
}

static int
lock_mirror(const struct checkout *c, struct err *err)
{
	AUTO_FREE char *lock = xasprintf("%s.lock", c->mirror);
	AUTO_FREE char *parent = xstrdup(c->mirror);
	AUTO_CLOSE int fd = -1;
	char *slash = strrchr(parent, '/');

	if (slash && slash != parent) {
		*slash = '\0';
		if (fs_mkdir_parents(parent, err) < 0)
			return -1;
	}
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(err, "lock %s", lock);
	return TAKE_FD(fd);
}

int
checkout_make(const struct checkout *checkout, struct err *err)
{
	AUTO_CLOSE int lock = lock_mirror(checkout, err);

	if (lock < 0)
		return -1;
	if (update_mirror(checkout, err) < 0)
		return -1;
	return add_worktree(checkout, err);
}

void
checkout_remove(const struct checkout *c)
{
	struct err err = ERR_INIT;

	(void)git(c, NULL, &err, "-C", c->mirror, "worktree", "remove",
		  "--force", c->dir, NULL);
	(void)fs_remove_tree(AT_FDCWD, c->dir, &err);
}
