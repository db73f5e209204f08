/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_WORDS_H
#define BERTHD_LOGIN_WORDS_H

/*
 * A command line that came as one text, cut into words without a shell.
 *
 * Quotes and backslashes are those of sh, and nothing is expanded.  Whatever
 * else a shell would act on outside quotes ($ ` | & ; < > ( ) * ? [ { ! # ~,
 * a line break, NAME=VALUE in front, "$" inside double quotes) is refused by
 * name.  So for every text that is taken, sh would have read the same words.
 */

#include "core/err.h"

#define WORDS_MAX_TEXT (64u << 10)
#define WORDS_MAX 1024

/*
 * A strv; NULL if there are no words.  ERR_DENIED says what has a meaning
 * only a shell gives it, ERR_INVALID what is unfinished or no text,
 * ERR_LIMIT that it is too much.
 */
int words_split(const char *text, char ***ret, struct err *err);

/*
 * The value of a line NAME=VALUE, read as one word; a "~/" in front is kept
 * as it is.  The caller frees; "" if there is nothing.
 */
int words_value(const char *text, char **ret, struct err *err);

/* The words quoted for sh, with the values of secrets masked; to be shown. */
struct buf;
int words_show(char *const *words, struct buf *out);

#endif
