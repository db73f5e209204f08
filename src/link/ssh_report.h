/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_SSH_REPORT_H
#define BERTH_LINK_SSH_REPORT_H

/*
 * What ssh says on its standard error, understood: how far it got, and why it
 * went no further.
 *
 * Pure.  The lines are foreign bytes: hosts on the way, banners and the
 * machine itself have a say in them.  What is kept of them is made visible.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum ssh_stage {
	SSH_STAGE_RESOLVE,
	SSH_STAGE_CONNECT,
	SSH_STAGE_HOST_KEY,
	SSH_STAGE_AUTH,
	SSH_STAGE_SHELL,
	SSH_STAGES
};

struct ssh_report {
	enum ssh_stage stage;
	size_t cause;	       /* row of the best explanation; SIZE_MAX: none */
	char words[300];       /* ... in ssh's words */
	char last[300];	       /* the last line that is not routine */
	char file[300];	       /* known_hosts with the key in question */
	int64_t line;	       /* ... */
	char fingerprint[128]; /* of the key that was offered */
	bool has_bad_key_file; /* a private key others can read */
	bool has_no_key_file;  /* one that is not there */
	int signal;	       /* that killed it; 0: none */
};

void ssh_report_init(struct ssh_report *report);

/* One line, without its end. */
void ssh_report_add(struct ssh_report *report, const char *line, size_t n);

/* "resolve", "connect", "host_key", "auth", "shell" */
const char *ssh_stage_name(enum ssh_stage stage);

/* What was wrong with the host's certificate, in ssh's words; NULL: nothing. */
const char *ssh_report_certificate(const struct ssh_report *report);

/*
 * Why ssh ended.  `machine' is its name for people, `host' as known_hosts has
 * it.  Always an error: -1.
 */
int ssh_report_error(const struct ssh_report *report, const char *machine,
		     const char *host, struct err *err);

#endif
