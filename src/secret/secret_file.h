/* SPDX-License-Identifier: ISC */
#ifndef BERTH_SECRET_SECRET_FILE_H
#define BERTH_SECRET_SECRET_FILE_H

/*
 * Secrets in a file: all of them sealed together (sealed.h) with one
 * passphrase, which is asked for once and kept as long as the store is open.
 *
 * The content is one record after the other: u16 length of the name, the name,
 * u64 seconds since 1970, u32 length of the value, the value; little-endian.
 */

#include "secret/store.h"

struct secret_file_entry {
	char *name;
	uint64_t changed_s;
	struct secret *value;
};

struct secret_file_entries {
	struct secret_file_entry *items;
	size_t n;
};

/* A store in the file `path', which need not be there yet. */
struct store *secret_file_open(const char *path, ask_fn *ask, void *owner);

/* The content; ERR_CONFIG.  The caller calls the fini, also on failure. */
int secret_file_decode(const void *bytes, size_t n,
		       struct secret_file_entries *ret, struct err *err);
struct secret *secret_file_encode(const struct secret_file_entries *entries);
void secret_file_entries_fini(struct secret_file_entries *entries);

#endif
