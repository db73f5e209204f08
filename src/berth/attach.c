/* SPDX-License-Identifier: ISC */

/*
 * A session on our terminal; see attach.h.
 *
 * Every key goes to the session but Ctrl-], which leaves.  A terminal that was
 * told to send keys in longer forms says Ctrl-] in one of two of them.
 *
 * Usually tmux gives the terminal back as it was.  When it cannot, because the
 * connection is broken, we say what it would have said.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <uv.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/text.h"
#include "client/client.h"
#include "client/session_attach.h"
#include "berth/attach.h"
#include "berth/common.h"
#include "berth/term.h"

enum { ON_TERM, ON_HUP, ON_INT, ON_WINCH, N_SIGNALS };

static const int signals[N_SIGNALS] = { SIGTERM, SIGHUP, SIGINT, SIGWINCH };

/* Ctrl-] as a byte, and as xterm and as kitty spell keys out. */
static const char *const escapes[] = { "\x1d", "\033[93;5u", "\033[27;5;93~" };

/* No mouse, no focus, no pasting marks, usual keys, cursor, first screen. */
static const char restoration[] =
    "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1005l\033[?1004l"
    "\033[?2004l\033[>4;0m\033[?1l\033>\033[r\033[m\033[?25h\033[?12l"
    "\033[?1049l\r\n";

static const char lost_bar[] =
    "\0337\033[r\033[999;1H\033[0;7m link lost, reconnecting; Ctrl-] leaves "
    "\033[0m\033[K\0338";

struct attach {
	const struct attach_config *config;
	struct session_attach *session;
	struct term term;
	/*
	 * Waits for standard input.  libuv would make that itself non-blocking,
	 * for the shell that started us, too.
	 */
	int epoll_fd;
	uv_poll_t keys;
	uv_signal_t handles[N_SIGNALS];
	bool is_lost;
	bool has_drawn; /* the terminal is the session's */
	bool is_over;
	int status;
	int left_by; /* the signal we leave by, or 0 */
	struct err err;
	char *reason;
	int64_t exit_code, signal;
};

static void
put(const char *text)
{
	(void)write_full(STDOUT_FILENO, text, strlen(text));
}

static bool
on_output(const void *bytes, size_t n, void *owner)
{
	struct attach *a = owner;

	a->has_drawn = true;
	/* Blocks while the terminal is slow, which slows the session down. */
	if (write_full(STDOUT_FILENO, bytes, n) < 0)
		session_attach_leave(a->session);
	return false;
}

static void
on_lost(const struct err *err UNUSED, void *owner)
{
	struct attach *a = owner;

	a->is_lost = true;
	put(lost_bar);
}

static void
on_back(void *owner)
{
	struct attach *a = owner;

	a->is_lost = false;
}

static void
on_end(const struct session_left *left, const struct err *err, void *owner)
{
	struct attach *a = owner;

	a->is_over = true;
	if (err)
		a->err = *err;
	if (left) {
		a->reason = xstrdup(left->reason);
		a->exit_code = left->exit_code;
		a->signal = left->signal;
	}
	client_stop(a->config->client);
}

/* Keys */

/* Where the first Ctrl-] is, or NULL. */
static const char *
find_escape(const char *bytes, size_t n)
{
	const char *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
		const char *at = memmem(bytes, n, escapes[i],
					strlen(escapes[i]));

		if (at && (first == NULL || at < first))
			first = at;
	}
	return first;
}

static void
on_keys(uv_poll_t *keys, int status UNUSED, int events UNUSED)
{
	struct attach *a = container_of(keys, struct attach, keys);
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	const char *escape;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		(void)uv_poll_stop(keys);
		session_attach_leave(a->session);
		return;
	}
	escape = find_escape(bytes, (size_t)n);
	session_attach_input(a->session, bytes,
			     escape ? (size_t)(escape - bytes) : (size_t)n);
	if (escape) {
		(void)uv_poll_stop(keys);
		session_attach_leave(a->session);
	}
}

static void
on_signal(uv_signal_t *handle, int sig)
{
	struct attach *a = handle->data;
	uint64_t cols, rows;

	if (sig != SIGWINCH) {
		a->left_by = sig;
		session_attach_leave(a->session);
	} else if (term_size(STDIN_FILENO, &cols, &rows)) {
		session_attach_resize(a->session, cols, rows);
		if (a->is_lost)
			put(lost_bar);
	}
}

