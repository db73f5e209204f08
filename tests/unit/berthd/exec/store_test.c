/* SPDX-License-Identifier: ISC */

#include "berthd/exec/store.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/config.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/spec.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"
#include "core/text.h"
#include "tests/unit/berthd/exec/rig.h"

struct shop {
	struct rig rig;
	struct config config;
	struct exec_store *store;
	unsigned n_removed;
};

static void
on_remove(struct exec *exec UNUSED, void *owner)
{
	((struct shop *)owner)->n_removed++;
}

static void
open_store(struct shop *shop)
{
	struct exec_store_config config = {
		.loop = &shop->rig.loop,
		.root = shop->rig.root,
		.runner = &shop->rig.runner.runner,
		.config = &shop->config,
		.on_remove = on_remove,
		.owner = shop,
	};
	struct err err = ERR_INIT;

	shop->store = exec_store_new(&config, &err);
	if (shop->store == NULL)
		fail_msg("%s", err.msg);
}

static int
setup(void **state)
{
	struct shop *shop = xcalloc(1, sizeof(*shop));

	rig_init(&shop->rig);
	config_init(&shop->config, CONFIG_BERTHD);
	open_store(shop);
	*state = shop;
	return 0;
}

static int
teardown(void **state)
{
	struct shop *shop = *state;

	exec_store_free(shop->store);
	config_fini(&shop->config);
	rig_fini(&shop->rig);
	free(shop);
	return 0;
}

/* As a daemon that was killed and started again. */
static void
reopen(struct shop *shop)
{
	exec_store_free(shop->store);
	open_store(shop);
}

static struct exec *
try_start(struct shop *shop, const char *request, bool *ret_existing,
	  struct err *err)
{
	struct spec spec = SPEC_INIT;
	struct exec_request asked = { .spec = &spec };
	struct exec *exec = NULL;

	if (spec_decode(request, strlen(request), &spec, err) == 0)
		exec = exec_store_start(shop->store, &asked, ret_existing, err);
	spec_fini(&spec);
	return exec;
}

static struct exec *
start(struct shop *shop, const char *request)
{
	struct err err = ERR_INIT;
	bool existing;
	struct exec *exec = try_start(shop, request, &existing, &err);

	if (exec == NULL)
		fail_msg("%s", err.msg);
	assert_false(existing);
	rig_until(&shop->rig, exec->is_acknowledged);
	return exec;
}

static struct exec *
run(struct shop *shop, const char *request)
{
	struct exec *exec = start(shop, request);

	rig_until(&shop->rig, exec_is_ended(exec) && exec->run == NULL);
	return exec;
}

static struct exec *
find(const struct shop *shop, const char *name)
{
	return exec_store_find(shop->store, name, &(struct err)ERR_INIT);
}

