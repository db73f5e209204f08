/* SPDX-License-Identifier: ISC */

/*
 * The broker of ssh's questions, and the helper that ssh runs; see askpass.h.
 *
 * The helper sends ssh's hint, a newline and the question, and shuts its side;
 * the broker answers "+" and the text, or hangs up.  A question whose helper
 * went away (ssh was killed, a touch of the key has happened) is dropped.
 *
 * Questions are asked one at a time, in the order of their arrival: a host on
 * the way and the machine itself may both have one.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/list.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/sock.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/stream.h"

#include "link/askpass.h"

#define HELPER "berth-askpass"
#define SOCKET_VAR "BERTH_ASKPASS_SOCKET"
#define MAX_QUESTION 4096
#define MAX_ANSWER 1024 /* as ssh's own buffer */

struct question {
	struct list link;
	struct askpass *askpass;
	struct stream *stream;
	struct buf text;
	bool is_whole;
	bool is_notice;
};

struct askpass {
	uv_poll_t poll;
	int fd;
	char *path;
	char *helper;
	struct list questions;
	struct question *asked; /* the one that is with the owner */
	const struct askpass_events *events;
	void *owner;
};

/* --- what a question is ----------------------------------------------------
 */

/* "ED25519 key fingerprint is SHA256:....", up to white space or its dot. */
static void
find_fingerprint(struct askpass_question *q)
{
	static const char words[] = "key fingerprint is ";
	const char *at = strstr(q->text, words);
	size_t n;

	if (at == NULL)
		return;
	at += sizeof(words) - 1;
	n = strcspn(at, " \t\n");
	if (n > 0 && at[n - 1] == '.')
		n--;
	snprintf(q->fingerprint, sizeof(q->fingerprint), "%.*s", (int)n, at);
}

/* "(user@host) Password: ": the words behind ssh's prefix. */
static const char *
words_of_machine(const char *text)
{
	const char *end;

	if (*text != '(')
		return NULL;
	end = strstr(text, ") ");
	return end ? end + 2 : text;
}

static bool
is_password_word(const char *words)
{
	size_t n = strcspn(words, ":");

	return n == 8 && strncasecmp(words, "password", 8) == 0 &&
	       strspn(words + n, ": ") == strlen(words + n);
}

/*
 * ssh puts its prefix before all words of the machine (since 8.4), and its own
 * questions begin with fixed words: a machine cannot phrase one of those.
 */
static enum prompt_kind
kind_of(const char *text, const char *hint)
{
	const char *words = words_of_machine(text);

	if (words)
		return is_password_word(words) ? PROMPT_PASSWORD : PROMPT_CODE;
	if (hint && (str_eq(hint, "confirm") || str_eq(hint, "none")))
		return PROMPT_CONFIRM;
	if (str_starts(text, "The authenticity of host ") ||
	    str_starts(text, "Please type 'yes', 'no'"))
		return PROMPT_HOST_KEY;
	if (str_starts(text, "Accept updated hostkeys?"))
		return PROMPT_CONFIRM;
	if (str_starts(text, "Enter passphrase for "))
		return PROMPT_PASSPHRASE;
	if (str_ends(text, "'s password: ") || is_password_word(text))
		return PROMPT_PASSWORD;
	return PROMPT_CODE;
}

void
askpass_read(const char *text, const char *hint, struct askpass_question *ret)
{
	AUTO_BUF shown = BUF_INIT(4 * MAX_QUESTION);
	size_t n = strlen(text);
	enum prompt_kind kind;

	hint = hint ? hint : "";
	kind = kind_of(text, hint);
	*ret = (struct askpass_question){ .text = "" };
	while (n > 0 && strchr(" \n", text[n - 1]))
		n--;
	(void)vis_add(&shown, text, MIN(n, MAX_QUESTION));
	snprintf(ret->text, sizeof(ret->text), "%s", buf_text(&shown));
	ret->prompt.kind = kind;
	ret->prompt.text = ret->text;
	ret->prompt.echo = kind == PROMPT_HOST_KEY || kind == PROMPT_CONFIRM;
	ret->prompt.is_notice = str_eq(hint, "none");
	if (kind == PROMPT_HOST_KEY)
		find_fingerprint(ret);
	if (ret->fingerprint[0])
		ret->prompt.fingerprint = ret->fingerprint;
}

/* --- the broker ------------------------------------------------------------
 */

static void
question_free(struct question *q)
{
	if (q->askpass->asked == q)
		q->askpass->asked = NULL;
	list_unlink(&q->link);
	stream_close(q->stream);
	buf_fini(&q->text);
	free(q);
}

/* Ask what has arrived whole, unless somebody is thinking about another. */
static void
ask_next(struct askpass *a)
{
	struct askpass_question question;
	struct question *q;

	if (a->asked)
		return;
	list_for_each (q, &a->questions, link) {
		char *hint, *end;

		if (!q->is_whole || q->is_notice)
			continue;
		hint = (char *)buf_bytes(&q->text);
		end = strchr(hint, '\n');
		*end = '\0';
		askpass_read(end + 1, hint, &question);
		q->is_notice = question.prompt.is_notice;
		if (!q->is_notice)
			a->asked = q;
		a->events->on_prompt(a, &question.prompt, a->owner);
		return;
	}
}

static void
on_data(struct stream *s, const void *bytes, size_t n, void *owner)
{
	struct question *q = owner;

	if (buf_add(&q->text, bytes, n) < 0)
		question_free(q);
}

