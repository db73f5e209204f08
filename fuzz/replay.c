/* SPDX-License-Identifier: ISC */

/*
 * replay FILE-OR-DIRECTORY...: feed files to a fuzzer, without libFuzzer.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

#define MAX_SEED (64u << 20)

static int
replay_file(const char *path)
{
	AUTO_BUF text = BUF_INIT(MAX_SEED);
	struct err err = ERR_INIT;

	if (fs_read_file(AT_FDCWD, path, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	return LLVMFuzzerTestOneInput(buf_bytes(&text), text.len);
}

static int
replay(const char *path, unsigned *n)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		(*n)++;
		return replay_file(path);
	}
	while (rc == 0 && (entry = readdir(dir))) {
		AUTO_FREE char *file = path_join(path, entry->d_name);

		if (entry->d_name[0] != '.')
			rc = replay(file, n);
	}
	closedir(dir);
	return rc;
}

int
main(int argc, char **argv)
{
	unsigned n = 0;
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++)
		rc = replay(argv[i], &n);
	printf("%u inputs\n", n);
	return rc < 0 || n == 0 ? 1 : 0;
}
