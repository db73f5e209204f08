/* SPDX-License-Identifier: ISC */

/*
 * The daemon's configuration: taken, or refused in one line that names the
 * file and a line in it.
 */

#include <string.h>

#include "berthd/config.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

#define NAME "c.yaml"

static void
check_message(const struct err *err, size_t lines)
{
	const char *p = err->msg + strlen(NAME);
	size_t line = 0;

	assert(err->code == ERR_CONFIG);
	assert(str_starts(err->msg, NAME));
	assert(strchr(err->msg, '\n') == NULL);
	assert(*p++ == ':');
	if (*p == ' ')
		return; /* a rule about the whole file */
	for (; *p >= '0' && *p <= '9'; p++)
		line = line * 10 + (size_t)(*p - '0');
	assert(*p == ':' && line >= 1 && line <= lines);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CONFIG config;
	struct err err = ERR_INIT;
	size_t lines = 2;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r' ||
			 data[i] >= 0x80; /* NEL, LS and PS end lines too */
	config_init(&config, size % 2 ? CONFIG_BERTHD : CONFIG_CODEXD);
	if (config_decode(&config, NAME, data, size, &err) < 0)
		check_message(&err, lines);
	return 0;
}
