/* SPDX-License-Identifier: ISC */

/*
 * Changes in YAML text; see text_edit.h.
 *
 * The places of all values come from the parser (core/yaml.h).  A change is one
 * splice: bytes [from, to) of the text are replaced.  Several changes are done
 * one after the other, each on a text that was parsed anew.
 */

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/yaml.h"
#include "machine/text_edit.h"

#define MAX_PATH_LEN 256
#define MAX_VALUE (1u << 16)

/* Deeper, and with that many spaces, nobody indents. */
#define MAX_INDENT 64

struct edit {
	struct buf *text;
	struct yaml_places places;
};

static int
refuse(const char *path, const char *why, struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "%s: %s", path, why);
	return err_hint(err, "change it by hand: `berth config path' says "
			     "where");
}

static int
edit_open(struct edit *edit, struct buf *text, const char *name,
	  struct err *err)
{
	*edit = (struct edit){ .text = text };
	if (!utf8_valid(buf_bytes(text), text->len))
		return refuse(name, "it is not UTF-8", err);
	return yaml_find_places(name, buf_bytes(text), text->len, &edit->places,
				err);
}

static void
edit_close(struct edit *edit)
{
	yaml_places_fini(&edit->places);
}

static size_t
line_start(const struct edit *edit, size_t at)
{
	const char *text = buf_text(edit->text);

	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

/* After the newline of the line that `at' is in. */
static size_t
line_end(const struct edit *edit, size_t at)
{
	const char *text = buf_text(edit->text);

	while (at < edit->text->len && text[at] != '\n')
		at++;
	return at + (at < edit->text->len);
}

/* After the line with the last byte of a value. */
static size_t
content_end(const struct edit *edit, const struct yaml_place *place)
{
	size_t end = MAX(place->end, place->start);

	return line_end(edit, end > place->key ? end - 1 : end);
}

static int
splice(struct edit *edit, size_t from, size_t to, const struct buf *with,
       struct err *err)
{
	AUTO_BUF result = BUF_INIT(edit->text->max);
	const char *text = buf_text(edit->text);

	if (buf_add(&result, text, from) < 0 ||
	    buf_add(&result, buf_bytes(with), with->len) < 0 ||
	    buf_add(&result, text + to, edit->text->len - to) < 0)
		return err_set(err, ERR_LIMIT, "it would be too large");
	buf_clear(edit->text);
	(void)buf_add(edit->text, buf_bytes(&result), result.len);
	explicit_bzero(buf_bytes(&result), result.len);
	return 0;
}

/* At the beginning of a line: end the one before if the file did not. */
static void
begin_line(const struct edit *edit, size_t at, struct buf *out)
{
	if (at > 0 && buf_text(edit->text)[at - 1] != '\n')
		(void)buf_addc(out, '\n');
}

static bool
is_plain(const char *value)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._/@+-";
	size_t n = strlen(value);

	if (n == 0 || strchr("-.@", value[0]))
		return false;
	/* ":" is safe inside a word, as in secret:NAME. */
	for (size_t i = 0; i < n; i++) {
		if (!strchr(safe, value[i]) &&
		    !(value[i] == ':' && i + 1 < n && i > 0))
			return false;
	}
	return !str_eq(value, "null") && !str_eq(value, "true") &&
	       !str_eq(value, "false");
}

int
text_edit_scalar(struct buf *out, const char *value)
{
	if (is_plain(value))
		return buf_adds(out, value);
	(void)buf_addc(out, '"');
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)buf_addc(out, '\\');
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			(void)buf_addf(out, "\\x%02x", *p);
		else
			(void)buf_addc(out, *p);
	}
	return buf_addc(out, '"');
}

/* true, false and numbers stay what they are; all else is text. */
static void
add_value(struct buf *out, const char *value)
{
	if (str_eq(value, "true") || str_eq(value, "false"))
		(void)buf_adds(out, value);
	else
		(void)text_edit_scalar(out, value);
}

static void
add_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		(void)buf_addc(out, ' ');
}

/* "key: value", or "outer:" and the rest below it. */
static void
add_pair(struct buf *out, size_t indent, const char *key, const char *value)
{
	const char *dot = strchr(key, '.');

	add_spaces(out, indent);
	if (dot) {
		(void)buf_addf(out, "%.*s:\n", (int)(dot - key), key);
		add_pair(out, indent + 2, dot + 1, value);
		return;
	}
	(void)buf_addf(out, "%s: ", key);
	add_value(out, value);
	(void)buf_addc(out, '\n');
}

/* --- a key of a machine --- */

/* The column of the first key; it is what the others must have. */
static size_t
indent_of(const struct edit *edit, const struct yaml_place *map)
{
	return map->start - line_start(edit, map->start);
}

