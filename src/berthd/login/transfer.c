/* SPDX-License-Identifier: ISC */

/*
 * sftp, scp, rsync and git under a root; see transfer.h.
 *
 * Nothing of the client's words is passed on that is not known: options come
 * from lists of what is harmless, paths are cleaned and must lie in the root,
 * also when the links in the part that exists are followed.
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "berthd/login/policy.h"
#include "berthd/login/transfer.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"

static const char *const sftp_places[] = {
	"/usr/lib/openssh/sftp-server",
	"/usr/libexec/openssh/sftp-server",
	"/usr/lib/ssh/sftp-server",
	"/usr/libexec/sftp-server",
};
static const char *const scp_places[] = { "/usr/bin/scp" };
static const char *const rsync_places[] = { "/usr/bin/rsync",
					    "/usr/local/bin/rsync" };
static const char *const git_places[] = { "/usr/bin/git",
					  "/usr/local/bin/git" };

static const char *
find_program(const char *const *places, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	err_set(err, ERR_UNSUPPORTED, "%s is not installed here",
		path_base(places[0]));
	return NULL;
}

static int
deny_option(const char *program, const char *word, struct err *err)
{
	char shown[80];

	return err_set(err, ERR_DENIED, "this key may not use %s with %s",
		       program, vis(shown, sizeof(shown), word));
}

static int
deny_write(const struct policy_role *role, struct err *err)
{
	return err_set(err, ERR_DENIED, "this key may only read below %s",
		       role->root);
}

/* Paths */

/* Where the part of `path' that exists really is. */
static char *
resolve_existing(const char *path)
{
	AUTO_FREE char *part = xstrdup(path);
	char real[PATH_MAX];

	while (realpath(part, real) == NULL) {
		char *slash = strrchr(part, '/');

		if (slash == NULL || slash == part)
			return xstrdup("/");
		*slash = '\0';
	}
	return xstrdup(real);
}

/* An absolute path in the root; a slash at its end stays. */
static char *
path_in_root(const struct policy_role *role, const char *word, struct err *err)
{
	AUTO_FREE char *joined = path_join(role->root, word);
	AUTO_FREE char *clean = path_clean(joined);
	AUTO_FREE char *real = resolve_existing(clean);
	AUTO_FREE char *real_root = resolve_existing(role->root);
	bool slash = str_ends(word, "/") || str_ends(word, "/.");
	char shown[160];

	if (path_is_within(role->root, clean) &&
	    path_is_within(real_root, real))
		return xasprintf("%s%s", clean,
				 slash && !str_eq(clean, "/") ? "/" : "");
	err_set(err, ERR_DENIED, "%s is not below %s",
		vis(shown, sizeof(shown), word), role->root);
	return NULL;
}

/* The last step of each: the path in the root, and the vector complete. */
static char **
with_path(char ***argv, const struct policy_role *role, const char *word,
	  struct err *err)
{
	char *path = path_in_root(role, word, err);

	if (path == NULL)
		return NULL;
	strv_give(argv, path);
	return TAKE(*argv);
}

/* sftp */

/*
 * The requests that are switched off change modes and owners by path, which
 * the jail cannot confine; the same through an open file still works.
 */
static char **
sftp_argv(const struct policy_role *role, char *const *words UNUSED,
	  struct err *err)
{
	const char *program = find_program(sftp_places, ARRAY_SIZE(sftp_places),
					   err);
	AUTO_STRV char **argv = NULL;
	char *dir;
	size_t n = 0;

	if (program == NULL)
		return NULL;
	strv_add(&argv, program);
	strv_add(&argv, "-e");
	strv_add(&argv, "-P");
	strv_add(&argv, "setstat,lsetstat");
	if (!role->write)
		strv_add(&argv, "-R");
	strv_add(&argv, "-d");
	/* "%" stands for something there. */
	dir = xmalloc(2 * strlen(role->root) + 1);
	for (const char *p = role->root; *p; p++) {
		if (*p == '%')
			dir[n++] = '%';
		dir[n++] = *p;
	}
	dir[n] = '\0';
	strv_give(&argv, dir);
	return TAKE(argv);
}

