/* SPDX-License-Identifier: ISC */

/* Colour and the terminal's size; see style.h. */

#include <sys/ioctl.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/parse.h"
#include "core/text.h"
#include "berth/out/style.h"

static bool
is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

bool
style_wanted(int fd)
{
	const char *force = getenv("CLICOLOR_FORCE");
	const char *term = getenv("TERM");

	if (is_set("NO_COLOR"))
		return false;
	if (force && *force && !str_eq(force, "0"))
		return true;
	return isatty(fd) && term && *term && !str_eq(term, "dumb");
}

const char *
style_begin(bool wanted, enum style style)
{
	static const char *const begins[] = {
		[STYLE_PLAIN] = "",	    [STYLE_BOLD] = "\033[1m",
		[STYLE_DIM] = "\033[2m",    [STYLE_RED] = "\033[31m",
		[STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
		[STYLE_BLUE] = "\033[34m",
	};

	return wanted ? begins[style] : "";
}

const char *
style_end(bool wanted, enum style style)
{
	return wanted && style != STYLE_PLAIN ? "\033[0m" : "";
}

unsigned
style_columns(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct err err = ERR_INIT;
	struct winsize size;
	uint64_t n;

	if (!isatty(fd))
		return 0;
	if (columns && parse_u64(columns, 20, 10000, &n, &err) == 0)
		return (unsigned)n;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 80;
}
