/* SPDX-License-Identifier: ISC */

/* Parameters of the file routes; see query.h. */

#include <string.h>

#include "core/macros.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/text.h"
#include "http/server.h"
#include "berthd/file/query.h"

char *
query_path(struct http_exchange *x, const char *name, struct err *err)
{
	AUTO_FREE char *value = http_head_query(http_exchange_head(x), name);
	char *path;

	if (value == NULL || value[0] == '\0') {
		err_set(err, ERR_INVALID, "%s is required", name);
		return NULL;
	}
	path = path_expand(value, err);
	if (path && path[0] != '/') {
		free(path);
		err_set(err, ERR_INVALID, "%s must be absolute", name);
		return NULL;
	}
	return path;
}

bool
query_flag(struct http_exchange *x, const char *name)
{
	AUTO_FREE char *value = http_head_query(http_exchange_head(x), name);

	return value && (value[0] == '\0' || str_eq(value, "true") ||
			 str_eq(value, "1"));
}

int
query_number(struct http_exchange *x, const char *name, uint64_t fallback,
	     uint64_t *ret, struct err *err)
{
	AUTO_FREE char *value = http_head_query(http_exchange_head(x), name);

	if (value)
		return parse_u64(value, 0, INT64_MAX, ret, err) < 0
			   ? err_wrap(err, "%s", name)
			   : 0;
	*ret = fallback;
	return 0;
}

int
query_time(struct http_exchange *x, const char *name, bool *ret_given,
	   int64_t *ret_ns, struct err *err)
{
	AUTO_FREE char *value = http_head_query(http_exchange_head(x), name);

	if (value && parse_i64(value, INT64_MIN, INT64_MAX, ret_ns, err) < 0)
		return err_wrap(err, "%s", name);
	*ret_given = value != NULL;
	return 0;
}

int
query_mode(struct http_exchange *x, int *ret, struct err *err)
{
	AUTO_FREE char *value = http_head_query(http_exchange_head(x), "mode");
	int mode = 0;

	*ret = -1;
	if (value == NULL)
		return 0;
	if (value[0] == '\0' || strlen(value) > 5 ||
	    strspn(value, "01234567") != strlen(value))
		return err_set(err, ERR_INVALID, "mode: not octal: %.16s",
			       value);
	for (const char *p = value; *p; p++)
		mode = mode << 3 | (*p - '0');
	*ret = mode & 0777;
	return 0;
}
