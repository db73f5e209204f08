/* SPDX-License-Identifier: ISC */

/* Recordings; see cast.h and docs.asciinema.org/manual/asciicast. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/login/cast.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/text.h"

#define MAX_LINE (1u << 20)
#define MAX_CHUNK (64u << 10)

/* What a marker and an end still need. */
#define RESERVE 256

static void
cut(struct cast *cast, const struct err *why)
{
	if (cast->on_cut)
		cast->on_cut(cast->owner, why);
}

static int
end(struct cast *cast)
{
	int fd = cast->fd;

	cast->fd = -1;
	return fd >= 0 ? close(fd) : 0;
}

/* All of it or nothing: what is there can be played. */
static int
put_line(struct cast *cast, struct buf *line, struct err *err)
{
	(void)buf_addc(line, '\n');
	if (write_full(cast->fd, buf_bytes(line), line->len) < 0) {
		err_sys(err, "write");
		if (ftruncate(cast->fd, (off_t)cast->written) < 0)
			err_wrap(err, "and a part of a line stays");
		return -1;
	}
	cast->written += line->len;
	return 0;
}

static uint64_t
now_us(const struct cast *cast)
{
	return (clock_boot_ns() - cast->start_ns) / 1000;
}

/* [TIME, CODE, DATA] */
static void
compose(const struct cast *cast, uint64_t now, const char *code,
	const void *bytes, size_t n, struct buf *line)
{
	struct jsonw w = JSONW_INIT(line);
	uint64_t time = cast->version == 3 ? now - cast->last_us : now;
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%06u", time / 1000000,
		 (unsigned)(time % 1000000));
	jsonw_array(&w, NULL);
	jsonw_raw(&w, NULL, text);
	jsonw_str(&w, NULL, code);
	jsonw_strn(&w, NULL, bytes, n);
	jsonw_array_end(&w);
}

/* With a word for who plays it, if there is space for one. */
static void
cut_short(struct cast *cast, const char *marker, const struct err *why)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct err ignored = ERR_INIT;

	compose(cast, now_us(cast), "m", marker, strlen(marker), &line);
	(void)put_line(cast, &line, &ignored);
	(void)end(cast);
	cut(cast, why);
}

static void
put_event(struct cast *cast, const char *code, const void *bytes, size_t n)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct err err = ERR_INIT;
	uint64_t now = now_us(cast);

	if (cast->fd < 0)
		return;
	compose(cast, now, code, bytes, n, &line);
	if (cast->written + line.len + RESERVE > cast->max) {
		err_set(&err, ERR_LIMIT, "it has its largest size");
		cut_short(cast, "the recording is full", &err);
	} else if (put_line(cast, &line, &err) < 0) {
		cut_short(cast, "the rest could not be written", &err);
	} else {
		cast->last_us = now;
	}
}

/* How many bytes at the end are the head of a character. */
static size_t
unfinished(const uint8_t *bytes, size_t n)
{
	for (size_t i = 1; i <= MIN(n, (size_t)3); i++) {
		uint8_t c = bytes[n - i];

		if ((c & 0xc0) == 0x80)
			continue;
		if (c >= 0xf0 && c <= 0xf4)
			return i < 4 ? i : 0;
		if (c >= 0xe0 && c < 0xf0)
			return i < 3 ? i : 0;
		return c >= 0xc2 && c < 0xe0 && i < 2 ? i : 0;
	}
	return 0;
}

/* Terminals pass over NUL, and readers of JSON may not take it. */
static void
add_text(struct buf *out, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		const uint8_t *nul = memchr(bytes, 0, n);
		size_t part = nul ? (size_t)(nul - bytes) : n;

		(void)buf_add(out, bytes, part);
		part += nul != NULL;
		bytes += part;
		n -= part;
	}
}

static void
put_chunk(struct cast *cast, const uint8_t *bytes, size_t n)
{
	AUTO_BUF whole = BUF_INIT(MAX_CHUNK + sizeof(cast->held));

	(void)buf_add(&whole, cast->held, cast->n_held);
	add_text(&whole, bytes, n);
	cast->n_held = unfinished(buf_bytes(&whole), whole.len);
	whole.len -= cast->n_held;
	memcpy(cast->held, buf_bytes(&whole) + whole.len, cast->n_held);
	if (whole.len > 0)
		put_event(cast, "o", buf_bytes(&whole), whole.len);
}

void
cast_output(struct cast *cast, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n > 0 && cast->fd >= 0) {
		size_t part = MIN(n, (size_t)MAX_CHUNK);

		put_chunk(cast, at, part);
		at += part;
		n -= part;
	}
}

void
cast_input(struct cast *cast, const void *bytes, size_t n)
{
	AUTO_BUF text = BUF_INIT(MAX_CHUNK);

	add_text(&text, bytes, MIN(n, (size_t)MAX_CHUNK));
	put_event(cast, "i", buf_bytes(&text), text.len);
}

void
cast_resize(struct cast *cast, unsigned cols, unsigned rows)
{
	char text[32];

	snprintf(text, sizeof(text), "%ux%u", cols, rows);
	put_event(cast, "r", text, strlen(text));
}

void
cast_close(struct cast *cast, int status)
{
	struct err err = ERR_INIT;
	char text[16];

	if (cast->n_held > 0)
		put_event(cast, "o", cast->held, cast->n_held);
	cast->n_held = 0;
	snprintf(text, sizeof(text), "%d", status);
	if (cast->version == 3)
		put_event(cast, "x", text, strlen(text));
	/* Some file systems know only now that there was no space. */
	if (end(cast) < 0) {
		err_sys(&err, "close");
		cut(cast, &err);
	}
}

static int
put_header(struct cast *cast, const struct cast_config *config, struct err *err)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);
	bool is_v3 = config->version == 3;

	jsonw_object(&w, NULL);
	jsonw_u64(&w, "version", config->version);
	if (is_v3)
		jsonw_object(&w, "term");
	jsonw_u64(&w, is_v3 ? "cols" : "width", config->cols);
	jsonw_u64(&w, is_v3 ? "rows" : "height", config->rows);
	if (is_v3 && config->term)
		jsonw_str(&w, "type", config->term);
	if (is_v3)
		jsonw_object_end(&w);
	jsonw_u64(&w, "timestamp", clock_wall_ns() / NS_PER_S);
	if (config->title)
		jsonw_str(&w, "title", config->title);
	if (!is_v3 && config->term) {
		jsonw_object(&w, "env");
		jsonw_str(&w, "TERM", config->term);
		jsonw_object_end(&w);
	}
	jsonw_object_end(&w);
	return put_line(cast, &line, err);
}

int
cast_open(struct cast *cast, const char *path, const struct cast_config *config,
	  struct err *err)
{
	*cast = (struct cast)CAST_INIT;
	cast->fd = open(
	    path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (cast->fd < 0)
		return err_sys(err, "record to %s", path);
	cast->version = config->version;
	cast->max = config->max_bytes;
	cast->on_cut = config->on_cut;
	cast->owner = config->owner;
	cast->start_ns = clock_boot_ns();
	if (put_header(cast, config, err) == 0)
		return 0;
	(void)end(cast);
	(void)unlink(path);
	return err_wrap(err, "record to %s", path);
}
