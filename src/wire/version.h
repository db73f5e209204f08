/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_VERSION_H
#define BERTH_WIRE_VERSION_H

/*
 * Which daemons a client of this release talks to: GET /v1/hello tells the
 * daemon's number.  The number grows when something is taken away; one step up
 * or down is bridged, so that a client and a machine need not be upgraded on
 * one day.
 */

#include <stdbool.h>
#include <stdint.h>

#define WIRE_API 1

static inline bool
wire_api_is_too_old(int64_t api)
{
	return api < WIRE_API - 1 || api < 1;
}

static inline bool
wire_api_is_too_new(int64_t api)
{
	return api > WIRE_API + 1;
}

#endif
