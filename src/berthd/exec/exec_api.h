/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_EXEC_API_H
#define BERTHD_EXEC_EXEC_API_H

/*
 * The routes below /v1/exec.  Each handler answers every outcome itself.
 */

struct daemon;
struct exec;
struct http_exchange;

/* exec_api_start.c */
void exec_api_start(struct daemon *, struct http_exchange *, const char *id);
void exec_api_run(struct daemon *, struct http_exchange *, const char *id);

/* exec_api.c */
void exec_api_list(struct daemon *, struct http_exchange *, const char *id);
void exec_api_get(struct daemon *, struct http_exchange *, const char *id);
void exec_api_remove(struct daemon *, struct http_exchange *, const char *id);
void exec_api_logs(struct daemon *, struct http_exchange *, const char *id);
void exec_api_artifact(struct daemon *, struct http_exchange *, const char *id);

/* exec_api_control.c */
void exec_api_cancel(struct daemon *, struct http_exchange *, const char *id);
void exec_api_signal(struct daemon *, struct http_exchange *, const char *id);
void exec_api_resize(struct daemon *, struct http_exchange *, const char *id);
void exec_api_stdin(struct daemon *, struct http_exchange *, const char *id);

/* The store's on_remove: end what still reads from it. */
void exec_api_forget(struct exec *exec, void *owner);

#endif
