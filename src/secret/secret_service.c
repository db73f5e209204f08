/* SPDX-License-Identifier: ISC */

/*
 * The Secret Service; see secret_service.h.
 *
 * libsecret's calls wait without a limit, start threads, and print warnings.
 * None of that is for our process: each request is done by a child, which
 * loads the library, answers through a pipe, and is killed at the deadline.
 * The cost is a few milliseconds beside a question to another process.
 *
 * The few functions that are used are declared here: their binary interface has
 * been the same since version 0.18, and a program that finds the library at run
 * time should not need it to be built.
 *
 * An answer is one byte, an enum answer, and what belongs to it: the secret, a
 * line "SECONDS NAME" per secret, or a sentence.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "secret/secret.h"
#include "secret/secret_service.h"
#include "secret/store.h"

/* Nobody is asked: this is an answer from a process on this machine. */
#define PROBE_MS 5000

/* A person may have to find the password of the keyring. */
#define REQUEST_MS 60000

/* What fits in an answer; a list of ten thousand names. */
#define MAX_ANSWER (1u << 20)

/* --- libsecret, as of libsecret-1.so.0 --- */

struct g_list {
	void *data;
	struct g_list *next, *prev;
};

struct g_error {
	uint32_t domain;
	int code;
	char *message;
};

struct schema {
	const char *name;
	int flags;
	struct {
		const char *name;
		int type; /* 0: string */
	} attributes[32];
	int reserved;
	void *reserved_too[7];
};

struct libsecret {
	void *(*secret_service_get_sync)(int flags, void *cancellable,
					 struct g_error **);
	void *(*secret_collection_for_alias_sync)(void *service,
						  const char *alias, int flags,
						  void *cancellable,
						  struct g_error **);
	int (*secret_collection_get_locked)(void *collection);
	int (*secret_password_store_sync)(
	    const struct schema *, const char *collection, const char *label,
	    const char *password, void *cancellable, struct g_error **, ...);
	char *(*secret_password_lookup_sync)(const struct schema *,
					     void *cancellable,
					     struct g_error **, ...);
	int (*secret_password_clear_sync)(const struct schema *,
					  void *cancellable, struct g_error **,
					  ...);
	struct g_list *(*secret_password_search_sync)(const struct schema *,
						      int flags,
						      void *cancellable,
						      struct g_error **, ...);
	void *(*secret_retrievable_get_attributes)(void *item);
	uint64_t (*secret_retrievable_get_modified)(void *item);
	void *(*g_hash_table_lookup)(void *table, const void *key);
};

#define SERVICE_OPEN_SESSION (1 << 1)
#define SEARCH_ALL (1 << 1)

static const char application[] = "berth";

static const struct schema schema = {
	.name = "org.berth.Secret",
	.attributes = { { "application", 0 }, { "name", 0 } },
};

static const struct {
	const char *name;
	size_t offset;
} symbols[] = {
#define SYMBOL(name)                                                           \
	{                                                                      \
#name, offsetof(struct libsecret, name)                        \
	}
	SYMBOL(secret_service_get_sync),
	SYMBOL(secret_collection_for_alias_sync),
	SYMBOL(secret_collection_get_locked),
	SYMBOL(secret_password_store_sync),
	SYMBOL(secret_password_lookup_sync),
	SYMBOL(secret_password_clear_sync),
	SYMBOL(secret_password_search_sync),
	SYMBOL(secret_retrievable_get_attributes),
	SYMBOL(secret_retrievable_get_modified),
	SYMBOL(g_hash_table_lookup),
};

/* --- the child --- */

enum answer {
	ANSWER_DONE,
	ANSWER_ABSENT,	    /* no such secret */
	ANSWER_FAILED,	    /* the service refused */
	ANSWER_UNSUPPORTED, /* there is no service to use */
};

enum request { PROBE, GET, SET, REMOVE, LIST };

struct job {
	enum request request;
	const char *name;
	const struct secret *secret; /* of SET */
};

static int
answer(int fd, enum answer kind, const void *bytes, size_t n)
{
	uint8_t first = (uint8_t)kind;

	if (write_full(fd, &first, 1) < 0 || write_full(fd, bytes, n) < 0)
		return -1;
	return 0;
}

static int
answer_text(int fd, enum answer kind, const char *text)
{
	return answer(fd, kind, text, strlen(text));
}

static int
answer_error(int fd, enum answer kind, const struct g_error *error,
	     const char *otherwise)
{
	return answer_text(fd, kind, error ? error->message : otherwise);
}

