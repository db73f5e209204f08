/* SPDX-License-Identifier: ISC */

#include "berthd/config.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"

static int
set_home(void **state UNUSED)
{
	setenv("HOME", "/home/someone", 1);
	return 0;
}

static int
decode(struct config *config, const char *text, struct err *err)
{
	return config_decode(config, "berthd.yaml", text, strlen(text), err);
}

/* The text is refused with exactly this message. */
static void
assert_refused(const char *text, const char *message)
{
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(decode(&config, text, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.msg, message);
}

static void
put_file(const char *path, const char *text, mode_t mode)
{
	struct err err = ERR_INIT;

	assert_int_equal(
	    fs_write_atomic(AT_FDCWD, path, text, strlen(text), 0, &err), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
an_empty_file_means_the_defaults(void **state UNUSED)
{
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(decode(&config, "", &err), 0);
	assert_null(config.listen);
	assert_null(config.data_dir);
	assert_null(config.auth_token);
	assert_string_equal(config.default_shell, "sh");
	assert_int_equal(config.retention_count, 1000);
	assert_int_equal(config.max_file_size, 50 << 20);
	assert_true(config.max_log_bytes == 16ull << 30);
	assert_int_equal(config_log_level(&config), LOG_LVL_INFO);
}

static void
codexd_has_its_own_defaults(void **state UNUSED)
{
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_CODEXD);
	assert_int_equal(decode(&config, "# nothing\n", &err), 0);
	assert_string_equal(config.listen, "127.0.0.1:7337");
	assert_string_equal(config.data_dir, "/home/someone/.codexd");
	assert_int_equal(config.retention_count, 200);
}

static void
every_member_arrives(void **state UNUSED)
{
	static const char text[] = "listen: 0.0.0.0:7337\n"
				   "listen_remote: true\n"
				   "data_dir: ~/data/./x/\n"
				   "auth_token: \"0123456789abcdef\"\n"
				   "allowed_cwd_roots:\n"
				   "  - /mnt//a\n"
				   "  - ~/b\n"
				   "default_shell: bash\n"
				   "projects:\n"
				   "  - id: one\n"
				   "    repo_url: git@host:a/b.git\n"
				   "    mirror_dir: ~/m.git\n"
				   "  - {id: two, repo_url: /srv/two.git}\n"
				   "env: {A: b, C: 'd e'}\n"
				   "allow_env: [LD_PRELOAD]\n"
				   "log_level: debug\n"
				   "retention_count: 7\n"
				   "retention_age: 30d\n"
				   "retention_bytes: 1G\n"
				   "sessions: {reap_after: 2h}\n"
				   "max_file_size: 52428800\n"
				   "max_log_bytes: 2M\n";
	const struct config_project *project;
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(decode(&config, text, &err), 0);
	assert_string_equal(config.listen, "0.0.0.0:7337");
	assert_string_equal(config.data_dir, "/home/someone/data/x");
	assert_string_equal(config.auth_token, "0123456789abcdef");
	assert_string_equal(config.allowed_cwd_roots[0], "/mnt/a");
	assert_string_equal(config.allowed_cwd_roots[1], "/home/someone/b");
	assert_string_equal(config.default_shell, "bash");
	project = config_find_project(&config, "one");
	assert_non_null(project);
	assert_string_equal(project->repo_url, "git@host:a/b.git");
	assert_string_equal(project->mirror_dir, "/home/someone/m.git");
	assert_null(config_find_project(&config, "two")->mirror_dir);
	assert_null(config_find_project(&config, "three"));
	assert_string_equal(strv_env_get(config.env, "C"), "d e");
	assert_string_equal(config.allow_env[0], "LD_PRELOAD");
	assert_int_equal(config_log_level(&config), LOG_LVL_DEBUG);
	assert_int_equal(config.retention_count, 7);
	assert_true(config.retention_age == 30ull * 86400 * 1000);
	assert_true(config.retention_bytes == 1ull << 30);
	assert_int_equal(config.sessions.reap_after, 2 * 3600 * 1000);
	assert_int_equal(config.max_log_bytes, 2 << 20);
}

static void
json_says_the_same(void **state UNUSED)
{
	static const char text[] = "{\n\t\"listen\": \"localhost:80\",\n"
				   "\t\"projects\": [{\"id\": \"a\",\n"
				   "\t\t\"repo_url\": \"b\"}]\n}\n";
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(decode(&config, text, &err), 0);
	assert_string_equal(config.listen, "127.0.0.1:80");
	assert_int_equal(config.projects.n, 1);
}

static void
mistakes_are_told_with_file_line_and_key(void **state UNUSED)
{
	assert_refused("listen: 127.0.0.1:1\nretention: 3\n",
		       "berthd.yaml:2: retention: unknown name");
	assert_refused("\nretention_count: many\n",
		       "berthd.yaml:2: retention_count: not an integer");
	assert_refused("retention_count: 0\n",
		       "berthd.yaml:1: retention_count: 0 is not between 1 "
		       "and 1000000");
	assert_refused("default_shell: sh\ndefault_shell: bash\n",
		       "berthd.yaml:2: default_shell: stands twice");
	assert_refused("auth_token: 12345\n",
		       "berthd.yaml:1: auth_token: not a string");
	assert_refused("env: [A]\n",
		       "berthd.yaml:1: env: not a map of strings");
	assert_refused("max_file_size: big\n",
		       "berthd.yaml:1: max_file_size: \"big\" is not a size "
		       "such as 512K, 10M or 2G");
	assert_refused("projects:\n  - id: a\n    repo_url: b\n  - id: c\n",
		       "berthd.yaml:4: projects[1].repo_url: is required");
	assert_refused("projects:\n  - id: a\n    repo: b\n",
		       "berthd.yaml:3: projects[0].repo: unknown name");
	assert_refused("projects:\n  - id:\n    repo_url: b\n",
		       "berthd.yaml:2: projects[0].id: is required");
	assert_refused("log_level: loud\n",
		       "berthd.yaml:1: log_level: \"loud\" is none of error, "
		       "warn, info, debug");
}

static void
values_that_would_do_harm_are_refused(void **state UNUSED)
{
	assert_refused("data_dir: state\n",
		       "berthd.yaml:1: data_dir: \"state\" is neither absolute "
		       "nor below \"~\"");
	assert_refused("allowed_cwd_roots:\n  - /ok\n  - ~other/x\n",
		       "berthd.yaml:1: allowed_cwd_roots: \"~other/x\" is "
		       "neither absolute nor below \"~\"");
	assert_refused("projects:\n- id: ../x\n  repo_url: a\n",
		       "berthd.yaml:2: projects[0].id: \"../x\" is not 1 to 64 "
		       "letters, digits, '.', '_' or '-', beginning with one "
		       "of the first two");
	assert_refused("projects:\n- id: a\n  repo_url: --upload-pack=x\n",
		       "berthd.yaml:3: projects[0].repo_url: "
		       "\"--upload-pack=x\" is no repository");
	assert_refused("auth_token: \"a b\"\n",
		       "berthd.yaml:1: auth_token: has a character that is "
		       "not visible ASCII");
	assert_refused("auth_token: abc\nauth_token_file: /x\n",
		       "berthd.yaml: auth_token: auth_token_file is set too");
	assert_refused("allow_env: ['A=b']\n",
		       "berthd.yaml:1: allow_env: \"A=b\" is not the name of "
		       "a variable");
	assert_refused("default_shell: ''\n",
		       "berthd.yaml:1: default_shell: is empty");
}

static void
listening_beyond_this_machine_must_be_meant(void **state UNUSED)
{
	static const char *const remote[] = { "0.0.0.0:1", "10.0.0.1:7337",
					      "[::]:1" };
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	for (size_t i = 0; i < ARRAY_SIZE(remote); i++) {
		assert_int_equal(config_set_listen(&config, remote[i], &err),
				 -1);
		assert_err(err, ERR_CONFIG, "within reach of other machines");
	}
	assert_null(config.listen);
	config.listen_remote = true;
	assert_int_equal(config_set_listen(&config, "0.0.0.0:1", &err), 0);
	assert_string_equal(config.listen, "0.0.0.0:1");
}

static void
addresses_are_numeric_or_localhost(void **state UNUSED)
{
	static const struct {
		const char *text, *address;
	} cases[] = {
		{ "127.0.0.1:7337", "127.0.0.1:7337" },
		{ "localhost:0", "127.0.0.1:0" },
		{ "[::1]:65535", "[::1]:65535" },
		{ "127.0.0.1", NULL },
		{ "127.0.0.1:", NULL },
		{ "127.0.0.1:65536", NULL },
		{ "::1:80", NULL },
		{ ":80", NULL },
		{ "example.org:80", NULL },
		{ "127.evil.org:80", NULL },
		{ "[127.0.0.1]:80x", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CONFIG config;
		struct err err = ERR_INIT;
		int rc;

		config_init(&config, CONFIG_BERTHD);
		rc = config_set_listen(&config, cases[i].text, &err);
		assert_int_equal(rc, cases[i].address ? 0 : -1);
		if (rc == 0)
			assert_string_equal(config.listen, cases[i].address);
		else
			assert_err(err, ERR_CONFIG, "listen: ");
	}
}

static void
the_file_is_looked_for_under_both_names(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *yaml = path_join(dir, "berthd.yaml");
	AUTO_FREE char *json = path_join(dir, "berthd.json");
	struct config config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load_default(&config, dir, &err), 0);
	assert_null(config.file);
	config_fini(&config);

	put_file(json, "{\"default_shell\":\"zsh\"}", 0600);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load_default(&config, dir, &err), 0);
	assert_string_equal(config.file, json);
	assert_string_equal(config.default_shell, "zsh");
	config_fini(&config);

	put_file(yaml, "default_shell: bash\n", 0600);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load_default(&config, dir, &err), -1);
	assert_err(err, ERR_CONFIG, "both exist");
	config_fini(&config);
	unlink(json);
	unlink(yaml);
}

