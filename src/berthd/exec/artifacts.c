/* SPDX-License-Identifier: ISC */

/*
 * Keeping files of an exec; see artifacts.h.
 *
 * The walk goes below the working directory through descriptors, never through
 * a link, and is bounded in entries and depth.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/artifacts.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"

#define MAX_LIST (256u << 10)
#define MAX_ENTRIES 200000
#define MAX_DEPTH 32
#define MAX_REL 1024

struct walk {
	int dir_fd, keep_fd;
	char *const *patterns;
	struct jsonw *w;
	unsigned entries;
	char rel[MAX_REL];
	char **warning;
};

static void walk_dir(struct walk *, int dir_fd, size_t len, unsigned depth);

/* The first one counts. */
static void
set_warning(char **warning, const char *text)
{
	if (*warning == NULL)
		*warning = xstrdup(text);
}

static void
warn(char **warning, const char *what, const char *name)
{
	AUTO_FREE char *text = xasprintf("artifacts: %s: %s", name, what);

	set_warning(warning, text);
}

static bool
matches(char *const *patterns, const char *rel)
{
	for (; *patterns; patterns++) {
		const char *pattern = *patterns;
		int flags = FNM_PERIOD;

		if (str_starts(pattern, "./"))
			pattern += 2;
		/* A "**" lets every star cross directories. */
		if (strstr(pattern, "**") == NULL)
			flags |= FNM_PATHNAME;
		if (fnmatch(pattern, rel, flags) == 0)
			return true;
	}
	return false;
}

/* Create the directories of `rel' below `root'. */
static void
make_dirs(int root, const char *rel)
{
	AUTO_FREE char *copy = xstrdup(rel);

	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdirat(root, copy, 0700);
		*p = '/';
	}
}

static int
copy_file(int from, int to, uint64_t *ret_size)
{
	AUTO_FREE char *block = xmalloc(65536);
	ssize_t got;

	*ret_size = 0;
	while ((got = read_full(from, block, 65536)) > 0) {
		if (write_full(to, block, (size_t)got) < 0)
			return -1;
		*ret_size += (uint64_t)got;
	}
	return got < 0 ? -1 : 0;
}

static void
keep_file(struct walk *walk, int dir_fd, const char *name)
{
	AUTO_CLOSE int from = openat(
	    dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_CLOSE int to = -1;
	struct stat st;
	uint64_t size;

	if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode)) {
		warn(walk->warning, "not a readable file", walk->rel);
		return;
	}
	make_dirs(walk->keep_fd, walk->rel);
	to = openat(walk->keep_fd, walk->rel,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (to < 0 || copy_file(from, to, &size) < 0) {
		warn(walk->warning, strerror(errno), walk->rel);
		return;
	}
	jsonw_object(walk->w, NULL);
	jsonw_str(walk->w, "path", walk->rel);
	jsonw_u64(walk->w, "size", size);
	jsonw_object_end(walk->w);
}

static void
visit(struct walk *walk, int dir_fd, size_t len, const char *name,
      unsigned depth)
{
	size_t used = (size_t)snprintf(walk->rel + len, MAX_REL - len, "%s%s",
				       len ? "/" : "", name);
	struct stat st;

	if (used >= MAX_REL - len ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH && !str_eq(name, ".git")) {
		int sub = openat(dir_fd, name,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				     O_CLOEXEC);

		if (sub >= 0)
			walk_dir(walk, sub, len + used, depth + 1);
	} else if (S_ISREG(st.st_mode) && matches(walk->patterns, walk->rel)) {
		keep_file(walk, dir_fd, name);
	}
}

/* `dir_fd' is taken; walk->rel holds its name in `len' bytes. */
static void
walk_dir(struct walk *walk, int dir_fd, size_t len, unsigned depth)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	if (dir == NULL) {
		close(dir_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (++walk->entries > MAX_ENTRIES) {
			warn(walk->warning, "too many files to search", ".");
			break;
		}
		visit(walk, dirfd(dir), len, entry->d_name, depth);
		walk->rel[len] = '\0';
	}
	closedir(dir);
}

/* What the command listed itself; NULL if nothing. */
static struct json_t *
read_own_list(int cwd_fd, char **warning)
{
	AUTO_BUF text = BUF_INIT(MAX_LIST);
	struct err err = ERR_INIT;
	struct json_t *value;

	if (fs_read_file(cwd_fd, ".codex/artifacts.json", &text, &err) < 0)
		return NULL;
	value = json_parse(buf_bytes(&text), text.len, &err);
	if (value == NULL) {
		set_warning(warning, "artifacts.json is not valid JSON");
		return NULL;
	}
	if (json_get(value, "artifacts") == NULL) {
		set_warning(warning, "artifacts.json missing artifacts array");
		json_free(value);
		return NULL;
	}
	return value;
}

static void
add_own_list(struct jsonw *w, int cwd_fd, char **warning)
{
	AUTO_JSON *value = read_own_list(cwd_fd, warning);
	const struct json_t *list = value ? json_get(value, "artifacts") : NULL;

	for (size_t i = 0; i < json_len(list); i++) {
		AUTO_FREE char *text = json_dump(json_at(list, i));

		jsonw_raw(w, NULL, text);
	}
}

static void
add_matches(struct jsonw *w, int dir_fd, int cwd_fd, char *const *patterns,
	    char **warning)
{
	struct walk walk = { .dir_fd = dir_fd,
			     .keep_fd = -1,
			     .patterns = patterns,
			     .w = w,
			     .warning = warning };
	int start;

	if (patterns == NULL)
		return;
	(void)mkdirat(dir_fd, ARTIFACTS_DIR, 0700);
	walk.keep_fd = openat(dir_fd, ARTIFACTS_DIR,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	start = openat(cwd_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (walk.keep_fd >= 0 && start >= 0)
		walk_dir(&walk, start, 0, 0);
	else if (start >= 0)
		close(start);
	if (walk.keep_fd >= 0)
		close(walk.keep_fd);
}

void
artifacts_collect(int dir_fd, int cwd_fd, char *const *patterns,
		  char **ret_warning)
{
	AUTO_BUF text = BUF_INIT(MAX_LIST);
	struct jsonw w = JSONW_INIT(&text);
	struct err err = ERR_INIT;

	*ret_warning = NULL;
	jsonw_array(&w, NULL);
	add_own_list(&w, cwd_fd, ret_warning);
	add_matches(&w, dir_fd, cwd_fd, patterns, ret_warning);
	jsonw_array_end(&w);
	if (jsonw_done(&w) < 0) {
		warn(ret_warning, "the list is too long", ".");
		return;
	}
	if (text.len > strlen("[]") &&
	    fs_write_atomic(dir_fd, ARTIFACTS_FILE, buf_bytes(&text), text.len,
			    0, &err) < 0)
		warn(ret_warning, err.msg, ARTIFACTS_FILE);
}
