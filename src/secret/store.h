/* SPDX-License-Identifier: ISC */
#ifndef BERTH_SECRET_STORE_H
#define BERTH_SECRET_STORE_H

/*
 * Where secrets are kept: the Secret Service of the session (a keyring), or,
 * where there is none, a file that is locked with a passphrase.
 *
 * Which one is chosen once, in store_open: what BERTH_SECRET_STORE asks for
 * ("service", "file"), else the Secret Service if it answers and can be used
 * without a display that is not there, else the file.  A secret has a name of
 * letters, digits and "._@/-"; the configuration refers to it as secret:NAME.
 *
 *	AUTO_STORE *store = store_open(&config, err);
 *	AUTO_SECRET *secret = NULL;
 *	if (store == NULL || store_get(store, "gpu3", &secret, err) < 0)
 *		return -1;
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "secret/ask.h"

struct secret;

struct store_entry {
	char *name;
	uint64_t changed_s; /* since 1970 */
};

struct store_list {
	struct store_entry *items; /* by name */
	size_t n;
};

struct store;

/* An implementation; functions as below. */
struct store_ops {
	const char *kind; /* "file" */
	int (*get)(struct store *, const char *name, struct secret **ret,
		   struct err *);
	int (*set)(struct store *, const char *name, const struct secret *,
		   struct err *);
	int (*remove)(struct store *, const char *name, struct err *);
	int (*list)(struct store *, struct store_list *ret, struct err *);
	void (*free)(struct store *);
};

struct store {
	const struct store_ops *ops;
	char *where; /* for people: "the Secret Service", a path */
	char *why;   /* why it is not the Secret Service, or NULL */
	char *other; /* a file of secrets that is not in use, or NULL */
};

enum store_kind { STORE_AUTO, STORE_SERVICE, STORE_FILE };

struct store_config {
	enum store_kind kind; /* STORE_AUTO: BERTH_SECRET_STORE decides */
	ask_fn *ask;	      /* NULL: ask_passphrase */
	void *owner;	      /* of `ask' */
};

/*
 * ERR_UNSUPPORTED: the Secret Service was asked for and is not there.  `config'
 * may be NULL.
 */
struct store *store_open(const struct store_config *config, struct err *err);
void store_free(struct store *store);

/* ERR_NOT_FOUND; ERR_DENIED: locked, and nobody unlocked it. */
int store_get(struct store *store, const char *name, struct secret **ret,
	      struct err *err);
int store_set(struct store *store, const char *name,
	      const struct secret *secret, struct err *err);
int store_remove(struct store *store, const char *name, struct err *err);

/* The caller calls store_list_fini. */
int store_list(struct store *store, struct store_list *ret, struct err *err);
void store_list_fini(struct store_list *list);

/* For implementations: `name' is taken. */
void store_list_give(struct store_list *list, char *name, uint64_t changed_s);

/* ERR_INVALID says what a name may be. */
int store_check_name(const char *name, struct err *err);

/* The NAME in "secret:NAME", borrowed; NULL if `text' is no reference. */
const char *store_reference(const char *text);

static inline void
auto_store(struct store **store)
{
	store_free(*store);
}

#define AUTO_STORE __attribute__((cleanup(auto_store))) struct store

#endif
