/* SPDX-License-Identifier: ISC */

/* The choice of a store, and what they have in common; see store.h. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "secret/secret.h"
#include "secret/secret_file.h"
#include "secret/secret_service.h"
#include "secret/store.h"
#include "wire/places.h"

#define MAX_NAME 128

static const char prefix[] = "secret:";

int
store_check_name(const char *name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._@/-";
	size_t n = strspn(name, allowed);

	if (n > 0 && n <= MAX_NAME && name[n] == '\0' && name[0] != '-')
		return 0;
	return err_set(err, ERR_INVALID,
		       "the name of a secret is 1 to %d letters, digits and "
		       "\"._@/-\", not beginning with \"-\"",
		       MAX_NAME);
}

const char *
store_reference(const char *text)
{
	return str_starts(text, prefix) ? text + strlen(prefix) : NULL;
}

static int
wanted_kind(const struct store_config *config, enum store_kind *ret,
	    struct err *err)
{
	const char *word = getenv("BERTH_SECRET_STORE");

	*ret = config->kind;
	if (*ret != STORE_AUTO || word == NULL || *word == '\0' ||
	    str_eq(word, "auto"))
		return 0;
	if (str_eq(word, "service"))
		*ret = STORE_SERVICE;
	else if (str_eq(word, "file"))
		*ret = STORE_FILE;
	else
		return err_set(err, ERR_INVALID,
			       "BERTH_SECRET_STORE is none of auto, service, "
			       "file");
	return 0;
}

struct store *
store_open(const struct store_config *config, struct err *err)
{
	static const struct store_config usual = { .kind = STORE_AUTO };
	AUTO_PLACES places = PLACES_INIT;
	AUTO_FREE char *path = NULL;
	struct err why = ERR_INIT;
	struct store *store = NULL;
	enum store_kind kind;

	config = config ? config : &usual;
	if (wanted_kind(config, &kind, err) < 0 ||
	    places_find(&places, err) < 0)
		return NULL;
	path = path_join(places.config, "secrets.enc");
	if (kind != STORE_FILE) {
		store = secret_service_open(&why);
		if (store && access(path, F_OK) == 0)
			store->other = TAKE(path);
	}
	if (store == NULL && kind == STORE_SERVICE) {
		*err = why;
		return NULL;
	}
	if (store == NULL) {
		store = secret_file_open(
		    path, config->ask ? config->ask : ask_passphrase,
		    config->owner);
		if (kind == STORE_AUTO)
			store->why = xstrdup(why.msg);
	}
	return store;
}

void
store_free(struct store *store)
{
	if (store == NULL)
		return;
	free(store->where);
	free(store->why);
	free(store->other);
	store->ops->free(store);
}

/* Say where it was looked for; a secret may be in the store not in use. */
static int
miss(const struct store *store, const char *name, struct err *err)
{
	if (err->code != ERR_NOT_FOUND)
		return err_wrap(err, "secret \"%s\"", name);
	err_set(err, ERR_NOT_FOUND, "there is no secret \"%s\" in %s", name,
		store->where);
	if (store->other)
		return err_hint(err,
				"BERTH_SECRET_STORE=file looks in %.120s; "
				"`berth secret set %.64s' sets it here",
				store->other, name);
	return err_hint(err, "berth secret set %s", name);
}

int
store_get(struct store *store, const char *name, struct secret **ret,
	  struct err *err)
{
	if (store_check_name(name, err) < 0)
		return -1;
	if (store->ops->get(store, name, ret, err) < 0)
		return miss(store, name, err);
	return 0;
}

int
store_set(struct store *store, const char *name, const struct secret *secret,
	  struct err *err)
{
	if (store_check_name(name, err) < 0)
		return -1;
	if (secret_len(secret) == 0)
		return err_set(err, ERR_INVALID, "secret \"%s\": is empty",
			       name);
	if (secret_len(secret) > SECRET_MAX)
		return err_set(err, ERR_LIMIT,
			       "secret \"%s\": longer than %d bytes", name,
			       SECRET_MAX);
	if (store->ops->set(store, name, secret, err) < 0)
		return err_wrap(err, "secret \"%s\"", name);
	return 0;
}

int
store_remove(struct store *store, const char *name, struct err *err)
{
	if (store_check_name(name, err) < 0)
		return -1;
	if (store->ops->remove(store, name, err) < 0)
		return miss(store, name, err);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
store_list(struct store *store, struct store_list *ret, struct err *err)
{
	*ret = (struct store_list){ 0 };
	if (store->ops->list(store, ret, err) < 0) {
		store_list_fini(ret);
		return -1;
	}
	if (ret->n > 1)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare);
	return 0;
}

void
store_list_give(struct store_list *list, char *name, uint64_t changed_s)
{
	list->items = xrealloc(list->items,
			       (list->n + 1) * sizeof(*list->items));
	list->items[list->n++] = (struct store_entry){ .name = name,
						       .changed_s = changed_s };
}

void
store_list_fini(struct store_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].name);
	free(list->items);
	*list = (struct store_list){ 0 };
}
