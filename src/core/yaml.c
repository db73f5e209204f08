/* SPDX-License-Identifier: ISC */

/*
 * Configuration files; see yaml.h.  The only file that knows libyaml.
 *
 * The event API builds the tree that json_decode walks, and a side list of the
 * places of all values.  A decode error begins with the path of what is wrong;
 * the list turns it into a line.
 *
 * libyaml counts characters; marks only grow from event to event, so that one
 * cursor turns them into bytes in a single walk over the text.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "core/yaml.h"

#define MAX_DEPTH 32
#define MAX_FILE (1u << 20)
#define MAX_PATH_LEN 512

struct loader {
	yaml_parser_t parser;
	const char *name;
	const char *text;
	size_t len;
	struct yaml_places places;
	size_t chars, bytes; /* the same place in the text */
	size_t end;	     /* of the last scalar or flow collection */
	char path[MAX_PATH_LEN];
};

static struct json_t *load_node(struct loader *, yaml_event_t *, unsigned depth,
				struct err *);

static int
fail_at(const struct loader *loader, size_t line, struct err *err,
	const char *what)
{
	return err_set(err, ERR_CONFIG, "%s:%zu: %s%s%s", loader->name,
		       line + 1, loader->path, loader->path[0] ? ": " : "",
		       what);
}

/* The scanner marks lines; the reader, on bad bytes, counts bytes only. */
static size_t
problem_line(const struct loader *loader)
{
	const yaml_parser_t *p = &loader->parser;
	size_t line = 0;

	if (p->error != YAML_READER_ERROR)
		return p->problem_mark.line;
	for (size_t i = 0; i < MIN(p->problem_offset, loader->len); i++)
		line += loader->text[i] == '\n';
	return line;
}

static int
next_event(struct loader *loader, yaml_event_t *event, struct err *err)
{
	const char *problem;

	if (yaml_parser_parse(&loader->parser, event))
		return 0;
	problem = loader->parser.problem;
	loader->path[0] = '\0';
	return fail_at(loader, problem_line(loader), err,
		       problem ? problem : "not YAML");
}

static size_t
byte_of(struct loader *loader, const yaml_mark_t *mark)
{
	while (loader->chars < mark->index && loader->bytes < loader->len) {
		loader->bytes++;
		while (loader->bytes < loader->len &&
		       ((uint8_t)loader->text[loader->bytes] & 0xc0) == 0x80)
			loader->bytes++;
		loader->chars++;
	}
	return loader->bytes;
}

/* A value whose first sign of life is at `mark'; its number. */
static size_t
note_place(struct loader *loader, const yaml_mark_t *mark)
{
	struct yaml_places *places = &loader->places;
	size_t at = byte_of(loader, mark);

	if ((places->n & (places->n - 1)) == 0)
		places->items = xrealloc(places->items,
					 MAX(places->n * 2, (size_t)16) *
					     sizeof(*places->items));
	places->items[places->n] = (struct yaml_place){
		.path = xstrdup(loader->path),
		.line = mark->line,
		.key = at,
		.start = at,
		.end = at,
	};
	return places->n++;
}

static enum yaml_kind
kind_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
			       event->data.scalar.style ==
				   YAML_FOLDED_SCALAR_STYLE
			   ? YAML_KIND_BLOCK
			   : YAML_KIND_SCALAR;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.style ==
			       YAML_FLOW_MAPPING_STYLE
			   ? YAML_KIND_FLOW
			   : YAML_KIND_MAP;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.style ==
			       YAML_FLOW_SEQUENCE_STYLE
			   ? YAML_KIND_FLOW
			   : YAML_KIND_LIST;
	default:
		return YAML_KIND_SCALAR;
	}
}

/* What we refuse: it makes one text mean many things. */
static int
refuse_extras(const struct loader *loader, const yaml_event_t *event,
	      struct err *err)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	}
	if (event->type != YAML_ALIAS_EVENT && !anchor && !tag)
		return 0;
	return fail_at(loader, event->start_mark.line, err,
		       "anchors, aliases and tags are not supported");
}

/* The end of what was read so far; block collections end with their last. */
static void
note_end(struct loader *loader, const yaml_event_t *event)
{
	size_t end = byte_of(loader, &event->end_mark);

	if (event->end_mark.index > event->start_mark.index)
		loader->end = end;
}

