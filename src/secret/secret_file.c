/* SPDX-License-Identifier: ISC */

/*
 * The store in a file; see secret_file.h.
 *
 * The file is read anew for each request and replaced at once: two programs
 * may use it, and neither loses what the other wrote, since a writer holds the
 * lock from its reading to its writing.  Plain bytes are only ever in secrets.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "secret/sealed.h"
#include "secret/secret.h"
#include "secret/secret_file.h"

#define MAX_FILE (SEALED_MAX + SEALED_OVERHEAD)

/* Another program writes a second at most: it makes a key. */
#define LOCK_MS 15000

struct secret_file {
	struct store store;
	char *path;
	ask_fn *ask;
	void *owner;
	struct secret *passphrase; /* NULL: not asked for yet */
};

/* --- records --- */

struct cursor {
	const uint8_t *at;
	size_t left;
};

static bool
take_number(struct cursor *cursor, size_t size, uint64_t *ret)
{
	if (cursor->left < size)
		return false;
	*ret = 0;
	for (size_t i = size; i-- > 0;)
		*ret = *ret << 8 | cursor->at[i];
	cursor->at += size;
	cursor->left -= size;
	return true;
}

static const uint8_t *
take_bytes(struct cursor *cursor, uint64_t n)
{
	const uint8_t *at = cursor->at;

	if (cursor->left < n)
		return NULL;
	cursor->at += n;
	cursor->left -= (size_t)n;
	return at;
}

static bool
take_entry(struct cursor *cursor, struct secret_file_entry *ret)
{
	const uint8_t *name, *value;
	uint64_t name_len, changed_s, value_len;

	if (!take_number(cursor, 2, &name_len) ||
	    (name = take_bytes(cursor, name_len)) == NULL ||
	    !take_number(cursor, 8, &changed_s) ||
	    !take_number(cursor, 4, &value_len) || value_len > SECRET_MAX ||
	    (value = take_bytes(cursor, value_len)) == NULL)
		return false;
	ret->name = xstrndup((const char *)name, name_len);
	ret->changed_s = changed_s;
	ret->value = secret_new(value, value_len);
	return strlen(ret->name) == name_len;
}

static struct secret_file_entry *
find_entry(const struct secret_file_entries *entries, const char *name)
{
	for (size_t i = 0; i < entries->n; i++) {
		if (str_eq(entries->items[i].name, name))
			return &entries->items[i];
	}
	return NULL;
}

static struct secret_file_entry *
add_entry(struct secret_file_entries *entries)
{
	entries->items = xrealloc(entries->items,
				  (entries->n + 1) * sizeof(*entries->items));
	entries->items[entries->n] = (struct secret_file_entry){ 0 };
	return &entries->items[entries->n++];
}

int
secret_file_decode(const void *bytes, size_t n, struct secret_file_entries *ret,
		   struct err *err)
{
	struct cursor cursor = { .at = bytes, .left = n };

	*ret = (struct secret_file_entries){ 0 };
	while (cursor.left > 0) {
		struct secret_file_entry entry = { 0 };
		bool is_good = take_entry(&cursor, &entry);

		if (is_good)
			is_good = store_check_name(entry.name, err) == 0 &&
				  find_entry(ret, entry.name) == NULL;
		if (is_good) {
			*add_entry(ret) = entry;
			continue;
		}
		free(entry.name);
		secret_free(entry.value);
		return err_set(err, ERR_CONFIG,
			       "is damaged: record %zu is wrong", ret->n + 1);
	}
	return 0;
}

static uint8_t *
put_number(uint8_t *at, uint64_t n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*at++ = (uint8_t)(n >> (8 * i));
	return at;
}

struct secret *
secret_file_encode(const struct secret_file_entries *entries)
{
	struct secret *plain;
	size_t size = 0;
	uint8_t *at;

	for (size_t i = 0; i < entries->n; i++)
		size += 2 + strlen(entries->items[i].name) + 8 + 4 +
			secret_len(entries->items[i].value);
	plain = secret_alloc(size);
	at = secret_fill(plain);
	for (size_t i = 0; i < entries->n; i++) {
		const struct secret_file_entry *entry = &entries->items[i];
		size_t name_len = strlen(entry->name);
		size_t value_len = secret_len(entry->value);

		at = put_number(at, name_len, 2);
		memcpy(at, entry->name, name_len);
		at = put_number(at + name_len, entry->changed_s, 8);
		at = put_number(at, value_len, 4);
		memcpy(at, secret_reveal(entry->value), value_len);
		at += value_len;
	}
	return plain;
}

static void
entry_fini(struct secret_file_entry *entry)
{
	free(entry->name);
	secret_free(entry->value);
}

void
secret_file_entries_fini(struct secret_file_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		entry_fini(&entries->items[i]);
	free(entries->items);
	*entries = (struct secret_file_entries){ 0 };
}

#define AUTO_ENTRIES                                                           \
	__attribute__((                                                        \
	    cleanup(secret_file_entries_fini))) struct secret_file_entries

/* --- the file --- */

static int
ask(struct secret_file *file, const char *what, unsigned flags, struct err *err)
{
	AUTO_FREE char *prompt = xasprintf("%s for %s", what, file->path);

	if (file->passphrase)
		return 0;
	return ask_for_key(file->ask, prompt, flags, &file->passphrase,
			   file->owner, err);
}

