/* SPDX-License-Identifier: ISC */

/*
 * Launch orders on the wire; see launch.h.
 *
 * Fields follow each other in table order: a number as eight bytes, a text as
 * its length and bytes, a vector as its count and texts.  A NULL text has the
 * length NONE.
 */

#include <stdbool.h>
#include <string.h>

#include "berthd/exec/launch.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"

#define NONE UINT64_MAX

enum kind { TEXT, VECTOR, NUMBER };

struct field {
	enum kind kind;
	size_t offset;
};

#define FIELD(member, k)                                                       \
	{                                                                      \
		.kind = (k), .offset = offsetof(struct launch, member)         \
	}

static const struct field fields[] = {
	FIELD(id, TEXT),
	FIELD(root, TEXT),
	FIELD(spec, TEXT),
	FIELD(argv, VECTOR),
	FIELD(env, VECTOR),
	FIELD(cwd, TEXT),
	FIELD(home, TEXT),
	FIELD(roots, VECTOR),
	FIELD(script, TEXT),
	FIELD(repo_url, TEXT),
	FIELD(mirror, TEXT),
	FIELD(ref, TEXT),
	FIELD(artifacts, VECTOR),
	FIELD(refusal, TEXT),
	FIELD(flags, NUMBER),
	FIELD(cols, NUMBER),
	FIELD(rows, NUMBER),
	FIELD(timeout_ms, NUMBER),
	FIELD(grace_ms, NUMBER),
	FIELD(max_log, NUMBER),
	FIELD(limit_memory, NUMBER),
	FIELD(limit_procs, NUMBER),
	FIELD(limit_cpu, NUMBER),
	FIELD(niceness, NUMBER),
};

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

static int
put_number(struct buf *out, uint64_t n)
{
	return buf_add(out, &n, sizeof(n));
}

static int
put_text(struct buf *out, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (put_number(out, text ? n : NONE) < 0)
		return -1;
	return buf_add(out, text, n);
}

static int
put_vector(struct buf *out, char *const *v)
{
	if (put_number(out, strv_len(v)) < 0)
		return -1;
	for (; v && *v; v++) {
		if (put_text(out, *v) < 0)
			return -1;
	}
	return 0;
}

int
launch_encode(const struct launch *launch, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const void *at = (const char *)launch + fields[i].offset;
		int rc = -1;

		switch (fields[i].kind) {
		case TEXT:
			rc = put_text(out, *(char *const *)at);
			break;
		case VECTOR:
			rc = put_vector(out, *(char **const *)at);
			break;
		case NUMBER:
			rc = put_number(out, *(const uint64_t *)at);
			break;
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static uint64_t
get_number(struct cursor *c)
{
	uint64_t n;

	if (c->failed || (size_t)(c->end - c->at) < sizeof(n)) {
		c->failed = true;
		return 0;
	}
	memcpy(&n, c->at, sizeof(n));
	c->at += sizeof(n);
	return n;
}

static char *
get_text(struct cursor *c)
{
	uint64_t n = get_number(c);
	char *text;

	if (c->failed || n == NONE)
		return NULL;
	if (n > (uint64_t)(c->end - c->at)) {
		c->failed = true;
		return NULL;
	}
	text = xstrndup((const char *)c->at, n);
	c->at += n;
	return text;
}

static char **
get_vector(struct cursor *c)
{
	uint64_t n = get_number(c);
	char **v = NULL;

	for (; n > 0 && !c->failed; n--) {
		char *text = get_text(c);

		if (text)
			strv_give(&v, text);
	}
	return v;
}

int
launch_decode(const void *bytes, size_t n, struct launch *ret, struct err *err)
{
	struct cursor c = { .at = bytes, .end = (const uint8_t *)bytes + n };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		void *at = (char *)ret + fields[i].offset;

		switch (fields[i].kind) {
		case TEXT:
			*(char **)at = get_text(&c);
			break;
		case VECTOR:
			*(char ***)at = get_vector(&c);
			break;
		case NUMBER:
			*(uint64_t *)at = get_number(&c);
			break;
		}
	}
	if (c.failed || c.at != c.end || ret->id == NULL || ret->root == NULL ||
	    ret->spec == NULL || (ret->argv == NULL && ret->refusal == NULL))
		return err_set(err, ERR_PROTO, "malformed launch order");
	return 0;
}

void
launch_fini(struct launch *launch)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		void *at = (char *)launch + fields[i].offset;

		if (fields[i].kind == TEXT)
			free(*(char **)at);
		else if (fields[i].kind == VECTOR)
			strv_free(*(char ***)at);
	}
	*launch = (struct launch){ 0 };
}
