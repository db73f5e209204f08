/* SPDX-License-Identifier: ISC */

/* Reports about machines; see check_report.h. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/text.h"
#include "wire/errors.h"
#include "berth/check_report.h"
#include "berth/out/human.h"
#include "berth/out/table.h"

static const char *const stage_names[] = {
	[CHECK_RESOLVE] = "resolve",   [CHECK_CONNECT] = "connect",
	[CHECK_HOST_KEY] = "host_key", [CHECK_AUTH] = "auth",
	[CHECK_SHELL] = "shell",       [CHECK_DAEMON] = "daemon",
	[CHECK_VERSION] = "version",   [CHECK_CLOCK] = "clock",
	[CHECK_RUNNER] = "runner",     [CHECK_DISK] = "disk",
	[CHECK_GPU] = "gpu",
};
_Static_assert(ARRAY_SIZE(stage_names) == CHECK_STAGES, "a name per stage");

static const struct {
	const char *word;
	enum style style;
} verdicts[] = {
	[CHECK_SKIPPED] = { "skipped", STYLE_DIM },
	[CHECK_OK] = { "ok", STYLE_GREEN },
	[CHECK_WARNING] = { "warning", STYLE_YELLOW },
	[CHECK_FAILED] = { "failed", STYLE_RED },
};
_Static_assert(ARRAY_SIZE(verdicts) == CHECK_VERDICTS, "a row per verdict");

void
check_report_init(struct check_report *report, const char *name)
{
	*report = (struct check_report){
		.checked_ns = clock_wall_ns(),
		.facts = { .free_bytes = -1, .n_gpus = -1 },
	};
	snprintf(report->name, sizeof(report->name), "%s", name);
	for (size_t i = 0; i < CHECK_STAGES; i++)
		report->rows[i].ms = -1;
}

const char *
check_stage_name(enum check_stage stage)
{
	return stage_names[stage];
}

enum check_stage
check_stage_of(const char *name)
{
	for (unsigned i = 0; i < CHECK_STAGES; i++) {
		if (str_eq(stage_names[i], name))
			return (enum check_stage)i;
	}
	return CHECK_STAGES;
}

const struct check_row *
check_report_failure(const struct check_report *report,
		     enum check_stage *ret_stage)
{
	for (unsigned i = 0; i < CHECK_STAGES; i++) {
		if (report->rows[i].verdict != CHECK_FAILED)
			continue;
		if (ret_stage)
			*ret_stage = (enum check_stage)i;
		return &report->rows[i];
	}
	return NULL;
}

static bool
works(const struct check_report *report, enum check_stage stage)
{
	enum check_verdict verdict = report->rows[stage].verdict;

	return verdict == CHECK_OK || verdict == CHECK_WARNING;
}

bool
check_report_ssh_ok(const struct check_report *report)
{
	return works(report, CHECK_SHELL);
}

bool
check_report_daemon_ok(const struct check_report *report)
{
	return works(report, CHECK_DAEMON);
}

/* JSON */

static void
add_text_or_null(struct jsonw *w, const char *key, const char *text)
{
	jsonw_str(w, key, text[0] ? text : NULL);
}

static void
add_number_or_null(struct jsonw *w, const char *key, bool is_known, int64_t n)
{
	if (is_known)
		jsonw_int(w, key, n);
	else
		jsonw_null(w, key);
}

static void
add_row_json(struct jsonw *w, const struct check_report *report,
	     enum check_stage stage)
{
	const struct check_row *row = &report->rows[stage];
	bool has_failed = row->verdict == CHECK_FAILED;

	jsonw_object(w, NULL);
	jsonw_str(w, "stage", stage_names[stage]);
	jsonw_str(w, "result", verdicts[row->verdict].word);
	add_number_or_null(w, "ms", row->ms >= 0, row->ms);
	add_text_or_null(w, "detail", row->detail);
	jsonw_str(w, "code", has_failed ? error_row(row->code)->word : NULL);
	add_text_or_null(w, "hint", row->hint);
	jsonw_object_end(w);
}

static void
add_facts(struct jsonw *w, const struct check_facts *facts)
{
	add_text_or_null(w, "version", facts->version);
	add_text_or_null(w, "host_key", facts->host_key);
	add_text_or_null(w, "life", facts->life);
	add_number_or_null(w, "clock_skew_ms", facts->has_skew, facts->skew_ms);
	add_number_or_null(w, "free_bytes", facts->free_bytes >= 0,
			   facts->free_bytes);
	add_number_or_null(w, "gpus", facts->n_gpus >= 0, facts->n_gpus);
}

