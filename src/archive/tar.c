/* SPDX-License-Identifier: ISC */

/*
 * Archives read; see tar.h.
 *
 * The reader is a machine that wants a number of bytes: a header block, the
 * text of a long name or of pax records, the content of a file, or padding.
 * Bytes are collected until a want is satisfied, except content, which passes
 * through.  Long names and pax records wait in the reader for the entry after
 * them, and are forgotten with it.
 */

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/tar.h"
#include "archive/tar_header.h"

/* As other readers; nobody's names and records come near. */
#define MAX_RECORDS (1u << 20)

#define MAX_SIZE ((uint64_t)INT64_MAX - TAR_BLOCK)

static const char magic_ustar[6] = "ustar";

enum tar_state {
	TAR_WANT_HEADER,
	TAR_WANT_RECORDS, /* the text of a 'x', 'g', 'L' or 'K' header */
	TAR_IN_FILE,
	TAR_AT_ENTRY_END,
	TAR_AT_SPOILT,
	TAR_AT_END,
};

struct tar_reader {
	char *root;
	enum tar_state state;
	struct tar_header header; /* as far as it came */
	size_t header_len;
	bool saw_zero_block;
	uint64_t left;	/* of records or content */
	size_t padding; /* to be skipped before the next header */
	char record_type;
	struct buf records;
	char *name, *link; /* the current entry's */
	char *long_name, *long_link;
	char *pax_name, *pax_link; /* these win */
	bool has_pax_size, has_pax_mtime;
	uint64_t pax_size;
	int64_t pax_mtime_ns;
};

struct tar_reader *
tar_reader_new(const char *root)
{
	struct tar_reader *r = xcalloc(1, sizeof(*r));

	r->root = root ? xstrdup(root) : NULL;
	buf_init(&r->records, MAX_RECORDS);
	return r;
}

static void
replace(char **at, char *text)
{
	free(*at);
	*at = text;
}

/* What was said in advance of one entry ends with it. */
static void
forget_advance(struct tar_reader *r)
{
	replace(&r->long_name, NULL);
	replace(&r->long_link, NULL);
	replace(&r->pax_name, NULL);
	replace(&r->pax_link, NULL);
	r->has_pax_size = r->has_pax_mtime = false;
}

void
tar_reader_free(struct tar_reader *r)
{
	if (r == NULL)
		return;
	forget_advance(r);
	free(r->name);
	free(r->link);
	free(r->root);
	buf_fini(&r->records);
	free(r);
}

static int
invalid(struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "invalid tar: %s", why);
}

static char *
field_text(const char *field, size_t size)
{
	return xstrndup(field, strnlen(field, size));
}

/* The name in the header: ustar has a second half for it. */
static char *
header_name(const struct tar_header *h)
{
	AUTO_FREE char *name = field_text(h->name, sizeof(h->name));
	AUTO_FREE char *prefix = NULL;

	if (memcmp(h->magic, magic_ustar, sizeof(magic_ustar)) != 0 ||
	    h->prefix[0] == '\0')
		return TAKE(name);
	prefix = field_text(h->prefix, sizeof(h->prefix));
	return xasprintf("%s/%s", prefix, name);
}

static bool
has_dotdot(const char *path)
{
	for (const char *p = path; *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n;
	}
	return false;
}

/* `name' as a relative clean path that stays below; "" is the root. */
static char *
safe_name(const char *name, struct err *err)
{
	char *clean;

	if (strlen(name) > TAR_NAME_MAX) {
		err_set(err, ERR_LIMIT, "invalid tar: a name is too long");
		return NULL;
	}
	if (name[0] == '/' || has_dotdot(name)) {
		err_set(err, ERR_INVALID, "path traversal detected: %.256s",
			name);
		return NULL;
	}
	clean = path_clean(name);
	if (str_eq(clean, "."))
		clean[0] = '\0';
	return clean;
}

/*
 * Does a link in the directory of `name' stay below?  ".." may only come
 * first: after a component that is a link itself, it would lead somewhere that
 * the text does not show.  The directory of `name' is no link, so each ".."
 * there is one level.
 */
