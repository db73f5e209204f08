/* SPDX-License-Identifier: ISC */

/* Surveys; see log_survey.h. */

#include <inttypes.h>

#include "core/macros.h"
#include "berthd/exec/log_survey.h"

#define STEP_PIECES 4096
#define GAPS_SIZE (LOG_SURVEY_MAX_GAPS * 80)

void
log_survey_init(struct log_survey *survey, const struct log_merge *merge)
{
	*survey = (struct log_survey){
		.merge = *merge,
		.gaps = BUF_INIT(GAPS_SIZE),
	};
	survey->merge.join = UINT64_MAX;
}

void
log_survey_fini(struct log_survey *survey)
{
	buf_fini(&survey->gaps);
}

static void
note_gap(struct log_survey *survey, const struct log_piece *gap)
{
	const char *comma = survey->n_gaps > 0 ? ", " : "";
	bool is_both = survey->merge.to[TIMELINE_OUT] > 0 &&
		       survey->merge.to[TIMELINE_ERR] > 0;

	if (survey->n_gaps == LOG_SURVEY_MAX_GAPS)
		(void)buf_adds(&survey->gaps, ", ...");
	if (survey->n_gaps++ >= LOG_SURVEY_MAX_GAPS)
		return;
	(void)buf_addf(&survey->gaps, "%s%s%s%" PRIu64 "-%" PRIu64 "(%s)",
		       comma, is_both ? timeline_stream_name(gap->stream) : "",
		       is_both ? "=" : "", gap->offset,
		       gap->offset + gap->length, gap->reason);
}

int
log_survey_step(struct log_survey *survey, struct err *err)
{
	struct log_merge *m = &survey->merge;

	for (unsigned i = 0; i < STEP_PIECES; i++) {
		struct log_piece piece;

		switch (log_merge_peek(m, &piece, err)) {
		case LOG_MERGE_FAILED:
			return -1;
		case LOG_MERGE_AGAIN:
			return 0;
		case LOG_MERGE_END:
		case LOG_MERGE_STOP:
			return 1;
		case LOG_MERGE_PIECE:
			break;
		}
		if (piece.reason)
			note_gap(survey, &piece);
		else
			survey->total += piece.length;
		log_merge_consume(m, &piece, piece.length);
	}
	return 0;
}
