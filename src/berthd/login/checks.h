/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_CHECKS_H
#define BERTHD_LOGIN_CHECKS_H

/*
 * Is the front door in order?  Parts of `berthd health'.  What is not set up
 * is no fault; what is set up and does not work is.
 */

#include <stdbool.h>

#include "core/err.h"

struct places;

/*
 * Each fills `detail' (one line); false: it needs attention, and `hint' says
 * what to do.
 */
struct check_words {
	char detail[384];
	char hint[256];
};
bool checks_settings(struct check_words *words);
bool checks_sshd(struct check_words *words);
bool checks_tmux(const struct places *places, struct check_words *words);
bool checks_agent(struct check_words *words);
bool checks_linger(struct check_words *words);
bool checks_audit(struct check_words *words);

#endif