static void
a_named_file_must_exist(void **state UNUSED)
{
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load(&config, "/nonexistent/x.yaml", &err), -1);
	assert_err(err, ERR_NOT_FOUND, "/nonexistent/x.yaml");
}

static void
a_token_that_others_can_read_is_warned_about(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "t.yaml");
	AUTO_FREE char *warning = xasprintf(
	    "%s holds a token and others can read it: chmod 600 %s", path,
	    path);
	AUTO_CONFIG config, private;
	struct err err = ERR_INIT;

	put_file(path, "auth_token: 0123456789abcdef\n", 0640);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load(&config, path, &err), 0);
	assert_int_equal(strv_len(config.warnings), 1);
	assert_string_equal(config.warnings[0], warning);

	put_file(path, "auth_token: short\n", 0600);
	config_init(&private, CONFIG_BERTHD);
	assert_int_equal(config_load(&private, path, &err), 0);
	assert_int_equal(strv_len(private.warnings), 1);
	assert_non_null(strstr(private.warnings[0], "can be guessed"));
}

static void
a_file_that_anybody_can_write_is_refused(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "w.yaml");
	AUTO_CONFIG config;
	struct err err = ERR_INIT;

	put_file(path, "default_shell: bash\n", 0602);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load(&config, path, &err), -1);
	assert_err(err, ERR_DENIED, "can be written by anybody");
}

