/* SPDX-License-Identifier: ISC */

/* The living daemon's card; see living.h. */

#include <fcntl.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "wire/living.h"

#define CARD "daemon.json"
#define MAX_CARD 8192

static const struct json_field fields[] = {
	JSON_F(struct living, pid, INT, true),
	JSON_F(struct living, start, INT, true),
	JSON_F(struct living, boot_id, STR, true),
	JSON_F(struct living, version, STR, true),
	JSON_F(struct living, socket, STR, true),
	JSON_F(struct living, nonce, STR, true),
};

static bool
is_alive(const struct living *living)
{
	struct proc_id id = { .pid = (pid_t)living->pid,
			      .start = (uint64_t)living->start };

	return str_eq(living->boot_id, proc_boot_id()) && proc_id_alive(&id);
}

int
living_read(const char *state_dir, struct living *ret, struct err *err)
{
	AUTO_FREE char *path = path_join(state_dir, CARD);
	AUTO_BUF text = BUF_INIT(MAX_CARD);
	AUTO_LIVING card = { 0 };

	if (fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	if (json_decode_text(buf_bytes(&text), text.len, fields,
			     ARRAY_SIZE(fields), JSON_UNKNOWN_OK, &card,
			     err) < 0)
		return err_wrap(err, "%s", path);
	if (!is_alive(&card))
		return err_set(err, ERR_NOT_FOUND, "no daemon is running");
	*ret = card;
	card = (struct living){ 0 };
	return 0;
}

int
living_write(const char *state_dir, const struct living *living,
	     struct err *err)
{
	AUTO_CLOSE int dir = open(state_dir,
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF text = BUF_INIT(MAX_CARD);
	struct jsonw w = JSONW_INIT(&text);

	if (dir < 0)
		return err_sys(err, "open %s", state_dir);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "schema_version", 1);
	jsonw_int(&w, "pid", living->pid);
	jsonw_int(&w, "start", living->start);
	jsonw_str(&w, "boot_id", living->boot_id);
	jsonw_str(&w, "version", living->version);
	jsonw_str(&w, "socket", living->socket);
	jsonw_str(&w, "nonce", living->nonce);
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0)
		return err_set(err, ERR_LIMIT, "%s is too large", CARD);
	return fs_write_atomic(dir, CARD, buf_bytes(&text), text.len, 0, err);
}

void
living_fini(struct living *living)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), living);
}