static struct json_t *
make_scalar(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	int64_t n;

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_make_text(text, len);
	if (len == 0 || str_eq(text, "~") || str_eq(text, "null"))
		return json_make_null();
	if (str_eq(text, "true") || str_eq(text, "false"))
		return json_make_bool(text[0] == 't');
	if (parse_i64(text, INT64_MIN + 1, INT64_MAX, &n,
		      &(struct err)ERR_INIT) == 0)
		return json_make_int(n);
	return json_make_text(text, len);
}

/* The value of the place that was noted when its key or item began. */
static struct json_t *
load_value(struct loader *loader, yaml_event_t *event, size_t place,
	   unsigned depth, struct err *err)
{
	size_t start = byte_of(loader, &event->start_mark);
	enum yaml_kind kind = kind_of(event);
	struct json_t *value;
	struct yaml_place *noted;

	if (event->type == YAML_SCALAR_EVENT)
		note_end(loader, event);
	value = load_node(loader, event, depth, err);
	noted = &loader->places.items[place];
	noted->kind = kind;
	noted->start = start;
	noted->end = MAX(loader->end, start);
	return value;
}

static int
load_pair(struct loader *loader, struct json_t *object, yaml_event_t *key,
	  unsigned depth, struct err *err)
{
	size_t line = key->start_mark.line, outer = strlen(loader->path);
	AUTO_FREE char *name = NULL;
	struct json_t *value;
	yaml_event_t event;
	size_t place;

	if (refuse_extras(loader, key, err) < 0)
		return -1;
	if (key->type != YAML_SCALAR_EVENT ||
	    memchr(key->data.scalar.value, 0, key->data.scalar.length))
		return fail_at(loader, line, err, "a key must be text");
	name = xstrdup((const char *)key->data.scalar.value);
	snprintf(loader->path + outer, sizeof(loader->path) - outer, "%s%.64s",
		 outer ? "." : "", name);
	place = note_place(loader, &key->start_mark);
	note_end(loader, key);
	if (next_event(loader, &event, err) < 0)
		return -1;
	value = load_value(loader, &event, place, depth, err);
	yaml_event_delete(&event);
	if (value == NULL)
		return -1;
	if (!json_put(object, name, value))
		return fail_at(loader, line, err, "stands twice");
	loader->path[outer] = '\0';
	return 0;
}

static struct json_t *
load_mapping(struct loader *loader, unsigned depth, struct err *err)
{
	AUTO_JSON *object = json_make_object();
	yaml_event_t event;

	for (;;) {
		int rc;

		if (next_event(loader, &event, err) < 0)
			return NULL;
		if (event.type == YAML_MAPPING_END_EVENT) {
			note_end(loader, &event);
			yaml_event_delete(&event);
			return TAKE(object);
		}
		rc = load_pair(loader, object, &event, depth, err);
		yaml_event_delete(&event);
		if (rc < 0)
			return NULL;
	}
}

static struct json_t *
load_sequence(struct loader *loader, unsigned depth, struct err *err)
{
	AUTO_JSON *array = json_make_array();
	size_t outer = strlen(loader->path);
	yaml_event_t event;

	for (size_t i = 0;; i++) {
		struct json_t *item;

		if (next_event(loader, &event, err) < 0)
			return NULL;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			note_end(loader, &event);
			yaml_event_delete(&event);
			return TAKE(array);
		}
		snprintf(loader->path + outer, sizeof(loader->path) - outer,
			 "[%zu]", i);
		item = load_value(loader, &event,
				  note_place(loader, &event.start_mark), depth,
				  err);
		yaml_event_delete(&event);
		if (item == NULL)
			return NULL;
		json_push(array, item);
		loader->path[outer] = '\0';
	}
}

static struct json_t *
load_node(struct loader *loader, yaml_event_t *event, unsigned depth,
	  struct err *err)
{
	size_t line = event->start_mark.line;

	if (depth > MAX_DEPTH) {
		fail_at(loader, line, err, "nested too deeply");
		return NULL;
	}
	if (refuse_extras(loader, event, err) < 0)
		return NULL;
	if (event->type == YAML_SCALAR_EVENT)
		return make_scalar(event);
	if (event->type == YAML_MAPPING_START_EVENT)
		return load_mapping(loader, depth + 1, err);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return load_sequence(loader, depth + 1, err);
	fail_at(loader, line, err, "unexpected here");
	return NULL;
}

