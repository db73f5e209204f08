/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_NOTIFY_H
#define BERTHD_NOTIFY_H

/*
 * What systemd wants of a service, without its library: readiness by datagram
 * (Type=notify) and listening sockets by inheritance (socket activation).
 */

#include <stddef.h>

/* "READY=1", "STOPPING=1", "MAINPID=..."; nothing without NOTIFY_SOCKET. */
void notify_systemd(const char *text);

/*
 * The sockets passed to this process: fills up to `max' and returns how many;
 * the variables that announced them are gone from the environment.
 */
size_t notify_take_sockets(int *fds, size_t max);

#endif
