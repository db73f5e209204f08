/* SPDX-License-Identifier: ISC */

#include "berthd/exec/environment.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"
#include "core/strv.h"

static char **
words(const char *list)
{
	AUTO_FREE char *copy = xstrdup(list);
	char *rest = copy, *word;
	char **v = NULL;

	while ((word = strsep(&rest, " ")) != NULL)
		strv_add(&v, word);
	return v;
}

static void
assert_words(char *const *v, const char *list)
{
	AUTO_STRV char **wanted = words(list);

	assert_int_equal(strv_len(v), strv_len(wanted));
	for (size_t i = 0; i < strv_len(v); i++)
		assert_string_equal(v[i], wanted[i]);
}

static void
a_command_inherits_what_every_login_has(void **state UNUSED)
{
	AUTO_STRV char **now = words(
	    "HOME=/h USER=u LC_ALL=C LC_=x XDG_RUNTIME_DIR=/r PATH=/bin TZ=UTC "
	    "NOTIFY_SOCKET=/n LISTEN_FDS=1 LISTEN_PID=2 SSH_AUTH_SOCK=/s "
	    "AWS_SECRET=x LD_PRELOAD=/x HOMER=simpson BERTH_CGROUP=delegated");
	AUTO_STRV char **base = environment_base(now);

	assert_words(base, "HOME=/h USER=u LC_ALL=C LC_=x XDG_RUNTIME_DIR=/r "
			   "PATH=/bin TZ=UTC PYTHONUNBUFFERED=1");
}

static void
there_is_always_a_path(void **state UNUSED)
{
	AUTO_STRV char **base = environment_base(NULL);

	assert_words(base, "PATH=/usr/local/bin:/usr/bin:/bin "
			   "PYTHONUNBUFFERED=1");
}

static void
the_last_word_is_the_clients(void **state UNUSED)
{
	AUTO_STRV char **base = words("A=base B=base C=base");
	AUTO_STRV char **config = words("B=config C=config LD_PRELOAD=ours");
	AUTO_STRV char **asked = words("C=asked D= E=x=y");
	AUTO_STRV char **refused = NULL;
	AUTO_STRV char **env = environment_make(base, config, asked, NULL,
						&refused);

	assert_words(env, "A=base B=config C=asked LD_PRELOAD=ours D= E=x=y");
	assert_null(refused);
}

/* Every name that S20 of our own list of defences asks for, and its kin. */
static void
names_that_run_code_are_refused(void **state UNUSED)
{
	static const char *const names[] = {
		"LD_PRELOAD",
		"LD_LIBRARY_PATH",
		"LD_AUDIT",
		"LD_",
		"DYLD_INSERT_LIBRARIES",
		"GLIBC_TUNABLES",
		"GCONV_PATH",
		"BASH_ENV",
		"ENV",
		"BASH_FUNC_ls%%",
		"SHELLOPTS",
		"BASHOPTS",
		"PS4",
		"PROMPT_COMMAND",
		"ZDOTDIR",
		"GIT_SSH",
		"GIT_SSH_COMMAND",
		"GIT_EXEC_PATH",
		"GIT_CONFIG_COUNT",
		"GIT_CONFIG_GLOBAL",
		"GIT_PROXY_COMMAND",
		"GIT_ASKPASS",
		"SSH_ASKPASS",
		"GIT_TEMPLATE_DIR",
		"GIT_EXTERNAL_DIFF",
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
		"_JAVA_OPTIONS",
		"JDK_JAVA_OPTIONS",
		"LESSOPEN",
		"LESSCLOSE",
		"IFS",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *pair = xasprintf("%s=x", names[i]);
		AUTO_STRV char **asked = words(pair);
		AUTO_STRV char **allowed = words(names[i]);
		AUTO_STRV char **refused = NULL, **none = NULL;
		AUTO_STRV char **env = environment_make(NULL, NULL, asked, NULL,
							&refused);
		AUTO_STRV char **let = environment_make(NULL, NULL, asked,
							allowed, &none);

		if (refused == NULL)
			fail_msg("%s came through", names[i]);
		assert_words(refused, names[i]);
		assert_null(env);
		assert_words(let, pair);
		assert_null(none);
	}
}

static void
like_names_come_through(void **state UNUSED)
{
	static const char list[] = "LDX=1 OLD_LD_PRELOAD=1 ENVY=1 MYENV=1 "
				   "GITHUB_TOKEN=1 PYTHONDONTWRITEBYTECODE=1 "
				   "PS1=1 GIT_AUTHOR_NAME=me GIT_PAGER=cat "
				   "GIT_EDITOR=true ld_preload=1";
	AUTO_STRV char **asked = words(list);
	AUTO_STRV char **refused = NULL;
	AUTO_STRV char **env = environment_make(NULL, NULL, asked, NULL,
						&refused);

	assert_words(env, list);
	assert_null(refused);
}

static void
a_pattern_may_allow_many(void **state UNUSED)
{
	AUTO_STRV char **asked = words("LD_PRELOAD=1 ENV=2");
	AUTO_STRV char **allowed = words("LD_*");
	AUTO_STRV char **refused = NULL;
	AUTO_STRV char **env = environment_make(NULL, NULL, asked, allowed,
						&refused);

	assert_words(env, "LD_PRELOAD=1");
	assert_words(refused, "ENV");
}

static void
values_of_secret_names_are_masked(void **state UNUSED)
{
	AUTO_STRV char **env = words(
	    "GITHUB_TOKEN=a my_secret=b DB_PASSWORD=c=d PASSWD= CREDENTIALS=e "
	    "OPENAI_APIKEY=f SSH_KEY=g AUTHORIZATION=h KEYBOARD=us PATH=/bin");
	AUTO_STRV char **masked = environment_masked(env);

	assert_words(masked,
		     "GITHUB_TOKEN=*** my_secret=*** DB_PASSWORD=*** "
		     "PASSWD=*** CREDENTIALS=*** OPENAI_APIKEY=*** SSH_KEY=*** "
		     "AUTHORIZATION=*** KEYBOARD=us PATH=/bin");
}

static void
nothing_comes_of_nothing(void **state UNUSED)
{
	AUTO_STRV char **refused = NULL;

	assert_null(environment_make(NULL, NULL, NULL, NULL, &refused));
	assert_null(environment_masked(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_inherits_what_every_login_has),
		cmocka_unit_test(there_is_always_a_path),
		cmocka_unit_test(the_last_word_is_the_clients),
		cmocka_unit_test(names_that_run_code_are_refused),
		cmocka_unit_test(like_names_come_through),
		cmocka_unit_test(a_pattern_may_allow_many),
		cmocka_unit_test(values_of_secret_names_are_masked),
		cmocka_unit_test(nothing_comes_of_nothing),
	};

	return RUN_TESTS(tests);
}
