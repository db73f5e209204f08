/* SPDX-License-Identifier: ISC */

/* Answers of a daemon about itself; see daemon_json.h. */

#include <stdlib.h>

#include "core/json.h"
#include "core/mem.h"
#include "client/daemon_json.h"

static char *
copy_text(const struct json_t *object, const char *member)
{
	const char *text = json_get_text(object, member, NULL);

	return text ? xstrdup(text) : NULL;
}

int
daemon_info_decode(const void *text, size_t n, struct daemon_info *ret,
		   struct err *err)
{
	AUTO_JSON *value = json_parse(text, n, err);
	const struct json_t *disk, *gpus;

	if (value == NULL) {
		err->code = ERR_PROTO;
		return err_wrap(err, "answer of the daemon");
	}
	ret->state_dir = copy_text(value, "state_dir");
	ret->time = copy_text(value, "time");
	disk = json_get(value, "disk");
	if (disk)
		ret->free_bytes = json_get_int(disk, "free_bytes", -1);
	gpus = json_get(value, "gpus");
	if (gpus) {
		ret->n_gpus = (int64_t)json_len(gpus);
		if (ret->n_gpus > 0)
			ret->gpu = copy_text(json_at(gpus, 0), "model");
	}
	return 0;
}

void
daemon_info_fini(struct daemon_info *info)
{
	free(info->state_dir);
	free(info->time);
	free(info->gpu);
	*info = (struct daemon_info)DAEMON_INFO_INIT;
}
