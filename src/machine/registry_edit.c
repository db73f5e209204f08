/* SPDX-License-Identifier: ISC */

/*
 * Changes of the registry; see registry_edit.h.
 *
 * YAML is changed as text.  JSON has no comments to lose: it is changed as a
 * tree, which keeps the order, and written anew.
 */

#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "machine/keys.h"
#include "machine/registry.h"
#include "machine/registry_edit.h"

#define MAX_MACHINE (1u << 18)

static const char first_lines[] =
    "# The machines that berth knows besides those of ~/.ssh/config.\n"
    "# `berth machine add' and `berth machine edit' change this file, too.\n";

struct change {
	const struct registry_edit *edit;
	struct config_file file;
	struct buf text;
	struct registry before;
};

static void
change_fini(struct change *change)
{
	explicit_bzero(buf_bytes(&change->text), change->text.len);
	buf_fini(&change->text);
	registry_fini(&change->before);
	config_file_fini(&change->file);
}

#define AUTO_CHANGE __attribute__((cleanup(change_fini))) struct change

static int
change_begin(struct change *change, const struct registry_edit *edit,
	     struct err *err)
{
	static const struct config_file_config usual = { .path = NULL };
	const struct config_file_config *config = edit->config ? edit->config
							       : &usual;

	*change = (struct change){ .edit = edit, .file = { .lock = -1 } };
	buf_init(&change->text, CONFIG_FILE_MAX);
	if (config_file_find(&change->file, config, err) < 0 ||
	    config_file_lock(&change->file, err) < 0 ||
	    config_file_read(&change->file, &change->text, err) < 0)
		return -1;
	return registry_decode(&change->before, change->file.path,
			       buf_bytes(&change->text), change->text.len, err);
}

static int
find_machine(const struct registry *registry, const char *name, size_t *ret)
{
	for (size_t i = 0; i < registry->n_own; i++) {
		if (str_eq(registry->machines[i].name, name)) {
			*ret = i;
			return 0;
		}
	}
	return -1;
}

static bool
is_same(const struct machine *a, const struct machine *b)
{
	AUTO_BUF one = BUF_INIT(MAX_MACHINE), two = BUF_INIT(MAX_MACHINE);
	struct jsonw w = JSONW_INIT(&one), v = JSONW_INIT(&two);

	keys_add_json(&w, NULL, a);
	keys_add_json(&v, NULL, b);
	return str_eq(buf_text(&one), buf_text(&two)) &&
	       str_eq(a->token ? a->token : "", b->token ? b->token : "");
}

/* Every machine but the one is there, unchanged, and nothing else is. */
static int
verify_others(const struct registry *before, const struct registry *after,
	      const char *was, const char *is, struct err *err)
{
	bool same = is_same(&before->defaults, &after->defaults);
	size_t others = 0, at;

	for (size_t i = 0; i < after->n; i++)
		others += is == NULL || !str_eq(after->machines[i].name, is);
	for (size_t i = 0; i < before->n; i++) {
		const struct machine *m = &before->machines[i];

		if (was && str_eq(m->name, was))
			continue;
		others--;
		same = same && find_machine(after, m->name, &at) == 0 &&
		       is_same(m, &after->machines[at]);
	}
	if (same && others == 0)
		return 0;
	err_set(err, ERR_UNSUPPORTED,
		"the file is written in a way that cannot be changed safely");
	return err_hint(err, "change it by hand: `berth config path' says "
			     "where");
}

/*
 * Read what is to be written; then write it.  The machine `was' is called `is'
 * now; NULL: it was, or is, not there.
 */
static int
change_end(struct change *change, const char *was, const char *is,
	   struct err *err)
{
	const struct registry_edit *edit = change->edit;
	const struct registry_draft draft = { .text = buf_bytes(&change->text),
					      .n = change->text.len };
	AUTO_REGISTRY after = { .file = NULL };
	size_t at;

	if (registry_decode(&after, change->file.path, buf_bytes(&change->text),
			    change->text.len, err) < 0 ||
	    verify_others(&change->before, &after, was, is, err) < 0)
		return -1;
	if (is && find_machine(&after, is, &at) < 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "the file cannot be changed safely");
	if (is && edit->check &&
	    edit->check(&after.machines[at], &draft, edit->owner, err) < 0)
		return -1;
	return config_file_write(&change->file, buf_bytes(&change->text),
				 change->text.len, err);
}

/* --- JSON --- */

/* A number or a truth where the text is one; the table judges the rest. */
static struct json_t *
make_value(const char *key, const char *text)
{
	struct err ignored = ERR_INIT;
	int64_t n;

	if (str_eq(text, "true") || str_eq(text, "false"))
		return json_make_bool(text[0] == 't');
	if (!str_starts(key, "env.") &&
	    parse_i64(text, INT64_MIN + 1, INT64_MAX, &n, &ignored) == 0)
		return json_make_int(n);
	return json_make_text(text, strlen(text));
}

