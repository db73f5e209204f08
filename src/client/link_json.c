/* SPDX-License-Identifier: ISC */

/* Answers of links; see link_json.h. */

#include <stdlib.h>

#include "core/json.h"
#include "core/mem.h"
#include "client/link_json.h"

static const struct json_field info_fields[] = {
	JSON_F(struct link_info, machine, STR, true),
	JSON_F(struct link_info, state, STR, true),
	JSON_F(struct link_info, since, STR, true),
	JSON_F(struct link_info, transport, STR, true),
	JSON_F(struct link_info, pid, INT, true),
	JSON_F(struct link_info, throughput_in, INT, false),
	JSON_F(struct link_info, throughput_out, INT, false),
	JSON_F(struct link_info, bytes_in, INT, false),
	JSON_F(struct link_info, bytes_out, INT, false),
	JSON_F(struct link_info, reconnects, INT, false),
	JSON_F(struct link_info, streams, INT, false),
	JSON_F(struct link_info, spare, INT, false),
	JSON_F(struct link_info, next_retry_ms, INT, false),
};

static const struct json_field event_fields[] = {
	JSON_F(struct link_event, time, STR, true),
	JSON_F(struct link_event, machine, STR, true),
	JSON_F(struct link_event, type, STR, true),
	JSON_F(struct link_event, stage, STR, false),
	JSON_F(struct link_event, code, STR, false),
	JSON_F(struct link_event, message, STR, false),
	JSON_F(struct link_event, pid, INT, false),
	JSON_F(struct link_event, attempt, INT, false),
	JSON_F(struct link_event, ms, INT, false),
};

static char *
copy_text(const struct json_t *object, const char *member)
{
	const char *text = object ? json_get_text(object, member, NULL) : NULL;

	return text ? xstrdup(text) : NULL;
}

/* Milliseconds with decimals, which no integer holds. */
static char *
copy_rtt(const struct json_t *value)
{
	const struct json_t *rtt = json_get(value, "rtt_ms");
	AUTO_FREE char *text = NULL;

	if (rtt == NULL || json_is_nothing(rtt))
		return NULL;
	text = json_dump(rtt);
	return xasprintf("%.3f ms", strtod(text, NULL));
}

static void
read_daemon(const struct json_t *daemon, struct link_info *ret)
{
	if (daemon == NULL || json_is_nothing(daemon))
		return;
	ret->program = copy_text(daemon, "program");
	ret->life = copy_text(daemon, "life");
	ret->kernel = copy_text(daemon, "kernel");
	ret->was_installed = json_get_bool(daemon, "installed", false);
	ret->was_upgraded = json_get_bool(daemon, "upgraded", false);
}

int
link_info_decode(const void *text, size_t n, struct link_info *ret,
		 struct err *err)
{
	AUTO_JSON *value = json_parse(text, n, err);

	if (value == NULL ||
	    json_decode(value, info_fields, ARRAY_SIZE(info_fields),
			JSON_UNKNOWN_OK, ret, err) < 0) {
		err->code = ERR_PROTO;
		return err_wrap(err, "answer of the link");
	}
	ret->rtt = copy_rtt(value);
	ret->version = copy_text(json_get(value, "hello"), "version");
	ret->error = copy_text(json_get(value, "error"), "message");
	ret->loss = copy_text(json_get(value, "last_loss"), "message");
	ret->lost = copy_text(json_get(value, "last_loss"), "time");
	ret->host_key = copy_text(value, "host_key");
	ret->ssh_socket = copy_text(value, "ssh_socket");
	read_daemon(json_get(value, "daemon"), ret);
	return 0;
}

void
link_info_fini(struct link_info *info)
{
	free(info->rtt);
	free(info->version);
	free(info->error);
	free(info->loss);
	free(info->lost);
	free(info->host_key);
	free(info->ssh_socket);
	free(info->program);
	free(info->life);
	free(info->kernel);
	json_fields_fini(info_fields, ARRAY_SIZE(info_fields), info);
	*info = (struct link_info){ .machine = NULL };
}

int
link_event_decode(const char *line, size_t n, struct link_event *ret,
		  struct err *err)
{
	if (json_decode_text(line, n, event_fields, ARRAY_SIZE(event_fields),
			     JSON_UNKNOWN_OK, ret, err) == 0)
		return 0;
	err->code = ERR_PROTO;
	return -1;
}

void
link_event_fini(struct link_event *event)
{
	json_fields_fini(event_fields, ARRAY_SIZE(event_fields), event);
}