static int
insert_key(struct edit *edit, const char *path, const char *key,
	   const char *value, struct err *err)
{
	const struct yaml_place *map = yaml_place_find(&edit->places, path);
	size_t at;
	AUTO_BUF line = BUF_INIT(MAX_VALUE);

	if (map == NULL || map->kind != YAML_KIND_MAP ||
	    indent_of(edit, map) > MAX_INDENT)
		return refuse(path, "a line cannot be put into it", err);
	at = content_end(edit, map);
	begin_line(edit, at, &line);
	add_pair(&line, indent_of(edit, map), key, value);
	return splice(edit, at, at, &line, err);
}

static int
replace_value(struct edit *edit, const struct yaml_place *place,
	      const char *value, struct err *err)
{
	const char *text = buf_text(edit->text);
	AUTO_BUF with = BUF_INIT(MAX_VALUE);
	bool has_newline = place->end > place->start &&
			   text[place->end - 1] == '\n';

	if (place->kind == YAML_KIND_MAP || place->kind == YAML_KIND_LIST ||
	    place->kind == YAML_KIND_FLOW)
		return refuse(place->path, "it has values below it", err);
	if (place->end == place->start && place->start > 0 &&
	    text[place->start - 1] == ':')
		(void)buf_addc(&with, ' ');
	add_value(&with, value);
	if (has_newline)
		(void)buf_addc(&with, '\n');
	return splice(edit, place->start, place->end, &with, err);
}

/* Is `path' a key of exactly this map? */
static bool
is_child(const char *path, const char *map)
{
	size_t n = strlen(map);

	return strncmp(path, map, n) == 0 && path[n] == '.' &&
	       strpbrk(path + n + 1, ".[") == NULL;
}

static int
remove_key(struct edit *edit, const char *map, const struct yaml_place *place,
	   struct err *err)
{
	size_t from = line_start(edit, place->key);
	const char *text = buf_text(edit->text);
	AUTO_BUF nothing = BUF_INIT(1);

	if (strspn(text + from, " ") == place->key - from)
		return splice(edit, from, content_end(edit, place), &nothing,
			      err);
	/* It stands after the dash: the next key takes its place. */
	for (size_t i = 0; i < edit->places.n; i++) {
		const struct yaml_place *next = &edit->places.items[i];

		if (next->key > place->key && is_child(next->path, map) &&
		    yaml_place_find(&edit->places, map)->kind == YAML_KIND_MAP)
			return splice(edit, place->key, next->key, &nothing,
				      err);
	}
	return refuse(place->path, "it cannot be taken out of its line", err);
}

/*
 * Set "a.b" where "a" may be there or not.  Only "env" and "retry" have keys
 * below them.
 */
static int
set_key(struct edit *edit, const char *item,
	const struct text_edit_change *change, struct err *err)
{
	const char *dot = strchr(change->key, '.');
	size_t n_outer = dot ? (size_t)(dot - change->key) : 0;
	AUTO_FREE char *outer_key = xstrndup(change->key, n_outer);
	AUTO_FREE char *outer = xasprintf("%s.%s", item, outer_key);
	AUTO_FREE char *path = xasprintf("%s.%s", item, change->key);
	const struct yaml_place *place = yaml_place_find(&edit->places, path);

	if (change->value == NULL && place == NULL)
		return 0;
	if (change->value == NULL)
		return remove_key(edit, dot ? outer : item, place, err);
	if (place)
		return replace_value(edit, place, change->value, err);
	if (dot && yaml_place_find(&edit->places, outer))
		return insert_key(edit, outer, dot + 1, change->value, err);
	return insert_key(edit, item, change->key, change->value, err);
}

int
text_edit_set(struct buf *text, const char *name, size_t item,
	      const struct text_edit_change *change, struct err *err)
{
	struct edit edit;
	char path[MAX_PATH_LEN];
	int rc;

	snprintf(path, sizeof(path), "machines[%zu]", item);
	rc = edit_open(&edit, text, name, err);
	if (rc == 0)
		rc = set_key(&edit, path, change, err);
	edit_close(&edit);
	return rc;
}

/* --- a machine --- */

/* The column of the dash of an item; -1 if it is on another line. */
static int
dash_of(const struct edit *edit, const struct yaml_place *item, size_t *ret)
{
	size_t from = line_start(edit, item->start);
	const char *line = buf_text(edit->text) + from;
	size_t n = strspn(line, " ");

	if (from + n >= item->start || line[n] != '-')
		return -1;
	*ret = n;
	return 0;
}

