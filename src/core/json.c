/* SPDX-License-Identifier: ISC */

/* JSON in, by tables; see json.h.  The only file that knows jansson. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/suggest.h"
#include "core/text.h"

/* Milliseconds of more would not be exact in a double. */
#define MAX_SECONDS 1e12

typedef int decode_fn(const json_t *, const struct json_field *, void *at,
		      struct err *);

struct json_t *
json_parse(const void *text, size_t n, struct err *err)
{
	json_error_t why;
	json_t *value = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);

	if (value == NULL)
		err_set(err, ERR_INVALID, "not JSON: line %d column %d: %s",
			why.line, why.column, why.text);
	return value;
}

void
json_free(struct json_t *value)
{
	json_decref(value);
}

static int
decode_str(const json_t *value, const struct json_field *field UNUSED, void *at,
	   struct err *err)
{
	char **ret = at;

	if (!json_is_string(value))
		return err_set(err, ERR_INVALID, "not a string");
	if (strlen(json_string_value(value)) != json_string_length(value))
		return err_set(err, ERR_INVALID, "contains a NUL");
	free(*ret);
	*ret = xstrdup(json_string_value(value));
	return 0;
}

static int
decode_bool(const json_t *value, const struct json_field *field UNUSED,
	    void *at, struct err *err)
{
	if (!json_is_boolean(value))
		return err_set(err, ERR_INVALID, "neither true nor false");
	*(bool *)at = json_is_true(value);
	return 0;
}

static int
decode_int(const json_t *value, const struct json_field *field, void *at,
	   struct err *err)
{
	int64_t n;

	if (!json_is_integer(value))
		return err_set(err, ERR_INVALID, "not an integer");
	n = json_integer_value(value);
	if ((field->min || field->max) && (n < field->min || n > field->max))
		return err_set(err, ERR_INVALID,
			       "%" PRId64 " is not between %" PRId64
			       " and %" PRId64,
			       n, field->min, field->max);
	*(int64_t *)at = n;
	return 0;
}

static int
decode_bytes(const json_t *value, const struct json_field *field UNUSED,
	     void *at, struct err *err)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*(uint64_t *)at = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (!json_is_string(value))
		return err_set(err, ERR_INVALID,
			       "neither a number of bytes nor a size such as "
			       "\"10M\"");
	return parse_bytes(json_string_value(value), at, err);
}

static int
decode_duration(const json_t *value, const struct json_field *field UNUSED,
		void *at, struct err *err)
{
	double seconds = json_number_value(value);

	if (json_is_number(value) && seconds >= 0 && seconds <= MAX_SECONDS) {
		*(uint64_t *)at = (uint64_t)(seconds * 1000 + 0.5);
		return 0;
	}
	if (!json_is_string(value))
		return err_set(err, ERR_INVALID,
			       "neither a number of seconds nor a duration "
			       "such as \"10m\"");
	return parse_duration(json_string_value(value), at, err);
}

static int
decode_strs(const json_t *value, const struct json_field *field, void *at,
	    struct err *err)
{
	char ***ret = at;
	AUTO_STRV char **v = NULL;

	if (!json_is_array(value))
		return err_set(err, ERR_INVALID, "not a list of strings");
	v = strv_new(json_array_size(value));
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (decode_str(json_array_get(value, i), field, &v[i], err) < 0)
			return err_set(err, ERR_INVALID,
				       "item %zu is not a string", i);
	}
	strv_free(*ret);
	*ret = TAKE(v);
	return 0;
}

static int
decode_map(const json_t *value, const struct json_field *field UNUSED, void *at,
	   struct err *err)
{
	char ***ret = at;
	AUTO_STRV char **v = NULL;
	json_t *object = (json_t *)(uintptr_t)value, *item;
	const char *key;
	size_t n = 0;

