/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUTCOME_H
#define BERTH_BERTH_OUTCOME_H

/*
 * How an exec ended, as an exit status of ours and in words.
 */

#include "berth/out/style.h"

struct buf;
struct client;
struct exec_result;
struct output_args;

/*
 * Its own status; 128+N for a signal; 124 when its time was over; 125 when it
 * is not known, because the exec was lost.
 */
int outcome_status(const struct exec_result *result);

/* Notes on standard error about an end that its status does not explain. */
void outcome_notes(const struct exec_result *result,
		   const struct client *client,
		   const struct output_args *output);

/* "exited 0", "killed by SIGSEGV", "running", and its colour. */
void outcome_words(const struct exec_result *result, struct buf *out);
enum style outcome_style(const struct exec_result *result);

#endif