bool
tar_link_is_safe(const char *root, const char *name, const char *target)
{
	size_t depth = 0;

	if (target[0] == '\0' || strlen(target) > TAR_NAME_MAX)
		return false;
	if (target[0] == '/')
		return root && !has_dotdot(target) &&
		       path_is_within(root, target);
	for (const char *p = name; *p; p++)
		depth += *p == '/';
	while (str_starts(target, "..") && strchr("/", target[2])) {
		if (depth-- == 0)
			return false;
		target += 2 + strspn(target + 2, "/");
	}
	return !has_dotdot(target);
}

/* One "LENGTH KEY=VALUE\n" of `n' bytes; *ret_len is LENGTH. */
static int
split_record(char *text, size_t n, size_t *ret_len, char **ret_key,
	     char **ret_value, struct err *err)
{
	char *space = memchr(text, ' ', MIN(n, (size_t)20)), *equals;
	uint64_t len;

	if (space == NULL)
		return invalid(err, "damaged pax record");
	*space = '\0';
	if (parse_u64(text, 1, n, &len, &(struct err)ERR_INIT) < 0 ||
	    space + 1 >= text + len || text[len - 1] != '\n')
		return invalid(err, "damaged pax record");
	text[len - 1] = '\0';
	equals = memchr(space + 1, '=', len - (size_t)(space + 1 - text));
	if (equals == NULL)
		return invalid(err, "damaged pax record");
	*equals = '\0';
	*ret_len = len;
	*ret_key = space + 1;
	*ret_value = equals + 1;
	/* A NUL would make two readers see two names. */
	if (strlen(*ret_key) != (size_t)(equals - *ret_key) ||
	    strlen(*ret_value) != (size_t)(text + len - 1 - *ret_value))
		return invalid(err, "NUL in a pax record");
	return 0;
}

/* An empty value takes back what was said. */
static char *
value_or_null(const char *value)
{
	return value[0] ? xstrdup(value) : NULL;
}

/*
 * "1700000000.123456789", "-0.25"; what is no such time says nothing.  The sign
 * is that of the whole.
 */
static bool
parse_mtime(const char *text, int64_t *ret_ns)
{
	bool is_before = text[0] == '-';
	char seconds[16] = "", fraction[10] = "000000000";
	uint64_t s, ns;
	size_t n;

	text += is_before;
	n = strcspn(text, ".");
	if (n >= sizeof(seconds))
		return false;
	memcpy(seconds, text, n);
	if (text[n] == '.')
		memcpy(fraction, text + n + 1,
		       MIN(strlen(text + n + 1), sizeof(fraction) - 1));
	if (parse_u64(seconds, 0, MAX_MTIME, &s, &(struct err)ERR_INIT) < 0 ||
	    parse_u64(fraction, 0, 999999999, &ns, &(struct err)ERR_INIT) < 0)
		return false;
	*ret_ns = (int64_t)(s * NS_PER_S + ns) * (is_before ? -1 : 1);
	return true;
}

static int
take_record(struct tar_reader *r, const char *key, const char *value,
	    struct err *err)
{
	if (str_starts(key, "GNU.sparse."))
		return invalid(err, "sparse files are not supported");
	if (str_eq(key, "path"))
		replace(&r->pax_name, value_or_null(value));
	else if (str_eq(key, "linkpath"))
		replace(&r->pax_link, value_or_null(value));
	else if (str_eq(key, "mtime"))
		r->has_pax_mtime = parse_mtime(value, &r->pax_mtime_ns);
	else if (str_eq(key, "size") && value[0] == '\0')
		r->has_pax_size = false;
	else if (str_eq(key, "size")) {
		if (parse_u64(value, 0, MAX_SIZE, &r->pax_size,
			      &(struct err)ERR_INIT) < 0)
			return invalid(err, "damaged pax size");
		r->has_pax_size = true;
	}
	return 0;
}

static int
take_pax(struct tar_reader *r, struct err *err)
{
	char *text = (char *)buf_bytes(&r->records);
	size_t left = r->records.len, n;
	char *key, *value;

	while (left > 0) {
		if (split_record(text, left, &n, &key, &value, err) < 0 ||
		    take_record(r, key, value, err) < 0)
			return -1;
		text += n;
		left -= n;
	}
	return 0;
}

