/* SPDX-License-Identifier: ISC */

#include "machine/resolve.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/fs.h"
#include "core/path.h"
#include "core/strv.h"
#include "machine/machine.h"

static char *
own(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void
destination_stands_behind_two_dashes(void **state UNUSED)
{
	struct machine m = { .name = own("x"),
			     .hostname = own("h"),
			     .user = own("me"),
			     .port = 2222,
			     .key_file = own("/k") };
	static const char *const wanted[] = { "-p", "2222", "-l", "me",
					      "-i", "/k",   "--", "h" };
	AUTO_STRV char **argv = NULL;
	struct err err = ERR_INIT;

	unsetenv("BERTH_SSH_CONFIG");
	assert_int_equal(resolve_add_destination(&m, &argv, &err), 0);
	assert_int_equal(strv_len(argv), ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_string_equal(argv[i], wanted[i]);
	m.hostname = own("-oProxyCommand=x");
	assert_int_equal(resolve_add_destination(&m, &argv, &err), -1);
	assert_err(err, ERR_INVALID, "begins with \"-\"");
}

static void
answer_of_ssh_is_understood(void **state UNUSED)
{
	static const char text[] = "user me\nhostname h.example\nport 22\n"
				   "identityfile ~/.ssh/a\n"
				   "identityfile ~/.ssh/b\n"
				   "proxyjump none\nforwardagent no\n"
				   "identityagent none\n"
				   "identitiesonly yes\n"
				   "stricthostkeychecking true\n"
				   "hostkeyalias name\n"
				   "addressfamily inet6\n"
				   "bindaddress ::1\nbindinterface none\n"
				   "userknownhostsfile ~/.ssh/k /k2\n";
	AUTO_RESOLVED r = { .hostname = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(resolve_decode(text, strlen(text), &r, &err), 0);
	assert_string_equal(r.hostname, "h.example");
	assert_int_equal(strv_len(r.identity_files), 2);
	assert_null(r.proxy_jump);
	assert_true(r.has_no_agent && r.identities_only && r.is_strict);
	assert_null(r.identity_agent);
	assert_string_equal(r.host_key_alias, "name");
	assert_int_equal(r.address_family, AF_INET6);
	assert_string_equal(r.bind_address, "::1");
	assert_null(r.bind_interface);
	assert_int_equal(strv_len(r.known_hosts), 2);
	assert_string_equal(r.known_hosts[1], "/k2");
	resolved_fini(&r);
	assert_int_equal(resolve_decode("user me\n", 8, &r, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
}

static void
real_ssh_is_asked(void **state UNUSED)
{
	static const char config[] = "Host web\n HostName 10.1.1.1\n"
				     " User deploy\n Port 2022\n"
				     " ProxyJump bastion\n";
	AUTO_FREE char *path = path_join(unit_temp_dir(), "config");
	struct machine m = { .name = own("web"), .ssh = own("web") };
	AUTO_RESOLVED r = { .hostname = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(fs_replace(path, config, strlen(config), 0, &err), 0);
	setenv("BERTH_SSH_CONFIG", path, 1);
	if (resolve_machine(&m, &r, &err) < 0 && err.code == ERR_UNSUPPORTED)
		skip();
	assert_string_equal(r.hostname, "10.1.1.1");
	assert_string_equal(r.user, "deploy");
	assert_int_equal(r.port, 2022);
	assert_string_equal(r.proxy_jump, "bastion");
	assert_int_equal(fs_replace(path, "Nonsense x\n", 11, 0, &err), 0);
	resolved_fini(&r);
	assert_int_equal(resolve_machine(&m, &r, &err), -1);
	assert_err(err, ERR_CONFIG, "ssh cannot make out \"web\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destination_stands_behind_two_dashes),
		cmocka_unit_test(answer_of_ssh_is_understood),
		cmocka_unit_test(real_ssh_is_asked),
	};

	return RUN_TESTS(tests);
}
