/* SPDX-License-Identifier: ISC */

#include "machine/registry.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/fs.h"
#include "core/path.h"
#include "core/strv.h"

static int
decode(struct registry *registry, const char *text, struct err *err)
{
	return registry_decode(registry, "c.yaml", text, strlen(text), err);
}

static void
machines_have_their_keys_defaults_and_order(void **state UNUSED)
{
	static const char text[] =
	    "schema_version: 1\n"
	    "machines:\n"
	    "  - {name: b, ssh: me@b, auth: key, key_file: /k, passphrase: "
	    "'secret:k'}\n"
	    "  - name: a\n"
	    "    hostname: ::1\n"
	    "    port: 2222\n"
	    "    compression: 'on'\n"
	    "    retry: {first: 2s}\n"
	    "    install: false\n"
	    "    env: {X: y}\n"
	    "defaults:\n"
	    "  keep_alive: 5\n"
	    "  retry: {limit: 3}\n";
	AUTO_REGISTRY r;
	struct err err = ERR_INIT;
	const struct machine *m;

	if (decode(&r, text, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r.n_own, 2);
	assert_string_equal(r.machines[0].name, "b");
	assert_string_equal(r.machines[0].passphrase_ref, "k");
	m = registry_find(&r, "a", &err);
	assert_int_equal(m->port, 2222);
	assert_int_equal(m->compression, MACHINE_COMPRESSION_ON);
	assert_int_equal(m->retry.first, 2000);
	assert_int_equal(m->retry.limit, 3);
	assert_int_equal(m->retry.max, 60000);
	assert_int_equal(m->keep_alive, 5000);
	assert_true(m->no_install);
	assert_string_equal(strv_env_get(m->env, "X"), "y");
	assert_int_equal(m->daemon_port, 7337);
	assert_null(registry_find(&r, "bb", &err));
	assert_err(err, ERR_NOT_FOUND, "there is no machine \"bb\"");
}

static void
mistakes_are_named_with_line_and_remedy(void **state UNUSED)
{
	static const struct {
		const char *text, *msg, *hint;
	} rows[] = {
		{ "machines:\n  - name: a\n    shh: b\n",
		  "c.yaml:3: machines[0].shh: unknown name",
		  "did you mean \"ssh\"?" },
		{ "machine: []\n", "c.yaml:1: machine: unknown name",
		  "did you mean \"machines\"?" },
		{ "machines:\n  - name: a\n    ssh: b\n\n  - name: a\n"
		  "    ssh: c\n",
		  "c.yaml:5: machines[1]: there is another \"a\"", "" },
		{ "machines:\n  - name: a\n    ssh: b\n    ssh: c\n",
		  "c.yaml:4: machines[0].ssh: stands twice", "" },
		{ "machines:\n  - ssh: b\n", "machines[0]: has no name", "" },
		{ "machines:\n  - name: a\n", "nothing says where it is",
		  "add ssh: USER@HOST" },
		{ "machines:\n  - name: a\n    ssh: b\n    password: hunter2\n",
		  "c.yaml:4: machines[0].password: stands here in clear",
		  "berth secret set NAME" },
		{ "machines:\n  - name: a\n    ssh: b\n    auth: pasword\n",
		  "c.yaml:4: machines[0].auth: \"pasword\" is not one of its "
		  "words",
		  "did you mean \"password\"?" },
		{ "machines:\n  - name: a\n    ssh: -oX\n",
		  "c.yaml:3: machines[0].ssh: the host \"-oX\" begins with",
		  "" },
		{ "machines:\n  - name: a\n    ssh: b\n    retry: {limt: 1}\n",
		  "c.yaml:4: machines[0].retry.limt: unknown name",
		  "did you mean \"limit\"?" },
		{ "defaults: {name: x}\n", "defaults.name: a name belongs",
		  "" },
		{ "schema_version: 2\n", "schema_version: 2 is not between",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		AUTO_REGISTRY r;

		if (decode(&r, rows[i].text, &err) == 0)
			fail_msg("taken: %s", rows[i].text);
		assert_err(err, ERR_CONFIG, rows[i].msg);
		assert_string_equal(err.hint, rows[i].hint);
		assert_null(strstr(err.msg, "hunter2"));
	}
}

/* As codex-remote's template has it, with what it comments out. */
static void
file_of_codex_remote_is_taken_with_a_warning(void **state UNUSED)
{
	static const char text[] =
	    "# Local config (YAML subset).\n"
	    "machines:\n"
	    "  - name: gpu1\n"
	    "    ssh: user@gpu1.example.com\n"
	    "    daemon_port: 7337\n"
	    "    addr: http://127.0.0.1:7337\n"
	    "    token: change-me\n"
	    "    use_direct_addr: true\n"
	    "    daemon_cmd: \"nohup ~/bin/codexd serve >/tmp/l 2>&1 &\"\n";
	struct err err = ERR_INIT;
	AUTO_REGISTRY r;

	if (decode(&r, text, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(r.machines[0].token, "change-me");
	assert_int_equal(strv_len(r.warnings), 1);
	assert_non_null(strstr(r.warnings[0], "in clear"));
	assert_null(strstr(r.warnings[0], "change-me"));
}

static void
put(const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_replace(path, text, strlen(text), 0, &err), 0);
}

static void
aliases_follow_and_policies_only_narrow(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *config = path_join(dir, "config");
	AUTO_FREE char *file = path_join(config, "config.yaml");
	AUTO_FREE char *ssh = path_join(dir, "ssh");
	AUTO_FREE char *policy = path_join(dir, "policy");
	struct err err = ERR_INIT;
	AUTO_REGISTRY r;

	setenv("BERTH_HOME", dir, 1);
	setenv("BERTH_SSH_CONFIG", ssh, 1);
	setenv("BERTH_POLICY", policy, 1);
	assert_int_equal(fs_mkdir_parents(config, &err), 0);
	put(ssh, "Host good\n HostName a.corp\nHost sly\n HostName b.evil\n");
	put(policy, "allow_hosts: ['*.corp']\nallow_password: false\n");
	put(file, "policy: {allow_hosts: ['*'], allow_password: true}\n"
		  "machines:\n  - {name: good, ssh: good, label: mine}\n"
		  "  - {name: a.corp, hostname: b.evil}\n"
		  "  - {name: pw, ssh: good, auth: password}\n");
	if (registry_load(&r, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r.n_own, 3);
	assert_int_equal(r.n, 4);
	assert_true(r.machines[3].is_alias);
	assert_string_equal(r.machines[3].name, "sly");
	if (access("/usr/bin/ssh", X_OK) == 0) {
		assert_int_equal(registry_check(&r, &r.machines[0], &err), 0);
		assert_int_equal(registry_check(&r, &r.machines[1], &err), -1);
		assert_err(err, ERR_DENIED, "the host \"b.evil\"");
		assert_int_equal(registry_check(&r, &r.machines[3], &err), -1);
	}
	assert_int_equal(registry_check(&r, &r.machines[2], &err), -1);
	assert_err(err, ERR_DENIED, "password authentication is switched off");
	assert_false(registry_allows_password(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_have_their_keys_defaults_and_order),
		cmocka_unit_test(mistakes_are_named_with_line_and_remedy),
		cmocka_unit_test(file_of_codex_remote_is_taken_with_a_warning),
		cmocka_unit_test(aliases_follow_and_policies_only_narrow),
	};

	return RUN_TESTS(tests);
}
