/* SPDX-License-Identifier: ISC */

/* Paths as text; see path.h. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/text.h"

char *
path_join(const char *dir, const char *name)
{
	if (name[0] == '/' || dir[0] == '\0')
		return xstrdup(name);
	if (str_ends(dir, "/"))
		return xasprintf("%s%s", dir, name);
	return xasprintf("%s/%s", dir, name);
}

/* Remove the last component of out[0..len), which does not end in a slash. */
static size_t
drop_component(const char *out, size_t len, size_t root)
{
	while (len > root && out[len - 1] != '/')
		len--;
	if (len > root)
		len--;
	return len;
}

static bool
ends_in_dotdot(const char *out, size_t len)
{
	return len >= 2 && out[len - 1] == '.' && out[len - 2] == '.' &&
	       (len == 2 || out[len - 3] == '/');
}

char *
path_clean(const char *path)
{
	size_t root = path[0] == '/', len = root;
	char *out = xmalloc(strlen(path) + 2);

	out[0] = '/';
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.')) {
			/* nothing to add */
		} else if (n == 2 && path[0] == '.' && path[1] == '.' &&
			   (root || (len > 0 && !ends_in_dotdot(out, len)))) {
			len = drop_component(out, len, root);
		} else {
			if (len > root)
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

bool
path_is_within(const char *root, const char *path)
{
	AUTO_FREE char *clean_root = path_clean(root);
	AUTO_FREE char *clean = path_clean(path);
	size_t n = strlen(clean_root);

	if (str_eq(clean_root, "/"))
		return clean[0] == '/';
	return strncmp(clean, clean_root, n) == 0 &&
	       (clean[n] == '/' || clean[n] == '\0');
}

/* The home field of "name:x:uid:gid:gecos:home:shell" if `uid' matches. */
static char *
home_in_line(char *line, uint64_t uid)
{
	char *field[7];
	size_t n = 0;
	uint64_t found;

	for (char *p = line; p && n < ARRAY_SIZE(field);)
		field[n++] = strsep(&p, ":\n");
	if (n < 6 ||
	    parse_u64(field[2], 0, UINT32_MAX, &found, &(struct err)ERR_INIT) <
		0 ||
	    found != uid || field[5][0] != '/')
		return NULL;
	return xstrdup(field[5]);
}

char *
path_home(struct err *err)
{
	const char *home = getenv("HOME");
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	char *found = NULL;
	FILE *file;

	if (home && home[0] == '/')
		return xstrdup(home);
	file = fopen("/etc/passwd", "re");
	while (file && found == NULL && getline(&line, &size, file) > 0)
		found = home_in_line(line, getuid());
	if (file)
		fclose(file);
	if (found == NULL) {
		err_set(err, ERR_CONFIG, "no home directory for uid %u",
			getuid());
		err_hint(err, "set HOME to an absolute path");
	}
	return found;
}

char *
path_expand(const char *path, struct err *err)
{
	AUTO_FREE char *home = NULL;

	if (path[0] != '~' || (path[1] != '/' && path[1] != '\0'))
		return xstrdup(path);
	home = path_home(err);
	if (home == NULL)
		return NULL;
	return xasprintf("%s%s", home, path + 1);
}

int
path_settle(char **path, struct err *err)
{
	AUTO_FREE char *full = path_expand(*path, err);

	if (full == NULL)
		return -1;
	if (full[0] != '/')
		return err_set(err, ERR_CONFIG,
			       "\"%.128s\" is neither absolute nor below \"~\"",
			       full);
	free(*path);
	*path = path_clean(full);
	return 0;
}

const char *
path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
