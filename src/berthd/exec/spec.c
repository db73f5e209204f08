/* SPDX-License-Identifier: ISC */

/* Requests and spec.json; see spec.h. */

#include <stdio.h>
#include <string.h>

#include "berthd/exec/environment.h"
#include "berthd/exec/spec.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/sha1.h"
#include "core/strv.h"
#include "core/text.h"

#define MAX_KEY 128
#define MAX_SUMMARY 200

#define F(member, kind) JSON_F(struct spec, member, kind, false)
#define F_RANGE(member, low, high)                                             \
	{                                                                      \
		.name = #member, .type = JSON_INT_T,                           \
		.offset = offsetof(struct spec, member), .min = (low),         \
		.max = (high)                                                  \
	}

/* The first N_REQUEST rows may be asked for; the others are ours. */
static const struct json_field fields[] = {
	F(cmd, STR),
	F(argv, STRS),
	F(script, STR),
	F(script_args, STRS),
	F(cwd, STR),
	F(env, MAP),
	F(shell, STR),
	F(project_id, STR),
	F(ref, STR),
	F(tty, BOOL),
	F_RANGE(cols, 1, 10000),
	F_RANGE(rows, 1, 10000),
	{ .name = "stdin",
	  .type = JSON_BOOL_T,
	  .offset = offsetof(struct spec, stdin_open) },
	F(timeout, DURATION),
	F(grace, DURATION),
	F(key, STR),
	F(labels, MAP),
	F(artifacts, STRS),
	F_RANGE(nice, 0, 19),
	F(limit_memory, BYTES),
	F_RANGE(limit_procs, 1, 1000000),
	F(limit_cpu, STR),
	F(limit_output, BYTES),
	F(exec_id, STR),
	F(fingerprint, STR),
	F(created_ns, INT),
	F(warning, STR),
};
#define N_REQUEST (ARRAY_SIZE(fields) - 4)

void
spec_fini(struct spec *spec)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), spec);
}

/* An empty text of an old client means "not given". */
static void
drop_if_empty(char **text)
{
	if (*text && (*text)[0] == '\0') {
		free(*text);
		*text = NULL;
	}
}

static int
check_command(struct spec *spec, struct err *err)
{
	int n = (spec->cmd != NULL) + (spec->argv != NULL) +
		(spec->script != NULL);

	if (spec->cmd && spec->cmd[strspn(spec->cmd, " \t\r\n")] == '\0')
		return err_set(err, ERR_INVALID, "cmd is required");
	if (n == 0)
		return err_set(err, ERR_INVALID,
			       "cmd is required (or argv, or script)");
	if (n > 1)
		return err_set(err, ERR_INVALID,
			       "only one of cmd, argv and script can be given");
	if (spec->argv && spec->argv[0][0] == '\0')
		return err_set(err, ERR_INVALID, "argv[0] names no program");
	if (spec->script_args && spec->script == NULL)
		return err_set(err, ERR_INVALID, "script_args needs script");
	if (spec->argv && spec->shell)
		return err_set(err, ERR_INVALID,
			       "shell is for cmd and script; argv runs without "
			       "one");
	return 0;
}

static int
check_limits(const struct spec *spec, struct err *err)
{
	uint64_t milli;

	if (spec->limit_cpu == NULL)
		return 0;
	milli = spec_cpu(spec);
	if (milli == 0 || milli > 4096000)
		return err_set(err, ERR_INVALID,
			       "limit_cpu: \"%.32s\" is not a number of cores "
			       "such as 1.5",
			       spec->limit_cpu);
	return 0;
}

static int
check(struct spec *spec, struct err *err)
{
	drop_if_empty(&spec->cwd);
	drop_if_empty(&spec->shell);
	drop_if_empty(&spec->project_id);
	drop_if_empty(&spec->ref);
	drop_if_empty(&spec->key);
	if (spec->cmd && (spec->argv || spec->script))
		drop_if_empty(&spec->cmd);
	if (check_command(spec, err) < 0 || check_limits(spec, err) < 0)
		return -1;
	if (spec->key && strlen(spec->key) > MAX_KEY)
		return err_set(err, ERR_INVALID,
			       "key: longer than %d characters", MAX_KEY);
	if (spec->ref && spec->project_id == NULL)
		return err_set(err, ERR_INVALID, "ref needs project_id");
	if (spec->tty) {
		spec->cols = spec->cols ? spec->cols : 80;
		spec->rows = spec->rows ? spec->rows : 24;
	}
	/* They came from objects, which have no order. */
	strv_sort(spec->env);
	strv_sort(spec->labels);
	return 0;
}