static void
the_token_may_be_in_a_file_of_its_own(void **state UNUSED)
{
	AUTO_FREE char *token = path_join(unit_temp_dir(), "its-token");
	AUTO_FREE char *path = path_join(unit_temp_dir(), "f.yaml");
	AUTO_FREE char *text = xasprintf("auth_token_file: %s\n", token);
	struct config config;
	struct err err = ERR_INIT;

	put_file(path, text, 0644);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load(&config, path, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "auth_token_file");
	config_fini(&config);

	put_file(token, "\n", 0600);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load(&config, path, &err), -1);
	assert_err(err, ERR_CONFIG, "no token in it");
	config_fini(&config);

	put_file(token, "0123456789abcdef\r\n", 0600);
	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(config_load(&config, path, &err), 0);
	assert_string_equal(config.auth_token, "0123456789abcdef");
	assert_null(config.warnings);
	config_fini(&config);
}

static void
a_missing_token_is_made_once(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "token");
	AUTO_CONFIG first, second;
	struct err err = ERR_INIT;
	struct stat st;

	config_init(&first, CONFIG_BERTHD);
	config_init(&second, CONFIG_BERTHD);
	assert_int_equal(config_ensure_token(&first, path, &err), 0);
	assert_int_equal(strlen(first.auth_token), 64);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(config_ensure_token(&second, path, &err), 0);
	assert_string_equal(first.auth_token, second.auth_token);
	assert_null(second.warnings);
}

static void
codexds_file_is_made_when_it_is_missing(void **state UNUSED)
{
	AUTO_FREE char *dir = path_join(unit_temp_dir(), "made/for/codexd");
	AUTO_FREE char *path = path_join(dir, "config.yaml");
	AUTO_CONFIG config, again;
	struct err err = ERR_INIT;
	bool is_created = false;

	config_init(&config, CONFIG_CODEXD);
	assert_int_equal(config_load_codexd(&config, path, &is_created, &err),
			 0);
	assert_true(is_created);
	assert_string_equal(config.listen, "127.0.0.1:7337");
	assert_int_equal(config.retention_count, 200);

	put_file(path, "retention_count: 3\n", 0600);
	config_init(&again, CONFIG_CODEXD);
	assert_int_equal(config_load_codexd(&again, path, &is_created, &err),
			 0);
	assert_false(is_created);
	assert_int_equal(again.retention_count, 3);
	assert_string_equal(again.listen, "127.0.0.1:7337");
}

