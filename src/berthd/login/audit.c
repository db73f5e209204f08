/* SPDX-License-Identifier: ISC */

/*
 * The audit log; see audit.h.
 *
 * A line is {"seq":N, ... ,"prev":"HEX","hash":"HEX"}.  `hash' is over the
 * bytes of the line up to and without `,"hash"', so that it can be checked
 * without agreeing on what JSON means.  The chain begins with 64 zeros.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/login/audit.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"

#define MAX_LOG (1ull << 30)
#define MAX_TEXT 2048
#define HASH_MARK ",\"hash\":\""
#define TAIL_SIZE (sizeof(HASH_MARK) - 1 + 64 + 2)

/* Where the chain stands. */
struct link {
	uint64_t seq;
	char hash[SHA256_HEX_SIZE];
};

static void
link_init(struct link *link)
{
	link->seq = 0;
	memset(link->hash, '0', SHA256_HEX_SIZE - 1);
	link->hash[SHA256_HEX_SIZE - 1] = '\0';
}

/* One line: is it a link after `link'?  NULL if so, or why not. */

static const char *
follow(struct link *link, const char *line, size_t n)
{
	const char *mark = n > TAIL_SIZE ? line + n - TAIL_SIZE : NULL;
	struct err err = ERR_INIT;
	char hash[SHA256_HEX_SIZE];
	AUTO_JSON *value = NULL;

	if (mark == NULL || memcmp(mark, HASH_MARK, sizeof(HASH_MARK) - 1) ||
	    memcmp(line + n - 2, "\"}", 2))
		return "not a record, or only a part of one";
	sha256_hex(line, (size_t)(mark - line), hash);
	if (memcmp(mark + sizeof(HASH_MARK) - 1, hash, 64) != 0)
		return "the record was changed";
	value = json_parse(line, n, &err);
	if (value == NULL)
		return "the record is not JSON";
	if (!str_eq(json_get_text(value, "prev", ""), link->hash) ||
	    json_get_int(value, "seq", 0) != (int64_t)link->seq + 1)
		return "the record does not follow the one before: something "
		       "was removed, added or moved";
	link->seq++;
	memcpy(link->hash, hash, sizeof(hash));
	return NULL;
}

/* Appending */

/* The newest whole record in the end of the file, from its last line up. */
static int
find_last(const char *tail, size_t n, struct link *ret)
{
	while (n > 0) {
		struct err err = ERR_INIT;
		const char *before = memrchr(tail, '\n', n);
		const char *line = before ? before + 1 : tail;
		AUTO_JSON *value = json_parse(line, n - (size_t)(line - tail),
					      &err);
		const char *hash = value ? json_get_text(value, "hash", "")
					 : "";

		if (strlen(hash) == SHA256_HEX_SIZE - 1) {
			ret->seq = (uint64_t)json_get_int(value, "seq", 0);
			memcpy(ret->hash, hash, SHA256_HEX_SIZE);
			return 0;
		}
		n = before ? (size_t)(before - tail) : 0;
	}
	return -1;
}

/*
 * Where the chain goes on, and whether a part of a record is in the way: one
 * that could not be taken back, as the file may only be appended to.
 */
static int
read_last(int fd, uint64_t size, struct link *ret, bool *ret_torn,
	  struct err *err)
{
	size_t want = (size_t)MIN(size, (uint64_t)2 * AUDIT_MAX_LINE);
	AUTO_FREE char *tail = xmalloc(want + 1);

	link_init(ret);
	*ret_torn = false;
	if (size == 0)
		return 0;
	if (pread_full(fd, tail, want, size - want) != (ssize_t)want)
		return err_sys(err, "read the end");
	*ret_torn = tail[want - 1] != '\n';
	if (find_last(tail, want, ret) == 0 || want == size)
		return 0;
	return err_set(err, ERR_CONFLICT, "no record at its end");
}

/* What a client can say is cut: a record is a record, not a store. */
static void
put_text(struct jsonw *w, const char *key, const char *text)
{
	if (text == NULL)
		jsonw_null(w, key);
	else
		jsonw_strn(w, key, text, MIN(strlen(text), (size_t)MAX_TEXT));
}

static int
compose(const struct audit_record *r, struct link *link, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	char hash[SHA256_HEX_SIZE];

	jsonw_object(&w, NULL);
	jsonw_u64(&w, "seq", link->seq + 1);
	jsonw_time(&w, "time", clock_wall_ns());
	put_text(&w, "event", r->event);
	put_text(&w, "login", r->login);
	put_text(&w, "user", r->user);
	put_text(&w, "role", r->role);
	put_text(&w, "kind", r->kind);
	put_text(&w, "key", r->key);
	put_text(&w, "as", r->as);
	put_text(&w, "from", r->from);
	put_text(&w, "command", r->command);
	put_text(&w, "session", r->session);
	put_text(&w, "result", r->result);
	if (r->has_status)
		jsonw_int(&w, "status", r->status);
	if (r->has_duration)
		jsonw_seconds(&w, "duration", r->duration_ms);
	jsonw_str(&w, "prev", link->hash);
	if (jsonw_done(&w) < 0)
		return -1;
	sha256_hex(buf_bytes(out), out->len, hash);
	link->seq++;
	memcpy(link->hash, hash, sizeof(hash));
	return buf_addf(out, HASH_MARK "%s\"}\n", hash);
}

static int
append_line(int fd, uint64_t size, const struct buf *line, struct err *err)
{
	if (write_full(fd, buf_bytes(line), line->len) == 0)
		return 0;
	err_sys(err, "write");
	if (ftruncate(fd, (off_t)size) < 0)
		return err_wrap(err, "and a part of the record stays");
	return -1;
}

