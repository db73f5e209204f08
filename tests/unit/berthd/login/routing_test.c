/* SPDX-License-Identifier: ISC */

#include "berthd/login/routing.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "berthd/login/policy.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

static const char text[] =
    "roles:\n"
    "  - {name: op, kind: operator, commands: [{argv: [uptime]}]}\n"
    "  - {name: watch, kind: viewer, projects: [web]}\n"
    "  - name: ci\n"
    "    kind: runner\n"
    "    commands:\n"
    "      - argv: [git, log, '--oneline', '*']\n"
    "      - argv: [make, ...]\n"
    "      - {argv: [ls], cwd: /srv}\n"
    "  - {name: api, kind: exec-only}\n"
    "  - {name: in, kind: files, root: /srv/in, write: true,\n"
    "     allow: [sftp, scp, rsync]}\n"
    "  - {name: out, kind: files, root: /srv/in, allow: [sftp, scp, rsync]}\n"
    "  - {name: git, kind: files, root: /srv/git, write: true, allow: [git]}\n"
    "  - {name: menu, kind: menu}\n"
    "projects:\n"
    "  - {name: web, dir: /srv/web}\n"
    "  - {name: docs, dir: /srv/docs}\n";

static struct policy policy;

static int
take_policy(void **state UNUSED)
{
	struct err err = ERR_INIT;

	setenv("HOME", "/home/someone", 1);
	return policy_decode(&policy, "/etc/p.yaml", text, strlen(text), &err);
}

static int
drop_policy(void **state UNUSED)
{
	policy_fini(&policy);
	return 0;
}

/* "KIND PROJECT WORDS", or "! refusal". */
static char *
ask(const char *role_name, const char *command)
{
	const struct policy_role *roles = policy.roles.items;
	AUTO_ROUTING routing = ROUTING_INIT;
	struct err err = ERR_INIT;
	AUTO_BUF out = BUF_INIT(65536);
	size_t i = 0;

	while (!str_eq(roles[i].name, role_name))
		i++;
	if (routing_find(&policy, &roles[i], command, &routing, &err) < 0)
		return xasprintf("! %s", err.msg);
	(void)buf_addf(&out, "%s", routing_word(routing.kind));
	if (routing.project)
		(void)buf_addf(&out, " %s", routing.project->name);
	for (char **word = routing.argv; word && *word; word++)
		(void)buf_addf(&out, " <%s>", *word);
	return xstrdup(buf_text(&out));
}

static void
assert_asked(const char *role, const char *command, const char *wanted)
{
	AUTO_FREE char *got = ask(role, command);

	if (wanted[0] == '!')
		assert_non_null(strstr(got, wanted + 2));
	assert_int_equal(got[0] == '!', wanted[0] == '!');
	if (wanted[0] != '!')
		assert_string_equal(got, wanted);
}

static void
without_a_command_the_role_decides(void **state UNUSED)
{
	assert_asked("op", NULL, "attach");
	assert_asked("op", "  ", "attach");
	assert_asked("watch", NULL, "attach web");
	assert_asked("menu", NULL, "menu");
	assert_asked("ci", NULL, "! runs commands only");
	assert_asked("api", NULL, "! for berth only");
	assert_asked("in", NULL, "! transfers files below /srv/in");
}

static void
a_project_is_chosen_by_its_name(void **state UNUSED)
{
	assert_asked("op", "docs", "attach docs");
	assert_asked("menu", "web", "attach web");
	assert_asked("watch", "web", "attach web");
	assert_asked("watch", "docs", "! may not run: docs");
	assert_asked("ci", "web", "! may not run: web");
	assert_asked("op", "web docs", "! may not run");
}

static void
a_runner_runs_what_fits_a_pattern(void **state UNUSED)
{
	assert_asked("ci", "ls", "run <ls>");
	assert_asked("ci", "ls /", "! may not run");
	assert_asked("ci", "git log --oneline main",
		     "run <git> <log> <--oneline> <main>");
	assert_asked("ci", "git log --oneline 'a b'",
		     "run <git> <log> <--oneline> <a b>");
	assert_asked("ci", "git log --oneline --output=/x", "! may not run");
	assert_asked("ci", "git log --oneline", "! may not run");
	assert_asked("ci", "make", "run <make>");
	assert_asked("ci", "make test install", "run <make> <test> <install>");
	assert_asked("ci", "make -f/x", "! may not run");
	assert_asked("ci", "make x --eval=y", "! may not run");
	assert_asked("ci", "/usr/bin/make", "! may not run");
	assert_asked("ci", "make; id", "! a second command");
	assert_asked("op", "uptime", "run <uptime>");
	assert_asked("op", "sh", "! may not run");
}