	if (!json_is_object(value))
		return err_set(err, ERR_INVALID, "not a map of strings");
	v = strv_new(json_object_size(value));
	json_object_foreach (object, key, item) {
		if (key[0] == '\0' || strchr(key, '=') ||
		    !json_is_string(item) ||
		    strlen(json_string_value(item)) != json_string_length(item))
			return err_set(err, ERR_INVALID,
				       "\"%.64s\" is not a name with a string",
				       key);
		v[n++] = xasprintf("%s=%s", key, json_string_value(item));
	}
	strv_free(*ret);
	*ret = TAKE(v);
	return 0;
}

/* Put the place in front of a message that may begin with the rest of it. */
static int
put_path(const char *path, const char *separator, struct err *err)
{
	char inner[sizeof(err->msg)];
	size_t used;

	memcpy(inner, err->msg, sizeof(inner));
	snprintf(err->msg, sizeof(err->msg), "%.64s%s", path, separator);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, "%s", inner);
	return -1;
}

static int
decode_item(const json_t *value, const struct json_field *field, size_t i,
	    void *item, struct err *err)
{
	const char *separator = json_is_object(value) ? "." : ": ";
	char path[32];

	if (json_decode(value, field->item, field->n_item, 0, item, err) == 0)
		return 0;
	snprintf(path, sizeof(path), "[%zu]", i);
	return put_path(path, separator, err);
}

static void fini_member(const struct json_field *field, void *at);

static int
decode_list(const json_t *value, const struct json_field *field, void *at,
	    struct err *err)
{
	struct json_list *list = at;
	size_t n = json_array_size(value);

	if (!json_is_array(value))
		return err_set(err, ERR_INVALID, "not a list");
	fini_member(field, list);
	list->items = xcalloc(n, field->item_size);
	for (size_t i = 0; i < n; i++) {
		char *item = (char *)list->items + i * field->item_size;

		if (field->item_init)
			field->item_init(item, field->item_arg);
		list->n = i + 1;
		if (decode_item(json_array_get(value, i), field, i, item, err) <
		    0)
			return -1;
	}
	return 0;
}

/* One more of those that were possible. */
static size_t
hint_one(const char *word, size_t i, size_t used, struct err *err)
{
	size_t room = sizeof(err->hint) - used;

	return (size_t)snprintf(err->hint + used, room, "%s%s",
				i ? ", " : "known here: ", word);
}

static int
hint_words(const char *const *words, struct err *err)
{
	size_t used = 0;

	for (size_t i = 0; words[i] && used < sizeof(err->hint); i++)
		used += hint_one(words[i], i, used, err);
	return -1;
}

static int
decode_word(const json_t *value, const struct json_field *field, void *at,
	    struct err *err)
{
	const char *text = json_string_value(value);
	struct suggest near;

	if (text == NULL)
		return err_set(err, ERR_INVALID, "not a word");
	suggest_init(&near, text);
	for (int i = 0; field->words[i]; i++) {
		if (str_eq(field->words[i], text)) {
			*(int *)at = i;
			return 0;
		}
		suggest_offer(&near, field->words[i]);
	}
	err_set(err, ERR_INVALID, "\"%.64s\" is not one of its words", text);
	if (near.best)
		return err_hint(err, "did you mean \"%s\"?", near.best);
	return hint_words(field->words, err);
}

/* A message that begins so goes on with the path of a member. */
static int
decode_object(const json_t *value, const struct json_field *field, void *at,
	      struct err *err)
{
	char inner[sizeof(err->msg)];

	if (!json_is_object(value))
		return err_set(err, ERR_INVALID, "not a map");
	if (json_decode(value, field->item, field->n_item, 0, at, err) == 0)
		return 0;
	memcpy(inner, err->msg, sizeof(inner));
	snprintf(err->msg, sizeof(err->msg), ".%.500s", inner);
	return -1;
}