static void
on_end(struct stream *s, const struct err *err, void *owner)
{
	struct question *q = owner;
	struct askpass *a = q->askpass;

	if (err || strchr(buf_text(&q->text), '\n') == NULL)
		question_free(q);
	else
		q->is_whole = true;
	ask_next(a);
}

static const struct stream_events events_of_question = {
	.on_data = on_data,
	.on_end = on_end,
};

static void
on_helper(uv_poll_t *poll, int status, int events)
{
	struct askpass *a = poll->data;
	struct err err = ERR_INIT;
	struct question *q;
	uid_t uid;
	pid_t pid;
	int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!sock_peer(fd, &uid, &pid) || uid != getuid()) {
		close(fd);
		return;
	}
	q = xcalloc(1, sizeof(*q));
	q->stream = stream_new(poll->loop, fd, fd, &events_of_question, q,
			       &err);
	if (q->stream == NULL) {
		close(fd);
		free(q);
		return;
	}
	q->askpass = a;
	buf_init(&q->text, MAX_QUESTION + 64);
	list_init(&q->link);
	list_append(&a->questions, &q->link);
	stream_resume(q->stream);
}

/* This program by the name that makes it the helper. */
static int
link_helper(const char *path, struct err *err)
{
	AUTO_FREE char *self = proc_own_path(err);

	if (self == NULL)
		return -1;
	(void)unlink(path);
	if (symlink(self, path) < 0 && errno != EEXIST)
		return err_sys(err, "link %s", path);
	return 0;
}

struct askpass *
askpass_new(struct uv_loop_s *loop, const char *directory, const char *name,
	    const struct askpass_events *events, void *owner, struct err *err)
{
	AUTO_FREE char *path = path_join(directory, name);
	AUTO_FREE char *helper = path_join(directory, HELPER);
	AUTO_CLOSE int fd = -1;
	struct askpass *a;

	if (link_helper(helper, err) < 0)
		return NULL;
	fd = sock_listen_unix(path, err);
	if (fd < 0)
		return NULL;
	a = xcalloc(1, sizeof(*a));
	a->path = TAKE(path);
	a->helper = TAKE(helper);
	a->events = events;
	a->owner = owner;
	list_init(&a->questions);
	a->fd = TAKE_FD(fd);
	uv_poll_init(loop, &a->poll, a->fd);
	a->poll.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_helper);
	return a;
}

static void
on_closed(uv_handle_t *h)
{
	struct askpass *a = h->data;

	close(a->fd);
	free(a->path);
	free(a->helper);
	free(a);
}

void
askpass_free(struct askpass *a)
{
	struct question *q;

	if (a == NULL)
		return;
	list_for_each (q, &a->questions, link)
		question_free(q);
	(void)unlink(a->path);
	uv_close((uv_handle_t *)&a->poll, on_closed);
}

void
askpass_answer(struct askpass *a, const char *text)
{
	struct question *q = a->asked;

	if (q == NULL)
		return;
	a->asked = NULL;
	list_unlink(&q->link);
	if (text) {
		stream_write(q->stream, "+", 1);
		stream_write(q->stream, text, strlen(text));
	}
	stream_close_after_write(q->stream);
	buf_fini(&q->text);
	free(q);
}

void
askpass_environ(const struct askpass *a, char ***env)
{
	AUTO_FREE char *helper = xasprintf("SSH_ASKPASS=%s", a->helper);
	AUTO_FREE char *place = xasprintf(SOCKET_VAR "=%s", a->path);

	strv_env_set(env, helper);
	strv_env_set(env, place);
	strv_env_set(env, "SSH_ASKPASS_REQUIRE=force");
	/* Before 8.4 ssh asked a helper only if there was a display. */
	if (strv_env_get(*env, "DISPLAY") == NULL)
		strv_env_set(env, "DISPLAY=berth");
}

/* --- the helper ------------------------------------------------------------
 */

bool
askpass_is_meant(char *const *argv)
{
	return argv[0] && str_eq(path_base(argv[0]), HELPER) &&
	       getenv(SOCKET_VAR);
}

/* Wait for the answer; empty if there is none. */
static int
receive(int fd, char *answer, size_t size)
{
	ssize_t n;

	if (fcntl(fd, F_SETFL, 0) < 0)
		return -1;
	n = read_full(fd, answer, size - 1);
	if (n <= 0 || answer[0] != '+')
		return -1;
	answer[n] = '\0';
	return 0;
}

int
askpass_main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_connect_unix(getenv(SOCKET_VAR), &err);
	const char *hint = getenv("SSH_ASKPASS_PROMPT");
	AUTO_FREE char *text = xasprintf("%s\n%.*s", hint ? hint : "",
					 MAX_QUESTION - 1,
					 argc > 1 ? argv[1] : "");
	char answer[MAX_ANSWER + 2];
	bool is_good;
	int rc = 1;

	if (fd < 0 || write_full(fd, text, strlen(text)) < 0 ||
	    shutdown(fd, SHUT_WR) < 0)
		return 1;
	if (receive(fd, answer, sizeof(answer)) == 0) {
		/* A confirmation is the status. */
		is_good = hint == NULL || !str_eq(hint, "confirm") ||
			  str_eq(answer + 1, "yes");
		if (is_good && printf("%s\n", answer + 1) >= 0 &&
		    fflush(stdout) == 0)
			rc = 0;
	}
	explicit_bzero(answer, sizeof(answer));
	return rc;
}
