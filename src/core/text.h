/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_TEXT_H
#define BERTH_CORE_TEXT_H

/*
 * Text and bytes that come from elsewhere: made visible, checked as UTF-8,
 * encoded as base64 or hex, compared without a timing trace, quoted for sh.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Is it visible ASCII, without a space? */
bool str_is_visible(const char *s);

/*
 * Append `n' bytes so that a terminal shows them and obeys none: printable
 * UTF-8 as it is, all else (controls but tab and newline, C1, bidi overrides,
 * broken UTF-8) as \xNN or \u{NNNN}.
 */
int vis_add(struct buf *out, const void *bytes, size_t n);

/* The same for one string, into storage of the caller; cut to fit. */
const char *vis(char *out, size_t size, const char *text);

/* Length of the valid UTF-8 sequence at `s', or 0. */
size_t utf8_sequence(const uint8_t *s, size_t n, uint32_t *ret_rune);

bool utf8_valid(const void *bytes, size_t n);

int base64_add(struct buf *out, const void *bytes, size_t n);

/*
 * Strict: padding required, no white space, no stray bits.  -1 if it is not
 * base64 or does not fit; then `out' is as before.
 */
int base64_decode(struct buf *out, const char *text, size_t n);

void hex_encode(char *out, const void *bytes, size_t n);

/* Equality in a time that depends on the lengths only. */
bool secret_eq(const char *a, const char *b);

/*
 * Append `word' so that a shell reads back exactly it, as an argument or in
 * the place of the command.  The only quoting there is.
 */
int shell_quote(struct buf *out, const char *word);

#endif
