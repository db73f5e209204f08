/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_ASKPASS_H
#define BERTH_LINK_ASKPASS_H

/*
 * Questions of ssh, brought to whoever can answer them.
 *
 * ssh runs the program named by SSH_ASKPASS to ask.  That is this very
 * program, by another name, in a private directory; it hands the question to
 * the broker over a private socket, waits, and prints the answer.  So an
 * answer is never in an argument, in the environment or on a disk.
 *
 * A program that uses the broker begins its main with
 *
 *	if (askpass_is_meant(argv))
 *		return askpass_main(argc, argv);
 */

#include "link/transport.h"

struct askpass;

struct askpass_events {
	/*
	 * Answer by askpass_answer, once per question that is no notice; the
	 * next question comes after that.  From the loop.
	 */
	void (*on_prompt)(struct askpass *, const struct prompt *, void *owner);
};

/*
 * Listen in `directory', which is private, under `name'.  ERR_CONFIG: the
 * path is too long for a socket.
 */
struct askpass *askpass_new(struct uv_loop_s *loop, const char *directory,
			    const char *name,
			    const struct askpass_events *events, void *owner,
			    struct err *err);

/* Whoever still asks gets no answer.  NULL is allowed. */
void askpass_free(struct askpass *askpass);

/* NULL: there is none.  The caller wipes his copy. */
void askpass_answer(struct askpass *askpass, const char *text);

/* Add to `env' what makes ssh ask here. */
void askpass_environ(const struct askpass *askpass, char ***env);

/*
 * What a question is about, from its words and from ssh's hint (NULL: none).
 * Words that come from the machine are never taken for ssh's own.  `text' and
 * `fingerprint' point into the memory of `ret'.
 */
struct askpass_question {
	struct prompt prompt;
	char text[4096];
	char fingerprint[128];
};
void askpass_read(const char *text, const char *hint,
		  struct askpass_question *ret);

bool askpass_is_meant(char *const *argv);
int askpass_main(int argc, char **argv);

#endif
