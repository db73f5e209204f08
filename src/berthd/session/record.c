/* SPDX-License-Identifier: ISC */

/* Records of sessions; see record.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/session/record.h"
#include "berthd/session/tmux.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/errors.h"

#define MAX_RECORD (4u << 20)

static const char suffix[] = ".json";

static const struct json_field fields[] = {
	JSON_F(struct record, name, STR, true),
	JSON_F(struct record, key, STR, false),
	JSON_F(struct record, profile, STR, false),
	JSON_F(struct record, argv, STRS, true),
	JSON_F(struct record, cwd, STR, false),
	JSON_F(struct record, boot_id, STR, false),
	JSON_F(struct record, created_ns, INT, false),
	JSON_F(struct record, server, INT, false),
	JSON_F(struct record, server_start, INT, false),
	JSON_F(struct record, agent, INT, false),
	JSON_F(struct record, gone_ns, INT, false),
};

void
record_fini(struct record *record)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), record);
}

static char *
file_of(const char *dir, const char *name)
{
	return xasprintf("%s/%s%s", dir, name, suffix);
}

static void
add_text(struct jsonw *w, const char *key, const char *text)
{
	if (text)
		jsonw_str(w, key, text);
}

int
record_write(const char *dir, const struct record *record, struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s%s", record->name, suffix);
	AUTO_CLOSE int dir_fd = -1;
	AUTO_BUF text = BUF_INIT(MAX_RECORD);
	struct jsonw w = JSONW_INIT(&text);

	if (fs_mkdir_private(dir, err) < 0)
		return -1;
	jsonw_object(&w, NULL);
	jsonw_str(&w, "name", record->name);
	add_text(&w, "key", record->key);
	add_text(&w, "profile", record->profile);
	jsonw_strv(&w, "argv", record->argv);
	add_text(&w, "cwd", record->cwd);
	add_text(&w, "boot_id", record->boot_id);
	jsonw_int(&w, "created_ns", record->created_ns);
	jsonw_int(&w, "server", record->server);
	jsonw_int(&w, "server_start", record->server_start);
	if (record->agent > 0)
		jsonw_int(&w, "agent", record->agent);
	if (record->gone_ns > 0)
		jsonw_int(&w, "gone_ns", record->gone_ns);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0)
		return err_set(err, ERR_LIMIT, "the command is too long");
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(err, "open %s", dir);
	return fs_write_atomic(dir_fd, file, buf_bytes(&text), text.len,
			       FS_WRITE_SYNC, err);
}

int
record_write_start(const char *dir, const struct record *asked, int64_t server,
		   struct err *err)
{
	struct record record = *asked;
	struct proc_id id = { 0 };

	record.boot_id = (char *)(uintptr_t)proc_boot_id();
	record.created_ns = (int64_t)clock_wall_ns();
	record.server = server;
	if (proc_id_read((pid_t)server, &id))
		record.server_start = (int64_t)id.start;
	return record_write(dir, &record, err);
}

int
record_read(const char *dir, const char *name, struct record *ret,
	    struct err *err)
{
	AUTO_FREE char *path = file_of(dir, name);
	AUTO_BUF text = BUF_INIT(MAX_RECORD);
	AUTO_RECORD record = { .name = NULL };

	if (fs_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	if (json_decode_text(buf_bytes(&text), text.len, fields,
			     ARRAY_SIZE(fields), JSON_UNKNOWN_OK, &record,
			     err) < 0)
		return err_wrap(err, "%s", path);
	/* A file that was copied by hand does not rename its session. */
	if (!str_eq(record.name, name))
		return err_set(err, ERR_INVALID, "%s is of %.64s", path,
			       record.name);
	*ret = record;
	record = (struct record){ .name = NULL };
	return 0;
}

void
record_remove(const char *dir, const char *name)
{
	AUTO_FREE char *path = file_of(dir, name);

	(void)unlink(path);
}

int
record_rename(const char *dir, const char *from, const char *to,
	      struct err *err)
{
	AUTO_RECORD record = { .name = NULL };

	if (record_read(dir, from, &record, err) < 0)
		return -1;
	free(record.name);
	record.name = xstrdup(to);
	if (record_write(dir, &record, err) < 0)
		return -1;
	record_remove(dir, from);
	return 0;
}

static char **
list_names(const char *dir)
{
	DIR *files = opendir(dir);
	struct dirent *file;
	char **names = NULL;

	while (files && (file = readdir(files)) != NULL) {
		char name[TMUX_NAME_MAX + 1];
		size_t n = strlen(file->d_name);

		if (!str_ends(file->d_name, suffix) ||
		    n - strlen(suffix) >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(n - strlen(suffix)),
			 file->d_name);
		if (tmux_name_ok(name))
			strv_add(&names, name);
	}
	if (files)
		closedir(files);
	strv_sort(names);
	return names;
}

void
records_read(const char *dir, struct records *ret)
{
	AUTO_STRV char **names = list_names(dir);

	*ret = (struct records){ .n = 0 };
	for (char **name = names; name && *name; name++) {
		struct err err = ERR_INIT;
		struct record record = { .name = NULL };

		if (record_read(dir, *name, &record, &err) < 0)
			continue;
		ret->items = xrealloc(ret->items,
				      (ret->n + 1) * sizeof(record));
		ret->items[ret->n++] = record;
	}
}

void
records_fini(struct records *records)
{
	for (size_t i = 0; i < records->n; i++)
		record_fini(&records->items[i]);
	free(records->items);
	*records = (struct records){ .n = 0 };
}
