/* SPDX-License-Identifier: ISC */

#include "machine/registry_edit.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "machine/registry.h"

struct fixture {
	char *path;
	struct config_file_config config;
	struct registry_edit edit;
};

static void
begin(struct fixture *f, const char *name, const char *text)
{
	struct err err = ERR_INIT;

	*f = (struct fixture){ .path = path_join(unit_temp_dir(), name) };
	f->config.path = f->path;
	f->edit.config = &f->config;
	unlink(f->path);
	if (text)
		assert_int_equal(
		    fs_replace(f->path, text, strlen(text), 0, &err), 0);
}

static void
assert_file(const struct fixture *f, const char *wanted)
{
	AUTO_BUF text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_read_file(AT_FDCWD, f->path, &text, &err), 0);
	assert_string_equal(buf_text(&text), wanted);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int
add(const struct fixture *f, const char *name, const char *ssh, struct err *err)
{
	struct text_edit_change changes[] = { { "name", name },
					      { "ssh", ssh } };

	return registry_add(&f->edit, changes, 2, err);
}

static int
change(const struct fixture *f, const char *name, const char *key,
       const char *value, struct err *err)
{
	struct text_edit_change one = { key, value };

	return registry_change(&f->edit, name, &one, 1, err);
}

static void
yaml_keeps_what_is_not_changed(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct fixture f;

	begin(&f, "c.yaml",
	      "# mine\nmachines:\n  - name: a # one\n"
	      "    ssh: h\n");
	assert_int_equal(add(&f, "b", "h2", &err), 0);
	assert_int_equal(change(&f, "a", "port", "2222", &err), 0);
	assert_file(&f, "# mine\nmachines:\n  - name: a # one\n    ssh: h\n"
			"    port: 2222\n  - name: b\n    ssh: h2\n");
	assert_int_equal(change(&f, "b", "name", "c", &err), 0);
	assert_int_equal(registry_remove(&f.edit, "a", &err), 0);
	assert_file(&f, "# mine\nmachines:\n  - name: c\n    ssh: h2\n");
	free(f.path);
}

static void
json_keeps_its_order(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct fixture f;

	begin(&f, "c.json",
	      "{\"machines\":[{\"ssh\":\"h\",\"name\":\"a\"}],"
	      "\"defaults\":{\"idle\":5}}");
	assert_int_equal(add(&f, "b", "h2", &err), 0);
	assert_int_equal(change(&f, "a", "port", "2222", &err), 0);
	assert_int_equal(change(&f, "a", "env.N", "1", &err), 0);
	assert_int_equal(registry_remove(&f.edit, "b", &err), 0);
	assert_file(&f, "{\n  \"machines\": [\n    {\n      \"ssh\": \"h\",\n"
			"      \"name\": \"a\",\n      \"port\": 2222,\n"
			"      \"env\": {\n        \"N\": \"1\"\n      }\n"
			"    }\n  ],\n  \"defaults\": {\n    \"idle\": 5\n"
			"  }\n}\n");
	free(f.path);
}

static void
what_would_be_wrong_is_not_written(void **state UNUSED)
{
	static const char text[] = "machines:\n  - name: a\n    ssh: h\n";
	struct err err = ERR_INIT;
	struct fixture f;

	begin(&f, "w.yaml", text);
	assert_int_equal(add(&f, "a", "h", &err), -1);
	assert_err(err, ERR_CONFLICT, "there is a machine \"a\" already");
	assert_int_equal(add(&f, "b", "-x", &err), -1);
	assert_err(err, ERR_CONFIG, "begins with \"-\"");
	assert_int_equal(change(&f, "a", "port", "many", &err), -1);
	assert_err(err, ERR_CONFIG, "not an integer");
	assert_int_equal(change(&f, "a", "ssh", NULL, &err), -1);
	assert_err(err, ERR_CONFIG, "nothing says where it is");
	assert_int_equal(registry_remove(&f.edit, "z", &err), -1);
	assert_err(err, ERR_NOT_FOUND, "has no machine \"z\"");
	assert_file(&f, text);
	free(f.path);
}

static int
refuse(const struct machine *machine, const struct registry_draft *draft UNUSED,
       void *owner UNUSED, struct err *err)
{
	assert_string_equal(machine->name, "b");
	return err_set(err, ERR_DENIED, "not today");
}

static void
check_is_asked_before_anything_is_written(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct fixture f;

	begin(&f, "n.yaml", NULL);
	f.edit.check = refuse;
	assert_int_equal(add(&f, "b", "h", &err), -1);
	assert_err(err, ERR_DENIED, "not today");
	assert_int_equal(access(f.path, F_OK), -1);
	free(f.path);
}

/* Two writers at once: neither loses what the other added. */
static void
writers_wait_for_each_other(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_REGISTRY after = { .file = NULL };
	AUTO_BUF text = BUF_INIT(1u << 20);
	struct fixture f;
	pid_t pids[4];

	begin(&f, "two.yaml", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		for (size_t j = 0; pids[i] == 0 && j < 8; j++) {
			AUTO_FREE char *name = xasprintf("m%zu-%zu", i, j);

			if (add(&f, name, "h", &err) < 0)
				_exit(1);
		}
		if (pids[i] == 0)
			_exit(0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(fs_read_file(AT_FDCWD, f.path, &text, &err), 0);
	assert_int_equal(
	    registry_decode(&after, "c", buf_bytes(&text), text.len, &err), 0);
	assert_int_equal(after.n_own, 32);
	free(f.path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_keeps_what_is_not_changed),
		cmocka_unit_test(json_keeps_its_order),
		cmocka_unit_test(what_would_be_wrong_is_not_written),
		cmocka_unit_test(check_is_asked_before_anything_is_written),
		cmocka_unit_test(writers_wait_for_each_other),
	};

	return RUN_TESTS(tests);
}
