/* SPDX-License-Identifier: ISC */

/* The environment of a command; see environment.h. */

#include <string.h>
#include <strings.h>

#include "berthd/exec/environment.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

/* A trailing '*' stands for any rest. */
static const char *const inherited[] = {
	"HOME",
	"USER",
	"LOGNAME",
	"SHELL",
	"PATH",
	"LANG",
	"LC_*",
	"XDG_*",
	"LANGUAGE",
	"TZ",
	"TMPDIR",
	"BERTH_HOME",
	"DBUS_SESSION_BUS_ADDRESS",
};

/* Names by which a client could make any program run code of its choice. */
static const char *const refused[] = {
	"LD_*",
	"DYLD_*",
	"GLIBC_TUNABLES",
	"GCONV_PATH",
	"BASH_ENV",
	"ENV",
	"BASH_FUNC_*",
	"SHELLOPTS",
	"BASHOPTS",
	"PS4",
	"PROMPT_COMMAND",
	"ZDOTDIR",
	"GIT_SSH*",
	"GIT_EXEC_PATH",
	"GIT_CONFIG*",
	"GIT_PROXY_COMMAND",
	"GIT_ASKPASS",
	"GIT_TEMPLATE_DIR",
	"GIT_EXTERNAL_DIFF",
	"SSH_ASKPASS",
	"PYTHONPATH",
	"PYTHONSTARTUP",
	"PYTHONHOME",
	"NODE_OPTIONS",
	"NODE_PATH",
	"PERL5LIB",
	"PERL5OPT",
	"PERL5DB",
	"RUBYLIB",
	"RUBYOPT",
	"JAVA_TOOL_OPTIONS",
	"JDK_JAVA_OPTIONS",
	"_JAVA_OPTIONS",
	"LESSOPEN",
	"LESSCLOSE",
	"IFS",
};

static const char *const secret_words[] = {
	"TOKEN", "SECRET", "PASSW", "CREDENTIAL", "APIKEY", "_KEY", "AUTH",
};

static bool
matches(const char *pattern, const char *name, size_t n)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return n >= len - 1 && strncmp(pattern, name, len - 1) == 0;
	return n == len && strncmp(pattern, name, n) == 0;
}

static bool
matches_any(const char *const *patterns, size_t n_patterns, const char *pair)
{
	size_t n = strcspn(pair, "=");

	for (size_t i = 0; i < n_patterns; i++) {
		if (matches(patterns[i], pair, n))
			return true;
	}
	return false;
}

char **
environment_base(char *const *environ_now)
{
	char **base = NULL;

	for (; environ_now && *environ_now; environ_now++) {
		if (matches_any(inherited, ARRAY_SIZE(inherited), *environ_now))
			strv_env_set(&base, *environ_now);
	}
	if (strv_env_get(base, "PATH") == NULL)
		strv_add(&base, "PATH=/usr/local/bin:/usr/bin:/bin");
	/* Output that is read as it comes should come as it is written. */
	strv_add(&base, "PYTHONUNBUFFERED=1");
	return base;
}

char **
environment_make(char *const *base, char *const *config, char *const *asked,
		 char *const *allowed, char ***ret_refused)
{
	size_t n_allowed = strv_len(allowed);
	char **env = strv_copy(base);

	for (; config && *config; config++)
		strv_env_set(&env, *config);
	for (; asked && *asked; asked++) {
		if (matches_any(refused, ARRAY_SIZE(refused), *asked) &&
		    !matches_any((const char *const *)allowed, n_allowed,
				 *asked))
			strv_give(ret_refused,
				  xstrndup(*asked, strcspn(*asked, "=")));
		else
			strv_env_set(&env, *asked);
	}
	return env;
}

static bool
looks_secret(const char *pair)
{
	AUTO_FREE char *name = xstrndup(pair, strcspn(pair, "="));

	for (size_t i = 0; i < ARRAY_SIZE(secret_words); i++) {
		if (strcasestr(name, secret_words[i]))
			return true;
	}
	return false;
}

char **
environment_masked(char *const *env)
{
	char **masked = NULL;

	for (; env && *env; env++) {
		if (looks_secret(*env))
			strv_give(&masked,
				  xasprintf("%.*s=***", (int)strcspn(*env, "="),
					    *env));
		else
			strv_add(&masked, *env);
	}
	return masked;
}
