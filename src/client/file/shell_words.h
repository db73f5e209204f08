/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_SHELL_WORDS_H
#define BERTH_CLIENT_FILE_SHELL_WORDS_H

/*
 * What is said to shell.sh, and what it says.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct file_info;
struct file_request;

/* The longest path of a kernel, each byte encoded in five. */
#define SHELL_MAX_PATH 4096
#define SHELL_MAX_LINE (16 * SHELL_MAX_PATH)

#define SHELL_ETAG_SIZE 64

/* Append the line of a request, without its mark and its end. */
void shell_words_add(struct buf *line, const struct file_request *r);

/* "ok", or "no CODE REASON": 0, or the error. */
int shell_words_end(const char *text, const char *path, struct err *err);

/* Cut the next number off *text; false if there is none. */
bool shell_words_number(char **text, int base, uint64_t *ret);

/*
 * "mode size mtime uid gid inode[ ./name]", whose strings are borrowed from
 * `text' and `etag'; false: it is none.
 */
bool shell_words_entry(char *text, bool is_named, char etag[SHELL_ETAG_SIZE],
		       struct file_info *ret);

#endif