/* Whoever can write it can make us forget, or try their own. */
static int
check_owner(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return 0;
	err_set(err, ERR_DENIED, "%s: others can write it", path);
	return err_hint(err, "chmod 600 %s, if it is yours", path);
}

static int
read_file(struct secret_file *file, struct secret_file_entries *ret,
	  struct err *err)
{
	AUTO_CLOSE int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_BUF sealed = BUF_INIT(MAX_FILE);
	AUTO_SECRET *plain = NULL;

	*ret = (struct secret_file_entries){ 0 };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, "open %s", file->path);
	if (check_owner(fd, file->path, err) < 0 ||
	    fs_read_fd(fd, &sealed, err) < 0 ||
	    ask(file, "Passphrase", 0, err) < 0)
		return -1;
	if (sealed_open(buf_bytes(&sealed), sealed.len, file->passphrase,
			&plain, err) == 0 &&
	    secret_file_decode(secret_reveal(plain), secret_len(plain), ret,
			       err) == 0)
		return 0;
	if (err->code == ERR_DENIED)
		secret_free(TAKE(file->passphrase));
	return err_wrap(err, "%s", file->path);
}

static int
write_file(struct secret_file *file, const struct secret_file_entries *entries,
	   struct err *err)
{
	AUTO_SECRET *plain = secret_file_encode(entries);
	AUTO_BUF sealed = BUF_INIT(MAX_FILE);

	if (ask(file, "New passphrase", ASK_TWICE, err) < 0 ||
	    sealed_make(plain, file->passphrase, SEALED_BY_PASSPHRASE, &sealed,
			err) < 0)
		return -1;
	return fs_replace(file->path, buf_bytes(&sealed), sealed.len,
			  FS_WRITE_SYNC, err);
}

/* The lock, and what the file holds under it. */
static int
begin_change(struct secret_file *file, int *ret_lock,
	     struct secret_file_entries *ret, struct err *err)
{
	AUTO_FREE char *lock = xasprintf("%s.lock", file->path);
	AUTO_FREE char *dir = xstrndup(
	    file->path, (size_t)(path_base(file->path) - file->path));

	*ret = (struct secret_file_entries){ 0 };
	if (fs_mkdir_parents(dir, err) < 0)
		return -1;
	*ret_lock = fs_lock(lock, LOCK_MS, err);
	if (*ret_lock < 0)
		return -1;
	return read_file(file, ret, err);
}

/* --- the store --- */

static int
file_get(struct store *store, const char *name, struct secret **ret,
	 struct err *err)
{
	struct secret_file *file = container_of(store, struct secret_file,
						store);
	AUTO_ENTRIES entries = { 0 };
	struct secret_file_entry *entry;

	if (read_file(file, &entries, err) < 0)
		return -1;
	entry = find_entry(&entries, name);
	if (entry == NULL)
		return err_set(err, ERR_NOT_FOUND, "no such secret");
	*ret = TAKE(entry->value);
	entry->value = secret_alloc(0);
	return 0;
}

static int
file_set(struct store *store, const char *name, const struct secret *secret,
	 struct err *err)
{
	struct secret_file *file = container_of(store, struct secret_file,
						store);
	AUTO_ENTRIES entries = { 0 };
	AUTO_CLOSE int lock = -1;
	struct secret_file_entry *entry;

	if (begin_change(file, &lock, &entries, err) < 0)
		return -1;
	entry = find_entry(&entries, name);
	if (entry == NULL) {
		entry = add_entry(&entries);
		entry->name = xstrdup(name);
	}
	secret_free(entry->value);
	entry->value = secret_new(secret_reveal(secret), secret_len(secret));
	entry->changed_s = clock_wall_ns() / 1000000000;
	return write_file(file, &entries, err);
}

static int
file_remove(struct store *store, const char *name, struct err *err)
{
	struct secret_file *file = container_of(store, struct secret_file,
						store);
	AUTO_ENTRIES entries = { 0 };
	AUTO_CLOSE int lock = -1;
	struct secret_file_entry *entry;

	if (begin_change(file, &lock, &entries, err) < 0)
		return -1;
	entry = find_entry(&entries, name);
	if (entry == NULL)
		return err_set(err, ERR_NOT_FOUND, "no such secret");
	entry_fini(entry);
	*entry = entries.items[--entries.n];
	return write_file(file, &entries, err);
}

static int
file_list(struct store *store, struct store_list *ret, struct err *err)
{
	struct secret_file *file = container_of(store, struct secret_file,
						store);
	AUTO_ENTRIES entries = { 0 };

	if (read_file(file, &entries, err) < 0)
		return -1;
	for (size_t i = 0; i < entries.n; i++)
		store_list_give(ret, TAKE(entries.items[i].name),
				entries.items[i].changed_s);
	return 0;
}

static void
file_free(struct store *store)
{
	struct secret_file *file = container_of(store, struct secret_file,
						store);

	secret_free(file->passphrase);
	free(file->path);
	free(file);
}

static const struct store_ops file_ops = {
	.kind = "file",
	.get = file_get,
	.set = file_set,
	.remove = file_remove,
	.list = file_list,
	.free = file_free,
};

struct store *
secret_file_open(const char *path, ask_fn *ask_person, void *owner)
{
	struct secret_file *file = xcalloc(1, sizeof(*file));

	file->store.ops = &file_ops;
	file->store.where = xasprintf("the file %s", path);
	file->path = xstrdup(path);
	file->ask = ask_person;
	file->owner = owner;
	return &file->store;
}
