/* SPDX-License-Identifier: ISC */

/*
 * The file of the configuration; see config_file.h.
 *
 * A file that is a link stays one: what it points to is replaced.  The lock is
 * a file of its own, since the other is renamed over.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/rand.h"
#include "core/text.h"
#include "machine/config_file.h"
#include "secret/secret.h"
#include "secret/store.h"
#include "wire/places.h"

/* A writer may be asking for a passphrase. */
#define LOCK_MS 5000

/* What the Secret Service calls the passphrase it keeps for us. */
static const char keyring_name[] = "berth/config";
#define KEYRING_BYTES 32

static const char codex_path[] = "~/.config/codex-remote/config.yaml";
static const char suffix[] = ".enc";

static void
use(struct config_file *file, char *path)
{
	free(file->path);
	file->path = path;
	file->is_there = access(path, F_OK) == 0;
	file->is_sealed = str_ends(path, suffix);
	file->is_json = str_ends(path, ".json") || str_ends(path, ".json.enc");
}

/* The one of ours that is there; config.yaml if none is. */
static int
find_ours(struct config_file *file, const char *dir, struct err *err)
{
	static const char *const names[] = { "config.json", "config.yaml.enc",
					     "config.json.enc" };

	use(file, path_join(dir, "config.yaml"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *path = path_join(dir, names[i]);

		if (access(path, F_OK) < 0)
			continue;
		if (!file->is_there) {
			use(file, TAKE(path));
			continue;
		}
		err_set(err, ERR_CONFIG, "there are both %s and %s", file->path,
			names[i]);
		return err_hint(err, "keep one of them");
	}
	return 0;
}

int
config_file_find(struct config_file *file,
		 const struct config_file_config *config, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	char *path;

	*file = (struct config_file){
		.ask = config->ask ? config->ask : ask_passphrase,
		.owner = config->owner,
		.lock = -1,
	};
	if (config->path && str_eq(config->path, "-")) {
		file->path = xstrdup("standard input");
		file->is_there = file->is_input = true;
		return 0;
	}
	if (config->path) {
		path = path_expand(config->path, err);
		if (path == NULL)
			return -1;
		use(file, path);
		return 0;
	}
	if (places_find(&places, err) < 0 ||
	    find_ours(file, places.config, err) < 0)
		return -1;
	if (file->is_there || !config->is_codex)
		return 0;
	path = path_expand(codex_path, err);
	if (path == NULL)
		return -1;
	if (access(path, F_OK) == 0) {
		use(file, path);
		file->is_foreign = true;
	} else {
		free(path);
	}
	return 0;
}

void
config_file_fini(struct config_file *file)
{
	free(file->path);
	secret_free(file->passphrase);
	if (file->lock >= 0)
		close(file->lock);
	*file = (struct config_file){ .lock = -1 };
}

/* The one that the Secret Service keeps; made if it is to be new. */
static int
ask_keyring(struct config_file *file, bool is_new, struct err *err)
{
	static const struct store_config config = { .kind = STORE_SERVICE };
	AUTO_STORE *store = store_open(&config, err);
	AUTO_SECRET *fresh = NULL;
	uint8_t bytes[KEYRING_BYTES];
	char text[2 * KEYRING_BYTES + 1];

	if (store == NULL)
		return err_wrap(err, "the key of %s", file->path);
	if (!is_new)
		return store_get(store, keyring_name, &file->passphrase, err);
	rand_bytes(bytes, sizeof(bytes));
	hex_encode(text, bytes, sizeof(bytes));
	fresh = secret_new(text, strlen(text));
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text, sizeof(text));
	if (store_set(store, keyring_name, fresh, err) < 0)
		return -1;
	file->passphrase = TAKE(fresh);
	return 0;
}

static int
ask(struct config_file *file, enum sealed_key key, bool is_new, struct err *err)
{
	AUTO_FREE char *prompt = NULL;

	if (file->passphrase)
		return 0;
	file->key = key;
	if (key == SEALED_BY_KEYRING)
		return ask_keyring(file, is_new, err);
	prompt = xasprintf(
	    "%s for %s", is_new ? "New passphrase" : "Passphrase", file->path);
	return ask_for_key(file->ask, prompt, is_new ? ASK_TWICE : 0,
			   &file->passphrase, file->owner, err);
}

static int
check_owner(struct config_file *file, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", file->path);
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		err_set(err, ERR_DENIED, "%s belongs to uid %u", file->path,
			st.st_uid);
		return err_hint(err, "only you or root may say where you log "
				     "in");
	}
	if (st.st_mode & S_IWOTH) {
		err_set(err, ERR_DENIED, "%s can be written by anybody",
			file->path);
		return err_hint(err, "chmod o-w %s", file->path);
	}
	file->is_readable = (st.st_mode & (S_IRGRP | S_IROTH)) != 0;
	return 0;
}

static int
open_sealed(struct config_file *file, const struct buf *sealed,
	    struct buf *text, struct err *err)
{
	AUTO_SECRET *plain = NULL;
	enum sealed_key key;

