/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_LINK_TRANSPORT_ECHO_H
#define BERTH_TESTS_LINK_TRANSPORT_ECHO_H

/*
 * Somebody on the machine at the other end of a stream: what comes goes back,
 * and after its end a last word, "bye".
 */

#include <sys/types.h>

/* A child that serves `listener', which it takes; it ends with us. */
pid_t echo_serve(int listener);
void echo_end(pid_t pid);

#endif
