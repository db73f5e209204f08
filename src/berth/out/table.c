/* SPDX-License-Identifier: ISC */

/* Tables; see table.h. */

#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "berth/out/table.h"
#include "berth/out/width.h"

#define MAX_COLUMNS 16
#define GAP 2

/* A cell longer than this says no more to anybody. */
#define MAX_CELL 4096

/* The flexible column keeps at least this much. */
#define MIN_FLEXIBLE 10

static const char ellipsis[] = "\xe2\x80\xa6";

void
table_init(struct table *table, const struct table_column *columns,
	   size_t n_columns)
{
	*table = (struct table){ .columns = columns, .n_columns = n_columns };
}

void
table_fini(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = 0;
}

/* One line, harmless: newlines and tabs become spaces. */
static char *
flatten(const char *text)
{
	AUTO_FREE char *line = xstrndup(text, MAX_CELL / 4);
	AUTO_BUF safe = BUF_INIT(MAX_CELL + 1);

	for (char *p = line; *p; p++) {
		if (*p == '\n' || *p == '\t' || *p == '\r')
			*p = ' ';
	}
	(void)vis_add(&safe, line, strlen(line));
	return buf_take(&safe);
}

void
table_add(struct table *table, const char *text, enum style style)
{
	size_t n = table->n_cells;
	struct table_cell *cell;

	if ((n & (n - 1)) == 0)
		table->cells = xrealloc(table->cells,
					MAX(2 * n, 1u) * sizeof(*table->cells));
	cell = &table->cells[table->n_cells++];
	cell->text = text && *text ? flatten(text) : xstrdup("-");
	cell->width = width_of(cell->text, strlen(cell->text));
	cell->style = style;
}

/* The width of each column, the flexible one cut to what is left. */
static void
measure(const struct table *table, const struct table_look *look,
	size_t widths[MAX_COLUMNS])
{
	size_t total = 0, flexible = MAX_COLUMNS;

	for (size_t i = 0; i < table->n_columns; i++) {
		widths[i] = look->headless ? 0
					   : strlen(table->columns[i].title);
		if (table->columns[i].is_flexible)
			flexible = i;
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t column = i % table->n_columns;

		widths[column] = MAX(widths[column], table->cells[i].width);
	}
	for (size_t i = 0; i < table->n_columns; i++)
		total += widths[i] + (i ? GAP : 0);
	if (look->width == 0 || total <= look->width || flexible == MAX_COLUMNS)
		return;
	total -= widths[flexible];
	widths[flexible] = look->width > total + MIN_FLEXIBLE
			       ? look->width - total
			       : MIN_FLEXIBLE;
}

static void
add_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		(void)buf_addc(out, ' ');
}

/* Text in a field; no spaces at the end of a line. */
static void
add_field(struct buf *out, const struct table_cell *cell, size_t width,
	  bool is_right, bool is_last)
{
	size_t n = strlen(cell->text), shown = cell->width;

	if (shown > width) {
		n = width_fit(cell->text, n, width - 1);
		shown = width_of(cell->text, n) + 1;
	}
	if (is_right)
		add_spaces(out, width - shown);
	(void)buf_add(out, cell->text, n);
	if (cell->width > width)
		(void)buf_adds(out, ellipsis);
	if (!is_right && !is_last)
		add_spaces(out, width - shown);
}

static void
add_row(const struct table *table, const struct table_cell *cells,
	const struct table_look *look, const size_t *widths, struct buf *out)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		add_spaces(out, i ? GAP : 0);
		(void)buf_adds(out, style_begin(look->colour, cells[i].style));
		add_field(out, &cells[i], widths[i], table->columns[i].is_right,
			  i + 1 == table->n_columns);
		(void)buf_adds(out, style_end(look->colour, cells[i].style));
	}
	(void)buf_addc(out, '\n');
}

void
table_print(const struct table *table, const struct table_look *look,
	    struct buf *out)
{
	struct table_cell titles[MAX_COLUMNS];
	size_t widths[MAX_COLUMNS];

	measure(table, look, widths);
	for (size_t i = 0; i < table->n_columns; i++) {
		titles[i].text = (char *)(uintptr_t)table->columns[i].title;
		titles[i].width = strlen(titles[i].text);
		titles[i].style = STYLE_BOLD;
	}
	if (!look->headless)
		add_row(table, titles, look, widths, out);
	for (size_t i = 0; i + table->n_columns <= table->n_cells;
	     i += table->n_columns)
		add_row(table, table->cells + i, look, widths, out);
}
