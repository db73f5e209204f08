/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_EXEC_LOG_H
#define BERTHD_EXEC_EXEC_LOG_H

/*
 * The output of an exec as an answer: joins the index's exec with the log
 * reader, which knows files and no execs.
 *
 * An exec has a log source from its first reader on until it is removed or
 * idle; the source follows the exec's changes through a watch.
 */

struct exec;
struct http_exchange;
struct log_query;
struct uv_loop_s;

/* Answer `x' with what `query' asks for; every outcome is answered. */
void exec_log_serve(struct uv_loop_s *loop, struct exec *exec,
		    struct http_exchange *x, const struct log_query *query);

/* Break off the readers: the exec is being removed. */
void exec_log_forget(struct exec *exec);

#endif
