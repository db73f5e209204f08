/* SPDX-License-Identifier: ISC */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

/*
 * What was measured: each figure beside its floor or peer of the same run.
 * Nothing is judged here; the goal is printed next to the ratio.
 */

struct err;

struct figure {
	const char *what;
	const char *unit;
	double value;
	const char *peer; /* what it is compared with; NULL: nothing */
	double peer_value;
	const char *goal;   /* of the ratio, or of the value without a peer */
	const char *before; /* a Go daemon with the same API, or NULL */
};

/* The strings of a figure are constants. */
void report_add(const struct figure *figure);

/* A table on standard output, with what a part has measured. */
void report_print(const char *title);

/* All figures and the machine as one JSON object. */
int report_write(const char *path, struct err *err);

#endif
