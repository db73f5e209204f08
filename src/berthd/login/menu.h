/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_MENU_H
#define BERTHD_LOGIN_MENU_H

/*
 * Choosing a project on a terminal: with the arrows and Enter, or by number.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;

/* The choice as it stands; pure, so that it can be tested key by key. */
struct menu {
	const char *const *items;
	size_t n;
	size_t at;	   /* the one that is marked */
	size_t number;	   /* typed so far; 0: nothing */
	unsigned escape;   /* bytes of an arrow key that have come */
	bool chosen, left; /* Enter; q, Escape twice, Ctrl-C, Ctrl-D */
};

void menu_key(struct menu *menu, uint8_t byte);

/* Append what the terminal shows; from the second time on in its place. */
void menu_draw(const struct menu *menu, bool again, struct buf *out);

/*
 * Ask on standard input and output, a terminal: the index of the item.
 * ERR_INVALID: nobody chose.
 */
int menu_run(const char *const *items, size_t n, size_t *ret, struct err *err);

#endif
