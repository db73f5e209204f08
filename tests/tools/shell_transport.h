/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_SHELL_TRANSPORT_H
#define BERTH_TESTS_SHELL_TRANSPORT_H

/*
 * A transport for tests, of which each channel is a process: PREFIX... COMMAND,
 * such as "/bin/csh -c COMMAND" or "ssh -F FILE HOST COMMAND".  Closing a
 * channel closes its pipes, as sshd does.
 */

#include <stddef.h>

struct transport;
struct uv_loop_s;

/* `prefix' and `env' (NULL: ours) are borrowed for good. */
struct transport *shell_transport_new(struct uv_loop_s *loop,
				      char *const *prefix, char *const *env);

/*
 * Channels break down with ERR_UNREACHABLE when so many bytes of standard
 * output have come.
 */
void shell_transport_cut(struct transport *transport, size_t after);
void shell_transport_free(struct transport *transport);

#endif
