/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LAUNCH_H
#define BERTHD_EXEC_LAUNCH_H

/*
 * What a holder is told to do: one exec, fully decided by the daemon.
 *
 * It travels once, in a message or, if it is large, in a memfd, from the daemon
 * to the holder, which are always the same binary (the spawner between them is
 * a fork of the daemon), so the encoding need not be stable.  It is the only
 * place where the values of the environment are kept; spec.json has them
 * masked.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;

enum launch_flags {
	LAUNCH_TTY = 1u << 0,
	LAUNCH_STDIN = 1u << 1, /* keep a pipe open; else /dev/null */
	LAUNCH_SHELL = 1u << 2, /* argv[0] is the shell, as messages say */
};

struct launch {
	char *id;
	char *root;  /* directory in which the exec's own is made */
	char *spec;  /* content of spec.json */
	char **argv; /* argv[0] is searched in PATH of `env' */
	char **env;
	char *cwd;	/* absolute, or relative to the start directory */
	char *home;	/* start directory without a project */
	char **roots;	/* if any: the cwd must be within one of them */
	char *script;	/* stored as file and run: its path replaces an
			   argument "{}" of argv */
	char *repo_url; /* with a project: all three are set */
	char *mirror;
	char *ref;
	char **artifacts;
	char *refusal; /* the exec only exists to say why it cannot run */
	uint64_t flags;
	uint64_t cols, rows;
	uint64_t timeout_ms;   /* 0: none */
	uint64_t grace_ms;     /* between asking and killing */
	uint64_t max_log;      /* per stream; 0: none */
	uint64_t limit_memory; /* 0: none, as the next two */
	uint64_t limit_procs;
	uint64_t limit_cpu; /* thousandths of a core */
	uint64_t niceness;
};

/* Bytes of an encoded order. */
#define LAUNCH_MAX (16u << 20)

void launch_fini(struct launch *launch);
int launch_encode(const struct launch *launch, struct buf *out);
int launch_decode(const void *bytes, size_t n, struct launch *ret,
		  struct err *err);

#endif