/*
 * Switch on what comments show: "# name: value", and what is indented below.
 * The one that excludes another stays off.
 */
static void
switch_on(const struct buf *text, struct buf *out)
{
	char *copy = (char *)buf_bytes(text), *line;

	while ((line = strsep(&copy, "\n")) != NULL) {
		size_t n = str_starts(line, "# ")
			       ? strspn(line + 2, "abcdefghijklmnopqrstuvwxyz_")
			       : 0;
		bool is_setting = str_starts(line, "#   ") ||
				  (n > 0 && line[2 + n] == ':');

		if (str_starts(line, "# auth_token_file"))
			is_setting = false;
		assert_int_equal(
		    buf_addf(out, "%s\n", is_setting ? line + 2 : line), 0);
	}
}

static void
the_template_is_right_about_its_comments(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "template.yaml");
	AUTO_BUF text = BUF_INIT(1 << 16), on = BUF_INIT(1 << 16);
	AUTO_CONFIG config, all;
	struct err err = ERR_INIT;
	bool is_created;

	config_init(&config, CONFIG_CODEXD);
	assert_int_equal(config_load_codexd(&config, path, &is_created, &err),
			 0);
	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	switch_on(&text, &on);
	config_init(&all, CONFIG_CODEXD);
	assert_int_equal(
	    config_decode(&all, "template", buf_text(&on), on.len, &err), 0);
	assert_string_equal(all.allowed_cwd_roots[0], "/mnt");
	assert_int_equal(all.projects.n, 1);
	assert_int_equal(all.max_file_size, 50 << 20);
}

static void
so_is_the_example(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1 << 16), on = BUF_INIT(1 << 16);
	AUTO_CONFIG plain, all, defaults;
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, EXAMPLE, &text, &err), 0);
	config_init(&plain, CONFIG_BERTHD);
	assert_int_equal(
	    config_decode(&plain, "example", buf_text(&text), text.len, &err),
	    0);
	switch_on(&text, &on);
	config_init(&all, CONFIG_BERTHD);
	assert_int_equal(
	    config_decode(&all, "example", buf_text(&on), on.len, &err), 0);

	/* What it calls a default is one. */
	config_init(&defaults, CONFIG_BERTHD);
	assert_int_equal(all.retention_count, defaults.retention_count);
	assert_int_equal(all.retention_age, defaults.retention_age);
	assert_int_equal(all.retention_bytes, defaults.retention_bytes);
	assert_true(all.sessions.reap_after == defaults.sessions.reap_after);
	assert_int_equal(all.max_file_size, defaults.max_file_size);
	assert_int_equal(all.max_log_bytes, defaults.max_log_bytes);
	assert_string_equal(all.default_shell, defaults.default_shell);
	assert_string_equal(all.log_level, defaults.log_level);
	assert_int_equal(all.listen_remote, defaults.listen_remote);
	assert_int_equal(all.projects.n, 1);
	assert_int_equal(strv_len(all.allowed_cwd_roots), 2);
	assert_non_null(all.listen);
	assert_non_null(all.data_dir);
	assert_non_null(all.auth_token);
	assert_non_null(all.env);
	assert_non_null(all.allow_env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_means_the_defaults),
		cmocka_unit_test(codexd_has_its_own_defaults),
		cmocka_unit_test(every_member_arrives),
		cmocka_unit_test(json_says_the_same),
		cmocka_unit_test(mistakes_are_told_with_file_line_and_key),
		cmocka_unit_test(values_that_would_do_harm_are_refused),
		cmocka_unit_test(listening_beyond_this_machine_must_be_meant),
		cmocka_unit_test(addresses_are_numeric_or_localhost),
		cmocka_unit_test(the_file_is_looked_for_under_both_names),
		cmocka_unit_test(a_named_file_must_exist),
		cmocka_unit_test(a_token_that_others_can_read_is_warned_about),
		cmocka_unit_test(a_file_that_anybody_can_write_is_refused),
		cmocka_unit_test(the_token_may_be_in_a_file_of_its_own),
		cmocka_unit_test(a_missing_token_is_made_once),
		cmocka_unit_test(codexds_file_is_made_when_it_is_missing),
		cmocka_unit_test(the_template_is_right_about_its_comments),
		cmocka_unit_test(so_is_the_example),
	};

	return cmocka_run_group_tests(tests, set_home, NULL);
}
