/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_SURVEY_H
#define BERTHD_EXEC_LOG_SURVEY_H

/*
 * What a merge is going to deliver, without reading the bytes: how many, up to
 * which offsets, and what is missing among them.
 */

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "berthd/exec/log_merge.h"

/* Gaps that are listed by name. */
#define LOG_SURVEY_MAX_GAPS 32

struct log_survey {
	struct log_merge merge; /* afterwards `pos' is where it ends */
	uint64_t total;		/* bytes that are there */
	unsigned n_gaps;
	struct buf gaps; /* "stdout=10-20(dropped), 30-40(disk_full)" */
};

/* `merge' is copied. */
void log_survey_init(struct log_survey *survey, const struct log_merge *merge);
void log_survey_fini(struct log_survey *survey);

/* A millisecond's work: 1: done; 0: call again; or -1. */
int log_survey_step(struct log_survey *survey, struct err *err);

#endif