/* The head may be behind by a crash, never ahead. */
static int
write_head(const char *path, const struct link *link, struct err *err)
{
	AUTO_FREE char *head = xasprintf("%s.head", path);
	AUTO_CLOSE int fd = open(
	    head, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char line[SHA256_HEX_SIZE + 32];
	int n = snprintf(line, sizeof(line), "%020" PRIu64 ":%s\n", link->seq,
			 link->hash);

	if (fd < 0 || write_full(fd, line, (size_t)n) < 0)
		return err_sys(err, "write %s", head);
	return 0;
}

static int
append_locked(int fd, const char *path, const struct audit_record *record,
	      unsigned flags, struct err *err)
{
	AUTO_BUF line = BUF_INIT(8 * AUDIT_MAX_LINE);
	struct link link;
	struct stat st;
	bool torn;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat");
	if (read_last(fd, (uint64_t)st.st_size, &link, &torn, err) < 0)
		return -1;
	/* Behind a torn record a new line begins, so that only one is lost. */
	if (torn && write_full(fd, "\n", 1) < 0)
		return err_sys(err, "write");
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat");
	if (compose(record, &link, &line) < 0 || line.len > AUDIT_MAX_LINE)
		return err_set(err, ERR_LIMIT, "a record does not fit");
	if (append_line(fd, (uint64_t)st.st_size, &line, err) < 0)
		return -1;
	if ((flags & AUDIT_SYNC) && fdatasync(fd) < 0)
		return err_sys(err, "sync");
	return write_head(path, &link, err);
}

int
audit_append(const char *path, const struct audit_record *record,
	     unsigned flags, struct err *err)
{
	AUTO_CLOSE int fd = open(path,
				 O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC |
				     O_NOFOLLOW | O_NOCTTY,
				 0600);

	if (fd < 0) {
		err_sys(err, "open");
		return err_wrap(err, "audit log %s", path);
	}
	/* Released with the descriptor. */
	if (flock(fd, LOCK_EX) < 0 ||
	    append_locked(fd, path, record, flags, err) < 0)
		return err_wrap(err, "audit log %s", path);
	return 0;
}

/* Verifying */

static void
blame(struct audit_verdict *ret, uint64_t line, const char *why)
{
	if (ret->line != 0)
		return;
	ret->line = line;
	snprintf(ret->why, sizeof(ret->why), "%.*s", (int)sizeof(ret->why) - 1,
		 why);
}

static void
verify_until(const char *text, size_t n, struct audit_verdict *ret,
	     uint64_t seq, char hash_at_seq[SHA256_HEX_SIZE])
{
	struct link link;
	uint64_t line_number = 1;

	*ret = (struct audit_verdict){ 0 };
	link_init(&link);
	for (size_t at = 0; at < n; line_number++) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;
		const char *why = follow(&link, text + at, len);

		if (why == NULL && end == NULL)
			why = "the record has no end";
		if (why) {
			blame(ret, line_number, why);
			break;
		}
		if (link.seq == seq)
			memcpy(hash_at_seq, link.hash, sizeof(link.hash));
		at += len + 1;
	}
	ret->n = ret->last = link.seq;
	memcpy(ret->hash, link.hash, sizeof(ret->hash));
}

void
audit_verify_text(const char *text, size_t n, struct audit_verdict *ret)
{
	char unused[SHA256_HEX_SIZE];

	verify_until(text, n, ret, 0, unused);
}

/* "SEQ:HASH"; leading zeros are taken. */
static int
read_head_text(const char *text, struct link *ret, struct err *err)
{
	AUTO_FREE char *number = xstrndup(text, strcspn(text, ":"));
	const char *hash = text + strlen(number);

	hash += *hash == ':';
	if (parse_u64(number + strspn(number, "0"), 0, INT64_MAX, &ret->seq,
		      err) < 0 ||
	    strcspn(hash, "\n") != SHA256_HEX_SIZE - 1)
		return err_set(err, ERR_INVALID, "a head is SEQ:HASH");
	memcpy(ret->hash, hash, SHA256_HEX_SIZE - 1);
	ret->hash[SHA256_HEX_SIZE - 1] = '\0';
	return 0;
}

/* The log must hold the record that a head names. */
static void
compare_head(const struct link *head, const char *found,
	     struct audit_verdict *ret)
{
	if (ret->line != 0)
		return;
	if (head->seq > ret->last)
		blame(ret, ret->n + 1,
		      "records are missing at the end: the head is ahead");
	else if (head->seq > 0 && !str_eq(head->hash, found))
		blame(ret, head->seq, "another record than the head names");
}

/* The head beside the log; a log without one was never ours, or is empty. */
static int
find_head(const char *path, const char *expected, struct link *ret,
	  struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s.head", path);
	AUTO_BUF text = BUF_INIT(256);

	if (expected)
		return read_head_text(expected, ret, err);
	if (fs_read_file(AT_FDCWD, file, &text, err) < 0)
		return -1;
	if (read_head_text(buf_text(&text), ret, err) < 0)
		return err_wrap(err, "%s", file);
	return 0;
}

int
audit_verify(const char *path, const char *expected, struct audit_verdict *ret,
	     struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_LOG);
	char found[SHA256_HEX_SIZE] = "";
	struct link head;
	struct err no_head = ERR_INIT;
	int has_head;

	if (fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return err_wrap(err, "audit log %s", path);
	link_init(&head);
	has_head = find_head(path, expected, &head, &no_head);
	if (has_head < 0 && expected) {
		*err = no_head;
		return -1;
	}
	verify_until(buf_text(&text), text.len, ret, head.seq, found);
	if (has_head == 0)
		compare_head(&head, found, ret);
	else if (ret->n > 0)
		blame(ret, ret->n, no_head.msg);
	return 0;
}
