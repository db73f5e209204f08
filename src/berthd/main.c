/* SPDX-License-Identifier: ISC */

/*
 * berthd: the machine's side.  Reads the command line and shows its errors.
 *
 * Called codex-ssh, by a link, it is `berthd login': that name stands in
 * sshd's configuration and in authorized_keys.
 */

#include <signal.h>
#include <stdio.h>

#include "berthd/commands.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/text.h"
#include "wire/errors.h"

static bool
is_front_door(const char *name)
{
	return name && str_eq(path_base(name), "codex-ssh");
}

/*
 * Sessions and daemons are started by the name of our file.  If that is the
 * front door's, each of them would be one more login.
 */
static int
check_own_name(struct err *err)
{
	AUTO_FREE char *own = proc_own_path(&(struct err)ERR_INIT);

	if (!is_front_door(own))
		return 0;
	err_set(err, ERR_CONFIG, "%.256s is a copy of berthd", own);
	return err_hint(err, "put berthd beside it, and: ln -sf berthd %.160s",
			own);
}

/* As if `login' had been typed; the words are the kernel's own. */
static char **
with_login(int argc, char **argv)
{
	char **words = xcalloc((size_t)argc + 2, sizeof(*words));
	static char login[] = "login";

	words[0] = argv[0];
	words[1] = login;
	for (int i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	return words;
}

static int
show(const char *name, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", name, err->msg);
	if (err->hint[0])
		fprintf(stderr, "%s: %s\n", name, err->hint);
	return error_row(err->code)->exit_status;
}

static void
on_file_size(int sig UNUSED)
{
}

/*
 * A file that has reached the limit of our user (RLIMIT_FSIZE) is then a write
 * that fails, as on a full disk, and no sudden death with half of it written.
 * It is caught and not ignored: what we run gets the usual signal back.
 */
static void
survive_file_limit(void)
{
	struct sigaction action = { .sa_handler = on_file_size,
				    .sa_flags = SA_RESTART };

	(void)sigaction(SIGXFSZ, &action, NULL);
}

int
main(int argc, char **argv)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;
	bool is_door = is_front_door(argv[0]);
	AUTO_FREE char **words = is_door ? with_login(argc, argv) : NULL;
	int status;

	survive_file_limit();
	status = check_own_name(&err);
	if (status == 0)
		status = cli_parse(&berthd_program, argc + is_door,
				   words ? words : argv, &call, &err);
	if (status == 0) {
		proc_title_init(argc, argv);
		status = cli_run(&call, &err);
	}
	if (status < 0)
		status = show(is_door ? "codex-ssh" : "berthd", &err);
	cli_call_fini(&call);
	return status;
}