static bool
is_on_disk(const struct shop *shop, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", shop->rig.root, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static size_t
n_on_disk(const struct shop *shop)
{
	DIR *dir = opendir(shop->rig.root);
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void
idle(struct shop *shop)
{
	for (int i = 0; i < 30; i++)
		rig_turn(&shop->rig);
}

static const char waiting[] = "{\"argv\":[\"tail\",\"-f\",\"/dev/null\"]}";

static void
stop(struct shop *shop, struct exec *exec)
{
	assert_true(exec->runner->cancel(exec->run, 0, SIGTERM));
	rig_until(&shop->rig, exec_is_ended(exec) && exec->run == NULL);
}

static void
an_exec_is_found_by_its_names(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = run(shop, "{\"cmd\":\"true\"}");
	struct err err = ERR_INIT;
	char prefix[5];

	memcpy(prefix, exec->id, sizeof(prefix));
	prefix[4] = '\0';
	assert_ptr_equal(find(shop, exec->id), exec);
	assert_ptr_equal(find(shop, prefix), exec);
	assert_ptr_equal(find(shop, "last"), exec);
	prefix[3] = '\0';
	assert_null(exec_store_find(shop->store, prefix, &err));
	assert_err(err, ERR_NOT_FOUND, "exec_id not found");
	assert_null(find(shop, ""));
	assert_null(find(shop, "zzzz"));
	assert_null(find(shop, "../exec"));
}

static void
a_prefix_of_several_is_no_name(void **state)
{
	struct shop *shop = *state;
	struct exec *first = run(shop, "{\"cmd\":\"true\"}");
	struct exec *second = run(shop, "{\"cmd\":\"true\"}");
	struct err err = ERR_INIT;
	char prefix[7];

	/* Milliseconds apart: the first characters are the same. */
	memcpy(prefix, first->id, sizeof(prefix));
	prefix[6] = '\0';
	assert_null(exec_store_find(shop->store, prefix, &err));
	assert_err(err, ERR_CONFLICT, "begins several");
	assert_ptr_equal(find(shop, "last"), second);
	assert_ptr_equal(exec_store_at(shop->store, 0), first);
	assert_int_equal(exec_store_position(shop->store, second->id), 1);
	assert_int_equal(exec_store_position(shop->store, "zzzz"), 2);
	assert_int_equal(exec_store_position(shop->store, "0"), 0);
}

static const char keyed[] =
    "{\"cmd\":\"echo $A\",\"key\":\"k\",\"env\":{\"A\":\"1\",\"B\":\"2\"}}";

static void
a_key_starts_once(void **state)
{
	struct shop *shop = *state;
	struct err err = ERR_INIT;
	bool existing = false;
	struct exec *exec = start(shop, keyed);

	assert_ptr_equal(try_start(shop, keyed, &existing, &err), exec);
	assert_true(existing);
	rig_until(&shop->rig, exec_is_ended(exec));
	existing = false;
	assert_ptr_equal(try_start(shop, keyed, &existing, &err), exec);
	assert_true(existing);
	assert_int_equal(n_on_disk(shop), 1);
}

/* An object has no order: the same request may be written in another one. */
static void
a_key_knows_its_request_in_any_order(void **state)
{
	struct shop *shop = *state;
	struct err err = ERR_INIT;
	bool existing = false;
	struct exec *exec = start(shop, keyed);

	assert_ptr_equal(try_start(shop,
				   "{\"key\":\"k\",\"env\":{\"B\":\"2\",\"A\":"
				   "\"1\"},\"cmd\":\"echo $A\"}",
				   &existing, &err),
			 exec);
	assert_true(existing);
}

static void
a_key_belongs_to_one_request(void **state)
{
	static const char *const others[] = {
		"{\"cmd\":\"echo $A "
		"\",\"key\":\"k\",\"env\":{\"A\":\"1\",\"B\":"
		"\"2\"}}",
		"{\"cmd\":\"echo $A\",\"key\":\"k\",\"env\":{\"A\":\"1\"}}",
		"{\"cmd\":\"echo $A\",\"key\":\"k\",\"env\":{\"A\":\"1\",\"B\":"
		"\"2\"},\"timeout\":1}",
		"{\"cmd\":\"echo $A\",\"key\":\"k\",\"env\":{\"A\":\"1\",\"B\":"
		"\"2\"},\"grace\":1}",
	};
	struct shop *shop = *state;

	(void)start(shop, keyed);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct err err = ERR_INIT;
		bool existing;

		assert_null(try_start(shop, others[i], &existing, &err));
		assert_err(err, ERR_CONFLICT, "belongs to another request");
	}
	assert_int_equal(exec_store_len(shop->store), 1);
}

static void
keys_and_ends_survive_a_restart(void **state)
{
	struct shop *shop = *state;
	struct err err = ERR_INIT;
	AUTO_FREE char *id = NULL;
	bool existing = false;
	struct exec *exec = run(shop, keyed);

	id = xstrdup(exec->id);
	reopen(shop);
	exec = find(shop, id);
	assert_non_null(exec);
	assert_int_equal(exec->kind, EXEC_EXITED);
	assert_int_equal(exec->exit_code, 0);
	assert_int_equal(exec->bytes, 2);
	assert_true(exec->is_acknowledged && exec->run == NULL);
	assert_ptr_equal(try_start(shop, keyed, &existing, &err), exec);
	assert_true(existing);
}

static void
a_living_exec_is_found_again(void **state)
{
	struct shop *shop = *state;
	AUTO_FREE char *id = xstrdup(start(shop, waiting)->id);
	struct exec *exec;

	reopen(shop);
	exec = find(shop, id);
	rig_until(&shop->rig, exec->kind == EXEC_RUNNING);
	assert_non_null(exec->run);
	stop(shop, exec);
	assert_int_equal(exec->kind, EXEC_CANCELLED);
}

static int64_t
holder_of(const struct exec *exec)
{
	struct exec_state on_disk = EXEC_STATE_INIT;
	struct err err = ERR_INIT;
	AUTO_CLOSE int dir = exec_open_dir(exec, &err);
	int64_t pid;

	assert_int_equal(exec_state_read(dir, &on_disk, &err), 0);
	pid = on_disk.holder_pid;
	exec_state_fini(&on_disk);
	return pid;
}

static void
assert_lost(struct shop *shop, const char *id)
{
	struct exec_state on_disk = EXEC_STATE_INIT;
	struct err err = ERR_INIT;
	struct exec *exec = find(shop, id);
	AUTO_CLOSE int dir = exec_open_dir(exec, &err);

	assert_int_equal(exec->kind, EXEC_LOST);
	assert_int_equal(exec->exit_code, -1);
	assert_int_equal(exec_state_read(dir, &on_disk, &err), 0);
	assert_int_equal(on_disk.kind, EXEC_LOST);
	assert_non_null(strstr(on_disk.error, "lost: "));
	rig_until(&shop->rig, !is_alive(on_disk.pid));
	exec_state_fini(&on_disk);
}

static void
a_killed_holder_is_a_loss(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = start(shop, waiting);

	rig_until(&shop->rig, exec->kind == EXEC_RUNNING);
	assert_int_equal(kill((pid_t)holder_of(exec), SIGKILL), 0);
	rig_until(&shop->rig, exec_is_ended(exec));
	assert_lost(shop, exec->id);
}

static void
a_loss_is_seen_by_a_later_daemon(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = start(shop, waiting);
	AUTO_FREE char *id = xstrdup(exec->id);
	int64_t holder;

	rig_until(&shop->rig, exec->kind == EXEC_RUNNING);
	holder = holder_of(exec);
	exec_store_free(shop->store);
	assert_int_equal(kill((pid_t)holder, SIGKILL), 0);
	rig_until(&shop->rig, !is_alive(holder));
	open_store(shop);
	assert_lost(shop, id);
}

/* The same pid, and another boot or another process: not ours to kill. */
static void
a_pid_that_is_somebody_elses_is_not_touched(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = run(shop, "{\"cmd\":\"true\"}");
	AUTO_FREE char *id = xstrdup(exec->id);
	struct proc_id self;

	assert_true(proc_id_read(getpid(), &self));
	for (int i = 0; i < 2; i++) {
		struct exec_state fake = EXEC_STATE_INIT;
		struct err err = ERR_INIT;
		AUTO_CLOSE int dir = exec_open_dir(exec, &err);

		fake.kind = EXEC_RUNNING;
		fake.holder_pid = fake.pid = self.pid;
		fake.holder_start = fake.pid_start = (int64_t)self.start +
						     (i == 0);
		fake.boot_id = xstrdup(i == 0 ? proc_boot_id() : "older boot");
		assert_int_equal(exec_state_write(dir, &fake, false, &err), 0);
		exec_state_fini(&fake);
		/* Had it killed that process, this test would be over. */
		reopen(shop);
		exec = find(shop, id);
		assert_int_equal(exec->kind, EXEC_LOST);
	}
}

static void
what_runs_cannot_be_removed(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = start(shop, waiting);
	AUTO_FREE char *id = xstrdup(exec->id);
	struct err err = ERR_INIT;

	assert_int_equal(exec_store_remove(shop->store, exec, &err), -1);
	assert_err(err, ERR_CONFLICT, "is running");
	stop(shop, exec);
	assert_int_equal(exec_store_remove(shop->store, exec, &err), 0);
	assert_int_equal(shop->n_removed, 1);
	assert_null(find(shop, id));
	assert_false(is_on_disk(shop, id));
	idle(shop);
}

/* Who waits for the end and removes then must not meet the holder. */
static void
an_ended_exec_can_be_removed_at_once(void **state)
{
	struct shop *shop = *state;

	for (int i = 0; i < 20; i++) {
		struct exec *exec = start(shop, "{\"cmd\":\"true\"}");
		struct err err = ERR_INIT;

		rig_until(&shop->rig, exec_is_ended(exec));
		if (exec_store_remove(shop->store, exec, &err) < 0)
			fail_msg("%s", err.msg);
	}
	idle(shop);
	assert_int_equal(n_on_disk(shop), 0);
}

static void
the_oldest_go_beyond_the_count(void **state)
{
	struct shop *shop = *state;
	AUTO_FREE char *first = NULL, *alive = NULL;
	struct exec *exec;

	shop->config.retention_count = 3;
	alive = xstrdup(start(shop, waiting)->id);
	first = xstrdup(run(shop, "{\"cmd\":\"true\"}")->id);
	for (int i = 0; i < 4; i++)
		(void)run(shop, "{\"cmd\":\"true\"}");
	rig_until(&shop->rig, exec_store_len(shop->store) == 3);
	/* The oldest of all runs: it stays. */
	exec = find(shop, alive);
	assert_non_null(exec);
	assert_null(find(shop, first));
	rig_until(&shop->rig, n_on_disk(shop) == 3);
	stop(shop, exec);
}

static void
the_oldest_go_beyond_the_size(void **state)
{
	static const char request[] = "{\"cmd\":\"head -c 1000 /dev/zero\"}";
	struct shop *shop = *state;

	shop->config.retention_bytes = 2500;
	for (int i = 0; i < 4; i++)
		(void)run(shop, request);
	rig_until(&shop->rig, exec_store_len(shop->store) == 2);
	idle(shop);
	assert_int_equal(exec_store_len(shop->store), 2);
}

static void
the_old_go_by_age(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = run(shop, "{\"cmd\":\"true\"}");

	shop->config.retention_age = 60000;
	(void)run(shop, "{\"cmd\":\"true\"}");
	idle(shop);
	assert_int_equal(exec_store_len(shop->store), 2);
	exec->finished_ns -= 61000 * NS_PER_MS;
	(void)run(shop, "{\"cmd\":\"true\"}");
	rig_until(&shop->rig, exec_store_len(shop->store) == 2);
}

/* A directory that cannot be removed must not keep all others. */
static void
one_that_stays_does_not_keep_the_others(void **state)
{
	struct shop *shop = *state;
	struct exec *exec = run(shop, "{\"cmd\":\"true\"}");

	if (geteuid() != 0) {
		print_message("# mounting needs root\n");
		skip();
	}
	assert_int_equal(mount("tmpfs", exec->dir, "tmpfs", 0, "size=64k"), 0);
	shop->config.retention_count = 2;
	for (int i = 0; i < 4; i++)
		(void)run(shop, "{\"cmd\":\"true\"}");
	idle(shop);
	assert_int_equal(umount2(exec->dir, MNT_DETACH), 0);
	assert_int_equal(exec_store_len(shop->store), 2);
}

static void
trash_is_cleared_at_the_start(void **state)
{
	struct shop *shop = *state;
	AUTO_FREE char *deep = xasprintf("%s/trash.01/a/b", shop->rig.root);
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdir_parents(deep, &err), 0);
	reopen(shop);
	assert_false(is_on_disk(shop, "trash.01"));
}

