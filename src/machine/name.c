/* SPDX-License-Identifier: ISC */

/* Names that may stand on a command line; see name.h. */

#include <string.h>

#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "machine/name.h"

#define MAX_MACHINE 64
#define MAX_TEXT 255

/* Brackets are refused, too: an IPv6 address stands alone. */
static const char refused[] = "'\"`$\\;&<>|(){}*?[]~!#%^";

static int
check_text(const char *what, const char *text, const char *more,
	   struct err *err)
{
	char shown[80];

	vis(shown, sizeof(shown), text);
	if (text[0] == '\0')
		return err_set(err, ERR_INVALID, "a %s is empty", what);
	if (strlen(text) > MAX_TEXT)
		return err_set(err, ERR_INVALID, "a %s is longer than %d bytes",
			       what, MAX_TEXT);
	if (text[0] == '-')
		return err_set(err, ERR_INVALID,
			       "the %s \"%s\" begins with \"-\"", what, shown);
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_set(err, ERR_INVALID,
				       "the %s \"%s\" has white space or a "
				       "control character",
				       what, shown);
		if (strchr(refused, *p) || strchr(more, *p))
			return err_set(err, ERR_INVALID,
				       "the %s \"%s\" has the character \"%c\"",
				       what, shown, *p);
	}
	if (!utf8_valid(text, strlen(text)))
		return err_set(err, ERR_INVALID, "the %s \"%s\" is not UTF-8",
			       what, shown);
	return 0;
}

int
name_check_machine(const char *name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t n = strspn(name, allowed);
	char shown[80];

	if (str_eq(name, "local")) {
		err_set(err, ERR_INVALID, "\"local\" is this machine");
		return err_hint(err, "choose another name");
	}
	if (n > 0 && n <= MAX_MACHINE && name[n] == '\0' &&
	    strchr(".-", name[0]) == NULL)
		return 0;
	err_set(err, ERR_INVALID, "\"%s\" is no name of a machine",
		vis(shown, sizeof(shown), name));
	return err_hint(err,
			"1 to %d letters, digits, \".\", \"_\" and \"-\", "
			"beginning with a letter, a digit or \"_\"",
			MAX_MACHINE);
}

int
name_check_host(const char *host, struct err *err)
{
	return check_text("host", host, "/@,=", err);
}

int
name_check_user(const char *user, struct err *err)
{
	return check_text("user", user, "/:,=", err);
}

/* "host" or "host:port" of a URL; "[::1]:22" has brackets there. */
static int
check_authority(char *text, struct err *err)
{
	char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	char *colon = strchr(end ? end : text, ':');
	uint64_t port;

	if (colon) {
		*colon = '\0';
		if (parse_u64(colon + 1, 1, 65535, &port, err) < 0)
			return err_wrap(err, "the port");
	}
	if (end == NULL)
		return name_check_host(text, err);
	if (end[1])
		return err_set(err, ERR_INVALID, "\"%.64s\" is no host", text);
	*end = '\0';
	return name_check_host(text + 1, err);
}

/*
 * "host:22", as many write it; ssh takes it for a name.  An address of IPv6 has
 * more colons.
 */
static int
refuse_port(const char *destination, const char *host, struct err *err)
{
	const char *colon = strchr(host, ':');
	char shown[80];

	if (colon == NULL || colon[1] == '\0' ||
	    colon[1 + strspn(colon + 1, "0123456789")])
		return 0;
	vis(shown, sizeof(shown), destination);
	err_set(err, ERR_INVALID, "the host \"%s\" has a port in it", shown);
	return err_hint(err, "write ssh://%s, or set the port", shown);
}

int
name_check_destination(const char *destination, struct err *err)
{
	static const char scheme[] = "ssh://";
	bool is_url = str_starts(destination, scheme);
	AUTO_FREE char *copy = xstrdup(destination +
				       (is_url ? strlen(scheme) : 0));
	char *at = strrchr(copy, '@'), *host = at ? at + 1 : copy;
	size_t n = strlen(host);

	if (at) {
		*at = '\0';
		if (name_check_user(copy, err) < 0)
			return -1;
	}
	if (!is_url)
		return refuse_port(destination, host, err) < 0
			   ? -1
			   : name_check_host(host, err);
	if (n > 0 && host[n - 1] == '/')
		host[n - 1] = '\0';
	return check_authority(host, err);
}