static bool
load(struct libsecret *lib)
{
	void *handle = dlopen("libsecret-1.so.0", RTLD_NOW);

	if (handle == NULL)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *found = dlsym(handle, symbols[i].name);

		if (found == NULL)
			return false;
		memcpy((char *)lib + symbols[i].offset, &found, sizeof(found));
	}
	return true;
}

static bool
has_display(void)
{
	return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");
}

/* A keyring that only a window could unlock is none where no window is. */
static int
do_probe(const struct libsecret *lib, int fd)
{
	struct g_error *error = NULL;
	void *service, *collection;

	service = lib->secret_service_get_sync(SERVICE_OPEN_SESSION, NULL,
					       &error);
	if (service == NULL)
		return answer_error(fd, ANSWER_UNSUPPORTED, error,
				    "it does not answer");
	if (has_display())
		return answer(fd, ANSWER_DONE, NULL, 0);
	collection = lib->secret_collection_for_alias_sync(service, "default",
							   0, NULL, &error);
	if (collection == NULL)
		return answer_error(fd, ANSWER_UNSUPPORTED, error,
				    "it has no keyring yet, and there is no "
				    "display to make one");
	if (lib->secret_collection_get_locked(collection))
		return answer_text(fd, ANSWER_UNSUPPORTED,
				   "its keyring is locked, and there is no "
				   "display to unlock it");
	return answer(fd, ANSWER_DONE, NULL, 0);
}

static int
do_get(const struct libsecret *lib, const struct job *job, int fd)
{
	struct g_error *error = NULL;
	char *found = lib->secret_password_lookup_sync(
	    &schema, NULL, &error, "application", application, "name",
	    job->name, NULL);

	if (found)
		return answer(fd, ANSWER_DONE, found, strlen(found));
	return answer_error(fd, error ? ANSWER_FAILED : ANSWER_ABSENT, error,
			    "");
}

static int
do_set(const struct libsecret *lib, const struct job *job, int fd)
{
	struct g_error *error = NULL;
	char label[192];

	snprintf(label, sizeof(label), "berth: %s", job->name);
	if (lib->secret_password_store_sync(
		&schema, "default", label, secret_reveal(job->secret), NULL,
		&error, "application", application, "name", job->name, NULL))
		return answer(fd, ANSWER_DONE, NULL, 0);
	return answer_error(fd, ANSWER_FAILED, error, "it was not stored");
}

static int
do_remove(const struct libsecret *lib, const struct job *job, int fd)
{
	struct g_error *error = NULL;

	if (lib->secret_password_clear_sync(&schema, NULL, &error,
					    "application", application, "name",
					    job->name, NULL))
		return answer(fd, ANSWER_DONE, NULL, 0);
	return answer_error(fd, error ? ANSWER_FAILED : ANSWER_ABSENT, error,
			    "");
}

static int
do_list(const struct libsecret *lib, int fd)
{
	struct g_error *error = NULL;
	struct g_list *item = lib->secret_password_search_sync(
	    &schema, SEARCH_ALL, NULL, &error, "application", application,
	    NULL);

	if (error)
		return answer_error(fd, ANSWER_FAILED, error, "");
	if (answer(fd, ANSWER_DONE, NULL, 0) < 0)
		return -1;
	for (; item; item = item->next) {
		void *table = lib->secret_retrievable_get_attributes(
		    item->data);
		const char *name = lib->g_hash_table_lookup(table, "name");
		uint64_t changed = lib->secret_retrievable_get_modified(
		    item->data);

		if (name && dprintf(fd, "%" PRIu64 " %s\n", changed, name) < 0)
			return -1;
	}
	return 0;
}

/* What the library prints is for nobody. */
static void
silence(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
}

static int
work(const struct job *job, int fd)
{
	struct libsecret lib;

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	silence();
	if (!load(&lib))
		return answer_text(fd, ANSWER_UNSUPPORTED,
				   "libsecret is not installed");
	switch (job->request) {
	case PROBE:
		return do_probe(&lib, fd);
	case GET:
		return do_get(&lib, job, fd);
	case SET:
		return do_set(&lib, job, fd);
	case REMOVE:
		return do_remove(&lib, job, fd);
	case LIST:
		return do_list(&lib, fd);
	}
	return -1;
}

/* --- the parent --- */

/* Up to the end of the pipe, or the deadline. */
static int
read_answer(int fd, uint64_t deadline, char *bytes, size_t size, size_t *ret,
	    struct err *err)
{
	size_t n = 0;

	for (;;) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		ssize_t got;

		if (now >= deadline)
			return err_set(err, ERR_TIMEOUT,
				       "the Secret Service does not answer");
		if (poll(&polled, 1, (int)(deadline - now)) <= 0)
			continue;
		got = read(fd, bytes + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "read");
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret = n;
	return 0;
}

