/* SPDX-License-Identifier: ISC */

/* Archives field by field; see tarball.h. */

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "archive/tar.h"
#include "archive/untar.h"
#include "core/macros.h"
#include "tests/unit/archive/tarball.h"
#include "tests/unit/unit.h"

#define BLOCK 512

static void
put(uint8_t *block, size_t at, const char *text)
{
	if (text)
		memcpy(block + at, text, strlen(text));
}

void
tarball_sum(uint8_t *block)
{
	unsigned sum = 0;
	char text[8];

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(block + 148, text, 7);
}

void
tarball_add(struct buf *out, const struct tarball_entry *entry)
{
	static const uint8_t zero[BLOCK];
	uint8_t block[BLOCK] = { 0 };
	size_t n = entry->content ? strlen(entry->content) : 0;
	char size[12];

	if (entry->content_len)
		n = entry->content_len;
	snprintf(size, sizeof(size), "%011zo", n);
	put(block, 0, entry->name);
	put(block, 100, entry->mode ? entry->mode : "0000644");
	put(block, 108, "0001750");
	put(block, 116, "0001750");
	put(block, 124, entry->size ? entry->size : size);
	put(block, 136, "14714114700");
	block[156] = (uint8_t)entry->type;
	put(block, 157, entry->link);
	put(block, 257, entry->magic ? entry->magic : "ustar");
	if (entry->magic == NULL)
		put(block, 263, "00");
	put(block, 345, entry->prefix);
	tarball_sum(block);
	assert(buf_add(out, block, BLOCK) == 0);
	assert(n == 0 || buf_add(out, entry->content, n) == 0);
	assert(buf_add(out, zero, -n & (BLOCK - 1)) == 0);
}

void
tarball_file(struct buf *out, const char *name, const char *content)
{
	tarball_add(out, &(struct tarball_entry){
			     .type = '0', .name = name, .content = content });
}

void
tarball_other(struct buf *out, char type, const char *name, const char *link)
{
	tarball_add(out, &(struct tarball_entry){ .type = type,
						  .name = name,
						  .link = link,
						  .mode = "0000755" });
}

void
tarball_pax(struct buf *out, const char *key, const char *value)
{
	AUTO_BUF record = BUF_INIT(1 << 20);
	size_t n = strlen(key) + strlen(value) + 3, digits = 1;

	while ((size_t)snprintf(NULL, 0, "%zu", n + digits) > digits)
		digits++;
	assert(buf_addf(&record, "%zu %s=%s\n", n + digits, key, value) == 0);
	tarball_add(out, &(struct tarball_entry){ .type = 'x',
						  .name = "PaxHeaders/x",
						  .content = buf_text(&record),
						  .content_len = record.len });
}

void
tarball_end(struct buf *out)
{
	static const uint8_t zero[2 * BLOCK];

	assert(buf_add(out, zero, sizeof(zero)) == 0);
}

void
tarball_read(const struct buf *archive, tarball_event_fn *on_event, void *owner)
{
	struct tar_reader *reader = tar_reader_new("/");
	const uint8_t *in = buf_bytes(archive);
	size_t n = archive->len;
	struct tar_event event;
	struct err err = ERR_INIT;

	for (;;) {
		assert_int_equal(tar_read(reader, &in, &n, &event, &err), 1);
		if (event.kind == TAR_EVENT_END)
			break;
		on_event(&event, owner);
	}
	tar_reader_free(reader);
}

uint64_t
tarball_unpack(const struct buf *archive, const char *dir)
{
	struct untar *untar = untar_new(open(dir, O_PATH | O_DIRECTORY), dir,
					0);
	const uint8_t *in = buf_bytes(archive);
	size_t n = archive->len;
	struct err err = ERR_INIT;
	uint64_t n_files;

	untar_keep(untar);
	while (untar_step(untar, &in, &n, &err) > 0)
		;
	assert_int_equal(untar_finish(untar, &err), 0);
	n_files = untar_n_files(untar);
	untar_free(untar);
	return n_files;
}

void
tarball_count(const struct tar_event *event, void *owner)
{
	size_t *n = owner;

	*n += event->kind == TAR_EVENT_ENTRY;
}
