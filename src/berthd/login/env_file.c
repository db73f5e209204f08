/* SPDX-License-Identifier: ISC */

/* NAME=VALUE lines; see env_file.h. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/environment.h"
#include "berthd/login/env_file.h"
#include "berthd/login/words.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"

#define MAX_FILE (256u << 10)
#define MAX_NAME 64
#define OWN_PREFIX "CODEX_SSH_"

int
env_file_check_name(const char *name, struct err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";
	size_t n = strlen(name);

	if (n == 0 || n > MAX_NAME || strspn(name, allowed) != n ||
	    name[0] == '-')
		return err_set(err, ERR_INVALID,
			       "a name is 1 to %d of A-Z a-z 0-9 _ -",
			       MAX_NAME);
	return 0;
}

/* The login's own names */

static void
replace(char **at, char *taken)
{
	free(*at);
	*at = taken;
}

static int
set_session(struct env_file *file, const char *value, struct err *err)
{
	if (env_file_check_name(value, err) < 0)
		return -1;
	replace(&file->session, xstrdup(value));
	return 0;
}

static int
set_path(char **at, const char *value, struct err *err)
{
	char *path = path_expand(value, err);

	if (path == NULL)
		return -1;
	replace(at, path);
	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "not an absolute path");
	return 0;
}

static int
set_workspace(struct env_file *file, const char *value, struct err *err)
{
	return set_path(&file->workspace, value, err);
}

static int
set_command(struct env_file *file, const char *value, struct err *err)
{
	char **words = NULL;

	if (words_split(value, &words, err) < 0)
		return -1;
	if (words == NULL)
		return err_set(err, ERR_INVALID, "no command");
	strv_free(file->command);
	file->command = words;
	return 0;
}

static int
set_audit(struct env_file *file, const char *value, struct err *err)
{
	if (!str_eq(value, "off"))
		return set_path(&file->audit, value, err);
	replace(&file->audit, xstrdup(value));
	return 0;
}

static int
set_record(struct env_file *file, const char *value, struct err *err)
{
	if (!str_eq(value, "off") && !str_eq(value, "v2") &&
	    !str_eq(value, "v3"))
		return err_set(err, ERR_INVALID, "one of off, v2 and v3");
	replace(&file->record, xstrdup(value));
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct env_file *, const char *value, struct err *);
} own_names[] = {
	{ OWN_PREFIX "SESSION", set_session },
	{ OWN_PREFIX "WORKSPACE", set_workspace },
	{ OWN_PREFIX "COMMAND", set_command },
	{ OWN_PREFIX "AUDIT", set_audit },
	{ OWN_PREFIX "RECORD", set_record },
};

static int
set_own(struct env_file *file, const char *name, const char *value,
	struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_names); i++) {
		if (str_eq(own_names[i].name, name))
			return own_names[i].set(file, value, err);
	}
	return err_set(err, ERR_INVALID, "no such setting");
}

/* For the agent, if it is not of the kind that makes programs run code. */
static int
set_other(struct env_file *file, const char *name, const char *value,
	  struct err *err)
{
	AUTO_FREE char *pair = xasprintf("%s=%s", name, value);
	char *const asked[] = { pair, NULL };
	AUTO_STRV char **refused = NULL;
	AUTO_STRV char **env UNUSED = environment_make(NULL, NULL, asked, NULL,
						       &refused);

	if (refused)
		return err_set(err, ERR_INVALID,
			       "it decides what code programs run");
	strv_env_set(&file->env, pair);
	return 0;
}

/* Lines */

static size_t
name_length(const char *line)
{
	size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz_0123456789");

	return line[0] >= '0' && line[0] <= '9' ? 0 : n;
}

static int
take_pair(struct env_file *file, char ***seen, const char *line,
	  struct err *err)
{
	size_t n = name_length(line);
	AUTO_FREE char *name = xstrndup(line, n);
	AUTO_FREE char *value = NULL;
	int rc;

	if (n == 0 || line[n] != '=')
		return err_set(err, ERR_INVALID, "not NAME=VALUE");
	if (strv_env_get(*seen, name))
		return err_set(err, ERR_INVALID, "%.64s stands twice", name);
	strv_give(seen, xasprintf("%s=", name));
	if (words_value(line + n + 1, &value, err) < 0)
		return err_wrap(err, "%.64s", name);
	if (str_starts(name, OWN_PREFIX))
		rc = set_own(file, name, value, err);
	else
		rc = set_other(file, name, value, err);
	return rc < 0 ? err_wrap(err, "%.64s", name) : 0;
}

static int
take_line(struct env_file *file, char ***seen, const char *line,
	  struct err *err)
{
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return 0;
	if (str_starts(line, "export "))
		line += strlen("export ");
	return take_pair(file, seen, line + strspn(line, " \t"), err);
}

int
env_file_decode(struct env_file *file, const char *name, const char *text,
		size_t n, struct err *err)
{
	AUTO_STRV char **seen = NULL;
	size_t line_number = 1;

	for (size_t at = 0; at < n; line_number++) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;
		AUTO_FREE char *line = xstrndup(text + at, len);
		int rc = 0;

		if (strlen(line) != len)
			rc = err_set(err, ERR_INVALID, "a NUL byte");
		else
			rc = take_line(file, &seen, line, err);
		if (rc < 0) {
			err->code = ERR_CONFIG;
			return err_wrap(err, "%s:%zu", name, line_number);
		}
		at += len + 1;
	}
	return 0;
}

/* Files */

static int
judge_file(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_DENIED, "%s is not a file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(err, ERR_DENIED, "%s belongs to uid %u", path,
			       st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		err_set(err, ERR_DENIED, "%s can be written by others", path);
		return err_hint(err, "chmod go-w %s", path);
	}
	return 0;
}

int
env_file_read(const char *path, struct buf *out, struct err *err)
{
	AUTO_CLOSE int fd = open(path,
				 O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		err_sys(err, "open %s", path);
		if (err->sys == ENOENT || err->sys == ENOTDIR)
			err->code = ERR_NOT_FOUND;
		return -1;
	}
	if (judge_file(fd, path, err) < 0)
		return -1;
	if (fs_read_fd(fd, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int
env_file_load(struct env_file *file, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_FILE);

	if (env_file_read(path, &text, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		*err = (struct err)ERR_INIT;
		return 0;
	}
	return env_file_decode(file, path, buf_text(&text), text.len, err);
}

int
env_file_init(struct env_file *ret, struct err *err)
{
	*ret = (struct env_file){ 0 };
	ret->workspace = path_expand("~/codex-workspace", err);
	if (ret->workspace == NULL)
		return -1;
	ret->session = xstrdup("codex");
	ret->record = xstrdup("off");
	return 0;
}

void
env_file_fini(struct env_file *file)
{
	free(file->session);
	free(file->workspace);
	strv_free(file->command);
	free(file->audit);
	free(file->record);
	strv_free(file->env);
	*file = (struct env_file){ 0 };
}