/* The text after a header of records is complete. */
static int
take_records(struct tar_reader *r, struct err *err)
{
	const char *text = buf_text(&r->records);

	r->state = TAR_WANT_HEADER;
	if (r->record_type == 'x')
		return take_pax(r, err);
	if (r->record_type == 'L')
		replace(&r->long_name, xstrdup(text));
	if (r->record_type == 'K')
		replace(&r->long_link, xstrdup(text));
	/* 'g' speaks about all entries; nothing else in it concerns us. */
	if (r->record_type == 'g' && r->records.len == strlen(TAR_SPOILT) &&
	    str_eq(text, TAR_SPOILT))
		r->state = TAR_AT_SPOILT;
	return 0;
}

static int
begin_records(struct tar_reader *r, uint64_t size, struct err *err)
{
	if (size > MAX_RECORDS)
		return err_set(err, ERR_LIMIT,
			       "invalid tar: a record is too long");
	buf_clear(&r->records);
	r->record_type = r->header.type;
	r->left = size;
	r->padding = tar_padding_of(size);
	r->state = TAR_WANT_RECORDS;
	return 0;
}

/* What kind of entry a type flag means; false for those that are refused. */
static bool
type_of_flag(char flag, const char *name, enum tar_type *ret)
{
	switch (flag) {
	case '\0': /* old archives mark a directory by its name */
		*ret = str_ends(name, "/") ? TAR_DIR : TAR_FILE;
		return true;
	case '0':
	case '7':
		*ret = TAR_FILE;
		return true;
	case '1':
		*ret = TAR_HARDLINK;
		return true;
	case '2':
		*ret = TAR_SYMLINK;
		return true;
	case '5':
		*ret = TAR_DIR;
		return true;
	}
	return false;
}

static int
check_links(struct tar_reader *r, enum tar_type type, struct err *err)
{
	if (type == TAR_SYMLINK && r->link[0] == '\0')
		return err_set(err, ERR_INVALID,
			       "invalid tar: %.256s is a link to nothing",
			       r->name);
	if (type == TAR_SYMLINK && !tar_link_is_safe(r->root, r->name, r->link))
		return err_set(err, ERR_INVALID, "symlink traversal: %.256s",
			       r->link);
	if (type == TAR_HARDLINK) {
		char *target = safe_name(r->link, err);

		if (target == NULL)
			return -1;
		replace(&r->link, target);
	}
	if (type != TAR_DIR && r->name[0] == '\0')
		return invalid(err, "an entry without a name");
	return 0;
}

static int64_t
entry_mtime(const struct tar_reader *r)
{
	const struct tar_header *h = &r->header;
	int64_t s;

	if (r->has_pax_mtime)
		return r->pax_mtime_ns;
	if (!tar_time_parse(h->mtime, sizeof(h->mtime), &s) || s > MAX_MTIME ||
	    s < -MAX_MTIME)
		return 0;
	return s * (int64_t)NS_PER_S + tar_brief_parse(h);
}

static int
begin_entry(struct tar_reader *r, uint64_t size, uint64_t mode,
	    struct tar_entry *entry, struct err *err)
{
	AUTO_FREE char *name = r->pax_name    ? TAKE(r->pax_name)
			       : r->long_name ? TAKE(r->long_name)
					      : header_name(&r->header);
	enum tar_type type;
	char *clean;

	if (!type_of_flag(r->header.type, name, &type))
		return err_set(err, ERR_INVALID,
			       "invalid tar: %.256s is neither file, directory "
			       "nor link",
			       name);
	clean = safe_name(name, err);
	if (clean == NULL)
		return -1;
	replace(&r->name, clean);
	replace(&r->link, r->pax_link	 ? TAKE(r->pax_link)
			  : r->long_link ? TAKE(r->long_link)
					 : field_text(r->header.link,
						      sizeof(r->header.link)));
	if (check_links(r, type, err) < 0)
		return -1;
	r->left = type != TAR_FILE ? 0 : r->has_pax_size ? r->pax_size : size;
	r->padding = tar_padding_of(r->left);
	r->state = r->left ? TAR_IN_FILE : TAR_AT_ENTRY_END;
	*entry = (struct tar_entry){
		.type = type,
		.name = r->name,
		.link = r->link,
		.mode = (uint32_t)mode & 0777,
		.size = r->left,
		.mtime_ns = entry_mtime(r),
	};
	forget_advance(r);
	return 0;
}

