/* SPDX-License-Identifier: ISC */

/* Words of shell.sh; see shell_words.h. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/text.h"
#include "client/file/file.h"
#include "client/file/leftover.h"
#include "client/file/shell_words.h"

/* Anything but a few letters as printf's %b has it; nothing has no spaces. */
static void
add_name(struct buf *line, const char *name)
{
	(void)buf_addc(line, ' ');
	for (const char *p = name; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || *p == '/' || *p == '.' ||
		    *p == '_')
			(void)buf_addc(line, *p);
		else
			(void)buf_addf(line, "\\0%03o", (unsigned char)*p);
	}
}

/* A path begins with "/" or "./": the shell is in the home. */
static void
add_path(struct buf *line, const char *path)
{
	AUTO_FREE char *at = NULL;

	if (str_eq(path, "~"))
		path = ".";
	else if (str_starts(path, "~/"))
		path += 2;
	at = path[0] == '/' ? xstrdup(path) : xasprintf("./%s", path);
	add_name(line, at);
}

static void
add_mode(struct buf *line, int mode)
{
	if (mode < 0)
		(void)buf_adds(line, " -");
	else
		(void)buf_addf(line, " %o", (unsigned)mode & 0777);
}

static void
add_time(struct buf *line, int64_t mtime_ns)
{
	if (mtime_ns == FILE_NOW)
		(void)buf_adds(line, " -");
	else
		(void)buf_addf(line, " %" PRId64,
			       (int64_t)clock_timespec(mtime_ns).tv_sec);
}

static void
add_flags(struct buf *line, unsigned flags)
{
	(void)buf_addf(line, " -%s%s%s%s", flags & FILE_NEW ? "n" : "",
		       flags & FILE_PARENTS ? "p" : "",
		       flags & FILE_RECURSIVE ? "r" : "",
		       flags & FILE_FOLLOW ? "f" : "");
}

/* The name of a temporary file behind ".berth-". */
static void
add_temporary(struct buf *line, const char *key)
{
	char name[LEFTOVER_NAME_SIZE];

	leftover_name(name);
	if (key)
		(void)buf_addf(line, " %s.part", key);
	else
		(void)buf_addf(line, " %s", name + strlen(".berth-"));
}

/* Operands have their places: path, flags, c, d, e, g of shell.sh. */
void
shell_words_add(struct buf *line, const struct file_request *r)
{
	static const char *const verbs[] = {
		[FILE_READ] = "read",	  [FILE_WRITE] = "write",
		[FILE_LIST] = "list",	  [FILE_STAT] = "stat",
		[FILE_MKDIR] = "mkdir",	  [FILE_REMOVE] = "remove",
		[FILE_RENAME] = "rename", [FILE_COPY] = "copy",
		[FILE_LINK] = "link",	  [FILE_SET] = "set",
	};

	(void)buf_adds(line, verbs[r->op]);
	add_path(line, r->path);
	add_flags(line, r->flags);
	if (r->op == FILE_READ)
		(void)buf_addf(line, " %" PRIu64, r->offset + 1);
	else
		add_mode(line, r->mode);
	if (r->op == FILE_READ)
		(void)buf_addf(line, " %" PRIu64, r->length);
	else if (r->op == FILE_LINK)
		add_name(line, r->target);
	else if (r->to)
		add_path(line, r->to);
	else
		add_time(line, r->mtime_ns);
	if (r->if_match)
		add_name(line, r->if_match);
	else
		(void)buf_adds(line, " -");
	add_temporary(line, r->key);
}

/* Words of the C locale, of the tools and of the shells themselves. */
static enum err_code
code_of(const char *word, const char *reason)
{
	static const struct {
		const char *words;
		enum err_code code;
	} rows[] = {
		{ "o such file", ERR_NOT_FOUND },
		{ "nonexistent", ERR_NOT_FOUND },
		{ "ermission denied", ERR_DENIED },
		{ "not permitted", ERR_DENIED },
		{ "ead-only file system", ERR_DENIED },
		{ "ile exists", ERR_CONFLICT },
		{ "not empty", ERR_CONFLICT },
		{ "No space left", ERR_LIMIT },
		{ "quota exceeded", ERR_LIMIT },
		{ "ot a directory", ERR_INVALID },
		{ "s a directory", ERR_INVALID },
	};
	static const struct {
		const char *word;
		enum err_code code;
	} said[] = {
		{ "NOT_FOUND", ERR_NOT_FOUND },
		{ "CONFLICT", ERR_CONFLICT },
		{ "DENIED", ERR_DENIED },
		{ "INVALID", ERR_INVALID },
		{ "UNSUPPORTED", ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		if (str_eq(word, said[i].word))
			return said[i].code;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strstr(reason, rows[i].words))
			return rows[i].code;
	}
	return ERR_REMOTE;
}

int
shell_words_end(const char *text, const char *path, struct err *err)
{
	char word[16] = "";
	const char *reason;
	size_t n;

	if (str_eq(text, "ok"))
		return 0;
	if (!str_starts(text, "no "))
		return err_set(err, ERR_PROTO, "shell: an answer of no sense");
	text += 3;
	n = MIN(strcspn(text, " "), sizeof(word) - 1);
	memcpy(word, text, n);
	reason = text + strcspn(text, " ");
	reason += *reason == ' ';
	return err_set(err, code_of(word, reason), "%.200s: %.200s", path,
		       reason[0] ? reason : "failed");
}

bool
shell_words_number(char **text, int base, uint64_t *ret)
{
	const char *at = *text;
	char *end;

	if (at[0] < '0' || (at[0] > '9' && base == 10))
		return false;
	*ret = strtoull(at, &end, base);
	*text = end + (*end == ' ');
	return end > at && (*end == ' ' || *end == '\0');
}

/* Seconds, which are below zero before 1970. */
static bool
parse_time(char **text, int64_t *ret)
{
	bool is_before = **text == '-';
	uint64_t n;

	*text += is_before;
	if (!shell_words_number(text, 10, &n) || n > INT64_MAX / NS_PER_S)
		return false;
	*ret = is_before ? -(int64_t)n : (int64_t)n;
	return true;
}

bool
shell_words_entry(char *text, bool is_named, char etag[SHELL_ETAG_SIZE],
		  struct file_info *ret)
{
	uint64_t mode, size, uid, gid, inode;
	int64_t mtime;

	if (!shell_words_number(&text, 16, &mode) ||
	    !shell_words_number(&text, 10, &size) ||
	    !parse_time(&text, &mtime) ||
	    !shell_words_number(&text, 10, &uid) ||
	    !shell_words_number(&text, 10, &gid) ||
	    !shell_words_number(&text, 10, &inode))
		return false;
	if (is_named && (!str_starts(text, "./") || text[2] == '\0'))
		return false;
	snprintf(etag, SHELL_ETAG_SIZE,
		 "\"%" PRIu64 "-%" PRId64 "-%" PRIu64 "\"", size, mtime, inode);
	*ret = (struct file_info){
		.name = is_named ? text + 2 : NULL,
		.type = file_type_of(mode),
		.mode = (int)mode & 07777,
		.size = size,
		.mtime_ns = mtime * (int64_t)NS_PER_S,
		.uid = (int64_t)uid,
		.gid = (int64_t)gid,
		.etag = etag,
	};
	return true;
}
