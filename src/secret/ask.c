/* SPDX-License-Identifier: ISC */

/*
 * Asking a person; see ask.h.
 *
 * The terminal is /dev/tty, whatever standard input is.  Signals that end us
 * are held until its echo is back: a shell that shows nothing of what is typed
 * is worse than the wait.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "core/fs.h"
#include "core/macros.h"
#include "secret/ask.h"
#include "secret/secret.h"

/* What a terminal takes as one line. */
#define MAX_LINE 4096

static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static volatile sig_atomic_t caught;

static void
on_signal(int sig)
{
	caught = sig;
}

struct silence {
	int fd;
	struct termios before;
	struct sigaction actions[ARRAY_SIZE(held)];
};

static int
silence_start(struct silence *silence, struct err *err)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct termios quiet;

	if (tcgetattr(silence->fd, &silence->before) < 0)
		return err_sys(err, "the terminal");
	caught = 0;
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		sigaction(held[i], &action, &silence->actions[i]);
	quiet = silence->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	quiet.c_lflag |= ECHONL | ICANON;
	(void)tcsetattr(silence->fd, TCSAFLUSH, &quiet);
	return 0;
}

static void
silence_stop(struct silence *silence)
{
	(void)tcsetattr(silence->fd, TCSAFLUSH, &silence->before);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		sigaction(held[i], &silence->actions[i], NULL);
	if (caught)
		raise(caught);
}

static int
read_line(int fd, struct secret **ret, struct err *err)
{
	AUTO_SECRET *line = secret_alloc(MAX_LINE);
	char *bytes = secret_fill(line);
	ssize_t got = read(fd, bytes, MAX_LINE);

	if (got <= 0 || caught)
		return err_set(err, ERR_DENIED, "nothing was typed");
	if (bytes[got - 1] == '\n')
		got--;
	*ret = secret_new(bytes, (size_t)got);
	return 0;
}

static int
ask_once(int fd, const char *prompt, const char *more, struct secret **ret,
	 struct err *err)
{
	struct silence silence = { .fd = fd };
	int rc;

	if (silence_start(&silence, err) < 0)
		return -1;
	(void)write_full(fd, prompt, strlen(prompt));
	(void)write_full(fd, more, strlen(more));
	rc = read_line(fd, ret, err);
	silence_stop(&silence);
	return rc;
}

int
ask_for_key(ask_fn *ask, const char *prompt, unsigned flags,
	    struct secret **ret, void *owner, struct err *err)
{
	AUTO_SECRET *answer = NULL;

	if (ask(prompt, flags, &answer, owner, err) < 0)
		return -1;
	if (secret_len(answer) == 0)
		return err_set(err, ERR_DENIED,
			       "an empty passphrase protects nothing");
	*ret = TAKE(answer);
	return 0;
}

int
ask_terminal(const char *prompt, unsigned flags, struct secret **ret,
	     void *owner UNUSED, struct err *err)
{
	AUTO_CLOSE int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	AUTO_SECRET *first = NULL, *second = NULL;

	if (fd < 0) {
		err_set(err, ERR_DENIED, "%s: there is no terminal to ask on",
			prompt);
		return err_hint(err, "do this on a terminal");
	}
	if (ask_once(fd, prompt, ": ", &first, err) < 0)
		return err_wrap(err, "%s", prompt);
	if (flags & ASK_TWICE) {
		if (ask_once(fd, prompt, ", again: ", &second, err) < 0)
			return err_wrap(err, "%s", prompt);
		if (!secret_is_equal(first, second))
			return err_set(err, ERR_DENIED,
				       "%s: the two are not the same", prompt);
	}
	*ret = TAKE(first);
	return 0;
}

/* Only its owner may read it. */
static int
read_passphrase(const char *path, struct secret **ret, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open %s", path);
	if (S_ISREG(st.st_mode) &&
	    ((st.st_mode & 077) || st.st_uid != geteuid())) {
		err_set(err, ERR_DENIED, "others can read the passphrase in %s",
			path);
		return err_hint(err, "chmod 600 %s", path);
	}
	if (secret_read(fd, MAX_LINE, ret, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int
ask_passphrase(const char *prompt, unsigned flags, struct secret **ret,
	       void *owner, struct err *err)
{
	const char *path = getenv("BERTH_PASSPHRASE_FILE");

	if (path && *path) {
		if (read_passphrase(path, ret, err) < 0)
			return err_wrap(err, "BERTH_PASSPHRASE_FILE");
		return 0;
	}
	if (ask_terminal(prompt, flags, ret, owner, err) == 0)
		return 0;
	if (access("/dev/tty", R_OK) < 0 || err->hint[0])
		err_hint(err, "name a file that holds it with "
			      "BERTH_PASSPHRASE_FILE");
	return -1;
}

int
ask_remembering(const char *prompt, unsigned flags, struct secret **ret,
		void *owner, struct err *err)
{
	struct ask_memory *memory = owner;

	if (memory->answer == NULL &&
	    ask_passphrase(prompt, flags, &memory->answer, NULL, err) < 0)
		return -1;
	*ret = secret_new(secret_reveal(memory->answer),
			  secret_len(memory->answer));
	return 0;
}

void
ask_memory_fini(struct ask_memory *memory)
{
	secret_free(memory->answer);
	memory->answer = NULL;
}

int
ask_nobody(const char *prompt, unsigned flags UNUSED,
	   struct secret **ret UNUSED, void *owner UNUSED, struct err *err)
{
	return err_set(err, ERR_DENIED, "%s: there is no one to ask", prompt);
}
