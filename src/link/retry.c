/* SPDX-License-Identifier: ISC */

/* Back-off; see retry.h. */

#include "core/macros.h"
#include "core/rand.h"
#include "link/retry.h"

/* What a person who waits for a network hardly notices. */
#define HURRY_MS 1000

#define MAX_DOUBLINGS 20u

void
retry_init(struct retry *retry, int64_t limit, uint64_t first_ms,
	   uint64_t max_ms)
{
	*retry = (struct retry){ .limit = limit,
				 .first_ms = first_ms,
				 .max_ms = MAX(max_ms, first_ms) };
}

void
retry_reset(struct retry *retry)
{
	retry->n = 0;
	retry->n_pauses = 0;
	retry->due_ms = 0;
}

void
retry_reached(struct retry *retry)
{
	retry->n = 0;
}

bool
retry_may_help(const struct err *why)
{
	return why->code == ERR_UNREACHABLE || why->code == ERR_TIMEOUT;
}

/* Between half of it and all, so that many links do not come at once. */
static uint64_t
jitter(uint64_t ms)
{
	uint16_t random;

	rand_bytes(&random, sizeof(random));
	return ms - ms / 2 * random / UINT16_MAX;
}

bool
retry_next(struct retry *retry, uint64_t now_ms, bool hurry, uint64_t *ret_ms)
{
	uint64_t pause = retry->first_ms;

	if (now_ms >= retry->due_ms) {
		if (++retry->n > retry->limit)
			return false;
		for (unsigned i = 0; i < retry->n_pauses; i++)
			pause = MIN(pause * 2, retry->max_ms);
		retry->n_pauses = MIN(retry->n_pauses + 1, MAX_DOUBLINGS);
		retry->due_ms = now_ms + jitter(pause);
	}
	*ret_ms = retry->due_ms - now_ms;
	if (hurry)
		*ret_ms = retry_hurried(*ret_ms);
	return true;
}

uint64_t
retry_hurried(uint64_t ms)
{
	return ms > HURRY_MS ? jitter(HURRY_MS) : ms;
}
