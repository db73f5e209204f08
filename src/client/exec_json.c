/* SPDX-License-Identifier: ISC */

/* Requests and answers about execs; see exec_json.h. */

#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/exec.h"
#include "client/exec_json.h"

static void
add_text(struct jsonw *w, const char *key, const char *text)
{
	if (text)
		jsonw_str(w, key, text);
}

static void
add_number(struct jsonw *w, const char *key, uint64_t n)
{
	if (n > 0)
		jsonw_u64(w, key, n);
}

/* Whole milliseconds, which a number of seconds cannot promise. */
static void
add_duration(struct jsonw *w, const char *key, uint64_t ms)
{
	char text[32];

	if (ms == 0)
		return;
	snprintf(text, sizeof(text), "%llums", (unsigned long long)ms);
	jsonw_str(w, key, text);
}

static void
add_what(struct jsonw *w, const struct exec_spec *spec)
{
	add_text(w, "cmd", spec->cmd);
	if (spec->argv)
		jsonw_strv(w, "argv", spec->argv);
	add_text(w, "script", spec->script);
	if (spec->script_args)
		jsonw_strv(w, "script_args", spec->script_args);
	add_text(w, "cwd", spec->cwd);
	if (spec->env)
		jsonw_env(w, "env", spec->env);
	add_text(w, "shell", spec->shell);
	add_text(w, "project_id", spec->project_id);
	add_text(w, "ref", spec->ref);
}

int
exec_spec_encode(const struct exec_spec *spec, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	add_what(&w, spec);
	if (spec->tty)
		jsonw_bool(&w, "tty", true);
	add_number(&w, "cols", spec->cols);
	add_number(&w, "rows", spec->rows);
	if (spec->stdin_open)
		jsonw_bool(&w, "stdin", true);
	add_duration(&w, "timeout", spec->timeout_ms);
	add_duration(&w, "grace", spec->grace_ms);
	add_text(&w, "key", spec->key);
	if (spec->labels)
		jsonw_env(&w, "labels", spec->labels);
	if (spec->artifacts)
		jsonw_strv(&w, "artifacts", spec->artifacts);
	add_number(&w, "nice", spec->nice);
	add_number(&w, "limit_memory", spec->limit_memory);
	add_number(&w, "limit_procs", spec->limit_procs);
	add_number(&w, "limit_output", spec->limit_output);
	add_text(&w, "limit_cpu", spec->limit_cpu);
	jsonw_object_end(&w);
	return jsonw_done(&w);
}

#define F(member, kind) JSON_F(struct exec_result, member, kind, false)
#define F_NAMED(text, member, kind)                                            \
	{                                                                      \
		.name = (text), .type = JSON_##kind##_T,                       \
		.offset = offsetof(struct exec_result, member)                 \
	}

static const struct json_field result_fields[] = {
	F(exec_id, STR),
	F(status, STR),
	F(state, STR),
	F(cmd, STR),
	F(cwd, STR),
	F(shell, STR),
	F(key, STR),
	F(project_id, STR),
	F(ref, STR),
	F(argv, STRS),
	F(labels, MAP),
	F(artifacts, STRS),
	F(started_at, STR),
	F(finished_at, STR),
	F(signal, STR),
	F(reason, STR),
	F(error, STR),
	F(warning, STR),
	F(runner, STR),
	F(exit_code, INT),
	F(pid, INT),
	F_NAMED("duration", duration_ms, DURATION),
	F_NAMED("cpu_user", cpu_user_ms, DURATION),
	F_NAMED("cpu_system", cpu_system_ms, DURATION),
	F(max_rss, INT),
	F(stdout_bytes, INT),
	F(stderr_bytes, INT),
	F(lost_bytes, INT),
	F(output_open, BOOL),
	F(tty, BOOL),
	F(existing, BOOL),
};

static int
decode_result(const struct json_t *value, struct exec_result *ret,
	      struct err *err)
{
	if (json_decode(value, result_fields, ARRAY_SIZE(result_fields),
			JSON_UNKNOWN_OK, ret, err) == 0)
		return 0;
	err->code = ERR_PROTO;
	return err_wrap(err, "answer of the daemon");
}

/* Parse, a failure being the peer's. */
static struct json_t *
parse(const void *text, size_t n, struct err *err)
{
	struct json_t *value = json_parse(text, n, err);

	if (value == NULL) {
		err->code = ERR_PROTO;
		err_wrap(err, "answer of the daemon");
	}
	return value;
}

int
exec_result_decode(const void *text, size_t n, struct exec_result *ret,
		   struct err *err)
{
	AUTO_JSON *value = parse(text, n, err);

