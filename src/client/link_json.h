/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_LINK_JSON_H
#define BERTH_CLIENT_LINK_JSON_H

/*
 * What a link says of itself, and the lines of its log of events.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct link_info {
	char *machine, *state, *since, *transport;
	int64_t pid;
	int64_t throughput_in, throughput_out, bytes_in, bytes_out;
	int64_t reconnects, streams, spare, next_retry_ms;
	char *rtt;	   /* "0.112 ms", or NULL */
	char *version;	   /* of the daemon there, or NULL */
	char *error;	   /* or NULL */
	char *loss, *lost; /* why the last connection was lost, and when */
	char *host_key;	   /* fingerprint, or NULL */
	char *ssh_socket;  /* of ssh's master, or NULL */

	/* How the daemon there lives; NULL: not known. */
	char *program, *life, *kernel;
	bool was_installed, was_upgraded;
};

/* ERR_PROTO */
int link_info_decode(const void *text, size_t n, struct link_info *ret,
		     struct err *err);
void link_info_fini(struct link_info *info);

struct link_event {
	char *time, *machine, *type, *stage, *code, *message;
	int64_t pid, attempt, ms;
};

/* ERR_PROTO: it is no event. */
int link_event_decode(const char *line, size_t n, struct link_event *ret,
		      struct err *err);
void link_event_fini(struct link_event *event);

static inline void
auto_link_info(struct link_info *info)
{
	link_info_fini(info);
}

#define AUTO_LINK_INFO __attribute__((cleanup(auto_link_info))) struct link_info

static inline void
auto_link_event(struct link_event *event)
{
	link_event_fini(event);
}

#define AUTO_LINK_EVENT                                                        \
	__attribute__((cleanup(auto_link_event))) struct link_event

#endif
