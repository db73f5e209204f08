/* SPDX-License-Identifier: ISC */

/*
 * JSON from elsewhere, through a table with every type.  What decodes is
 * written again and must decode to the same.
 */

#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/strv.h"
#include "fuzz/fuzz.h"

struct leaf {
	char *id;
};

struct thing {
	char *text;
	bool on;
	int64_t number;
	uint64_t size, wait;
	char **list, **map;
	struct json_list leaves;
};

static const struct json_field leaf_fields[] = {
	JSON_F(struct leaf, id, STR, true),
};

static const struct json_field fields[] = {
	JSON_F(struct thing, text, STR, false),
	JSON_F(struct thing, on, BOOL, false),
	JSON_F(struct thing, number, INT, false),
	JSON_F(struct thing, size, BYTES, false),
	JSON_F(struct thing, wait, DURATION, false),
	JSON_F(struct thing, list, STRS, false),
	JSON_F(struct thing, map, MAP, false),
	{ .name = "leaves",
	  .type = JSON_LIST_T,
	  .offset = offsetof(struct thing, leaves),
	  .item = leaf_fields,
	  .n_item = ARRAY_SIZE(leaf_fields),
	  .item_size = sizeof(struct leaf) },
};

static int
decode(const void *text, size_t n, struct thing *out)
{
	struct err err = ERR_INIT;
	int rc = json_decode_text(text, n, fields, ARRAY_SIZE(fields), 0, out,
				  &err);

	assert(rc == 0 || (err.code == ERR_INVALID && err.msg[0] != '\0'));
	return rc;
}

static void
encode(const struct thing *thing, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	const struct leaf *leaves = thing->leaves.items;

	jsonw_object(&w, NULL);
	jsonw_str(&w, "text", thing->text);
	jsonw_bool(&w, "on", thing->on);
	jsonw_int(&w, "number", thing->number);
	if (thing->size <= INT64_MAX)
		jsonw_u64(&w, "size", thing->size);
	jsonw_strv(&w, "list", thing->list);
	jsonw_env(&w, "map", thing->map);
	jsonw_array(&w, "leaves");
	for (size_t i = 0; i < thing->leaves.n; i++) {
		jsonw_object(&w, NULL);
		jsonw_str(&w, "id", leaves[i].id);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	assert(jsonw_done(&w) == 0);
}

static void
check_again(const struct thing *first)
{
	AUTO_BUF text = BUF_INIT(SIZE_MAX / 4), again = BUF_INIT(SIZE_MAX / 4);
	struct thing second = { 0 };
	int rc;

	encode(first, &text);
	rc = decode(buf_bytes(&text), text.len, &second);
	assert(rc == 0);
	encode(&second, &again);
	/* A map has no order. */
	if (strv_len(first->map) < 2 && first->size <= INT64_MAX) {
		assert(text.len == again.len);
		assert(memcmp(buf_bytes(&text), buf_bytes(&again), text.len) ==
		       0);
	}
	json_fields_fini(fields, ARRAY_SIZE(fields), &second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct thing thing = { 0 };

	if (decode(data, size, &thing) == 0)
		check_again(&thing);
	json_fields_fini(fields, ARRAY_SIZE(fields), &thing);
	return 0;
}
