/* SPDX-License-Identifier: ISC */

/* Numbers for people; see human.h. */

#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/macros.h"
#include "berth/out/human.h"

typedef unsigned long long ull;

#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

const char *
human_bytes(char out[HUMAN_SIZE], uint64_t n)
{
	static const char *const units[] = { "B",   "KiB", "MiB", "GiB",
					     "TiB", "PiB", "EiB" };
	double value = (double)n;
	size_t unit = 0;

	/* What would be printed as 1024 is one of the next unit. */
	while (value >= 1023.5 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(out, HUMAN_SIZE,
		 unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value,
		 units[unit]);
	return out;
}

const char *
human_duration(char out[HUMAN_SIZE], uint64_t ms)
{
	if (ms < SECOND)
		snprintf(out, HUMAN_SIZE, "%llu ms", (ull)ms);
	else if (ms < MINUTE)
		snprintf(out, HUMAN_SIZE, "%llu.%llu s", (ull)(ms / SECOND),
			 (ull)(ms % SECOND / 100));
	else if (ms < HOUR)
		snprintf(out, HUMAN_SIZE, "%llum %02llus", (ull)(ms / MINUTE),
			 (ull)(ms % MINUTE / SECOND));
	else if (ms < DAY)
		snprintf(out, HUMAN_SIZE, "%lluh %02llum", (ull)(ms / HOUR),
			 (ull)(ms % HOUR / MINUTE));
	else
		snprintf(out, HUMAN_SIZE, "%llud %02lluh", (ull)(ms / DAY),
			 (ull)(ms % DAY / HOUR));
	return out;
}

const char *
human_age(char out[HUMAN_SIZE], uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *name;
	} units[] = { { DAY, "d" }, { HOUR, "h" }, { MINUTE, "m" } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (ms < units[i].ms)
			continue;
		snprintf(out, HUMAN_SIZE, "%llu%s", (ull)(ms / units[i].ms),
			 units[i].name);
		return out;
	}
	snprintf(out, HUMAN_SIZE, "%llus", (ull)(ms / SECOND));
	return out;
}

const char *
human_time(char out[HUMAN_SIZE], const char *rfc3339)
{
	struct err err = ERR_INIT;
	uint64_t ns;
	time_t seconds;
	struct tm tm;

	if (rfc3339 == NULL || rfc3339_parse(rfc3339, &ns, &err) < 0) {
		snprintf(out, HUMAN_SIZE, "-");
		return out;
	}
	seconds = (time_t)(ns / NS_PER_S);
	localtime_r(&seconds, &tm);
	strftime(out, HUMAN_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}
