/* SPDX-License-Identifier: ISC */

/* The error table; see errors.h. */

#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/text.h"
#include "wire/errors.h"

/*
 * Exit statuses: 125 is "berth failed, not your command"; the sysexits range
 * names the cause where a script could act on it.
 */
static const struct error_row rows[] = {
	[ERR_NONE] = { "NONE", 0, 200, false },
	[ERR_SYSTEM] = { "SYSTEM", 125, 500, false },
	[ERR_INVALID] = { "INVALID", 64, 400, false },
	[ERR_CONFIG] = { "CONFIG", 78, 500, false },
	[ERR_NOT_FOUND] = { "NOT_FOUND", 125, 404, false },
	[ERR_CONFLICT] = { "CONFLICT", 125, 409, false },
	[ERR_DENIED] = { "DENIED", 77, 403, false },
	[ERR_UNAUTHORIZED] = { "UNAUTHORIZED", 77, 401, false },
	[ERR_LIMIT] = { "LIMIT", 125, 413, false },
	[ERR_TIMEOUT] = { "TIMEOUT", 124, 504, true },
	[ERR_PROTO] = { "PROTOCOL", 76, 502, false },
	[ERR_UNREACHABLE] = { "UNREACHABLE", 69, 503, true },
	[ERR_REMOTE] = { "REMOTE", 125, 502, false },
	[ERR_UNSUPPORTED] = { "UNSUPPORTED", 125, 501, false },
	[ERR_AUTH] = { "AUTH_FAILED", 77, 502, false },
	[ERR_HOST_KEY] = { "HOST_KEY", 76, 502, false },
};
_Static_assert(ARRAY_SIZE(rows) == ERR_CODES, "a row per code");

const struct error_row *
error_row(enum err_code code)
{
	return &rows[code];
}

bool
error_is_retryable(const struct err *err)
{
	return rows[err->code].retryable && !err->is_final;
}

int
error_json_add(struct buf *out, const struct err *err)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_object(&w, "error");
	jsonw_str(&w, "code", rows[err->code].word);
	jsonw_str(&w, "message", err->msg);
	jsonw_bool(&w, "retryable", error_is_retryable(err));
	jsonw_str(&w, "hint", err->hint[0] ? err->hint : NULL);
	jsonw_object_end(&w);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_str(&w, "message", err->msg);
	jsonw_object_end(&w);
	return jsonw_done(&w);
}

static enum err_code
code_of_word(const char *word)
{
	for (size_t i = 1; i < ARRAY_SIZE(rows); i++) {
		if (str_eq(rows[i].word, word))
			return (enum err_code)i;
	}
	return ERR_REMOTE;
}

static enum err_code
code_of_status(unsigned status)
{
	for (size_t i = 1; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].http_status == status)
			return (enum err_code)i;
	}
	return ERR_REMOTE;
}

int
error_json_read(unsigned http_status, const void *body, size_t n,
		struct err *err)
{
	AUTO_JSON *value = json_parse(body, n, err);
	const struct json_t *inner = value ? json_get(value, "error") : NULL;
	const char *word = inner ? json_get_text(inner, "code", NULL) : NULL;
	const char *plain = inner ? json_text(inner) : NULL;
	const char *hint;

	/* codexd has only words: {"error":"exec_id not found"}. */
	if (plain)
		return err_set(err, code_of_status(http_status), "%s", plain);
	if (word == NULL)
		return err_set(err, code_of_status(http_status),
			       "the daemon answered with HTTP status %u",
			       http_status);
	hint = json_get_text(inner, "hint", NULL);
	err_set(err, code_of_word(word), "%s",
		json_get_text(inner, "message", word));
	if (hint)
		err_hint(err, "%s", hint);
	err->is_final = !json_get_bool(inner, "retryable", true);
	return -1;
}
