/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_JSONW_H
#define BERTH_CORE_JSONW_H

/*
 * JSON out, straight into a buffer: no tree, no allocation per value.
 *
 * `key' names the member inside an object and is NULL inside an array or at
 * the top.  Failure is sticky: jsonw_done says whether everything fitted.
 * Bytes that are not UTF-8 become U+FFFD, as JSON cannot hold them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct jsonw {
	struct buf *out;
	bool comma;
	bool failed;
};

#define JSONW_INIT(buf)                                                        \
	{                                                                      \
		.out = (buf)                                                   \
	}

void jsonw_object(struct jsonw *w, const char *key);
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_array_end(struct jsonw *w);

/* A NULL text is null. */
void jsonw_str(struct jsonw *w, const char *key, const char *text);
void jsonw_strn(struct jsonw *w, const char *key, const void *text, size_t n);
void jsonw_int(struct jsonw *w, const char *key, int64_t n);
void jsonw_u64(struct jsonw *w, const char *key, uint64_t n);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_null(struct jsonw *w, const char *key);

/* RFC 3339; 0 is null. */
void jsonw_time(struct jsonw *w, const char *key, uint64_t wall_ns);

/* Seconds with three digits. */
void jsonw_seconds(struct jsonw *w, const char *key, uint64_t ms);

/*
 * NULL-terminated strings as an array; pairs NAME=VALUE as an object (a name
 * alone has the value "").
 */
void jsonw_strv(struct jsonw *w, const char *key, char *const *v);
void jsonw_env(struct jsonw *w, const char *key, char *const *v);

/* A value that is JSON already. */
void jsonw_raw(struct jsonw *w, const char *key, const char *json);

/* 0 if everything fitted. */
int jsonw_done(const struct jsonw *w);

#endif
