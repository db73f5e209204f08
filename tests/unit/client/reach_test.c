/* SPDX-License-Identifier: ISC */

#include "client/reach.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/sock.h"
#include "wire/living.h"
#include "wire/places.h"

static void
assert_addr(const char *addr, const char *address, const char *host)
{
	struct reach_config config = { .addr = addr };
	struct err err = ERR_INIT;
	struct reach reach;

	assert_int_equal(reach_init(&reach, &config, &err), 0);
	assert_string_equal(reach.address, address);
	assert_string_equal(reach.host, host);
	assert_null(reach.token);
	reach_fini(&reach);
	reach_fini(&reach);
}

static void
addresses_are_urls_or_bare(void **state UNUSED)
{
	assert_addr("http://127.0.0.1:7337", "127.0.0.1:7337",
		    "127.0.0.1:7337");
	assert_addr("127.0.0.1:7337/", "127.0.0.1:7337", "127.0.0.1:7337");
	assert_addr("http://localhost:80/", "127.0.0.1:80", "localhost:80");
	assert_addr("[::1]:7337", "[::1]:7337", "[::1]:7337");
}

static void
assert_refused(const struct reach_config *config, enum err_code code,
	       const char *message)
{
	struct err err = ERR_INIT;
	struct reach reach;

	assert_int_equal(reach_init(&reach, config, &err), -1);
	assert_err(err, code, message);
	reach_fini(&reach);
}

static void
other_addresses_and_machines_are_refused(void **state UNUSED)
{
	assert_refused(&(struct reach_config){ .addr = "https://h:1" },
		       ERR_INVALID, "no address");
	assert_refused(&(struct reach_config){ .addr = "host" }, ERR_INVALID,
		       "no address");
	assert_refused(&(struct reach_config){ .addr = "" }, ERR_INVALID,
		       "no address");
	assert_refused(&(struct reach_config){ .machine = "gpu1" },
		       ERR_NOT_FOUND, "no machine \"gpu1\"");
}

/* A token file with this content and mode. */
static char *
token_file(const char *text, mode_t mode)
{
	char *path = path_join(unit_temp_dir(), "token");
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	return path;
}

static void
a_token_is_read_from_a_private_file(void **state UNUSED)
{
	AUTO_FREE char *good = token_file(" s3cret \n", 0600);
	AUTO_FREE char *open_to_all = token_file("x", 0640);
	AUTO_FREE char *empty = token_file("\n", 0600);
	struct reach_config config = { .addr = "127.0.0.1:1",
				       .token_file = good };
	struct err err = ERR_INIT;
	struct reach reach;

	assert_int_equal(reach_init(&reach, &config, &err), 0);
	assert_string_equal(reach.token, " s3cret");
	reach_fini(&reach);
	config.token_file = open_to_all;
	assert_refused(&config, ERR_DENIED, "others can read");
	config.token_file = empty;
	assert_refused(&config, ERR_CONFIG, "is empty");
	config.token_file = "/nonexistent";
	assert_refused(&config, ERR_SYSTEM, "open token file");
}

static void
a_daemon_that_is_not_there_can_be_left_so(void **state UNUSED)
{
	struct reach_config config = { .no_start = true };
	struct err err = ERR_INIT;
	struct reach reach;

	setenv("BERTH_HOME", unit_temp_dir(), 1);
	assert_int_equal(reach_init(&reach, &config, &err), 0);
	assert_string_equal(reach.machine, "local");
	assert_int_equal(reach_connect(&reach, &err), -1);
	assert_err(err, ERR_UNREACHABLE, "no daemon is running");
	assert_string_equal(err.hint, "'berthd serve --detach' starts one");
	reach_fini(&reach);
}

/* As from a login with another environment: the card tells the socket. */
static void
a_daemon_elsewhere_is_found_by_its_card(void **state UNUSED)
{
	const char *home = unit_temp_dir();
	AUTO_FREE char *path = path_join(home, "elsewhere.sock");
	struct proc_id self;
	struct reach_config config = { .no_start = true };
	AUTO_CLOSE int listener = -1, fd = -1;
	AUTO_PLACES places = PLACES_INIT;
	struct living card = { .version = (char[]){ "1" },
			       .nonce = (char[]){ "n" },
			       .socket = path };
	struct err err = ERR_INIT;
	struct reach reach;

	setenv("BERTH_HOME", home, 1);
	listener = sock_listen_unix(path, &err);
	assert_int_equal(places_find(&places, &err), 0);
	assert_int_equal(fs_mkdir_private(places.state, &err), 0);
	assert_true(proc_id_read(getpid(), &self));
	card.pid = self.pid;
	card.start = (int64_t)self.start;
	card.boot_id = (char *)(uintptr_t)proc_boot_id();
	assert_int_equal(living_write(places.state, &card, &err), 0);
	assert_int_equal(reach_init(&reach, &config, &err), 0);
	fd = reach_connect(&reach, &err);
	assert_true(fd >= 0);
	reach_fini(&reach);
}

static void
the_private_socket_is_connected(void **state UNUSED)
{
	const char *home = unit_temp_dir();
	AUTO_FREE char *run = path_join(home, "run");
	AUTO_FREE char *path = path_join(run, "berthd.sock");
	struct reach_config config = { .no_start = true };
	AUTO_CLOSE int listener = -1, fd = -1;
	struct err err = ERR_INIT;
	struct reach reach;

	setenv("BERTH_HOME", home, 1);
	assert_int_equal(fs_mkdir_private(run, &err), 0);
	listener = sock_listen_unix(path, &err);
	assert_int_equal(reach_init(&reach, &config, &err), 0);
	fd = reach_connect(&reach, &err);
	assert_true(fd >= 0);
	reach_fini(&reach);
}

static void
a_hint_of_the_daemon_says_how_it_is_reached(void **state UNUSED)
{
	struct reach_config config = { .addr = "http://127.0.0.1:7" };
	struct err err = ERR_INIT;
	struct reach reach;

	assert_int_equal(reach_init(&reach, &config, &err), 0);
	err_set(&err, ERR_NOT_FOUND, "none");
	err_hint(&err, "'berth session ls' shows Ann's");
	reach_hint(&reach, &err);
	assert_string_equal(err.hint, "'berth session ls --addr "
				      "http://127.0.0.1:7' shows Ann's");
	err_hint(&err, "ask 'berth session ls'");
	reach_hint(&reach, &err);
	assert_string_equal(err.hint, "ask 'berth session ls'");
	err_hint(&err, "'berth is unquoted");
	reach_hint(&reach, &err);
	assert_string_equal(err.hint, "'berth is unquoted");
	reach_fini(&reach);
	config.addr = NULL;
	assert_int_equal(reach_init(&reach, &config, &err), 0);
	err_hint(&err, "'berth session ls' shows them");
	reach_hint(&reach, &err);
	assert_string_equal(err.hint, "'berth session ls' shows them");
	reach_fini(&reach);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_urls_or_bare),
		cmocka_unit_test(other_addresses_and_machines_are_refused),
		cmocka_unit_test(a_token_is_read_from_a_private_file),
		cmocka_unit_test(a_daemon_that_is_not_there_can_be_left_so),
		cmocka_unit_test(a_daemon_elsewhere_is_found_by_its_card),
		cmocka_unit_test(the_private_socket_is_connected),
		cmocka_unit_test(a_hint_of_the_daemon_says_how_it_is_reached),
	};

	return RUN_TESTS(tests);
}
