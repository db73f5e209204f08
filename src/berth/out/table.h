/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_TABLE_H
#define BERTH_BERTH_OUT_TABLE_H

/*
 * Rows of cells under titles, aligned by what a terminal shows.
 *
 * Cells are made visible and cut with an ellipsis to one line.  On a terminal
 * the one flexible column gives way until a row fits; elsewhere nothing is
 * cut.
 */

#include <stdbool.h>
#include <stddef.h>

#include "berth/out/style.h"

struct buf;

struct table_column {
	const char *title;
	bool is_right;
	bool is_flexible; /* at most one */
};

struct table_cell {
	char *text;
	size_t width;
	enum style style;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct table_cell *cells;
	size_t n_cells;
};

/* `columns' is borrowed. */
void table_init(struct table *table, const struct table_column *columns,
		size_t n_columns);
void table_fini(struct table *table);

/* The next cell, from left to right, row after row.  NULL is "-". */
void table_add(struct table *table, const char *text, enum style style);

struct table_look {
	unsigned width; /* of the terminal; 0: any */
	bool colour;
	bool headless;
};

/* Append the whole table. */
void table_print(const struct table *table, const struct table_look *look,
		 struct buf *out);

#endif
