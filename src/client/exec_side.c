/* SPDX-License-Identifier: ISC */

/* Requests on the side; see exec_side.h. */

#include "core/jsonw.h"
#include "core/mem.h"
#include "client/client.h"
#include "client/exec_side.h"
#include "client/target.h"

struct errand {
	exec_side_fail_fn *on_fail;
	void *owner;
	struct buf body;
};

static void
errand_free(struct errand *errand)
{
	buf_fini(&errand->body);
	free(errand);
}

static void
on_data(struct client_call *call UNUSED, const void *bytes UNUSED,
	size_t n UNUSED, void *owner UNUSED)
{
}

static void
on_end(struct client_call *call UNUSED, const struct err *err, void *owner)
{
	struct errand *errand = owner;

	if (err && errand->on_fail)
		errand->on_fail(err, errand->owner);
	errand_free(errand);
}

static void
on_drop(void *owner)
{
	errand_free(owner);
}

static const struct client_call_events events = { .on_data = on_data,
						  .on_end = on_end,
						  .on_drop = on_drop };

static struct errand *
errand_new(const struct exec_side *side)
{
	struct errand *errand = xcalloc(1, sizeof(*errand));

	errand->on_fail = side->on_fail;
	errand->owner = side->owner;
	buf_init(&errand->body, 256);
	return errand;
}

static void
errand_run(const struct exec_side *side, struct errand *errand,
	   const char *verb)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	struct http_request request = { .method = "POST",
					.type = "application/json",
					.body = buf_bytes(&errand->body),
					.body_len = errand->body.len };
	struct err err = ERR_INIT;

	target_path(&target, "/v1/exec/", side->id, verb);
	request.target = buf_text(&target);
	if (client_call_start(side->client, &request, CLIENT_PATIENT, &events,
			      errand, &err) == NULL)
		on_end(NULL, &err, errand);
}

void
exec_side_signal(const struct exec_side *side, const char *signal)
{
	struct errand *errand = errand_new(side);
	struct jsonw w = JSONW_INIT(&errand->body);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "signal", signal);
	jsonw_object_end(&w);
	errand_run(side, errand, "/signal");
}

void
exec_side_cancel(const struct exec_side *side)
{
	errand_run(side, errand_new(side), "/cancel");
}

void
exec_side_resize(const struct exec_side *side, uint64_t cols, uint64_t rows)
{
	struct errand *errand = errand_new(side);
	struct jsonw w = JSONW_INIT(&errand->body);

	jsonw_object(&w, NULL);
	jsonw_u64(&w, "cols", cols);
	jsonw_u64(&w, "rows", rows);
	jsonw_object_end(&w);
	errand_run(side, errand, "/resize");
}
