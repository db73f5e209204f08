/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_SESSION_SEND_H
#define BERTHD_SESSION_SESSION_SEND_H

/*
 * Names of keys.
 */

#include <stdbool.h>

/* "Enter", "C-c", "M-x", "F1", "q". */
bool session_key_ok(const char *key);

#endif
