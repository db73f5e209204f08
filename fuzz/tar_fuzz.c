/* SPDX-License-Identifier: ISC */

/*
 * Archives of strangers: whatever comes, no name and no link leaves the root,
 * sizes add up, and the pieces in which it comes make no difference.
 *
 * The first byte says whether sums are made right first (otherwise few inputs
 * get past them) and how long the pieces are.
 */

#include <stdio.h>
#include <string.h>

#include "archive/tar.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

#define ROOT "/root/of/it"
#define MAX_STORY (64u << 20)

static void
make_sums_right(uint8_t *data, size_t size)
{
	for (; size >= TAR_BLOCK; data += TAR_BLOCK, size -= TAR_BLOCK) {
		unsigned sum = 0;
		char text[8];

		if (data[0] == 0)
			continue;
		memset(data + 148, ' ', 8);
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += data[i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(data + 148, text, 7);
	}
}

static void
check_name(const char *name)
{
	AUTO_FREE char *clean = path_clean(name);
	AUTO_FREE char *full = path_join(ROOT, name);

	assert(name[0] != '/');
	assert(strlen(name) <= TAR_NAME_MAX);
	assert(str_eq(name, name[0] ? clean : ""));
	assert(path_is_within(ROOT, full));
}

/* As text it stays below, from the directory in which the link is. */
static void
check_symlink(const struct tar_entry *entry)
{
	AUTO_FREE char *full = path_join(ROOT, entry->name);
	AUTO_FREE char *dir = xstrndup(full, (size_t)(path_base(full) - full));
	AUTO_FREE char *target = path_join(dir, entry->link);

	assert(entry->link[0] != '\0');
	assert(path_is_within(ROOT, target));
}

static void
check_entry(const struct tar_entry *entry)
{
	check_name(entry->name);
	assert(entry->type == TAR_DIR || entry->name[0] != '\0');
	assert((entry->mode & ~0777u) == 0);
	assert(entry->type == TAR_FILE || entry->size == 0);
	if (entry->type == TAR_SYMLINK)
		check_symlink(entry);
	if (entry->type == TAR_HARDLINK)
		check_name(entry->link);
}

/* Read in pieces and write down what happens. */
static void
read_archive(const uint8_t *data, size_t size, size_t piece, struct buf *story)
{
	struct tar_reader *reader = tar_reader_new(ROOT);
	struct err err = ERR_INIT;
	struct tar_event event;
	uint64_t left = 0;
	int rc = 0;

	while (size > 0 && rc >= 0) {
		size_t n = MIN(piece, size);

		size -= n;
		while ((rc = tar_read(reader, &data, &n, &event, &err)) > 0 &&
		       event.kind != TAR_EVENT_END) {
			if (event.kind == TAR_EVENT_ENTRY) {
				check_entry(&event.entry);
				left = event.entry.size;
				buf_addf(story, "\n%d %o %s", event.entry.type,
					 event.entry.mode, event.entry.name);
			} else if (event.kind == TAR_EVENT_DATA) {
				assert(event.n <= left);
				left -= event.n;
				buf_add(story, event.bytes, event.n);
			} else {
				assert(left == 0);
			}
		}
		if (rc > 0)
			break;
		assert(rc < 0 || n == 0);
	}
	buf_addf(story, "\n%d %d %s", rc, tar_reader_is_complete(reader),
		 rc < 0 ? err.msg : "");
	tar_reader_free(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF whole = BUF_INIT(MAX_STORY), pieces = BUF_INIT(MAX_STORY);
	AUTO_FREE uint8_t *copy = NULL;
	uint8_t options;

	if (size < 1)
		return 0;
	options = *data++;
	size--;
	copy = xmalloc(size + 1);
	memcpy(copy, data, size);
	if (options & 1)
		make_sums_right(copy, size);
	read_archive(copy, size, size ? size : 1, &whole);
	read_archive(copy, size, (size_t)(options >> 1) * 5 + 1, &pieces);
	assert(str_eq(buf_text(&whole), buf_text(&pieces)));
	return 0;
}