	return value ? decode_result(value, ret, err) : -1;
}

void
exec_result_fini(struct exec_result *result)
{
	json_fields_fini(result_fields, ARRAY_SIZE(result_fields), result);
}

bool
exec_result_is_finished(const struct exec_result *result)
{
	return result->status && str_eq(result->status, "finished");
}

void
exec_result_line(const struct exec_result *result, struct buf *out)
{
	if (result->cmd && result->cmd[0]) {
		(void)buf_adds(out, result->cmd);
		return;
	}
	for (char **word = result->argv; word && *word; word++) {
		if (word != result->argv)
			(void)buf_addc(out, ' ');
		(void)shell_quote(out, *word);
	}
}

int
exec_results_decode(const void *text, size_t n, struct exec_results *ret,
		    struct err *err)
{
	AUTO_JSON *value = parse(text, n, err);
	const struct json_t *execs;
	size_t len;

	if (value == NULL)
		return -1;
	execs = json_get(value, "execs");
	if (execs == NULL)
		return err_set(err, ERR_PROTO,
			       "answer of the daemon: no list of execs");
	len = json_len(execs);
	ret->total = json_get_int(value, "total", (int64_t)len);
	ret->items = xcalloc(len, sizeof(*ret->items));
	while (ret->n < len) {
		struct exec_result *item = &ret->items[ret->n];

		*item = (struct exec_result)EXEC_RESULT_INIT;
		ret->n++;
		if (decode_result(json_at(execs, ret->n - 1), item, err) < 0)
			return -1;
	}
	return 0;
}

void
exec_results_fini(struct exec_results *results)
{
	for (size_t i = 0; i < results->n; i++)
		exec_result_fini(&results->items[i]);
	free(results->items);
	*results = (struct exec_results){ 0 };
}

static enum exec_event_type
event_type(const char *word)
{
	static const char *const words[] = {
		[EXEC_EVENT_STARTED] = "started",
		[EXEC_EVENT_LOG] = "log",
		[EXEC_EVENT_GAP] = "gap",
		[EXEC_EVENT_FINISHED] = "finished",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (str_eq(words[i], word))
			return (enum exec_event_type)i;
	}
	return EXEC_EVENT_OTHER;
}

/* The exact bytes where text cannot hold them. */
static int
take_line(const struct json_t *value, struct exec_event *ret, struct err *err)
{
	const char *bytes = json_get_text(value, "bytes", NULL);
	const char *text = json_get_text(value, "line", "");
	AUTO_BUF raw = BUF_INIT(SIZE_MAX / 2);

	if (bytes == NULL) {
		ret->line = xstrdup(text);
		ret->n_line = strlen(text);
		return 0;
	}
	if (base64_decode(&raw, bytes, strlen(bytes)) < 0)
		return err_set(err, ERR_PROTO, "event with bad base64");
	ret->n_line = raw.len;
	ret->line = buf_take(&raw);
	return 0;
}

int
exec_event_decode(const char *line, size_t n, struct exec_event *ret,
		  struct err *err)
{
	AUTO_JSON *value = parse(line, n, err);
	const char *reason;

	if (value == NULL)
		return -1;
	ret->type = event_type(json_get_text(value, "type", ""));
	ret->stream = str_eq(json_get_text(value, "stream", ""), "stderr");
	ret->offset = json_get_int(value, "offset", -1);
	ret->length = json_get_int(value, "length", 0);
	ret->is_partial = json_get_bool(value, "partial", false);
	reason = json_get_text(value, "reason", NULL);
	ret->reason = reason ? xstrdup(reason) : NULL;
	return ret->type == EXEC_EVENT_LOG ? take_line(value, ret, err) : 0;
}

void
exec_event_fini(struct exec_event *event)
{
	free(event->line);
	free(event->reason);
	*event = (struct exec_event){ 0 };
}

int
exec_taken_decode(const void *text, size_t n, uint64_t *ret, struct err *err)
{
	AUTO_JSON *value = parse(text, n, err);
	int64_t taken = value ? json_get_int(value, "offset", -1) : -1;

	if (value == NULL)
		return -1;
	if (taken < 0)
		return err_set(err, ERR_PROTO,
			       "answer of the daemon: no offset");
	*ret = (uint64_t)taken;
	return 0;
}

int
exec_cancelled_decode(const void *text, size_t n, bool *ret, struct err *err)
{
	AUTO_JSON *value = parse(text, n, err);

	if (value == NULL)
		return -1;
	*ret = json_get_bool(value, "canceled", false);
	return 0;
}
