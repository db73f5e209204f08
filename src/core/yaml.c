/* SPDX-License-Identifier: ISC */

/*
 * Configuration files; see yaml.h.  The only file that knows libyaml.
 *
 * The event API builds the tree that json_decode walks, and a side list of
 * "path: line" pairs.  A decode error begins with the path of what is wrong;
 * the list turns it into a line.
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

struct place {
	char *path;
	size_t line;
};

struct loader {
	yaml_parser_t parser;
	const char *name;
	const char *text;
	size_t len;
	struct place *places;
	size_t n_places;
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

static void
note_place(struct loader *loader, size_t line)
{
	if ((loader->n_places & (loader->n_places - 1)) == 0)
		loader->places = xrealloc(
		    loader->places, MAX(loader->n_places * 2, (size_t)16) *
					sizeof(*loader->places));
	loader->places[loader->n_places++] =
	    (struct place){ .path = xstrdup(loader->path), .line = line };
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

static int
load_pair(struct loader *loader, struct json_t *object, yaml_event_t *key,
	  unsigned depth, struct err *err)
{
	size_t line = key->start_mark.line, outer = strlen(loader->path);
	AUTO_FREE char *name = NULL;
	struct json_t *value;
	yaml_event_t event;

	if (refuse_extras(loader, key, err) < 0)
		return -1;
	if (key->type != YAML_SCALAR_EVENT ||
	    memchr(key->data.scalar.value, 0, key->data.scalar.length))
		return fail_at(loader, line, err, "a key must be text");
	name = xstrdup((const char *)key->data.scalar.value);
	snprintf(loader->path + outer, sizeof(loader->path) - outer, "%s%.64s",
		 outer ? "." : "", name);
	note_place(loader, line);
	if (next_event(loader, &event, err) < 0)
		return -1;
	value = load_node(loader, &event, depth, err);
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
			yaml_event_delete(&event);
			return TAKE(array);
		}
		snprintf(loader->path + outer, sizeof(loader->path) - outer,
			 "[%zu]", i);
		note_place(loader, event.start_mark.line);
		item = load_node(loader, &event, depth, err);
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
find_line(const struct loader *loader, const char *message)
{
	size_t best = 0, line = 0;

	for (size_t i = 0; i < loader->n_places; i++) {
		const char *path = loader->places[i].path;
		size_t n = strlen(path);

		if (n > best && strncmp(path, message, n) == 0 &&
		    strchr(":.[", message[n])) {
			best = n;
			line = loader->places[i].line;
		}
	}
	return line;
}

int
yaml_decode(const char *name, const void *text, size_t len,
	    const struct json_field *fields, size_t n, void *out,
	    struct err *err)
{
	struct loader loader = { .name = name, .text = text, .len = len };
	AUTO_JSON *value = NULL;
	char inner[sizeof(err->msg)];
	int rc;

	if (!yaml_parser_initialize(&loader.parser))
		return err_set(err, ERR_SYSTEM, "%s: no memory", name);
	yaml_parser_set_input_string(&loader.parser, text, len);
	rc = load_stream(&loader, &value, err);
	if (rc == 0 && value && !json_is_nothing(value)) {
		rc = json_decode(value, fields, n, 0, out, err);
		if (rc < 0) {
			memcpy(inner, err->msg, sizeof(inner));
			err->code = ERR_CONFIG;
			snprintf(err->msg, sizeof(err->msg), "%s:%zu: %.400s",
				 name, find_line(&loader, inner) + 1, inner);
		}
	}
	yaml_parser_delete(&loader.parser);
	for (size_t i = 0; i < loader.n_places; i++)
		free(loader.places[i].path);
	free(loader.places);
	return rc;
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
