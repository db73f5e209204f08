/* SPDX-License-Identifier: ISC */

/* The least that a program can do: the floor for a program's start. */

#include <stdio.h>

int
main(void)
{
	puts("hello, world");
	return 0;
}
