/* SPDX-License-Identifier: ISC */

/*
 * Typing into a session; see session_api.h.
 *
 * A text may hold a secret, so it does not go through words of tmux: it lies in
 * a private file until tmux has read it into a buffer of its own, which the
 * paste deletes.  Keys have names, and are checked: tmux would type a name that
 * it does not know.
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "berthd/session/session_api.h"
#include "berthd/session/session_ask.h"
#include "berthd/session/session_send.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/rand.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/server.h"

#define MAX_BODY (2u << 20)
#define MAX_KEYS 256

struct sending {
	char *text;
	char **keys;
	bool paste; /* as one piece, if the agent knows the difference */
	char *file; /* of the text */
};

static const struct json_field fields[] = {
	JSON_F(struct sending, text, STR, false),
	JSON_F(struct sending, keys, STRS, false),
	JSON_F(struct sending, paste, BOOL, false),
};

static const char *const key_names[] = {
	"Enter", "Escape", "Space",  "Tab",	 "BTab",   "BSpace", "Up",
	"Down",	 "Left",   "Right",  "Home",	 "End",	   "PPage",  "NPage",
	"PgUp",	 "PgDn",   "PageUp", "PageDown", "Insert", "IC",     "Delete",
	"DC",	 "F1",	   "F2",     "F3",	 "F4",	   "F5",     "F6",
	"F7",	 "F8",	   "F9",     "F10",	 "F11",	   "F12",
};

bool
session_key_ok(const char *key)
{
	while ((key[0] == 'C' || key[0] == 'M' || key[0] == 'S') &&
	       key[1] == '-' && key[2])
		key += 2;
	if (key[0] > ' ' && key[0] <= '~' && key[1] == '\0')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(key_names); i++) {
		if (str_eq(key_names[i], key))
			return true;
	}
	return false;
}

static void
sending_free(struct session_ask *ask)
{
	struct sending *s = ask->own;

	if (s->file)
		(void)unlink(s->file);
	free(s->file);
	if (s->text)
		explicit_bzero(s->text, strlen(s->text));
	json_fields_fini(fields, ARRAY_SIZE(fields), s);
	free(s);
}

static int
write_text(struct session_ask *ask, struct err *err)
{
	struct sending *s = ask->own;
	char id[ID_SIZE];

	id_new(id, clock_wall_ns());
	s->file = xasprintf("%s/%s.text", ask->sessions->tmux.dir, id);
	return fs_write_atomic(AT_FDCWD, s->file, s->text, strlen(s->text), 0,
			       err);
}

static char **
make_argv(const struct session_ask *ask)
{
	const struct sending *s = ask->own;
	AUTO_FREE char *target = session_ask_target(ask);
	const char *const none[] = { NULL };
	char **argv = tmux_argv(&ask->sessions->tmux, none);

	if (s->file) {
		AUTO_FREE char *buffer = xasprintf("send-%s", ask->name);
		const char *const words[] = { "load-buffer",
					      "-b",
					      buffer,
					      s->file,
					      ";",
					      "paste-buffer",
					      s->paste ? "-dp" : "-d",
					      "-b",
					      buffer,
					      "-t",
					      target,
					      s->keys ? ";" : NULL,
					      NULL };

		for (const char *const *word = words; *word; word++)
			strv_add(&argv, *word);
	}
	if (s->keys) {
		strv_add(&argv, "send-keys");
		strv_add(&argv, "-t");
		strv_add(&argv, target);
		strv_add(&argv, "--");
	}
	for (char **key = s->keys; key && *key; key++) {
		/* A word that ends so would end the command. */
		strv_add(&argv, str_eq(*key, ";") ? "\\;" : *key);
	}
	return argv;
}

static void
on_sent(struct session_ask *ask)
{
	struct err err = ask->failed;

	if (err.code == ERR_NONE) {
		session_ask_ok(ask);
		return;
	}
	err_wrap(&err, "tmux");
	session_ask_fail(ask, &err);
}

static void
on_looked(struct session_ask *ask)
{
	const struct sending *s = ask->own;
	struct err err = ERR_INIT;
	AUTO_STRV char **argv = NULL;

	if (session_ask_runs(ask, &err) < 0 ||
	    (s->text && s->text[0] && write_text(ask, &err) < 0)) {
		session_ask_fail(ask, &err);
		return;
	}
	if (s->file == NULL && s->keys == NULL) {
		session_ask_ok(ask);
		return;
	}
	argv = make_argv(ask);
	session_ask_call(ask, argv, on_sent);
}

static int
check(const struct sending *s, struct err *err)
{
	char shown[64];

	if (strv_len(s->keys) > MAX_KEYS)
		return err_set(err, ERR_INVALID, "keys: more than %d",
			       MAX_KEYS);
	for (char **key = s->keys; key && *key; key++) {
		if (!session_key_ok(*key))
			return err_set(err, ERR_INVALID,
				       "keys: \"%s\" is not a key such as "
				       "Enter, C-c, M-x, F1",
				       vis(shown, sizeof(shown), *key));
	}
	return 0;
}

static void
on_body(struct http_exchange *x UNUSED, const struct buf *body, void *owner)
{
	struct session_ask *ask = owner;
	struct sending *s = xcalloc(1, sizeof(*s));
	struct err err = ERR_INIT;

	ask->own = s;
	ask->fini = sending_free;
	if (json_decode_text(buf_bytes(body), body->len, fields,
			     ARRAY_SIZE(fields), 0, s, &err) < 0 ||
	    check(s, &err) < 0)
		session_ask_fail(ask, &err);
	else
		session_ask_look(ask, on_looked);
}

void
session_api_send(struct daemon *daemon, struct http_exchange *x,
		 const char *name)
{
	struct session_ask *ask = session_ask_new(daemon, x, name);

	if (ask)
		http_exchange_collect(x, MAX_BODY, on_body);
}