static void
open_handles(struct attach *a)
{
	struct uv_loop_s *loop = client_loop(a->config->client);

	struct epoll_event event = { .events = EPOLLIN };

	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	(void)epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	(void)uv_poll_init(loop, &a->keys, a->epoll_fd);
	(void)uv_poll_start(&a->keys, UV_READABLE, on_keys);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		(void)uv_signal_init(loop, &a->handles[i]);
		a->handles[i].data = a;
		(void)uv_signal_start(&a->handles[i], on_signal, signals[i]);
	}
}

static void
close_handles(struct attach *a)
{
	uv_close((uv_handle_t *)&a->keys, NULL);
	for (size_t i = 0; i < N_SIGNALS; i++)
		uv_close((uv_handle_t *)&a->handles[i], NULL);
}

/* What the terminal understands */

static bool
is_locale_utf8(void)
{
	const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return strcasestr(value, "UTF-8") ||
			       strcasestr(value, "UTF8");
	}
	return false;
}

int
attach_check_terminal(struct err *err)
{
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return 0;
	err_set(err, ERR_INVALID, "attaching needs a terminal");
	return err_hint(err, "without one, 'berth session capture' prints the "
			     "screen and 'berth session send' types");
}

static void
start(struct attach *a)
{
	const struct attach_config *config = a->config;
	struct session_attach_config session = {
		.client = config->client,
		.name = config->name,
		.term = getenv("TERM"),
		.colorterm = getenv("COLORTERM"),
		.cols = 80,
		.rows = 24,
		.is_utf8 = is_locale_utf8(),
		.is_read_only = config->is_read_only,
		.is_alone = config->is_alone,
		.size = config->size,
		.on_output = on_output,
		.on_lost = on_lost,
		.on_back = on_back,
		.on_end = on_end,
		.owner = a,
	};

	(void)term_size(STDIN_FILENO, &session.cols, &session.rows);
	a->session = session_attach_start(&session);
}

/* How it went, in words and as a status. */
static int
conclude(const struct attach *a, struct err *err)
{
	const struct output_args *output = a->config->output;
	const char *name = a->config->name;
	const char *at = client_reach(a->config->client)->words;

	if (a->reason == NULL) {
		*err = a->err;
		return -1;
	}
	if (a->left_by)
		return 128 + a->left_by;
	if (str_eq(a->reason, "detached")) {
		print_note(output,
			   "session %s goes on; 'berth attach%s %s' comes back",
			   name, at, name);
		return 0;
	}
	if (str_eq(a->reason, "replaced")) {
		print_note(output, "another viewer of session %s took over",
			   name);
		return 0;
	}
	if (str_eq(a->reason, "ended") && a->signal > 0) {
		print_note(output, "session %s was ended by signal %lld", name,
			   (long long)a->signal);
		return 128 + (int)a->signal;
	}
	if (str_eq(a->reason, "ended")) {
		print_note(output, "session %s has ended with exit status %lld",
			   name, (long long)a->exit_code);
		return a->exit_code < 0 ? 0 : (int)a->exit_code;
	}
	if (str_eq(a->reason, "killed"))
		return err_set(err, ERR_CONFLICT, "session %s was killed",
			       name);
	if (str_eq(a->reason, "lost"))
		return err_set(err, ERR_CONFLICT,
			       "session %s ended with its tmux server", name);
	return err_set(err, ERR_REMOTE, "tmux could not show session %s", name);
}

int
attach_stay(const struct attach_config *config, struct err *err)
{
	struct attach a = { .config = config };
	bool by_itself;
	int status;

	if (attach_check_terminal(err) < 0)
		return -1;
	if (!term_make_raw(&a.term, STDIN_FILENO))
		return err_sys(err, "take the terminal");
	open_handles(&a);
	start(&a);
	while (!a.is_over)
		client_run(config->client);
	by_itself = a.is_lost || a.reason == NULL;
	if (a.has_drawn && by_itself)
		put(restoration);
	term_restore(&a.term);
	session_attach_free(a.session);
	close_handles(&a);
	/* They are part of `a'. */
	(void)uv_run(client_loop(config->client), UV_RUN_NOWAIT);
	close(a.epoll_fd);
	status = conclude(&a, err);
	free(a.reason);
	return status;
}