void
check_report_add_json(struct jsonw *w, const char *key,
		      const struct check_report *report)
{
	enum check_stage stage = CHECK_STAGES;
	const struct check_row *failure = check_report_failure(report, &stage);

	jsonw_object(w, key);
	jsonw_str(w, "name", report->name);
	jsonw_bool(w, "ssh_ok", check_report_ssh_ok(report));
	jsonw_bool(w, "daemon_ok", check_report_daemon_ok(report));
	jsonw_int(w, "latency_ms", report->total_ms);
	if (failure)
		jsonw_str(w, "error", failure->detail);
	jsonw_time(w, "checked_at", report->checked_ns);
	jsonw_int(w, "daemon_port", report->daemon_port);
	if (report->addr[0])
		jsonw_str(w, "daemon_addr", report->addr);
	jsonw_bool(w, "ok", failure == NULL);
	jsonw_str(w, "failed_stage", failure ? stage_names[stage] : NULL);
	add_facts(w, &report->facts);
	jsonw_array(w, "stages");
	for (unsigned i = 0; i < CHECK_STAGES; i++)
		add_row_json(w, report, (enum check_stage)i);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

/* Text */

static const struct table_column row_columns[] = {
	{ .title = "STAGE" },
	{ .title = "RESULT" },
	{ .title = "TIME", .is_right = true },
	{ .title = "WHAT", .is_flexible = true },
};

static void
add_time(struct table *table, int64_t ms)
{
	char text[HUMAN_SIZE];

	table_add(table, ms < 0 ? NULL : human_duration(text, (uint64_t)ms),
		  STYLE_PLAIN);
}

/* The failure in full: in the table it may have been cut. */
static void
add_failure(struct buf *out, const struct check_report *report)
{
	const struct check_row *row = check_report_failure(report, NULL);

	if (row == NULL)
		return;
	(void)buf_addf(out, "\n%s: ", report->name);
	(void)vis_add(out, row->detail, strlen(row->detail));
	if (row->hint[0]) {
		(void)buf_adds(out, "\nhint:  ");
		(void)vis_add(out, row->hint, strlen(row->hint));
	}
	(void)buf_addc(out, '\n');
}

void
check_report_add_text(struct buf *out, const struct check_report *report,
		      bool colour, unsigned width)
{
	struct table_look look = { .width = width, .colour = colour };
	struct table table;

	table_init(&table, row_columns, ARRAY_SIZE(row_columns));
	for (size_t i = 0; i < CHECK_STAGES; i++) {
		const struct check_row *row = &report->rows[i];

		table_add(&table, stage_names[i], STYLE_PLAIN);
		table_add(&table, verdicts[row->verdict].word,
			  verdicts[row->verdict].style);
		add_time(&table, row->ms);
		table_add(&table, row->detail, STYLE_PLAIN);
	}
	table_print(&table, &look, out);
	table_fini(&table);
	add_failure(out, report);
}

static const struct table_column machine_columns[] = {
	{ .title = "NAME" },   { .title = "RESULT" },
	{ .title = "STAGE" },  { .title = "TIME", .is_right = true },
	{ .title = "BERTHD" }, { .title = "WHAT", .is_flexible = true },
};

static const struct check_row *
find_warning(const struct check_report *report, enum check_stage *ret)
{
	for (unsigned i = 0; i < CHECK_STAGES; i++) {
		if (report->rows[i].verdict != CHECK_WARNING)
			continue;
		*ret = (enum check_stage)i;
		return &report->rows[i];
	}
	return NULL;
}

static void
add_machine(struct table *table, const struct check_report *report)
{
	enum check_stage stage = CHECK_STAGES;
	const struct check_row *row = check_report_failure(report, &stage);
	const char *version = report->facts.version;
	enum check_verdict verdict;

	if (row == NULL)
		row = find_warning(report, &stage);
	verdict = row ? row->verdict : CHECK_OK;
	table_add(table, report->name, STYLE_BOLD);
	table_add(table, verdicts[verdict].word, verdicts[verdict].style);
	table_add(table, row ? stage_names[stage] : NULL, STYLE_PLAIN);
	add_time(table, report->total_ms);
	table_add(table, version[0] ? version : NULL, STYLE_PLAIN);
	table_add(table, row ? row->detail : NULL, STYLE_PLAIN);
}

void
check_reports_add_text(struct buf *out, const struct check_report *reports,
		       size_t n, bool colour, unsigned width)
{
	struct table_look look = { .width = width, .colour = colour };
	struct table table;

	table_init(&table, machine_columns, ARRAY_SIZE(machine_columns));
	for (size_t i = 0; i < n; i++)
		add_machine(&table, &reports[i]);
	table_print(&table, &look, out);
	table_fini(&table);
}
