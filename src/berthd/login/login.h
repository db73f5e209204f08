/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_LOGIN_H
#define BERTHD_LOGIN_LOGIN_H

/*
 * `berthd login', also called codex-ssh: what sshd runs instead of a shell.
 *
 *	sshd -> login -> who is it, what may the role do, what was asked
 *	     -> become tmux, or the command, or refuse with a sentence
 *
 * Every login is written to the audit log before anything is done for it.
 */

#include "core/err.h"

#define LOGIN_ETC "/etc/codex-ssh"

struct login_options {
	const char *as;	    /* the name given in command=, or NULL */
	const char *etc;    /* LOGIN_ETC if NULL */
	const char *policy; /* a policy file instead of the usual ones */
	char **words;	    /* asked for at a prompt, or NULL */
};

/* The exit status, or -1; does not return when it became something else. */
int login_run(const struct login_options *options, struct err *err);

/* Where this user's audit log is, by the same files; the caller frees. */
char *login_audit_path(const char *etc, struct err *err);

#endif
