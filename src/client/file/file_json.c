/* SPDX-License-Identifier: ISC */

/* Files as JSON; see file_json.h. */

#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/macros.h"
#include "core/text.h"
#include "client/file/file_json.h"

#define MAX_PATH 8192

static const char *const words[] = {
	[FILE_REGULAR] = "file",
	[FILE_DIR] = "dir",
	[FILE_SYMLINK] = "link",
	[FILE_OTHER] = "other",
};

const char *
file_type_word(enum file_type type)
{
	return words[type];
}

static enum file_type
type_of_word(const char *word)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (str_eq(words[i], word))
			return (enum file_type)i;
	}
	return FILE_OTHER;
}

/* A text, or its bytes where it is none; NULL if it is neither. */
static const char *
get_bytes(const struct json_t *value, const char *key, const char *as_bytes,
	  struct buf *storage)
{
	const char *base64 = json_get_text(value, as_bytes, NULL);

	if (base64 == NULL)
		return json_get_text(value, key, NULL);
	if (base64_decode(storage, base64, strlen(base64)) < 0 ||
	    memchr(buf_bytes(storage), '\0', storage->len))
		return NULL;
	return buf_text(storage);
}

static int
mode_of(const char *text)
{
	int mode = 0;

	for (; text && *text >= '0' && *text <= '7'; text++)
		mode = (mode << 3 | (*text - '0')) & 07777;
	return mode;
}

int
file_info_decode(const char *text, size_t n, file_info_fn *fn, void *owner,
		 uint64_t *ret_skipped, struct err *err)
{
	AUTO_BUF name = BUF_INIT(MAX_PATH), target = BUF_INIT(MAX_PATH);
	AUTO_JSON *value = json_parse(text, n, err);
	struct file_info info = { .mode = -1 };
	const char *type;

	if (value == NULL)
		return err_set(err, ERR_PROTO, "the daemon sent no JSON");
	type = json_get_text(value, "type", "");
	if (str_eq(type, "end")) {
		*ret_skipped = (uint64_t)json_get_int(value, "skipped", 0);
		return 0;
	}
	info.name = get_bytes(value, "name", "name_bytes", &name);
	if (info.name == NULL)
		return err_set(err, ERR_PROTO, "the daemon sent no name");
	info.type = type_of_word(type);
	info.mode = mode_of(json_get_text(value, "mode", "0"));
	info.size = (uint64_t)json_get_int(value, "size", 0);
	info.mtime_ns = json_get_int(value, "mtime_ns", 0);
	info.uid = json_get_int(value, "uid", -1);
	info.gid = json_get_int(value, "gid", -1);
	info.etag = json_get_text(value, "etag", NULL);
	info.sha1 = json_get_text(value, "sha1", NULL);
	info.target = get_bytes(value, "target", "target_bytes", &target);
	info.is_closed = json_get_bool(value, "closed", false);
	fn(&info, owner);
	return 1;
}

int
file_refused_decode(const char *text, size_t n, file_refused_fn *fn,
		    void *owner, struct err *err)
{
	AUTO_JSON *value = json_parse(text, n, err);
	const struct json_t *refused = json_get(value, "refused");
	size_t n_told = json_len(refused);

	if (value == NULL)
		return err_set(err, ERR_PROTO, "the daemon sent no JSON");
	for (size_t i = 0; i < n_told; i++) {
		const struct json_t *item = json_at(refused, i);
		AUTO_BUF name = BUF_INIT(MAX_PATH);

		fn(get_bytes(item, "name", "name_bytes", &name),
		   json_get_text(item, "message", "it was refused"), owner);
	}
	if (json_get_int(value, "n_refused", 0) > (int64_t)n_told)
		fn(NULL, "more were refused", owner);
	return 0;
}

static void
add_bytes(struct jsonw *w, const char *key, const char *as_bytes,
	  const char *text)
{
	AUTO_BUF base64 = BUF_INIT(2 * MAX_PATH);

	jsonw_str(w, key, text);
	if (text == NULL || utf8_valid(text, strlen(text)))
		return;
	(void)base64_add(&base64, text, strlen(text));
	jsonw_str(w, as_bytes, buf_text(&base64));
}

void
file_info_add(struct jsonw *w, const struct file_info *info)
{
	char mode[8];

	add_bytes(w, "name", "name_bytes", info->name);
	jsonw_str(w, "type", words[info->type]);
	snprintf(mode, sizeof(mode), "%04o", (unsigned)info->mode & 07777);
	jsonw_str(w, "mode", info->mode < 0 ? NULL : mode);
	jsonw_u64(w, "size", info->size);
	jsonw_time(w, "mtime",
		   info->mtime_ns > 0 ? (uint64_t)info->mtime_ns : 0);
	jsonw_int(w, "mtime_ns", info->mtime_ns);
	jsonw_str(w, "etag", info->etag);
	if (info->target)
		add_bytes(w, "target", "target_bytes", info->target);
}
