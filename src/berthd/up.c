/* SPDX-License-Identifier: ISC */

/* Serving somebody at the other end of a login; see up.h. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/ask.h"
#include "berthd/life.h"
#include "berthd/tool.h"
#include "berthd/up.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/proc.h"
#include "core/sha1.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/errors.h"
#include "wire/living.h"
#include "wire/places.h"
#include "wire/version.h"

#define MAX_ANSWER (64u << 10)

/* Programs are a megabyte or two; with debug information, tens of them. */
#define MAX_PROGRAM (256u << 20)

#define SELF "/proc/self/exe"

/* A little more than the daemon gives itself. */
#define START_MS 32000
#define MAX_STARTS 3

extern char **environ;

static int
add_program(struct jsonw *w, struct err *err)
{
	AUTO_FREE char *path = proc_own_path(err);

	if (path == NULL)
		return -1;
	jsonw_object(w, "program");
	jsonw_str(w, "path", path);
	jsonw_str(w, "version", BERTH_VERSION);
	jsonw_int(w, "api", WIRE_API);
	jsonw_object_end(w);
	jsonw_str(w, "home", getenv("BERTH_HOME"));
	return 0;
}

/* The members after "program". */
static void
add_daemon(struct jsonw *w, const struct buf *hello)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_LIVING living = { 0 };
	AUTO_JSON *answer = NULL;
	struct err none = ERR_INIT;

	answer = json_parse(buf_bytes(hello), hello->len, &none);
	if (answer == NULL || places_find(&places, &none) < 0) {
		jsonw_null(w, "daemon");
		jsonw_null(w, "socket");
		jsonw_null(w, "life");
		return;
	}
	(void)living_read(places.state, &living, &none);
	jsonw_raw(w, "daemon", buf_text(hello));
	jsonw_str(w, "socket", living.socket ? living.socket : places.socket);
	jsonw_str(w, "life",
		  life_word(life_of((pid_t)json_get_int(answer, "pid", 0))));
}

/* `hello' is the daemon's, or empty. */
static int
print_hello(const struct buf *hello, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	if (add_program(&w, err) < 0)
		return -1;
	add_daemon(&w, hello);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0)
		return err_set(err, ERR_LIMIT, "the hello is too large");
	puts(buf_text(&text));
	return fflush(stdout) == 0 ? 0 : err_sys(err, "write");
}

/* One line: the daemon ends its answers with a line feed. */
static int
ask_hello(struct buf *ret, struct err *err)
{
	if (ask_daemon("GET", "/v1/hello", ret, err) < 0)
		return -1;
	while (ret->len > 0 && buf_bytes(ret)[ret->len - 1] == '\n')
		buf_bytes(ret)[--ret->len] = '\0';
	return 0;
}

/* None runs, or the one that did ended before it had answered. */
static bool
is_none(const struct err *err)
{
	return err->code == ERR_NOT_FOUND || err->code == ERR_UNREACHABLE;
}

int
hello_run(struct err *err)
{
	AUTO_BUF hello = BUF_INIT(MAX_ANSWER);

	if (ask_hello(&hello, err) < 0) {
		if (!is_none(err))
			return -1;
		buf_clear(&hello);
	}
	return print_hello(&hello, err);
}

/*
 * By another process of this program: a daemon cannot be forked off one that
 * has used libuv to ask for a daemon.
 */
static int
start_detached(const char *path, bool replace, struct err *err)
{
	AUTO_STRV char **argv = NULL;
	AUTO_BUF out = BUF_INIT(MAX_ANSWER);
	char words[300];
	int status;

	strv_add(&argv, path);
	strv_add(&argv, "serve");
	strv_add(&argv, "--detach");
	if (replace)
		strv_add(&argv, "--replace");
	status = tool_run(argv, environ, START_MS, &out, err);
	if (status <= 0)
		return status;
	return err_set(err, ERR_SYSTEM, "start the daemon: %s",
		       vis(words, sizeof(words), buf_text(&out)));
}

/* As a unit where that lives longest; detached is what always works. */
static int
start(bool replace, struct err *err)
{
	enum life life = life_best();
	AUTO_FREE char *path = proc_own_path(err);

	if (path == NULL)
		return -1;
	if ((life == LIFE_LINGER || life == LIFE_SYSTEMD) &&
	    life_start_unit(path, replace, err) == 0)
		return 0;
	return start_detached(path, replace, err);
}

/* What is killed as soon as it runs is started again, a few times. */
static int
start_and_ask(bool replace, struct buf *hello, struct err *err)
{
	for (unsigned n = 1;; n++) {
		*err = (struct err)ERR_INIT;
		buf_clear(hello);
		if (start(replace, err) < 0)
			return -1;
		if (ask_hello(hello, err) == 0)
			return 0;
		if (n == MAX_STARTS || !is_none(err))
			return -1;
		replace = false;
	}
}

int
up_run(const struct up_options *options, struct err *err)
{
	AUTO_BUF hello = BUF_INIT(MAX_ANSWER);
	bool is_up = ask_hello(&hello, err) == 0;

	if (!is_up && !is_none(err))
		return -1;
	if ((!is_up || options->replace) &&
	    start_and_ask(is_up && options->replace, &hello, err) < 0)
		return -1;
	return print_hello(&hello, err);
}

int
self_check(const char *sha1_hex, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_PROGRAM);
	uint8_t digest[SHA1_SIZE];
	char hex[2 * SHA1_SIZE + 1];

	if (fs_read_file(AT_FDCWD, SELF, &text, err) < 0)
		return -1;
	sha1(buf_bytes(&text), text.len, digest);
	hex_encode(hex, digest, sizeof(digest));
	if (str_eq(hex, sha1_hex))
		return 0;
	return err_set(err, ERR_CONFLICT, "this file of %zu bytes is damaged",
		       text.len);
}
