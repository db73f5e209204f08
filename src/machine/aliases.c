/* SPDX-License-Identifier: ISC */

/*
 * Names from ~/.ssh/config; see aliases.h.
 *
 * The file may be broken or hostile in ways that ssh itself will name; here a
 * line that is not understood is skipped.  Depth and number of files and names
 * are bounded.
 */

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/aliases.h"
#include "machine/name.h"

/* As ssh's READCONF_MAX_DEPTH. */
#define MAX_DEPTH 16
#define MAX_FILES 256
#define MAX_NAMES 4096
#define MAX_FILE (1u << 20)
#define MAX_WORD 1024

struct reading {
	char ***names;
	size_t n_files;
	const char *dir; /* ~/.ssh */
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, unquoted; false at its end. */
static bool
next_word(const char **line, const char *end, char word[MAX_WORD])
{
	const char *p = *line;
	size_t n = 0;
	bool quoted = false;

	while (p < end && is_space(*p))
		p++;
	if (p == end || *p == '#')
		return false;
	for (; p < end && (quoted || !is_space(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (n < MAX_WORD - 1)
			word[n++] = *p;
	}
	word[n] = '\0';
	*line = p;
	return true;
}

/* "Host", "Host=", "Host =": the keyword, and the line after it. */
static bool
is_keyword(const char **line, const char *end, const char *keyword)
{
	size_t n = strlen(keyword);
	const char *p = *line;

	while (p < end && is_space(*p))
		p++;
	if ((size_t)(end - p) <= n || strncasecmp(p, keyword, n) != 0 ||
	    !(is_space(p[n]) || p[n] == '='))
		return false;
	p += n;
	while (p < end && is_space(*p))
		p++;
	if (p < end && *p == '=')
		p++;
	*line = p;
	return true;
}

static bool
has(char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (str_eq(*names, name))
			return true;
	}
	return false;
}

static void
add_name(char ***names, const char *name)
{
	struct err ignored = ERR_INIT;

	if (name_check_machine(name, &ignored) == 0 && !has(*names, name) &&
	    strv_len(*names) < MAX_NAMES)
		strv_add(names, name);
}

void
aliases_parse(const char *text, size_t n, char ***names, char ***includes)
{
	const char *end = text + n;
	char word[MAX_WORD];

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		const char *p = text;

		if (is_keyword(&p, stop, "host")) {
			while (next_word(&p, stop, word))
				add_name(names, word);
		} else if (is_keyword(&p, stop, "include")) {
			while (strv_len(*includes) < MAX_FILES &&
			       next_word(&p, stop, word))
				strv_add(includes, word);
		}
		text = newline ? newline + 1 : end;
	}
}

static void read_files(struct reading *reading, const char *pattern,
		       unsigned depth);

static void
read_one(struct reading *reading, const char *path, unsigned depth)
{
	AUTO_BUF text = BUF_INIT(MAX_FILE);
	AUTO_STRV char **includes = NULL;
	struct err ignored = ERR_INIT;

	if (reading->n_files++ >= MAX_FILES ||
	    fs_read_file(AT_FDCWD, path, &text, &ignored) < 0)
		return;
	aliases_parse(buf_text(&text), text.len, reading->names, &includes);
	for (char **p = includes; p && *p; p++)
		read_files(reading, *p, depth + 1);
}

/* Relative names are below ~/.ssh, as ssh has it for a user's own file. */
static void
read_files(struct reading *reading, const char *pattern, unsigned depth)
{
	struct err ignored = ERR_INIT;
	AUTO_FREE char *expanded = path_expand(pattern, &ignored);
	AUTO_FREE char *full = NULL;
	glob_t found = { 0 };

	if (depth > MAX_DEPTH || expanded == NULL)
		return;
	full = path_join(reading->dir, expanded);
	if (glob(full, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_one(reading, found.gl_pathv[i], depth);
	}
	globfree(&found);
}

int
aliases_read(char ***ret, struct err *err)
{
	const char *moved = getenv("BERTH_SSH_CONFIG");
	AUTO_FREE char *home = path_home(err);
	AUTO_FREE char *dir = home ? path_join(home, ".ssh") : NULL;
	AUTO_FREE char *file = dir ? path_join(dir, "config") : NULL;
	struct reading reading = { .names = ret, .dir = dir };

	*ret = NULL;
	if (home == NULL)
		return -1;
	read_one(&reading, moved && *moved ? moved : file, 0);
	return 0;
}