/* A whole header is there: 1 an entry began, 0 go on. */
static int
take_header(struct tar_reader *r, struct tar_entry *entry, struct err *err)
{
	const struct tar_header *h = &r->header;
	uint64_t size, mode;

	if (tar_is_zero_block(h)) {
		if (r->saw_zero_block)
			r->state = TAR_AT_END;
		r->saw_zero_block = true;
		return 0;
	}
	if (r->saw_zero_block || !tar_sum_is_right(h))
		return invalid(err, "damaged header");
	if (!tar_number_parse(h->size, sizeof(h->size), &size) ||
	    size > MAX_SIZE ||
	    !tar_number_parse(h->mode, sizeof(h->mode), &mode))
		return invalid(err, "damaged number in a header");
	if (h->type && strchr("xgLK", h->type))
		return begin_records(r, size, err);
	return begin_entry(r, size, mode, entry, err) < 0 ? -1 : 1;
}

/* Up to `max' bytes of the input. */
static size_t
take_bytes(const uint8_t **in, size_t *n, uint64_t max)
{
	size_t take = (size_t)MIN((uint64_t)*n, max);

	*in += take;
	*n -= take;
	return take;
}

/* Collect a header: 1 an entry began, 0 go on, -1 failed. */
static int
read_header(struct tar_reader *r, const uint8_t **in, size_t *n,
	    struct tar_entry *entry, struct err *err)
{
	const uint8_t *from;
	size_t take;

	r->padding -= take_bytes(in, n, r->padding);
	from = *in;
	take = take_bytes(in, n, TAR_BLOCK - r->header_len);
	memcpy((char *)&r->header + r->header_len, from, take);
	r->header_len += take;
	if (r->header_len < TAR_BLOCK)
		return 0;
	r->header_len = 0;
	return take_header(r, entry, err);
}

static int
read_records(struct tar_reader *r, const uint8_t **in, size_t *n,
	     struct err *err)
{
	const uint8_t *from = *in;
	size_t take = take_bytes(in, n, r->left);

	/* The size was checked against the limit of the buffer. */
	(void)buf_add(&r->records, from, take);
	r->left -= take;
	return r->left ? 0 : take_records(r, err);
}

static int
read_content(struct tar_reader *r, const uint8_t **in, size_t *n,
	     struct tar_event *ret)
{
	ret->kind = TAR_EVENT_DATA;
	ret->bytes = *in;
	ret->n = take_bytes(in, n, r->left);
	r->left -= ret->n;
	if (r->left == 0)
		r->state = TAR_AT_ENTRY_END;
	return 1;
}

int
tar_read(struct tar_reader *r, const uint8_t **in, size_t *n,
	 struct tar_event *ret, struct err *err)
{
	int rc = 0;

	/* These need no input. */
	if (r->state == TAR_AT_ENTRY_END) {
		r->state = TAR_WANT_HEADER;
		ret->kind = TAR_EVENT_ENTRY_END;
		return 1;
	}
	while (rc == 0 && *n > 0 && r->state != TAR_AT_END &&
	       r->state != TAR_AT_SPOILT) {
		if (r->state == TAR_IN_FILE)
			return read_content(r, in, n, ret);
		if (r->state == TAR_WANT_RECORDS) {
			rc = read_records(r, in, n, err);
			continue;
		}
		ret->kind = TAR_EVENT_ENTRY;
		rc = read_header(r, in, n, &ret->entry, err);
	}
	if (rc == 0 && r->state == TAR_AT_SPOILT) {
		r->state = TAR_WANT_HEADER;
		ret->kind = TAR_EVENT_SPOILT;
		return 1;
	}
	if (rc == 0 && r->state == TAR_AT_END) {
		ret->kind = TAR_EVENT_END;
		return 1;
	}
	return rc;
}

bool
tar_reader_is_complete(const struct tar_reader *r)
{
	return r->state == TAR_AT_END ||
	       (r->state == TAR_WANT_HEADER && r->header_len == 0 &&
		r->padding == 0 && !r->long_name && !r->long_link &&
		!r->pax_name && !r->pax_link);
}