/* scp, the old protocol: scp [-r] [-p] [-d] [-v] [-q] -t|-f [--] PATH */

static char **
scp_argv(const struct policy_role *role, char *const *words, struct err *err)
{
	const char *program = find_program(scp_places, ARRAY_SIZE(scp_places),
					   err);
	AUTO_STRV char **argv = NULL;
	bool to = false, from = false;
	size_t i;

	if (program == NULL)
		return NULL;
	strv_add(&argv, program);
	for (i = 1; words[i] && words[i][0] == '-'; i++) {
		if (str_eq(words[i], "--")) {
			i++;
			break;
		}
		if (words[i][1] == '\0' ||
		    strspn(words[i] + 1, "rpdvqtf") != strlen(words[i] + 1)) {
			deny_option("scp", words[i], err);
			return NULL;
		}
		to = to || strchr(words[i], 't');
		from = from || strchr(words[i], 'f');
		strv_add(&argv, words[i]);
	}
	if (to == from || words[i] == NULL || words[i + 1]) {
		err_set(err, ERR_DENIED, "this is not how scp asks for a file");
		return NULL;
	}
	if (to && !role->write) {
		deny_write(role, err);
		return NULL;
	}
	strv_add(&argv, "--");
	return with_path(&argv, role, words[i], err);
}

/* rsync --server [--sender] OPTION... . PATH */

/* What an option may be; a "=" at the end takes any value. */
static const char *const rsync_options[] = {
	"--append",
	"--append-verify",
	"--bwlimit=",
	"--checksum-choice=",
	"--checksum-seed=",
	"--compress-choice=",
	"--compress-level=",
	"--delay-updates",
	"--delete",
	"--delete-after",
	"--delete-before",
	"--delete-delay",
	"--delete-during",
	"--delete-excluded",
	"--delete-missing-args",
	"--dirs",
	"--existing",
	"--force",
	"--from0",
	"--fsync",
	"--fuzzy",
	"--group",
	"--hard-links",
	"--iconv=",
	"--ignore-errors",
	"--ignore-existing",
	"--ignore-missing-args",
	"--ignore-times",
	"--inplace",
	"--links",
	"--list-only",
	"--log-format=",
	"--max-alloc=",
	"--max-delete=",
	"--max-size=",
	"--min-size=",
	"--modify-window=",
	"--munge-links",
	"--new-compress",
	"--no-implied-dirs",
	"--no-r",
	"--no-relative",
	"--no-specials",
	"--numeric-ids",
	"--old-compress",
	"--one-file-system",
	"--open-noatime",
	"--owner",
	"--partial",
	"--perms",
	"--preallocate",
	"--recursive",
	"--remove-sent-files",
	"--remove-source-files",
	"--safe-links",
	"--sender",
	"--server",
	"--size-only",
	"--skip-compress=",
	"--specials",
	"--stats",
	"--stop-after=",
	"--super",
	"--times",
	"--timeout=",
	"--usermap=",
	"--groupmap=",
	"--use-qsort",
	"--whole-file",
};

static bool
rsync_long_ok(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(rsync_options); i++) {
		const char *option = rsync_options[i];

		if (str_ends(option, "=") ? str_starts(word, option)
					  : str_eq(word, option))
			return true;
	}
	return false;
}

/*
 * Letters in one word; "e" takes the rest, which tells what the client can.
 * Not among them: K (follow links to directories), s (paths that are sent
 * later, where they cannot be seen), M, T and f (other programs and places).
 */
