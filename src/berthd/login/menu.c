/* SPDX-License-Identifier: ISC */

/* The project menu; see menu.h. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "berthd/login/menu.h"
#include "core/buf.h"
#include "core/fs.h"

#define MAX_SCREEN (256u << 10)
#define ESC 0x1b

/* An Escape that nothing follows is the key, not the head of an arrow. */
#define ESCAPE_MS 50

static void
move(struct menu *menu, int by)
{
	menu->number = 0;
	menu->at = (menu->at + menu->n + (size_t)(by + (int)menu->n)) % menu->n;
}

/* ESC [ A, ESC O A and the like. */
static void
escape_key(struct menu *menu, uint8_t byte)
{
	if (menu->escape == 1 && (byte == '[' || byte == 'O')) {
		menu->escape = 2;
		return;
	}
	if (menu->escape == 2 && (byte == 'A' || byte == 'B'))
		move(menu, byte == 'A' ? -1 : 1);
	else if (menu->escape == 2 && byte >= 0x20 && byte < 0x40)
		return; /* parameters of another key */
	menu->left = menu->left || (menu->escape == 1 && byte == ESC);
	menu->escape = 0;
}

/* Two digits can follow each other where there are so many. */
static void
digit(struct menu *menu, size_t value)
{
	size_t number = menu->number * 10 + value;

	if (number < 1 || number > menu->n)
		number = value;
	if (number < 1 || number > menu->n)
		return;
	menu->number = number;
	menu->at = number - 1;
	menu->chosen = number * 10 > menu->n;
}

void
menu_key(struct menu *menu, uint8_t byte)
{
	if (menu->escape > 0)
		escape_key(menu, byte);
	else if (byte == ESC)
		menu->escape = 1;
	else if (byte == '\r' || byte == '\n')
		menu->chosen = true;
	else if (byte >= '0' && byte <= '9')
		digit(menu, (size_t)(byte - '0'));
	else if (byte == 'k' || byte == 0x10)
		move(menu, -1);
	else if (byte == 'j' || byte == 0x0e || byte == '\t')
		move(menu, 1);
	else if (byte == 'q' || byte == 0x03 || byte == 0x04)
		menu->left = true;
}

void
menu_draw(const struct menu *menu, bool again, struct buf *out)
{
	if (again)
		(void)buf_addf(out, "\r\033[%zuA", menu->n + 1);
	(void)buf_adds(out, "\033[KWhich project?\r\n");
	for (size_t i = 0; i < menu->n; i++)
		(void)buf_addf(out, "\033[K%s%2zu  %s%s\r\n",
			       i == menu->at ? "\033[7m>" : " ", i + 1,
			       menu->items[i], i == menu->at ? " \033[0m" : "");
}

static int
show(const struct menu *menu, bool again)
{
	AUTO_BUF text = BUF_INIT(MAX_SCREEN);

	menu_draw(menu, again, &text);
	return write_full(STDOUT_FILENO, buf_bytes(&text), text.len);
}

static int
read_key(struct menu *menu)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	uint8_t byte;
	ssize_t n;

	if (menu->escape > 0 && poll(&fd, 1, ESCAPE_MS) == 0) {
		menu->left = menu->escape == 1;
		menu->escape = 0;
		return 0;
	}
	n = read(STDIN_FILENO, &byte, 1);
	if (n == 1)
		menu_key(menu, byte);
	return n == 1 || (n < 0 && errno == EINTR) ? 0 : -1;
}

int
menu_run(const char *const *items, size_t n, size_t *ret, struct err *err)
{
	struct menu menu = { .items = items, .n = n };
	struct termios before, raw;
	bool again = false;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return err_sys(err, "the terminal");
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	while (!menu.chosen && !menu.left) {
		if (show(&menu, again) < 0 || read_key(&menu) < 0)
			menu.left = true;
		again = true;
	}
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	if (menu.left)
		return err_set(err, ERR_INVALID, "no project was chosen");
	*ret = menu.at;
	return 0;
}
