/* SPDX-License-Identifier: ISC */

/* Where things are; see places.h. */

#include <stdbool.h>
#include <sys/stat.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "wire/places.h"

/* $variable, if it is absolute as the XDG specification demands. */
static const char *
absolute_env(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] == '/' ? value : NULL;
}

static bool
is_private_dir(const char *path)
{
	struct stat st;

	return path && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

/* $XDG_RUNTIME_DIR or what systemd would have set it to; else in the state. */
static char *
find_runtime(const char *state)
{
	AUTO_FREE char *usual = xasprintf("/run/user/%u", geteuid());
	const char *given = absolute_env("XDG_RUNTIME_DIR");

	if (is_private_dir(given))
		return path_join(given, "berth");
	if (is_private_dir(usual))
		return path_join(usual, "berth");
	return path_join(state, "run");
}

static char *
find_xdg(const char *variable, const char *home, const char *usual)
{
	const char *given = absolute_env(variable);
	AUTO_FREE char *base = given ? xstrdup(given) : path_join(home, usual);

	return path_join(base, "berth");
}

int
places_find(struct places *ret, struct err *err)
{
	const char *moved = absolute_env("BERTH_HOME");
	AUTO_FREE char *home = NULL, *state = NULL;

	if (moved) {
		state = path_join(moved, "state");
		ret->config = path_join(moved, "config");
		ret->state = path_join(state, proc_host_id());
		ret->runtime = path_join(moved, "run");
	} else {
		home = path_home(err);
		if (home == NULL)
			return -1;
		state = find_xdg("XDG_STATE_HOME", home, ".local/state");
		ret->config = find_xdg("XDG_CONFIG_HOME", home, ".config");
		ret->state = path_join(state, proc_host_id());
		ret->runtime = find_runtime(ret->state);
	}
	ret->socket = path_join(ret->runtime, "berthd.sock");
	return 0;
}

void
places_fini(struct places *places)
{
	free(places->config);
	free(places->state);
	free(places->runtime);
	free(places->socket);
	*places = (struct places)PLACES_INIT;
}
