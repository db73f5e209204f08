/* SPDX-License-Identifier: ISC */

/* Disk and GPUs; see host.h. */

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"
#include "berthd/host.h"

#define GPUS_DIR "/proc/driver/nvidia/gpus"
#define MAX_INFORMATION 16384
#define MAX_GPUS 64

char *
host_gpu_model(const char *text)
{
	static const char key[] = "Model:";
	const char *at = text;

	while (!str_starts(at, key)) {
		at = strchr(at, '\n');
		if (at == NULL)
			return NULL;
		at++;
	}
	at += strlen(key);
	at += strspn(at, " \t");
	return xstrndup(at, strcspn(at, "\n"));
}

static void
add_gpu(struct jsonw *w, const char *address)
{
	AUTO_FREE char *path = xasprintf("%s/%s/information", GPUS_DIR,
					 address);
	AUTO_BUF text = BUF_INIT(MAX_INFORMATION);
	struct err err = ERR_INIT;
	AUTO_FREE char *model = NULL;

	if (fs_read_file(AT_FDCWD, path, &text, &err) == 0)
		model = host_gpu_model(buf_text(&text));
	jsonw_object(w, NULL);
	jsonw_str(w, "model", model);
	jsonw_str(w, "address", address);
	jsonw_object_end(w);
}

static void
add_gpus(struct jsonw *w)
{
	DIR *dir = opendir(GPUS_DIR);
	struct dirent *entry;
	size_t n = 0;

	jsonw_array(w, "gpus");
	while (dir && n < MAX_GPUS && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		add_gpu(w, entry->d_name);
		n++;
	}
	jsonw_array_end(w);
	if (dir)
		closedir(dir);
}

void
host_add_json(struct jsonw *w, const char *state_dir)
{
	struct statvfs fs;

	if (statvfs(state_dir, &fs) == 0) {
		jsonw_object(w, "disk");
		jsonw_u64(w, "free_bytes", (uint64_t)fs.f_bavail * fs.f_frsize);
		jsonw_u64(w, "total_bytes",
			  (uint64_t)fs.f_blocks * fs.f_frsize);
		jsonw_object_end(w);
	} else {
		jsonw_null(w, "disk");
	}
	add_gpus(w);
}
