/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_CONFIG_FILE_H
#define BERTH_MACHINE_CONFIG_FILE_H

/*
 * The one file of the configuration: config.yaml or config.json, or
 * config.yaml.enc or config.json.enc, which is the same sealed with a
 * passphrase (secret/sealed.h).  More than one of them is ERR_CONFIG.
 *
 * Reading and writing a sealed one is like the others, but for a question:
 * the passphrase is asked for once, unless the Secret Service keeps it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "secret/ask.h"
#include "secret/sealed.h"

struct buf;
struct secret;

/* The largest configuration. */
#define CONFIG_FILE_MAX (1u << 20)

struct config_file_config {
	const char *path; /* this and no other, "-": standard input; NULL: the
			     usual place */
	bool is_codex;	  /* codex-remote's file, where ours is missing */
	ask_fn *ask;	  /* NULL: ask_passphrase */
	void *owner;	  /* of `ask' */
};

struct config_file {
	char *path; /* what it is, or would be called */
	bool is_there;
	bool is_json;
	bool is_sealed;
	bool is_input;	  /* standard input, a file without a name */
	bool is_foreign;  /* codex-remote's */
	bool is_readable; /* by others: after config_file_read */
	ask_fn *ask;
	void *owner;
	struct secret *passphrase;
	enum sealed_key key;
	int lock;
};

/* Which it is.  The caller calls the fini, also after a failure. */
int config_file_find(struct config_file *file,
		     const struct config_file_config *config, struct err *err);
void config_file_fini(struct config_file *file);

/*
 * Append the text; nothing if the file is not there.  ERR_DENIED: others can
 * write it, or a passphrase is wrong.
 */
int config_file_read(struct config_file *file, struct buf *text,
		     struct err *err);

/* Keep other writers away until the fini. */
int config_file_lock(struct config_file *file, struct err *err);

/* Replace the text, as private and as sealed as it was. */
int config_file_write(struct config_file *file, const void *text, size_t n,
		      struct err *err);

/*
 * Seal the file, or open it for good: the new file is there, whole, before the
 * old one goes.  ERR_CONFLICT: it is so already; ERR_NOT_FOUND.
 */
int config_file_seal(struct config_file *file, enum sealed_key key,
		     struct err *err);
int config_file_unseal(struct config_file *file, struct err *err);

#define AUTO_CONFIG_FILE                                                       \
	__attribute__((cleanup(config_file_fini))) struct config_file

#endif