/* The one document; *ret stays NULL if the stream is empty. */
static int
load_stream(struct loader *loader, struct json_t **ret, struct err *err)
{
	yaml_event_t event;
	yaml_event_type_t type;
	size_t line;

	for (;;) {
		if (next_event(loader, &event, err) < 0)
			return -1;
		type = event.type;
		line = event.start_mark.line;
		if (type == YAML_STREAM_START_EVENT ||
		    type == YAML_DOCUMENT_END_EVENT ||
		    (type == YAML_DOCUMENT_START_EVENT && *ret == NULL)) {
			yaml_event_delete(&event);
			continue;
		}
		if (type == YAML_STREAM_END_EVENT ||
		    type == YAML_DOCUMENT_START_EVENT) {
			yaml_event_delete(&event);
			if (type == YAML_STREAM_END_EVENT)
				return 0;
			return fail_at(loader, line, err,
				       "a second document starts here");
		}
		*ret = load_node(loader, &event, 0, err);
		yaml_event_delete(&event);
		if (*ret == NULL)
			return -1;
	}
}

/* The line of the longest noted path that begins the message. */
static size_t
find_line(const struct yaml_places *places, const char *message)
{
	size_t best = 0, line = 0;

	for (size_t i = 0; i < places->n; i++) {
		const char *path = places->items[i].path;
		size_t n = strlen(path);

		if (n > best && strncmp(path, message, n) == 0 &&
		    strchr(":.[", message[n])) {
			best = n;
			line = places->items[i].line;
		}
	}
	return line;
}

/* The document and the places in it, which are the caller's also on failure. */
static int
load_text(const char *name, const void *text, size_t len, struct json_t **ret,
	  struct yaml_places *ret_places, struct err *err)
{
	struct loader loader = { .name = name, .text = text, .len = len };
	int rc;

	if (!yaml_parser_initialize(&loader.parser))
		return err_set(err, ERR_SYSTEM, "%s: no memory", name);
	yaml_parser_set_input_string(&loader.parser, text, len);
	/* A byte order mark is skipped and not counted. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		loader.bytes = 3;
	rc = load_stream(&loader, ret, err);
	yaml_parser_delete(&loader.parser);
	*ret_places = loader.places;
	return rc;
}

int
yaml_decode(const char *name, const void *text, size_t len,
	    const struct json_field *fields, size_t n, void *out,
	    struct err *err)
{
	AUTO_JSON *value = NULL;
	struct yaml_places places = { 0 };
	char inner[sizeof(err->msg)];
	int rc = load_text(name, text, len, &value, &places, err);

	if (rc == 0 && value && !json_is_nothing(value)) {
		rc = json_decode(value, fields, n, 0, out, err);
		if (rc < 0) {
			memcpy(inner, err->msg, sizeof(inner));
			err->code = ERR_CONFIG;
			snprintf(err->msg, sizeof(err->msg), "%s:%zu: %.400s",
				 name, find_line(&places, inner) + 1, inner);
		}
	}
	yaml_places_fini(&places);
	return rc;
}

int
yaml_find_places(const char *name, const void *text, size_t len,
		 struct yaml_places *ret, struct err *err)
{
	AUTO_JSON *value = NULL;

	*ret = (struct yaml_places){ 0 };
	return load_text(name, text, len, &value, ret, err);
}

void
yaml_places_fini(struct yaml_places *places)
{
	for (size_t i = 0; i < places->n; i++)
		free(places->items[i].path);
	free(places->items);
	*places = (struct yaml_places){ 0 };
}

const struct yaml_place *
yaml_place_find(const struct yaml_places *places, const char *path)
{
	for (size_t i = 0; i < places->n; i++) {
		if (str_eq(places->items[i].path, path))
			return &places->items[i];
	}
	return NULL;
}

int
yaml_decode_file(const char *path, const struct json_field *fields, size_t n,
		 void *out, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_FILE);

	if (fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	return yaml_decode(path, buf_bytes(&text), text.len, fields, n, out,
			   err);
}