/* The child's first byte decides; the rest is a sentence if it failed. */
static int
judge(const char *bytes, size_t n, struct err *err)
{
	int size = (int)MIN(n - (n > 0), (size_t)300);

	if (n == 0)
		return err_set(err, ERR_SYSTEM,
			       "the Secret Service: its library crashed");
	switch ((enum answer)bytes[0]) {
	case ANSWER_DONE:
		return 0;
	case ANSWER_ABSENT:
		return err_set(err, ERR_NOT_FOUND, "no such secret");
	case ANSWER_UNSUPPORTED:
		return err_set(err, ERR_UNSUPPORTED,
			       "the Secret Service cannot be used: %.*s", size,
			       bytes + 1);
	case ANSWER_FAILED:
		err_set(err, ERR_DENIED, "the Secret Service: %.*s", size,
			bytes + 1);
		return err_hint(err, "unlock the keyring, or keep secrets in a "
				     "file: BERTH_SECRET_STORE=file");
	}
	return err_set(err, ERR_PROTO, "the Secret Service: no such answer");
}

static int
request(const struct job *job, uint64_t timeout_ms, struct secret **ret,
	struct err *err)
{
	AUTO_SECRET *all = secret_alloc(MAX_ANSWER);
	char *bytes = secret_fill(all);
	uint64_t deadline = clock_mono_ms() + timeout_ms;
	int pipes[2], rc;
	size_t n = 0;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	pid = fork();
	if (pid == 0)
		_exit(work(job, pipes[1]) < 0);
	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		return err_sys(err, "fork");
	}
	rc = read_answer(pipes[0], deadline, bytes, MAX_ANSWER, &n, err);
	close(pipes[0]);
	/* It is ours and not reaped: the pid is still its. */
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (rc < 0 || judge(bytes, n, err) < 0)
		return -1;
	if (ret)
		*ret = secret_new(bytes + 1, n - 1);
	return 0;
}

static int
service_get(struct store *store UNUSED, const char *name, struct secret **ret,
	    struct err *err)
{
	struct job job = { .request = GET, .name = name };

	return request(&job, REQUEST_MS, ret, err);
}

static int
service_set(struct store *store UNUSED, const char *name,
	    const struct secret *secret, struct err *err)
{
	struct job job = { .request = SET, .name = name, .secret = secret };
	const char *bytes = secret_reveal(secret);

	if (strlen(bytes) != secret_len(secret) ||
	    !utf8_valid(bytes, secret_len(secret))) {
		err_set(err, ERR_INVALID,
			"the Secret Service keeps text, and this is none");
		return err_hint(err, "BERTH_SECRET_STORE=file keeps any bytes");
	}
	return request(&job, REQUEST_MS, NULL, err);
}

static int
service_remove(struct store *store UNUSED, const char *name, struct err *err)
{
	struct job job = { .request = REMOVE, .name = name };

	return request(&job, REQUEST_MS, NULL, err);
}

static int
service_list(struct store *store UNUSED, struct store_list *ret,
	     struct err *err)
{
	struct job job = { .request = LIST };
	AUTO_SECRET *text = NULL;
	const char *p;

	if (request(&job, REQUEST_MS, &text, err) < 0)
		return -1;
	for (p = secret_reveal(text); *p; p += strcspn(p, "\n") + 1) {
		char *name;
		uint64_t changed_s = strtoull(p, &name, 10);

		if (*name == ' ')
			store_list_give(
			    ret, xstrndup(name + 1, strcspn(name + 1, "\n")),
			    changed_s);
	}
	return 0;
}

static void
service_free(struct store *store)
{
	free(store);
}

static const struct store_ops service_ops = {
	.kind = "service",
	.get = service_get,
	.set = service_set,
	.remove = service_remove,
	.list = service_list,
	.free = service_free,
};

static bool
is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Without a bus the library would try to start one. */
static bool
has_bus(void)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	AUTO_FREE char *path = runtime ? xasprintf("%s/bus", runtime) : NULL;

	return (address && *address) || (path && is_socket(path));
}

struct store *
secret_service_open(struct err *err)
{
	struct job job = { .request = PROBE };
	struct store *store;

	if (!has_bus()) {
		err_set(err, ERR_UNSUPPORTED,
			"the Secret Service cannot be used: there is no "
			"session bus");
		return NULL;
	}
	if (request(&job, PROBE_MS, NULL, err) < 0)
		return NULL;
	store = xcalloc(1, sizeof(*store));
	store->ops = &service_ops;
	store->where = xstrdup("the Secret Service");
	return store;
}