	if (sealed_key(buf_bytes(sealed), sealed->len, &key, err) < 0 ||
	    ask(file, key, false, err) < 0 ||
	    sealed_open(buf_bytes(sealed), sealed->len, file->passphrase,
			&plain, err) < 0)
		return -1;
	if (buf_add(text, secret_reveal(plain), secret_len(plain)) < 0)
		return err_set(err, ERR_LIMIT, "too large");
	return 0;
}

/* Input may be one of several programs', each of which reads all of it. */
static int
open_file(const struct config_file *file)
{
	if (!file->is_input)
		return open(file->path, O_RDONLY | O_CLOEXEC);
	(void)lseek(STDIN_FILENO, 0, SEEK_SET);
	return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

int
config_file_read(struct config_file *file, struct buf *text, struct err *err)
{
	AUTO_CLOSE int fd = open_file(file);
	AUTO_BUF sealed = BUF_INIT(CONFIG_FILE_MAX + SEALED_OVERHEAD);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(err, "open %s", file->path);
	if (check_owner(file, fd, err) < 0)
		return -1;
	if (!file->is_sealed) {
		if (fs_read_fd(fd, text, err) < 0)
			return err_wrap(err, "%s", file->path);
		return 0;
	}
	if (fs_read_fd(fd, &sealed, err) < 0 ||
	    open_sealed(file, &sealed, text, err) < 0)
		return err_wrap(err, "%s", file->path);
	return 0;
}

int
config_file_lock(struct config_file *file, struct err *err)
{
	size_t n = (size_t)(path_base(file->path) - file->path);
	AUTO_FREE char *dir = xstrndup(file->path, n);
	AUTO_FREE char *path = xasprintf("%s.config.lock", dir);

	if (n > 1 && fs_mkdir_parents(dir, err) < 0)
		return -1;
	file->lock = fs_lock(path, LOCK_MS, err);
	if (file->lock < 0)
		return -1;
	file->is_there = access(file->path, F_OK) == 0;
	return 0;
}

static int
write_text(struct config_file *file, const char *path, const void *text,
	   size_t n, struct err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	AUTO_BUF sealed = BUF_INIT(CONFIG_FILE_MAX + SEALED_OVERHEAD);
	AUTO_SECRET *plain = NULL;

	if (str_ends(path, suffix)) {
		plain = secret_new(text, n);
		if (ask(file, file->key, false, err) < 0 ||
		    sealed_make(plain, file->passphrase, file->key, &sealed,
				err) < 0)
			return -1;
		text = buf_bytes(&sealed);
		n = sealed.len;
	}
	return fs_replace(real ? real : path, text, n, FS_WRITE_SYNC, err);
}

int
config_file_write(struct config_file *file, const void *text, size_t n,
		  struct err *err)
{
	if (n > CONFIG_FILE_MAX)
		return err_set(err, ERR_LIMIT,
			       "%s would be larger than %u "
			       "bytes",
			       file->path, CONFIG_FILE_MAX);
	return write_text(file, file->path, text, n, err);
}

/* Write `path' with the text of the file, which goes. */
static int
move(struct config_file *file, char *path, const struct buf *text,
     struct err *err)
{
	if (write_text(file, path, buf_bytes(text), text->len, err) < 0) {
		free(path);
		return -1;
	}
	if (unlink(file->path) < 0) {
		err_sys(err, "remove %s", file->path);
		free(path);
		return -1;
	}
	use(file, path);
	return 0;
}

static int
refuse_absent(const struct config_file *file, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "there is no %s", file->path);
}

int
config_file_seal(struct config_file *file, enum sealed_key key, struct err *err)
{
	AUTO_BUF text = BUF_INIT(CONFIG_FILE_MAX);
	int rc;

	if (config_file_lock(file, err) < 0)
		return -1;
	if (!file->is_there)
		return refuse_absent(file, err);
	if (file->is_sealed)
		return err_set(err, ERR_CONFLICT, "%s is encrypted already",
			       file->path);
	rc = config_file_read(file, &text, err);
	if (rc == 0)
		rc = ask(file, key, true, err);
	if (rc == 0)
		rc = move(file, xasprintf("%s%s", file->path, suffix), &text,
			  err);
	explicit_bzero(buf_bytes(&text), text.len);
	return rc;
}

int
config_file_unseal(struct config_file *file, struct err *err)
{
	AUTO_BUF text = BUF_INIT(CONFIG_FILE_MAX);

	if (config_file_lock(file, err) < 0)
		return -1;
	if (!file->is_there)
		return refuse_absent(file, err);
	if (!file->is_sealed)
		return err_set(err, ERR_CONFLICT, "%s is not encrypted",
			       file->path);
	if (config_file_read(file, &text, err) < 0)
		return -1;
	return move(file,
		    xstrndup(file->path, strlen(file->path) - strlen(suffix)),
		    &text, err);
}
