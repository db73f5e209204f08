/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_JSON_H
#define BERTH_CORE_JSON_H

/*
 * JSON that comes from elsewhere, turned into structs by tables.
 *
 * A table names each member, its type and where it goes; defaults are what the
 * struct held before.  Messages give the path: "projects[2].id: not a string".
 * Everything outside works on structs; no tree of values leaves a *_json.c
 * file.  Writing is core/jsonw.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct json_t; /* a parsed value; jansson's, seen only in json.c */

enum json_type {
	JSON_STR_T,	 /* char *, owned */
	JSON_BOOL_T,	 /* bool */
	JSON_INT_T,	 /* int64_t */
	JSON_BYTES_T,	 /* uint64_t: number, or text such as "10M" */
	JSON_DURATION_T, /* uint64_t ms: seconds (1.5), or text ("10m") */
	JSON_STRS_T,	 /* char **, a strv */
	JSON_MAP_T,	 /* char **, a strv of NAME=VALUE from an object */
	JSON_LIST_T,	 /* struct json_list of `item_size' structs */
	JSON_WORD_T,	 /* int: the index in `words' */
	JSON_OBJECT_T,	 /* a struct of the `item' table, in place */
};

/*
 * Judge a decoded member, and bring it into its final form if that differs
 * (a path with "~" put in).  The message gets the path of the member in front.
 */
typedef int json_check_fn(void *at, struct err *err);

/* What an item of a list is before it is decoded; else all zero. */
typedef void json_item_fn(void *item, const void *arg);

struct json_list {
	void *items;
	size_t n;
};

struct json_field {
	const char *name;
	enum json_type type;
	size_t offset;
	bool required;
	int64_t min, max;     /* of JSON_INT_T; both 0: any */
	json_check_fn *check; /* may be NULL */
	const struct json_field *item;
	size_t n_item, item_size;
	json_item_fn *item_init; /* may be NULL */
	const void *item_arg;
	const char *const *words; /* of JSON_WORD_T; ends with NULL */
};

#define JSON_F(st, member, kind, need)                                         \
	{                                                                      \
		.name = #member, .type = JSON_##kind##_T,                      \
		.offset = offsetof(st, member), .required = (need)             \
	}

enum json_flags {
	JSON_UNKNOWN_OK = 1u << 0, /* foreign answers; never our requests */
};

/* Strict RFC 8259, no duplicate members.  The caller frees with json_free. */
struct json_t *json_parse(const void *text, size_t n, struct err *err);
void json_free(struct json_t *value);

/*
 * Fill `out' by the table; on failure what was filled so far stays owned by
 * `out' (json_fields_fini copes) and ERR_INVALID says which member is wrong.
 */
int json_decode(const struct json_t *value, const struct json_field *fields,
		size_t n, unsigned flags, void *out, struct err *err);

/* Both steps. */
int json_decode_text(const void *text, size_t len,
		     const struct json_field *fields, size_t n, unsigned flags,
		     void *out, struct err *err);

/*
 * Make the members of `out', whatever they held, copies of those of `from'.
 * No table of ours has lists below one that is copied.
 */
void json_fields_copy(const struct json_field *fields, size_t n, void *out,
		      const void *from);

/* Free what the table says `out' owns, and zero it. */
void json_fields_fini(const struct json_field *fields, size_t n, void *out);

/* Loose look at a foreign answer: borrowed, NULL or the fallback if absent. */
const struct json_t *json_get(const struct json_t *value, const char *member);
const struct json_t *json_at(const struct json_t *array, size_t i);
size_t json_len(const struct json_t *array);
const char *json_text(const struct json_t *value);
const char *json_get_text(const struct json_t *value, const char *member,
			  const char *fallback);
int64_t json_get_int(const struct json_t *value, const char *member,
		     int64_t fallback);
bool json_get_bool(const struct json_t *value, const char *member,
		   bool fallback);

/* Is it null? */
bool json_is_nothing(const struct json_t *value);

/* Compact text of a value; the caller frees. */
char *json_dump(const struct json_t *value);

/* The same over many lines, for people. */
char *json_dump_lines(const struct json_t *value);

/* Change a tree: replace or add a member, remove one, remove an item. */
struct json_t *json_find(struct json_t *value, const char *member);
struct json_t *json_find_at(struct json_t *array, size_t i);
void json_set(struct json_t *object, const char *member, struct json_t *taken);
bool json_remove(struct json_t *object, const char *member);
void json_remove_at(struct json_t *array, size_t i);

/* Built by core/yaml.c only: the same tree from another syntax. */
struct json_t *json_make_text(const char *text, size_t n);
struct json_t *json_make_int(int64_t n);
struct json_t *json_make_bool(bool value);
struct json_t *json_make_null(void);
struct json_t *json_make_object(void);
struct json_t *json_make_array(void);
bool json_put(struct json_t *object, const char *member, struct json_t *taken);
void json_push(struct json_t *array, struct json_t *taken);

static inline void
auto_json(struct json_t **value)
{
	json_free(*value);
}

#define AUTO_JSON __attribute__((cleanup(auto_json))) struct json_t

#endif
