/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_SPEC_H
#define BERTHD_EXEC_SPEC_H

/*
 * What was asked: the body of a start request, and what of it is kept in the
 * exec's spec.json (with secret values masked).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;
struct jsonw;

#define SPEC_FILE "spec.json"
#define SPEC_MAX (4u << 20)
#define SPEC_FINGERPRINT_SIZE 41

struct spec {
	/* exactly one of the three */
	char *cmd;   /* through the shell */
	char **argv; /* without a shell */
	char *script;
	char **script_args;

	char *cwd;
	char **env;
	char *shell;
	char *project_id, *ref;
	bool tty;
	int64_t cols, rows;
	bool stdin_open;
	uint64_t timeout; /* ms */
	uint64_t grace;	  /* ms */
	char *key;
	char **labels; /* NAME=VALUE */
	char **artifacts;
	int64_t nice;
	uint64_t limit_memory;
	int64_t limit_procs;
	char *limit_cpu; /* cores, "1.5" */
	uint64_t limit_output;

	/* only in spec.json */
	char *exec_id;
	char *fingerprint; /* same request, same fingerprint */
	int64_t created_ns;
	char *warning;
};

#define SPEC_INIT                                                              \
	{                                                                      \
		.grace = 3000                                                  \
	}

void spec_fini(struct spec *spec);

/* A request; ERR_INVALID says what is wrong with it. */
int spec_decode(const void *text, size_t n, struct spec *ret, struct err *err);

/* What identifies the request, secrets included; kept as a hash only. */
void spec_fingerprint(const struct spec *spec, char ret[SPEC_FINGERPRINT_SIZE]);

/* The content of spec.json. */
int spec_encode(const struct spec *spec, struct buf *out);

/* ERR_NOT_FOUND: there is none, or the machine went down before it was kept. */
int spec_read(int dir_fd, struct spec *ret, struct err *err);

/* Thousandths of a core; 0: no limit. */
uint64_t spec_cpu(const struct spec *spec);

/* One line for lists: the command, or the script's first line. */
char *spec_summary(const struct spec *spec);

#endif
