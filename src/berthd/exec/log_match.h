/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_MATCH_H
#define BERTHD_EXEC_LOG_MATCH_H

/*
 * Does a line match? Either it contains a text, or an extended regular
 * expression of POSIX does, taken byte by byte (the C locale).
 *
 * An expression is somebody's input to the C library's matcher, which for some
 * takes time that grows with the square of the line and memory that grows
 * without end.  So expressions are refused that are long once their
 * repetitions are written out, or that refer back; only the start of a line is
 * looked at; and what the matcher hoards is thrown away every so often.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/* The part of a line an expression sees. */
#define LOG_MATCH_MAX_LINE 4096

/* Atoms of an expression with its repetitions written out. */
#define LOG_MATCH_MAX_ATOMS 256

struct log_match;

/* `pattern' is copied.  ERR_INVALID says what is wrong with it. */
struct log_match *log_match_new(const char *pattern, bool is_regex,
				struct err *err);
void log_match_free(struct log_match *match);

bool log_match_line(struct log_match *match, const uint8_t *line, size_t n);

#endif
