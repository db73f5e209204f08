/* SPDX-License-Identifier: ISC */
#ifndef BERTH_SECRET_ASK_H
#define BERTH_SECRET_ASK_H

/*
 * Secrets that only a person knows.
 *
 * Whoever has a terminal takes ask_passphrase or ask_terminal; a process in the
 * background brings its own function, which asks whoever is there.
 */

#include <stdbool.h>

#include "core/err.h"

struct secret;

enum ask_flags {
	ASK_TWICE = 1u << 0, /* it is new: a slip would lose what it locks */
};

/* ERR_DENIED: there is no one to ask, or they gave up. */
typedef int ask_fn(const char *prompt, unsigned flags, struct secret **ret,
		   void *owner, struct err *err);

/* What locks a file, by `ask': ERR_DENIED, too, if it is empty. */
int ask_for_key(ask_fn *ask, const char *prompt, unsigned flags,
		struct secret **ret, void *owner, struct err *err);

/* On the controlling terminal, without echo.  `owner' is not used. */
int ask_terminal(const char *prompt, unsigned flags, struct secret **ret,
		 void *owner, struct err *err);

/* From the file that BERTH_PASSPHRASE_FILE names, else from the terminal. */
int ask_passphrase(const char *prompt, unsigned flags, struct secret **ret,
		   void *owner, struct err *err);

/*
 * As ask_passphrase, for one command that reads the same file twice: `owner' is
 * a struct ask_memory, which keeps the first answer until its fini.
 */
struct ask_memory {
	struct secret *answer;
};

int ask_remembering(const char *prompt, unsigned flags, struct secret **ret,
		    void *owner, struct err *err);
void ask_memory_fini(struct ask_memory *memory);

#define AUTO_ASK_MEMORY                                                        \
	__attribute__((cleanup(ask_memory_fini))) struct ask_memory

/* For whoever must not ask: always ERR_DENIED. */
int ask_nobody(const char *prompt, unsigned flags, struct secret **ret,
	       void *owner, struct err *err);

#endif