static decode_fn *const decoders[] = {
	[JSON_STR_T] = decode_str,	     [JSON_BOOL_T] = decode_bool,
	[JSON_INT_T] = decode_int,	     [JSON_BYTES_T] = decode_bytes,
	[JSON_DURATION_T] = decode_duration, [JSON_STRS_T] = decode_strs,
	[JSON_MAP_T] = decode_map,	     [JSON_LIST_T] = decode_list,
	[JSON_WORD_T] = decode_word,	     [JSON_OBJECT_T] = decode_object,
};

static const struct json_field *
find_field(const struct json_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

/* The name that was meant, or all that were possible. */
static void
hint_names(const struct json_field *fields, size_t n, const char *name,
	   struct err *err)
{
	struct suggest near;
	size_t used = 0;

	suggest_init(&near, name);
	for (size_t i = 0; i < n; i++)
		suggest_offer(&near, fields[i].name);
	if (near.best) {
		err_hint(err, "did you mean \"%s\"?", near.best);
		return;
	}
	for (size_t i = 0; i < n && used < sizeof(err->hint); i++)
		used += hint_one(fields[i].name, i, used, err);
}

static int
decode_member(const struct json_field *field, const json_t *value, void *out,
	      struct err *err)
{
	void *at = (char *)out + field->offset;

	if (decoders[field->type](value, field, at, err) == 0 &&
	    (field->check == NULL || field->check(at, err) == 0))
		return 0;
	return put_path(field->name, strchr("[.", err->msg[0]) ? "" : ": ",
			err);
}

int
json_decode(const struct json_t *value, const struct json_field *fields,
	    size_t n, unsigned flags, void *out, struct err *err)
{
	json_t *object = (json_t *)(uintptr_t)value, *item;
	const struct json_field *field;
	const char *key;

	if (!json_is_object(value))
		return err_set(err, ERR_INVALID, "not an object");
	json_object_foreach (object, key, item) {
		field = find_field(fields, n, key);
		if (field == NULL && (flags & JSON_UNKNOWN_OK))
			continue;
		if (field == NULL) {
			err_set(err, ERR_INVALID, "%.64s: unknown name", key);
			hint_names(fields, n, key, err);
			return -1;
		}
		/* null means the default. */
		if (json_is_null(item))
			continue;
		if (decode_member(field, item, out, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		item = json_object_get(value, fields[i].name);
		if (fields[i].required && (item == NULL || json_is_null(item)))
			return err_set(err, ERR_INVALID, "%s: is required",
				       fields[i].name);
	}
	return 0;
}

int
json_decode_text(const void *text, size_t len, const struct json_field *fields,
		 size_t n, unsigned flags, void *out, struct err *err)
{
	AUTO_JSON *value = json_parse(text, len, err);

	if (value == NULL)
		return -1;
	return json_decode(value, fields, n, flags, out, err);
}

static void
fini_member(const struct json_field *field, void *at)
{
	struct json_list *list = at;

	switch (field->type) {
	case JSON_STR_T:
		free(*(char **)at);
		*(char **)at = NULL;
		break;
	case JSON_STRS_T:
	case JSON_MAP_T:
		strv_free(*(char ***)at);
		*(char ***)at = NULL;
		break;
	case JSON_LIST_T:
		for (size_t i = 0; i < list->n; i++)
			json_fields_fini(field->item, field->n_item,
					 (char *)list->items +
					     i * field->item_size);
		free(list->items);
		*list = (struct json_list){ 0 };
		break;
	case JSON_OBJECT_T:
		json_fields_fini(field->item, field->n_item, at);
		break;
	case JSON_BOOL_T:
	case JSON_INT_T:
	case JSON_BYTES_T:
	case JSON_DURATION_T:
	case JSON_WORD_T:
		break;
	}
}

static void
copy_member(const struct json_field *field, void *at, const void *from)
{
	switch (field->type) {
	case JSON_STR_T: {
		const char *text = *(char *const *)from;

		*(char **)at = text ? xstrdup(text) : NULL;
		break;
	}
	case JSON_STRS_T:
	case JSON_MAP_T:
		*(char ***)at = strv_copy(*(char **const *)from);
		break;
	case JSON_LIST_T:
		*(struct json_list *)at = (struct json_list){ 0 };
		break;
	case JSON_OBJECT_T:
		json_fields_copy(field->item, field->n_item, at, from);
		break;
	case JSON_BOOL_T:
		*(bool *)at = *(const bool *)from;
		break;
	case JSON_INT_T:
		*(int64_t *)at = *(const int64_t *)from;
		break;
	case JSON_BYTES_T:
	case JSON_DURATION_T:
		*(uint64_t *)at = *(const uint64_t *)from;
		break;
	case JSON_WORD_T:
		*(int *)at = *(const int *)from;
		break;
	}
}

void
json_fields_copy(const struct json_field *fields, size_t n, void *out,
		 const void *from)
{
	for (size_t i = 0; i < n; i++)
		copy_member(&fields[i], (char *)out + fields[i].offset,
			    (const char *)from + fields[i].offset);
}

void
json_fields_fini(const struct json_field *fields, size_t n, void *out)
{
	for (size_t i = 0; i < n; i++)
		fini_member(&fields[i], (char *)out + fields[i].offset);
}

const struct json_t *
json_get(const struct json_t *value, const char *member)
{
	return json_object_get(value, member);
}

const struct json_t *
json_at(const struct json_t *array, size_t i)
{
	return json_array_get(array, i);
}

size_t
json_len(const struct json_t *array)
{
	return json_array_size(array);
}

const char *
json_text(const struct json_t *value)
{
	return json_string_value(value);
}

const char *
json_get_text(const struct json_t *value, const char *member,
	      const char *fallback)
{
	const char *text = json_string_value(json_object_get(value, member));

	return text ? text : fallback;
}

int64_t
json_get_int(const struct json_t *value, const char *member, int64_t fallback)
{
	const json_t *item = json_object_get(value, member);

	return json_is_integer(item) ? json_integer_value(item) : fallback;
}

bool
json_get_bool(const struct json_t *value, const char *member, bool fallback)
{
	const json_t *item = json_object_get(value, member);

	return json_is_boolean(item) ? json_is_true(item) : fallback;
}

bool
json_is_nothing(const struct json_t *value)
{
	return json_is_null(value);
}

char *
json_dump(const struct json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	return text ? text : xstrdup("null");
}

char *
json_dump_lines(const struct json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);

	return text ? text : xstrdup("null");
}

struct json_t *
json_find(struct json_t *value, const char *member)
{
	return json_object_get(value, member);
}

struct json_t *
json_find_at(struct json_t *array, size_t i)
{
	return json_array_get(array, i);
}

void
json_set(struct json_t *object, const char *member, struct json_t *taken)
{
	json_object_set_new(object, member, taken);
}

bool
json_remove(struct json_t *object, const char *member)
{
	return json_object_del(object, member) == 0;
}

void
json_remove_at(struct json_t *array, size_t i)
{
	json_array_remove(array, i);
}

struct json_t *
json_make_text(const char *text, size_t n)
{
	return json_stringn(text, n);
}

struct json_t *
json_make_int(int64_t n)
{
	return json_integer(n);
}

struct json_t *
json_make_bool(bool value)
{
	return json_boolean(value);
}

struct json_t *
json_make_null(void)
{
	return json_null();
}

struct json_t *
json_make_object(void)
{
	return json_object();
}

struct json_t *
json_make_array(void)
{
	return json_array();
}

bool
json_put(struct json_t *object, const char *member, struct json_t *taken)
{
	if (json_object_get(object, member)) {
		json_decref(taken);
		return false;
	}
	return json_object_set_new(object, member, taken) == 0;
}

void
json_push(struct json_t *array, struct json_t *taken)
{
	json_array_append_new(array, taken);
}
