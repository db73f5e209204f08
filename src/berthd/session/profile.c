/* SPDX-License-Identifier: ISC */

/* Profiles; see profile.h. */

#include "berthd/config.h"
#include "berthd/session/profile.h"
#include "core/buf.h"
#include "core/text.h"

/* A command of one word: the name of the profile. */
#define KNOWN(word)                                                            \
	{                                                                      \
		.name = (word), .argv = (char *[])                             \
		{                                                              \
			(char[]){ word }, NULL                                 \
		}                                                              \
	}

static const struct profile known[] = {
	KNOWN("codex"),	   KNOWN("claude"),	KNOWN("gemini"),
	KNOWN("opencode"), { .name = "shell" },
};

static const struct config_profile *
find_configured(const struct config *config, const char *name)
{
	const struct config_profile *profiles = config->profiles.items;

	for (size_t i = 0; i < config->profiles.n; i++) {
		if (str_eq(profiles[i].name, name))
			return &profiles[i];
	}
	return NULL;
}

static int
not_found(const struct config *config, const char *name, struct err *err)
{
	const struct config_profile *profiles = config->profiles.items;
	AUTO_BUF names = BUF_INIT(200);
	char shown[96];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		(void)buf_addf(&names, "%s%s", i ? ", " : "", known[i].name);
	for (size_t i = 0; i < config->profiles.n; i++)
		(void)buf_addf(&names, ", %s", profiles[i].name);
	err_set(err, ERR_NOT_FOUND, "no profile is called \"%s\"",
		vis(shown, sizeof(shown), name));
	return err_hint(err, "there are %s", buf_text(&names));
}

int
profile_find(const struct config *config, const char *name, struct profile *ret,
	     struct err *err)
{
	const struct config_profile *own;

	if (name == NULL)
		name = config->default_profile ? config->default_profile
					       : PROFILE_DEFAULT;
	own = find_configured(config, name);
	if (own) {
		*ret = (struct profile){ .name = own->name,
					 .argv = own->command,
					 .cwd = own->cwd,
					 .env = own->env };
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (str_eq(known[i].name, name)) {
			*ret = known[i];
			return 0;
		}
	}
	return not_found(config, name, err);
}
