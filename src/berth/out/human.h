/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_HUMAN_H
#define BERTH_BERTH_OUT_HUMAN_H

/*
 * Numbers as people read them.  Each fills storage of the caller and returns
 * it.
 */

#include <stddef.h>
#include <stdint.h>

#define HUMAN_SIZE 32

/* "0 B", "999 B", "1.5 KiB", "230 MiB" */
const char *human_bytes(char out[HUMAN_SIZE], uint64_t n);

/* "12 ms", "1.5 s", "2m 05s", "3h 20m", "4d 06h" */
const char *human_duration(char out[HUMAN_SIZE], uint64_t ms);

/* The larger unit only: "12s", "5m", "3h", "4d" */
const char *human_age(char out[HUMAN_SIZE], uint64_t ms);

/* RFC 3339 as local time: "2026-11-21 10:30:05"; "-" if it is none. */
const char *human_time(char out[HUMAN_SIZE], const char *rfc3339);

#endif
