/* SPDX-License-Identifier: ISC */

/*
 * Is this host fit; see health.h.
 *
 * Each check is a row: a name and a function that fills in what it found.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "berthd/ask.h"
#include "berthd/config.h"
#include "berthd/health.h"
#include "berthd/login/checks.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/proc.h"
#include "wire/errors.h"
#include "wire/places.h"

#define MAX_ANSWER (1u << 20)
#define LITTLE_SPACE (256u << 20)
#define FEW_FILES 1024

struct finding {
	bool ok;
	char detail[384];
	char hint[256];
};

struct health {
	struct places places;
};

typedef void check_fn(const struct health *, struct finding *);

static void PRINTF(2, 3) say(struct finding *finding, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(finding->detail, sizeof(finding->detail), fmt, ap);
	va_end(ap);
}

static void
say_err(struct finding *finding, const struct err *err)
{
	finding->ok = false;
	say(finding, "%s", err->msg);
	snprintf(finding->hint, sizeof(finding->hint), "%s", err->hint);
}

static void
check_daemon(const struct health *health UNUSED, struct finding *f)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	struct err err = ERR_INIT;

	if (ask_daemon("GET", "/health", &text, &err) == 0)
		say(f, "answers");
	else if (err.code == ERR_NOT_FOUND)
		say(f, "not running; it starts when it is needed");
	else
		say_err(f, &err);
}

static void
check_config(const struct health *health, struct finding *f)
{
	AUTO_CONFIG config = { 0 };
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	if (config_load_default(&config, health->places.config, &err) < 0)
		say_err(f, &err);
	else
		say(f, "%s", config.file ? config.file : "defaults");
}

static void
check_state(const struct health *health, struct finding *f)
{
	struct err err = ERR_INIT;

	if (fs_mkdir_private(health->places.state, &err) < 0 ||
	    fs_mkdir_private(health->places.runtime, &err) < 0)
		say_err(f, &err);
	else
		say(f, "%s", health->places.state);
}

static void
check_space(const struct health *health, struct finding *f)
{
	struct statvfs fs;
	uint64_t space;

	if (statvfs(health->places.state, &fs) < 0) {
		f->ok = false;
		say(f, "cannot tell for %s", health->places.state);
		return;
	}
	space = (uint64_t)fs.f_bavail * fs.f_frsize;
	f->ok = space >= LITTLE_SPACE && (fs.f_files == 0 || fs.f_favail > 0);
	say(f, "%" PRIu64 " MiB free", space >> 20);
	if (!f->ok)
		snprintf(f->hint, sizeof(f->hint),
			 "output that does not fit is lost: free space, or "
			 "`berth exec rm' old execs");
}

static void
check_clock(const struct health *health UNUSED, struct finding *f)
{
	f->ok = proc_boot_id()[0] != '\0';
	say(f, "boot %s, host %s", proc_boot_id(), proc_host_id());
}

static void
check_files(const struct health *health UNUSED, struct finding *f)
{
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	f->ok = limit.rlim_max >= FEW_FILES;
	say(f, "%" PRIu64 " at most", (uint64_t)limit.rlim_max);
	if (!f->ok)
		snprintf(f->hint, sizeof(f->hint),
			 "raise the hard limit of open files (ulimit -Hn)");
}

static void
check_shell(const struct health *health UNUSED, struct finding *f)
{
	f->ok = access("/bin/sh", X_OK) == 0;
	say(f, f->ok ? "/bin/sh" : "/bin/sh is missing");
}

/* The front door */

typedef bool door_fn(struct check_words *);

static void
take_words(struct finding *f, bool ok, const struct check_words *words)
{
	f->ok = ok;
	say(f, "%s", words->detail);
	snprintf(f->hint, sizeof(f->hint), "%s", words->hint);
}

static void
check_door(struct finding *f, door_fn *check)
{
	struct check_words words = { .hint = "" };
	bool ok = check(&words);

	take_words(f, ok, &words);
}

static void
check_settings(const struct health *health UNUSED, struct finding *f)
{
	check_door(f, checks_settings);
}

static void
check_sshd(const struct health *health UNUSED, struct finding *f)
{
	check_door(f, checks_sshd);
}

static void
check_tmux(const struct health *health, struct finding *f)
{
	struct check_words words = { .hint = "" };
	bool ok = checks_tmux(&health->places, &words);

	take_words(f, ok, &words);
}

static void
check_agent(const struct health *health UNUSED, struct finding *f)
{
	check_door(f, checks_agent);
}

static void
check_linger(const struct health *health UNUSED, struct finding *f)
{
	check_door(f, checks_linger);
}

static void
check_audit(const struct health *health UNUSED, struct finding *f)
{
	check_door(f, checks_audit);
}

static const struct {
	const char *name;
	check_fn *run;
} checks[] = {
	{ "daemon", check_daemon }, { "config", check_config },
	{ "state", check_state },   { "space", check_space },
	{ "host", check_clock },    { "files", check_files },
	{ "shell", check_shell },   { "login", check_settings },
	{ "sshd", check_sshd },	    { "tmux", check_tmux },
	{ "agent", check_agent },   { "linger", check_linger },
	{ "audit", check_audit },
};

static void
print_text(const struct finding *findings)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		printf("%-7s %-4s %s\n", checks[i].name,
		       findings[i].ok ? "ok" : "BAD", findings[i].detail);
		if (findings[i].hint[0])
			printf("             %s\n", findings[i].hint);
	}
}

static void
print_json(const struct finding *findings, bool all_ok)
{
	AUTO_BUF text = BUF_INIT(65536);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", all_ok);
	jsonw_str(&w, "version", BERTH_VERSION);
	jsonw_array(&w, "checks");
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		jsonw_object(&w, NULL);
		jsonw_str(&w, "name", checks[i].name);
		jsonw_bool(&w, "ok", findings[i].ok);
		jsonw_str(&w, "detail", findings[i].detail);
		jsonw_str(&w, "hint",
			  findings[i].hint[0] ? findings[i].hint : NULL);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	puts(buf_text(&text));
}

int
health_run(bool json, struct err *err)
{
	struct finding findings[ARRAY_SIZE(checks)] = { 0 };
	struct health health = { .places = PLACES_INIT };
	bool all_ok = true;

	if (places_find(&health.places, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		findings[i].ok = true;
		checks[i].run(&health, &findings[i]);
		all_ok = all_ok && findings[i].ok;
	}
	places_fini(&health.places);
	if (json)
		print_json(findings, all_ok);
	else
		print_text(findings);
	return all_ok ? 0 : 1;
}
