/* SPDX-License-Identifier: ISC */

#include "wire/living.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"

static struct living
card_of(pid_t pid)
{
	struct proc_id id = { 0 };

	assert_true(proc_id_read(pid, &id));
	return (struct living){ .pid = id.pid,
				.start = (int64_t)id.start,
				.boot_id = xstrdup(proc_boot_id()),
				.version = xstrdup("0.1.0"),
				.socket = xstrdup("/run/x/berthd.sock"),
				.nonce = xstrdup("n") };
}

static void
card_of_the_living_is_read_back(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_LIVING ours = card_of(getpid());
	AUTO_LIVING read = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(living_write(dir, &ours, &err), 0);
	if (living_read(dir, &read, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(read.pid, ours.pid);
	assert_int_equal(read.start, ours.start);
	assert_string_equal(read.socket, ours.socket);
	assert_string_equal(read.nonce, "n");
}

static void
no_card_means_no_daemon(void **state UNUSED)
{
	AUTO_LIVING read = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(living_read(unit_temp_dir(), &read, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(living_read("/nonexistent", &read, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* Dead, of another boot, or another process with the same pid. */
static void
card_of_the_dead_is_no_card(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_LIVING card = card_of(getpid());
	AUTO_LIVING read = { 0 };
	struct err err = ERR_INIT;

	card.start--;
	assert_int_equal(living_write(dir, &card, &err), 0);
	assert_int_equal(living_read(dir, &read, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "no daemon is running");

	card.start++;
	card.boot_id[0] = card.boot_id[0] == 'x' ? 'y' : 'x';
	assert_int_equal(living_write(dir, &card, &err), 0);
	assert_int_equal(living_read(dir, &read, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "no daemon is running");
	assert_null(read.socket);
}

static void
damaged_card_is_named(void **state UNUSED)
{
	static const char *const rows[] = { "", "{", "{\"pid\":1}", "[]",
					    "{\"pid\":\"1\"}" };
	const char *dir = unit_temp_dir();
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_LIVING read = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(fs_write_atomic(fd, "daemon.json", rows[i],
						 strlen(rows[i]), 0, &err),
				 0);
		assert_int_equal(living_read(dir, &read, &err), -1);
		assert_err(err, ERR_INVALID, "daemon.json: ");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(card_of_the_living_is_read_back),
		cmocka_unit_test(no_card_means_no_daemon),
		cmocka_unit_test(card_of_the_dead_is_no_card),
		cmocka_unit_test(damaged_card_is_named),
	};

	return RUN_TESTS(tests);
}