static void
set_member(struct json_t *item, const struct text_edit_change *change)
{
	const char *dot = strchr(change->key, '.');
	AUTO_FREE char *outer =
	    dot ? xstrndup(change->key, (size_t)(dot - change->key)) : NULL;
	const char *key = dot ? dot + 1 : change->key;

	if (dot && json_find(item, outer) == NULL && change->value)
		json_set(item, outer, json_make_object());
	if (dot)
		item = json_find(item, outer);
	if (item && change->value)
		json_set(item, key, make_value(change->key, change->value));
	else if (item)
		(void)json_remove(item, key);
}

static int
parse_tree(const struct change *change, struct json_t **ret, struct err *err)
{
	if (change->text.len == 0)
		*ret = json_make_object();
	else
		*ret = json_parse(buf_bytes(&change->text), change->text.len,
				  err);
	if (*ret == NULL)
		return err_wrap(err, "%s", change->file.path);
	if (json_find(*ret, "machines") == NULL)
		json_set(*ret, "machines", json_make_array());
	return 0;
}

static int
put_tree(struct change *change, const struct json_t *tree, struct err *err)
{
	AUTO_FREE char *text = json_dump_lines(tree);

	buf_clear(&change->text);
	if (buf_adds(&change->text, text) < 0 ||
	    buf_addc(&change->text, '\n') < 0)
		return err_set(err, ERR_LIMIT, "it would be too large");
	return 0;
}

/* --- both --- */

static int
add_to_text(struct change *change, const struct text_edit_change *changes,
	    size_t n, struct err *err)
{
	AUTO_JSON *tree = NULL;
	struct json_t *item;

	if (!change->file.is_json) {
		if (change->text.len == 0)
			(void)buf_adds(&change->text, first_lines);
		return text_edit_add(&change->text, change->file.path, changes,
				     n, err);
	}
	if (parse_tree(change, &tree, err) < 0)
		return -1;
	item = json_make_object();
	for (size_t i = 0; i < n; i++)
		set_member(item, &changes[i]);
	json_push(json_find(tree, "machines"), item);
	return put_tree(change, tree, err);
}

static int
change_text(struct change *change, size_t at,
	    const struct text_edit_change *changes, size_t n, struct err *err)
{
	AUTO_JSON *tree = NULL;

	if (change->file.is_json) {
		if (parse_tree(change, &tree, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			set_member(
			    json_find_at(json_find(tree, "machines"), at),
			    &changes[i]);
		return put_tree(change, tree, err);
	}
	for (size_t i = 0; i < n; i++) {
		if (text_edit_set(&change->text, change->file.path, at,
				  &changes[i], err) < 0)
			return -1;
	}
	return 0;
}

static int
remove_from_text(struct change *change, size_t at, struct err *err)
{
	AUTO_JSON *tree = NULL;

	if (!change->file.is_json)
		return text_edit_remove(&change->text, change->file.path, at,
					err);
	if (parse_tree(change, &tree, err) < 0)
		return -1;
	json_remove_at(json_find(tree, "machines"), at);
	return put_tree(change, tree, err);
}

static const char *
name_in(const struct text_edit_change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(changes[i].key, "name"))
			return changes[i].value;
	}
	return NULL;
}

int
registry_add(const struct registry_edit *edit,
	     const struct text_edit_change *changes, size_t n, struct err *err)
{
	const char *name = name_in(changes, n);
	AUTO_CHANGE change = { .file = { .lock = -1 } };
	size_t at;

	if (change_begin(&change, edit, err) < 0)
		return -1;
	if (find_machine(&change.before, name, &at) == 0) {
		err_set(err, ERR_CONFLICT, "there is a machine \"%s\" already",
			name);
		return err_hint(err, "berth machine edit %s", name);
	}
	if (add_to_text(&change, changes, n, err) < 0)
		return -1;
	return change_end(&change, NULL, name, err);
}

static int
refuse_absent(const struct change *change, const char *name, struct err *err)
{
	err_set(err, ERR_NOT_FOUND, "%s has no machine \"%s\"",
		change->file.path, name);
	return err_hint(err, "an alias of ~/.ssh/config is changed there; "
			     "`berth machine add' gives it settings here");
}

int
registry_change(const struct registry_edit *edit, const char *name,
		const struct text_edit_change *changes, size_t n,
		struct err *err)
{
	const char *renamed = name_in(changes, n);
	AUTO_CHANGE change = { .file = { .lock = -1 } };
	size_t at;

	if (change_begin(&change, edit, err) < 0)
		return -1;
	if (find_machine(&change.before, name, &at) < 0)
		return refuse_absent(&change, name, err);
	if (change_text(&change, at, changes, n, err) < 0)
		return -1;
	return change_end(&change, name, renamed ? renamed : name, err);
}

int
registry_remove(const struct registry_edit *edit, const char *name,
		struct err *err)
{
	AUTO_CHANGE change = { .file = { .lock = -1 } };
	size_t at;

	if (change_begin(&change, edit, err) < 0)
		return -1;
	if (find_machine(&change.before, name, &at) < 0)
		return refuse_absent(&change, name, err);
	if (remove_from_text(&change, at, err) < 0)
		return -1;
	return change_end(&change, name, NULL, err);
}