/* Comments further right than the dash belong to the machine above them. */
static size_t
item_end(const struct edit *edit, const struct yaml_place *item, size_t dash)
{
	const char *text = buf_text(edit->text);
	size_t end = content_end(edit, item);

	for (size_t at = end; at < edit->text->len; at = line_end(edit, at)) {
		size_t n = strspn(text + at, " \t");

		if (text[at + n] == '#' && n > dash)
			end = line_end(edit, at);
		else if (text[at + n] != '\n' && text[at + n] != '\r')
			break;
	}
	return end;
}

static void
add_item(struct buf *out, size_t dash, const struct text_edit_change *changes,
	 size_t n)
{
	AUTO_BUF keys = BUF_INIT(MAX_VALUE);

	for (size_t i = 0; i < n; i++) {
		if (changes[i].value)
			add_pair(&keys, dash + 2, changes[i].key,
				 changes[i].value);
	}
	add_spaces(out, dash);
	(void)buf_addc(out, '-');
	if (keys.len > dash + 1)
		(void)buf_adds(out, buf_text(&keys) + dash + 1);
}

static int
append_item(struct edit *edit, size_t n_items,
	    const struct text_edit_change *changes, size_t n, struct err *err)
{
	char path[MAX_PATH_LEN];
	const struct yaml_place *last;
	AUTO_BUF lines = BUF_INIT(MAX_VALUE);
	size_t dash, at;

	snprintf(path, sizeof(path), "machines[%zu]", n_items - 1);
	last = yaml_place_find(&edit->places, path);
	if (last->kind != YAML_KIND_MAP || dash_of(edit, last, &dash) < 0)
		return refuse(path, "a machine cannot be put after it", err);
	at = item_end(edit, last, dash);
	begin_line(edit, at, &lines);
	add_item(&lines, dash, changes, n);
	return splice(edit, at, at, &lines, err);
}

/* "machines:" without any, or "machines: []". */
static int
first_item(struct edit *edit, const struct yaml_place *list,
	   const struct text_edit_change *changes, size_t n, struct err *err)
{
	AUTO_BUF lines = BUF_INIT(MAX_VALUE), nothing = BUF_INIT(1);
	size_t at = line_end(edit, list->key);

	if (list->kind == YAML_KIND_FLOW) {
		if (list->end - list->start != 2)
			return refuse(list->path, "it is written in brackets",
				      err);
		if (splice(edit, list->start, list->end, &nothing, err) < 0)
			return -1;
		at = line_end(edit, list->key);
	}
	begin_line(edit, at, &lines);
	add_item(&lines, 2, changes, n);
	return splice(edit, at, at, &lines, err);
}

static int
new_list(struct edit *edit, const struct text_edit_change *changes, size_t n,
	 struct err *err)
{
	AUTO_BUF lines = BUF_INIT(MAX_VALUE);
	size_t at = edit->text->len;

	begin_line(edit, at, &lines);
	(void)buf_adds(&lines, "machines:\n");
	add_item(&lines, 2, changes, n);
	return splice(edit, at, at, &lines, err);
}

static size_t
count_items(const struct edit *edit)
{
	char path[MAX_PATH_LEN];

	for (size_t n = 0;; n++) {
		snprintf(path, sizeof(path), "machines[%zu]", n);
		if (yaml_place_find(&edit->places, path) == NULL)
			return n;
	}
}

int
text_edit_add(struct buf *text, const char *name,
	      const struct text_edit_change *changes, size_t n, struct err *err)
{
	struct edit edit;
	const struct yaml_place *list;
	int rc = edit_open(&edit, text, name, err);

	if (rc == 0) {
		size_t n_items = count_items(&edit);

		list = yaml_place_find(&edit.places, "machines");
		if (list == NULL)
			rc = new_list(&edit, changes, n, err);
		else if (list->kind == YAML_KIND_LIST && n_items > 0)
			rc = append_item(&edit, n_items, changes, n, err);
		else
			rc = first_item(&edit, list, changes, n, err);
	}
	edit_close(&edit);
	return rc;
}

static int
remove_item(struct edit *edit, const char *path, struct err *err)
{
	const struct yaml_place *item = yaml_place_find(&edit->places, path);
	AUTO_BUF nothing = BUF_INIT(1);
	size_t dash;

	if (item == NULL || item->kind != YAML_KIND_MAP ||
	    dash_of(edit, item, &dash) < 0)
		return refuse(path, "it cannot be taken out", err);
	return splice(edit, line_start(edit, item->start),
		      item_end(edit, item, dash), &nothing, err);
}

int
text_edit_remove(struct buf *text, const char *name, size_t item,
		 struct err *err)
{
	struct edit edit;
	char path[MAX_PATH_LEN];
	int rc;

	snprintf(path, sizeof(path), "machines[%zu]", item);
	rc = edit_open(&edit, text, name, err);
	if (rc == 0)
		rc = remove_item(&edit, path, err);
	edit_close(&edit);
	return rc;
}