static bool
rsync_short_ok(const char *word)
{
	size_t n = strspn(word + 1,
			  "ACDEHIJLNORSUWXbcdgklmnopqrtuvxyz0123456789");
	const char *rest = word + 1 + n;

	if (*rest == 'e')
		rest += 1 + strspn(rest + 1,
				   "0123456789.abcdefghijklmnopqrst"
				   "uvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return *rest == '\0' && word[1] != '\0';
}

static char **
rsync_argv(const struct policy_role *role, char *const *words, struct err *err)
{
	const char *program = find_program(rsync_places,
					   ARRAY_SIZE(rsync_places), err);
	AUTO_STRV char **argv = NULL;
	bool is_sender = false, removes = false;
	size_t i;

	if (program == NULL)
		return NULL;
	if (!words[1] || !str_eq(words[1], "--server")) {
		err_set(err, ERR_DENIED,
			"this is not how rsync asks for files");
		return NULL;
	}
	strv_add(&argv, program);
	for (i = 1; words[i] && words[i][0] == '-'; i++) {
		bool is_long = str_starts(words[i], "--");

		if (!(is_long ? rsync_long_ok : rsync_short_ok)(words[i])) {
			deny_option("rsync", words[i], err);
			return NULL;
		}
		is_sender = is_sender || str_eq(words[i], "--sender");
		removes = removes || str_starts(words[i], "--remove-");
		strv_add(&argv, words[i]);
	}
	if (!words[i] || !str_eq(words[i], ".") || !words[i + 1] ||
	    words[i + 2]) {
		err_set(err, ERR_DENIED, "rsync must name one path");
		return NULL;
	}
	if ((!is_sender || removes) && !role->write) {
		deny_write(role, err);
		return NULL;
	}
	strv_add(&argv, ".");
	return with_path(&argv, role, words[i + 1], err);
}

/* git-upload-pack PATH, git upload-pack PATH, and the like */

static char **
git_argv(const struct policy_role *role, char *const *words, struct err *err)
{
	static const char *const services[] = { "upload-pack", "receive-pack",
						"upload-archive" };
	const char *program = find_program(git_places, ARRAY_SIZE(git_places),
					   err);
	bool joined = str_starts(words[0], "git-");
	const char *service = joined ? words[0] + 4 : words[1];
	const char *path = service ? words[joined ? 1 : 2] : NULL;
	AUTO_STRV char **argv = NULL;

	if (program == NULL)
		return NULL;
	if (path == NULL || words[joined ? 2 : 3]) {
		err_set(err, ERR_DENIED, "git must name one repository");
		return NULL;
	}
	strv_add(&argv, program);
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		if (str_eq(services[i], service))
			strv_add(&argv, service);
	}
	if (strv_len(argv) != 2) {
		deny_option("git", service, err);
		return NULL;
	}
	if (str_eq(service, "receive-pack") && !role->write) {
		deny_write(role, err);
		return NULL;
	}
	return with_path(&argv, role, path, err);
}

/* The table */

typedef char **argv_fn(const struct policy_role *, char *const *words,
		       struct err *);

static const struct {
	const char *word; /* the first one, without its directory */
	enum transfer_verb verb;
	const char *name;
	argv_fn *argv;
} transfers[] = {
	/* What sshd says instead of the subsystem's name. */
	{ "internal-sftp", TRANSFER_SFTP, "sftp", sftp_argv },
	{ "sftp-server", TRANSFER_SFTP, "sftp", sftp_argv },
	{ "scp", TRANSFER_SCP, "scp's old protocol", scp_argv },
	{ "rsync", TRANSFER_RSYNC, "rsync", rsync_argv },
	{ "git", TRANSFER_GIT, "git", git_argv },
	{ "git-upload-pack", TRANSFER_GIT, "git", git_argv },
	{ "git-receive-pack", TRANSFER_GIT, "git", git_argv },
	{ "git-upload-archive", TRANSFER_GIT, "git", git_argv },
};

static size_t
find_transfer(char *const *words)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(transfers) &&
	       !str_eq(transfers[i].word, path_base(words[0])))
		i++;
	return i;
}

bool
transfer_is(char *const *words)
{
	return find_transfer(words) < ARRAY_SIZE(transfers);
}

char **
transfer_argv(const struct policy_role *role, char *const *words,
	      struct err *err)
{
	size_t i = find_transfer(words);

	if (i == ARRAY_SIZE(transfers) || !(role->verbs & transfers[i].verb)) {
		err_set(err, ERR_DENIED, "this key may not use %s",
			i < ARRAY_SIZE(transfers) ? transfers[i].name
						  : "this command");
		return NULL;
	}
	return transfers[i].argv(role, words, err);
}