/* Strangers in the directory, and an exec whose holder died at birth. */
static void
what_is_no_exec_is_none(void **state)
{
	static const char id[] = "01aaaaaaaaaaaaaaaaaaaaaaaa";
	struct shop *shop = *state;
	AUTO_FREE char *unborn = xasprintf("%s/%s", shop->rig.root, id);
	AUTO_FREE char *file = xasprintf("%s/01bbbbbbbbbbbbbbbbbbbbbbbb",
					 shop->rig.root);
	AUTO_FREE char *short_one = xasprintf("%s/notes", shop->rig.root);

	assert_int_equal(mkdir(unborn, 0700), 0);
	assert_int_equal(mkdir(short_one, 0700), 0);
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	reopen(shop);
	assert_int_equal(exec_store_len(shop->store), 0);
	assert_false(is_on_disk(shop, id));
	assert_true(is_on_disk(shop, "notes"));
}

/* As a power cut leaves it between the flush of a spec and that of a state. */
static void
what_an_earlier_boot_may_have_started_is_lost(void **state)
{
	static const char since[] = "1000000000000000000"; /* 2001 */
	struct shop *shop = *state;
	struct exec *exec = run(shop, keyed);
	AUTO_FREE char *id = xstrdup(exec->id);
	AUTO_CLOSE int dir = open(exec->dir, O_RDONLY | O_DIRECTORY);
	AUTO_BUF spec = BUF_INIT(SPEC_MAX);
	struct err err = ERR_INIT;
	bool existing = false;
	char *at;

	assert_int_equal(fs_read_file(dir, SPEC_FILE, &spec, &err), 0);
	at = (char *)buf_bytes(&spec) +
	     (strstr(buf_text(&spec), "created_ns\":") - buf_text(&spec));
	memcpy(at + strlen("created_ns\":"), since, strlen(since));
	assert_int_equal(fs_write_atomic(dir, SPEC_FILE, buf_bytes(&spec),
					 spec.len, 0, &err),
			 0);
	assert_int_equal(unlinkat(dir, "state.json", 0), 0);
	reopen(shop);
	assert_int_equal(find(shop, id)->kind, EXEC_LOST);
	/* Nor is it started again. */
	assert_string_equal(try_start(shop, keyed, &existing, &err)->id, id);
	assert_true(existing);
}

