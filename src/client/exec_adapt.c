/* SPDX-License-Identifier: ISC */

/* Requests for codexd; see exec_adapt.h. */

#include <string.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/rand.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_adapt.h"

#define MAX_LINE (4u << 20)
#define MAX_ANSWER (64u << 10)
#define SCRIPT_MODE 0755

static int
refuse(const char *what, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		       "the daemon there is no berthd and knows no %s", what);
}

static int
check(const struct exec_spec *spec, struct err *err)
{
	const struct {
		bool is_asked;
		const char *what;
	} asked[] = {
		{ spec->tty, "terminals" },
		{ spec->stdin_open, "standard input" },
		{ spec->timeout_ms > 0, "timeout" },
		{ spec->grace_ms > 0, "grace" },
		{ spec->labels != NULL, "labels" },
		{ spec->artifacts != NULL, "artifacts" },
		{ spec->nice > 0, "priorities" },
		{ spec->limit_memory > 0 || spec->limit_procs > 0 ||
		      spec->limit_output > 0 || spec->limit_cpu != NULL,
		  "limits" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (asked[i].is_asked)
			return refuse(asked[i].what, err);
	}
	return 0;
}

static int
add_words(struct buf *line, char *const *words, struct err *err)
{
	for (; words && *words; words++) {
		if ((line->len > 0 && buf_addc(line, ' ') < 0) ||
		    shell_quote(line, *words) < 0)
			return err_set(err, ERR_LIMIT,
				       "the command is too long");
	}
	return 0;
}

/* Put the script into a file of its own and name it. */
static int
upload(struct client *client, const char *script, struct buf *line,
       struct err *err)
{
	AUTO_BUF body = BUF_INIT(2 * MAX_LINE), base64 = BUF_INIT(2 * MAX_LINE);
	AUTO_BUF answer = BUF_INIT(MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&body);
	char id[ID_SIZE];

	id_new(id, clock_wall_ns());
	(void)buf_addf(line, "/tmp/codex-script-%s.sh", id);
	if (base64_add(&base64, script, strlen(script)) < 0)
		return err_set(err, ERR_LIMIT, "the script is too large");
	jsonw_object(&w, NULL);
	jsonw_str(&w, "path", buf_text(line));
	jsonw_str(&w, "content", buf_text(&base64));
	jsonw_int(&w, "mode", SCRIPT_MODE);
	jsonw_bool(&w, "mkdir_p", true);
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0)
		return err_set(err, ERR_LIMIT, "the script is too large");
	if (client_post(client, "/v1/file/write", &body, 0, &answer, err) < 0)
		return err_wrap(err, "upload the script");
	return 0;
}

int
exec_adapt(struct client *client, struct exec_spec *spec, char **ret_line,
	   struct err *err)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	bool is_berthd = false;

	if (client_is_berthd(client, &is_berthd, err) < 0)
		return -1;
	if (is_berthd)
		return 0;
	if (check(spec, err) < 0)
		return -1;
	if (spec->script && upload(client, spec->script, &line, err) < 0)
		return -1;
	if (add_words(&line, spec->argv ? spec->argv : spec->script_args, err) <
	    0)
		return -1;
	spec->key = NULL;
	if (line.len == 0)
		return 0;
	spec->argv = spec->script_args = NULL;
	spec->script = NULL;
	spec->cmd = *ret_line = buf_take(&line);
	return 0;
}
