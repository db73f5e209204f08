/* SPDX-License-Identifier: ISC */

#include "link/openssh_argv.h"
#include "core/strv.h"
#include "machine/machine.h"
#include "machine/resolve.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct machine machine;
static struct resolved resolved;
static struct openssh_way way;

static int
set_up(void **state)
{
	static char host[] = "h";

	machine = (struct machine){ .name = host, .ssh = host };
	resolved = (struct resolved){ .hostname = host };
	way = (struct openssh_way){ .machine = &machine,
				    .resolved = &resolved,
				    .socket = "/run/l/h.mux",
				    .timeout_ms = 1500 };
	return 0;
}

/* Is the option among the words, as one behind "-o"? */
static bool
has(const char *option)
{
	struct err err = ERR_INIT;
	AUTO_STRV char **argv = openssh_argv(&way, &err);
	bool is_there = false;

	assert_non_null(argv);
	for (char **word = argv; *word; word++)
		if (word > argv && strcmp(word[-1], "-o") == 0 &&
		    strcmp(*word, option) == 0)
			is_there = true;
	return is_there;
}

static void
it_is_a_master_and_nothing_else(void **state)
{
	struct err err = ERR_INIT;
	AUTO_STRV char **argv = openssh_argv(&way, &err);

	assert_non_null(argv);
	assert_string_equal(argv[0], "ssh");
	assert_string_equal(argv[1], "-M");
	assert_string_equal(argv[2], "-N");
	assert_string_equal(argv[3], "-S");
	assert_string_equal(argv[4], "/run/l/h.mux");
	assert_true(has("ClearAllForwardings=yes"));
	assert_true(has("PermitLocalCommand=no"));
	assert_true(has("RemoteCommand=none"));
	assert_true(has("ForwardAgent=no"));
	assert_true(has("ConnectTimeout=2"));
}

static void
a_percent_sign_of_the_socket_is_no_word_of_ssh(void **state)
{
	struct err err = ERR_INIT;
	AUTO_STRV char **argv = NULL;

	way.socket = "/run/%h.mux";
	argv = openssh_argv(&way, &err);
	assert_non_null(argv);
	assert_string_equal(argv[4], "/run/%%h.mux");
}

static void
an_unknown_host_key_is_asked_about_or_refused(void **state)
{
	assert_true(has("StrictHostKeyChecking=ask"));
	resolved.is_strict = true;
	assert_true(has("StrictHostKeyChecking=yes"));
}

static void
an_ssh_that_cannot_fork_is_not_told_not_to(void **state)
{
	assert_false(has("ForkAfterAuthentication=no"));
	resolved.can_fork = true;
	assert_true(has("ForkAfterAuthentication=no"));
}

static void
compression_is_said_when_it_was_chosen(void **state)
{
	assert_false(has("Compression=no"));
	machine.compression = MACHINE_COMPRESSION_OFF;
	assert_true(has("Compression=no"));
	way.compress = true;
	assert_true(has("Compression=yes"));
	assert_false(has("Compression=no"));
}

static void
signs_of_life_are_in_whole_seconds(void **state)
{
	assert_false(has("ServerAliveCountMax=3"));
	machine.keep_alive = 15000;
	assert_true(has("ServerAliveInterval=15"));
	assert_true(has("ServerAliveCountMax=3"));
	machine.keep_alive = 200;
	assert_true(has("ServerAliveInterval=1"));
	assert_true(has("ServerAliveCountMax=30"));
}

static void
a_way_to_log_in_leaves_no_other(void **state)
{
	static char key[] = "/k";

	machine.auth = MACHINE_AUTH_PASSWORD;
	assert_true(has("PubkeyAuthentication=no"));
	assert_true(
	    has("PreferredAuthentications=password,keyboard-interactive"));
	machine.auth = MACHINE_AUTH_KEY;
	machine.key_file = key;
	assert_false(has("PubkeyAuthentication=no"));
	assert_true(has("IdentitiesOnly=yes"));
}

static void
a_destination_that_is_an_option_is_refused(void **state)
{
	static char host[] = "-oProxyCommand=id";
	struct err err = ERR_INIT;

	machine.ssh = host;
	assert_null(openssh_argv(&way, &err));
	assert_int_equal(err.code, ERR_INVALID);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_is_a_master_and_nothing_else, set_up),
		cmocka_unit_test_setup(
		    a_percent_sign_of_the_socket_is_no_word_of_ssh, set_up),
		cmocka_unit_test_setup(
		    an_unknown_host_key_is_asked_about_or_refused, set_up),
		cmocka_unit_test_setup(
		    an_ssh_that_cannot_fork_is_not_told_not_to, set_up),
		cmocka_unit_test_setup(compression_is_said_when_it_was_chosen,
				       set_up),
		cmocka_unit_test_setup(signs_of_life_are_in_whole_seconds,
				       set_up),
		cmocka_unit_test_setup(a_way_to_log_in_leaves_no_other, set_up),
		cmocka_unit_test_setup(
		    a_destination_that_is_an_option_is_refused, set_up),
	};

	return RUN_TESTS(tests);
}
