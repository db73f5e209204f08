/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CHECK_REPORT_H
#define BERTH_BERTH_CHECK_REPORT_H

/*
 * What a check of a machine found, stage by stage.
 *
 * Plain values without pointers of their own: a report is made by one process
 * and read by another (checkup.h).  The stages come in the order in which they
 * are reached, and the first that failed is why those after it were skipped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;
struct jsonw;

enum check_stage {
	CHECK_RESOLVE, /* what ssh makes of its name */
	CHECK_CONNECT,
	CHECK_HOST_KEY,
	CHECK_AUTH,
	CHECK_SHELL,
	CHECK_DAEMON,
	CHECK_VERSION,
	CHECK_CLOCK,
	CHECK_RUNNER,
	CHECK_DISK,
	CHECK_GPU,
	CHECK_STAGES
};

enum check_verdict {
	CHECK_SKIPPED, /* not reached, or there is no such thing here */
	CHECK_OK,
	CHECK_WARNING, /* works, and a person may want to know */
	CHECK_FAILED,
	CHECK_VERDICTS
};

struct check_row {
	enum check_verdict verdict;
	int64_t ms; /* it took; -1: not known */
	enum err_code code;
	char detail[512];
	char hint[256];
};

/* Empty or negative: not known. */
struct check_facts {
	char version[48];   /* of the daemon */
	char host_key[128]; /* fingerprint that the machine showed */
	char life[32];	    /* how the daemon lives */
	bool has_skew;
	int64_t skew_ms; /* its clock is ahead of ours by so much */
	int64_t free_bytes;
	int64_t n_gpus;
};

struct check_report {
	char name[80];
	char addr[256]; /* of a daemon that is reached without ssh, or "" */
	int64_t daemon_port;
	uint64_t checked_ns; /* wall time */
	int64_t total_ms;
	struct check_row rows[CHECK_STAGES];
	struct check_facts facts;
};

void check_report_init(struct check_report *report, const char *name);

/* "host_key" */
const char *check_stage_name(enum check_stage stage);

/* The stage of that name, as a link says it; CHECK_STAGES: none of these. */
enum check_stage check_stage_of(const char *name);

/* The first row that failed, or NULL. */
const struct check_row *check_report_failure(const struct check_report *report,
					     enum check_stage *ret_stage);

/* Did all of the way to a shell work?  Not when there is no ssh on it. */
bool check_report_ssh_ok(const struct check_report *report);
bool check_report_daemon_ok(const struct check_report *report);

/*
 * As an object.  Besides our members it has those that codex-remote prints:
 * name, ssh_ok, daemon_ok, latency_ms, error, checked_at, daemon_port,
 * daemon_addr.
 */
void check_report_add_json(struct jsonw *w, const char *key,
			   const struct check_report *report);

/* For people: a line per stage, and below a failure what to do. */
void check_report_add_text(struct buf *out, const struct check_report *report,
			   bool colour, unsigned width);

/* Several machines: a line for each. */
void check_reports_add_text(struct buf *out, const struct check_report *reports,
			    size_t n, bool colour, unsigned width);

#endif
