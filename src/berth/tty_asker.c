/* SPDX-License-Identifier: ISC */

/* Questions at the terminal; see tty_asker.h. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/text.h"
#include "client/link_control.h"
#include "berth/tty_asker.h"
#include "berth/out/status.h"

#define MAX_ANSWER 4096
#define MAX_SHOWN 16384

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static volatile sig_atomic_t got_signal;

/* One terminal, one line. */
static struct status status;

static void
on_signal(int number)
{
	got_signal = number;
}

static void
catch_signals(struct sigaction old[])
{
	/* Without SA_RESTART: it ends the read. */
	const struct sigaction action = { .sa_handler = on_signal };

	got_signal = 0;
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaction(caught[i], &action, &old[i]);
}

static void
release_signals(const struct sigaction old[])
{
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)sigaction(caught[i], &old[i], NULL);
}

/* A line without its end; false if there is none. */
static bool
read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		char c;
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR && got_signal == 0)
			continue;
		if (got <= 0 || c == '\x04')
			return false;
		if (c == '\n' || c == '\r')
			break;
		if (n + 1 < size)
			line[n++] = c;
	}
	line[n] = '\0';
	return true;
}

/* The last question of ssh's text stands alone; a question of ours is added. */
static void
show(int fd, const struct link_question *question)
{
	AUTO_BUF text = BUF_INIT(MAX_SHOWN);

	(void)vis_add(&text, question->text, strlen(question->text));
	if (question->notice)
		(void)buf_addc(&text, '\n');
	else if (text.len > 0 && buf_text(&text)[text.len - 1] != ' ')
		(void)buf_addc(&text, ' ');
	(void)write_full(fd, buf_bytes(&text), text.len);
}

/* Read with or without echo; the terminal is as before when it returns. */
static bool
read_answer(int fd, bool echo, char *line, size_t size)
{
	struct sigaction old[ARRAY_SIZE(caught)];
	struct termios was, now;
	bool has_mode = tcgetattr(fd, &was) == 0;
	bool done;

	catch_signals(old);
	if (has_mode && !echo) {
		now = was;
		now.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
		(void)tcsetattr(fd, TCSAFLUSH, &now);
	}
	done = read_line(fd, line, size);
	if (has_mode && !echo)
		(void)tcsetattr(fd, TCSAFLUSH, &was);
	if (!echo || !done)
		(void)write_full(fd, "\n", 1);
	release_signals(old);
	return done;
}

static char *
ask(const struct link_question *question, void *owner UNUSED)
{
	AUTO_CLOSE int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	char line[MAX_ANSWER];
	char *answer = NULL;

	if (fd < 0)
		return NULL;
	status_clear(&status);
	show(fd, question);
	if (question->notice)
		return NULL;
	if (read_answer(fd, question->echo, line, sizeof(line)))
		answer = xstrdup(line);
	explicit_bzero(line, sizeof(line));
	return answer;
}

static void
on_stage(const char *stage, uint64_t ms UNUSED, void *owner UNUSED)
{
	static const char *const rows[][2] = {
		{ "connect", "connecting" },
		{ "host_key", "waiting for its host key" },
		{ "auth", "logging in" },
		{ "shell", "waiting for a shell" },
		{ "daemon", "looking after berthd there" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (str_eq(stage, rows[i][0]))
			status_show(&status, "berth: %s ...", rows[i][1]);
	}
}

/* Also what a process has shown that did our work. */
static void
on_end(void *owner UNUSED)
{
	status.is_shown = status.is_able;
	status_clear(&status);
}

static void
on_retry(const char *why, uint64_t in_ms, void *owner UNUSED)
{
	AUTO_BUF text = BUF_INIT(MAX_SHOWN);

	status_clear(&status);
	(void)buf_adds(&text, "berth: ");
	(void)vis_add(&text, why, strlen(why));
	(void)buf_addf(&text, "; trying again in %llu.%llu s\n",
		       (unsigned long long)in_ms / 1000,
		       (unsigned long long)in_ms / 100 % 10);
	(void)write_full(STDERR_FILENO, buf_bytes(&text), text.len);
}

const struct link_asker *
tty_asker(bool quiet)
{
	static const struct link_asker loud = { .ask = ask,
						.on_stage = on_stage,
						.on_retry = on_retry,
						.on_end = on_end };
	static const struct link_asker silent = { .ask = ask };
	AUTO_CLOSE int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return NULL;
	status_init(&status, quiet);
	return quiet ? &silent : &loud;
}