int
spec_decode(const void *text, size_t n, struct spec *ret, struct err *err)
{
	if (json_decode_text(text, n, fields, N_REQUEST, 0, ret, err) < 0)
		return -1;
	return check(ret, err);
}

/* Whole milliseconds, in our own words. */
static void
add_duration(struct jsonw *w, const char *name, uint64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%llums", (unsigned long long)ms);
	jsonw_str(w, name, text);
}

static void
add_request(struct jsonw *w, const struct spec *s, char *const *env)
{
	jsonw_str(w, "cmd", s->cmd);
	if (s->argv)
		jsonw_strv(w, "argv", s->argv);
	jsonw_str(w, "script", s->script);
	if (s->script_args)
		jsonw_strv(w, "script_args", s->script_args);
	jsonw_str(w, "cwd", s->cwd);
	jsonw_env(w, "env", env);
	jsonw_str(w, "shell", s->shell);
	jsonw_str(w, "project_id", s->project_id);
	jsonw_str(w, "ref", s->ref);
	jsonw_bool(w, "tty", s->tty);
	if (s->tty) {
		jsonw_int(w, "cols", s->cols);
		jsonw_int(w, "rows", s->rows);
	}
	jsonw_bool(w, "stdin", s->stdin_open);
	if (s->timeout)
		add_duration(w, "timeout", s->timeout);
	add_duration(w, "grace", s->grace);
	jsonw_str(w, "key", s->key);
	jsonw_env(w, "labels", s->labels);
	if (s->artifacts)
		jsonw_strv(w, "artifacts", s->artifacts);
	jsonw_int(w, "nice", s->nice);
	jsonw_u64(w, "limit_memory", s->limit_memory);
	if (s->limit_procs)
		jsonw_int(w, "limit_procs", s->limit_procs);
	jsonw_str(w, "limit_cpu", s->limit_cpu);
	jsonw_u64(w, "limit_output", s->limit_output);
}

void
spec_fingerprint(const struct spec *spec, char ret[SPEC_FINGERPRINT_SIZE])
{
	AUTO_BUF text = BUF_INIT(2 * SPEC_MAX);
	struct jsonw w = JSONW_INIT(&text);
	uint8_t digest[SHA1_SIZE];

	add_request(&w, spec, spec->env);
	sha1(buf_bytes(&text), text.len, digest);
	hex_encode(ret, digest, sizeof(digest));
}

int
spec_encode(const struct spec *s, struct buf *out)
{
	AUTO_STRV char **masked = environment_masked(s->env);
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "schema_version", 1);
	jsonw_str(&w, "exec_id", s->exec_id);
	jsonw_int(&w, "created_ns", s->created_ns);
	jsonw_str(&w, "fingerprint", s->fingerprint);
	jsonw_str(&w, "warning", s->warning);
	add_request(&w, s, masked);
	jsonw_object_end(&w);
	return jsonw_done(&w);
}

int
spec_read(int dir_fd, struct spec *ret, struct err *err)
{
	AUTO_BUF text = BUF_INIT(2 * SPEC_MAX);

	if (fs_read_file(dir_fd, SPEC_FILE, &text, err) < 0)
		return -1;
	/* The machine went down before the start was durable, or told. */
	if (text.len == 0)
		return err_set(err, ERR_NOT_FOUND, SPEC_FILE " is empty");
	if (json_decode_text(buf_bytes(&text), text.len, fields,
			     ARRAY_SIZE(fields), JSON_UNKNOWN_OK, ret, err) < 0)
		return err_wrap(err, SPEC_FILE);
	return 0;
}

uint64_t
spec_cpu(const struct spec *spec)
{
	const char *text = spec->limit_cpu;
	uint64_t whole = 0, milli = 0, scale = 100;
	size_t n;

	if (text == NULL)
		return 0;
	n = strspn(text, "0123456789");
	if (n == 0 || n > 4)
		return 0;
	for (size_t i = 0; i < n; i++)
		whole = whole * 10 + (uint64_t)(text[i] - '0');
	text += n;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			milli += (uint64_t)(*text - '0') * scale;
	}
	return *text ? 0 : whole * 1000 + milli;
}

char *
spec_summary(const struct spec *spec)
{
	AUTO_BUF text = BUF_INIT(MAX_SUMMARY), line = BUF_INIT(MAX_SUMMARY);
	const char *source = spec->cmd ? spec->cmd : spec->script;

	/* What does not fit is cut. */
	for (char *const *arg = spec->argv; arg && *arg; arg++) {
		if ((arg != spec->argv && buf_addc(&text, ' ') < 0) ||
		    shell_quote(&text, *arg) < 0)
			break;
	}
	if (source == NULL)
		source = buf_text(&text);
	(void)vis_add(&line, source, strcspn(source, "\n"));
	return buf_take(&line);
}