static void
exec_only_is_for_the_relay(void **state UNUSED)
{
	assert_asked("api", "berthd stdio", "stdio");
	assert_asked("api", "/opt/x/berthd stdio", "stdio");
	assert_asked("api", "berthd serve", "! may not run");
	assert_asked("api", "berthd stdio x", "! may not run");
	assert_asked("op", "berthd stdio", "! may not run");
	assert_asked("api", "sftp-server", "! may not run");
}

static void
transfers_stay_below_their_root(void **state UNUSED)
{
	assert_asked("out", "scp -f /srv/in/a",
		     "transfer </usr/bin/scp> <-f> <--> </srv/in/a>");
	assert_asked("in", "scp -r -t -- dir",
		     "transfer </usr/bin/scp> <-r> <-t> <--> </srv/in/dir>");
	assert_asked("out", "scp -t a", "! may only read");
	assert_asked("in", "scp -t ../x", "! is not below /srv/in");
	assert_asked("in", "scp -t /srv/inside", "! is not below /srv/in");
	assert_asked("in", "scp -S x -t a", "! may not use scp with -S");
	assert_asked("in", "scp -t a b", "! not how scp");
	assert_asked("in", "scp -o ProxyCommand=x -t a", "! with -o");
	assert_asked("in", "git-upload-pack x", "! may not use git");
	assert_asked("git", "git-upload-pack '/srv/git/a.git'",
		     "transfer </usr/bin/git> <upload-pack> </srv/git/a.git>");
	assert_asked("git", "git receive-pack a.git",
		     "transfer </usr/bin/git> <receive-pack> </srv/git/a.git>");
	assert_asked("git", "git-upload-pack '/srv/git/../in'", "! not below");
	assert_asked("git", "git-upload-pack --upload-pack=x a", "! must name");
	assert_asked("git", "git -c core.pager=x log", "! must name");
	assert_asked("git", "git-shell x", "! may not run");
	assert_asked("git", "internal-sftp", "! may not use sftp");
}

static void
rsync_is_taken_word_by_word(void **state UNUSED)
{
	if (access("/usr/bin/rsync", X_OK) < 0)
		skip();
	assert_asked("out", "rsync --server --sender -vlogDtpre.iLsfxCIvu . a/",
		     "transfer </usr/bin/rsync> <--server> <--sender> "
		     "<-vlogDtpre.iLsfxCIvu> <.> </srv/in/a/>");
	assert_asked("in", "rsync --server -vre.iLsfxCIvu --delete . .",
		     "transfer </usr/bin/rsync> <--server> <-vre.iLsfxCIvu> "
		     "<--delete> <.> </srv/in>");
	assert_asked("out", "rsync --server -r . a", "! may only read");
	assert_asked("out",
		     "rsync --server --sender --remove-source-files -r "
		     ". a",
		     "! may only read");
	assert_asked("in", "rsync --server --daemon .", "! with --daemon");
	assert_asked("in", "rsync --server --config=x -r . a", "! --config");
	assert_asked("in", "rsync --server -r --log-file=/x . a", "! log-file");
	assert_asked("in", "rsync --server -r --temp-dir=/x . a", "! temp-dir");
	assert_asked("in", "rsync --server -rK . a", "! with -rK");
	assert_asked("in", "rsync --server -s", "! with -s");
	assert_asked("in", "rsync --server -re 'sh -c x' . a", "! one path");
	assert_asked("in", "rsync --server -r . a b", "! one path");
	assert_asked("in", "rsync --server -r . /etc", "! not below");
	assert_asked("in", "rsync -e sh x: a", "! not how rsync");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_command_the_role_decides),
		cmocka_unit_test(a_project_is_chosen_by_its_name),
		cmocka_unit_test(a_runner_runs_what_fits_a_pattern),
		cmocka_unit_test(exec_only_is_for_the_relay),
		cmocka_unit_test(transfers_stay_below_their_root),
		cmocka_unit_test(rsync_is_taken_word_by_word),
	};

	return cmocka_run_group_tests(tests, take_policy, drop_policy);
}
