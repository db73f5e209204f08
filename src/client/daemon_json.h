/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_DAEMON_JSON_H
#define BERTH_CLIENT_DAEMON_JSON_H

/*
 * What a daemon says of itself and its host: GET /v1/daemon.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define DAEMON_MAX_ANSWER (64u << 10)

struct daemon_info {
	char *state_dir;
	char *time;	    /* its clock; NULL: an old daemon does not say */
	int64_t free_bytes; /* -1: not known */
	int64_t n_gpus;	    /* -1: not known */
	char *gpu;	    /* model of the first, or NULL */
};

#define DAEMON_INFO_INIT                                                       \
	{                                                                      \
		.free_bytes = -1, .n_gpus = -1                                 \
	}

/* ERR_PROTO */
int daemon_info_decode(const void *text, size_t n, struct daemon_info *ret,
		       struct err *err);
void daemon_info_fini(struct daemon_info *info);

#define AUTO_DAEMON_INFO                                                       \
	__attribute__((cleanup(daemon_info_fini))) struct daemon_info

#endif