static void
a_damaged_exec_is_kept_and_passed_over(void **state)
{
	struct shop *shop = *state;
	AUTO_FREE char *good = xstrdup(run(shop, "{\"cmd\":\"true\"}")->id);
	struct exec *bad = run(shop, "{\"cmd\":\"true\"}");
	AUTO_FREE char *id = xstrdup(bad->id);
	AUTO_FREE char *spec = xasprintf("%s/spec.json", bad->dir);

	assert_int_equal(truncate(spec, 10), 0);
	reopen(shop);
	assert_non_null(find(shop, good));
	assert_null(find(shop, id));
	assert_true(is_on_disk(shop, id));
}

static void
what_cannot_start_is_forgotten(void **state)
{
	struct shop *shop = *state;
	struct err err = ERR_INIT;
	bool existing;
	struct exec *exec;

	/* Nothing can be made in a file. */
	assert_int_equal(rmdir(shop->rig.root), 0);
	close(open(shop->rig.root, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	exec = try_start(shop, keyed, &existing, &err);
	assert_non_null(exec);
	rig_until(&shop->rig, exec_store_len(shop->store) == 0);
	assert_int_equal(shop->n_removed, 1);
	assert_int_equal(unlink(shop->rig.root), 0);
	assert_int_equal(mkdir(shop->rig.root, 0700), 0);
	/* The key is free again. */
	(void)run(shop, keyed);
}

static void
a_request_may_name_no_project(void **state)
{
	struct exec *exec = run(*state,
				"{\"cmd\":\"true\",\"project_id\":\"p\","
				"\"ref\":\"main\"}");

	assert_int_equal(exec->kind, EXEC_FAILED);
	assert_int_equal(exec->exit_code, 127);
}

static void
a_store_needs_a_directory_of_ours(void **state)
{
	struct shop *shop = *state;
	AUTO_FREE char *file = xasprintf("%s/file", shop->rig.root);
	struct exec_store_config config = {
		.loop = &shop->rig.loop,
		.root = file,
		.runner = &shop->rig.runner.runner,
		.config = &shop->config,
		.on_remove = on_remove,
		.owner = shop,
	};
	struct err err = ERR_INIT;

	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_null(exec_store_new(&config, &err));
	assert_err(err, ERR_DENIED, "is not a directory");
}

#define shop_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		shop_test(an_exec_is_found_by_its_names),
		shop_test(a_prefix_of_several_is_no_name),
		shop_test(a_key_starts_once),
		shop_test(a_key_knows_its_request_in_any_order),
		shop_test(a_key_belongs_to_one_request),
		shop_test(keys_and_ends_survive_a_restart),
		shop_test(a_living_exec_is_found_again),
		shop_test(a_killed_holder_is_a_loss),
		shop_test(a_loss_is_seen_by_a_later_daemon),
		shop_test(a_pid_that_is_somebody_elses_is_not_touched),
		shop_test(what_runs_cannot_be_removed),
		shop_test(an_ended_exec_can_be_removed_at_once),
		shop_test(the_oldest_go_beyond_the_count),
		shop_test(the_oldest_go_beyond_the_size),
		shop_test(the_old_go_by_age),
		shop_test(one_that_stays_does_not_keep_the_others),
		shop_test(trash_is_cleared_at_the_start),
		shop_test(what_is_no_exec_is_none),
		shop_test(what_an_earlier_boot_may_have_started_is_lost),
		shop_test(a_damaged_exec_is_kept_and_passed_over),
		shop_test(what_cannot_start_is_forgotten),
		shop_test(a_request_may_name_no_project),
		shop_test(a_store_needs_a_directory_of_ours),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
