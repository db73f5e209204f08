/* SPDX-License-Identifier: ISC */

/* Values of options; see cli_value.h. */

#include <string.h>

#include "core/buf.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/text.h"
#include "cli/cli_value.h"
#include "core/suggest.h"

/* As Go reads a bool. */
static int
parse_bool(const char *text, bool *ret, struct err *err)
{
	static const char *const yes[] = { "true", "1", "t", "yes", "on" };
	static const char *const no[] = { "false", "0", "f", "no", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
			*ret = str_eq(text, yes[i]);
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "\"%.64s\" is neither true nor false",
		       text);
}

static int
set_bare(const struct cli_option *option, const char *text, void *at,
	 struct err *err)
{
	bool on = true;

	if (text && parse_bool(text, &on, err) < 0)
		return -1;
	if (option->kind == CLI_FLAG)
		*(bool *)at = on;
	else if (on)
		*(int *)at = option->value;
	return 0;
}

static int
set_choice(const struct cli_option *option, const char *text, int *ret,
	   struct err *err)
{
	AUTO_BUF all = BUF_INIT(200);
	struct suggest near;

	suggest_init(&near, text);
	for (int i = 0; option->choices[i]; i++) {
		if (str_eq(option->choices[i], text)) {
			*ret = i;
			return 0;
		}
		suggest_offer(&near, option->choices[i]);
		(void)buf_addf(&all, "%s%s", i ? ", " : "", option->choices[i]);
	}
	err_set(err, ERR_INVALID, "\"%.64s\" is none of %s", text,
		buf_text(&all));
	if (near.best)
		err_hint(err, "did you mean %s?", near.best);
	return -1;
}

static int
set_number(const struct cli_option *option, const char *text, uint64_t *ret,
	   struct err *err)
{
	bool any = option->min == 0 && option->max == 0;

	return parse_u64(text, option->min, any ? UINT64_MAX - 1 : option->max,
			 ret, err);
}

int
cli_value_set(const struct cli_option *option, const char *text, void *base,
	      struct err *err)
{
	void *at = (char *)base + option->offset;

	switch (option->kind) {
	case CLI_FLAG:
	case CLI_PICK:
		return set_bare(option, text, at, err);
	case CLI_TEXT:
		*(const char **)at = text;
		return 0;
	case CLI_TEXTS:
		strv_add(at, text);
		return 0;
	case CLI_NUMBER:
		return set_number(option, text, at, err);
	case CLI_BYTES:
		return parse_bytes(text, at, err);
	case CLI_DURATION:
		return parse_duration(text, at, err);
	case CLI_CHOICE:
		return set_choice(option, text, at, err);
	}
	return err_set(err, ERR_INVALID, "no such kind");
}

bool
cli_value_is_set(enum cli_kind kind, const void *at)
{
	const void *value;

	if (kind != CLI_TEXT && kind != CLI_TEXTS)
		return true;
	memcpy(&value, at, sizeof(value));
	return value != NULL;
}

void
cli_value_fini(enum cli_kind kind, void *at)
{
	char ***v = at;

	if (kind != CLI_TEXTS)
		return;
	strv_free(*v);
	*v = NULL;
}
