/* SPDX-License-Identifier: ISC */

/* Our lines among others; see talk.h. */

#include <string.h>

#include "core/text.h"
#include "link/talk.h"

void
talk_init(struct talk *talk, const char *token)
{
	*talk = (struct talk){ .token = token };
	/* Whatever is not a line of ours leaves at once. */
	buf_init(&talk->in, 2 * TALK_MAX_LINE);
	buf_init(&talk->noise, TALK_MAX_NOISE);
}

void
talk_fini(struct talk *talk)
{
	buf_fini(&talk->in);
	buf_fini(&talk->noise);
}

static void
add_noise(struct talk *talk, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;

	if (n > TALK_MAX_NOISE) {
		from += n - TALK_MAX_NOISE;
		n = TALK_MAX_NOISE;
	}
	if (talk->noise.len + n > TALK_MAX_NOISE)
		buf_consume(&talk->noise, talk->noise.len + n - TALK_MAX_NOISE);
	(void)buf_add(&talk->noise, from, n);
}

static uint8_t *
find_token(const struct talk *talk, uint8_t *at, size_t n)
{
	return memmem(at, n, talk->token, strlen(talk->token));
}

/*
 * An unfinished line that is too long: noise, but for what may be the beginning
 * of a token at its end.
 */
static int
make_room(struct talk *talk, struct err *err)
{
	uint8_t *at = buf_bytes(&talk->in);
	size_t keep = strlen(talk->token) - 1;

	if (talk->in.len < TALK_MAX_LINE)
		return 0;
	if (memchr(at, '\n', talk->in.len))
		return 0;
	if (find_token(talk, at, talk->in.len))
		return err_set(err, ERR_PROTO, "a line of %zu bytes came",
			       talk->in.len);
	add_noise(talk, at, talk->in.len - keep);
	buf_consume(&talk->in, talk->in.len - keep);
	return 0;
}

static void
drop_handed(struct talk *talk)
{
	buf_consume(&talk->in, talk->handed);
	talk->handed = 0;
}

int
talk_feed(struct talk *talk, const void *bytes, size_t n, struct err *err)
{
	drop_handed(talk);
	if (make_room(talk, err) < 0)
		return -1;
	if (buf_add(&talk->in, bytes, n) < 0)
		return err_set(err, ERR_PROTO, "too much came at once");
	return 0;
}

static void
cut(char *line, struct talk_line *ret)
{
	ret->rest = line;
	ret->word = talk_word(&ret->rest);
}

bool
talk_next(struct talk *talk, struct talk_line *ret)
{
	drop_handed(talk);
	for (;;) {
		uint8_t *at = buf_bytes(&talk->in), *token;
		uint8_t *end = memchr(at, '\n', talk->in.len);
		size_t n;

		if (end == NULL)
			return false;
		n = (size_t)(end - at) + 1;
		token = find_token(talk, at, n);
		if (token) {
			add_noise(talk, at, (size_t)(token - at));
			*end = '\0';
			if (end > at && end[-1] == '\r')
				end[-1] = '\0';
			talk->handed = n;
			token += strlen(talk->token);
			cut((char *)token + (*token == ' '), ret);
			return true;
		}
		add_noise(talk, at, n);
		buf_consume(&talk->in, n);
	}
}

void
talk_feed_error(struct talk *talk, const void *bytes, size_t n)
{
	const uint8_t *token = memmem(bytes, n, talk->token,
				      strlen(talk->token));
	const uint8_t *from = bytes, *end = from + n;

	if (token) {
		talk_forget_noise(talk);
		from = token + strlen(talk->token);
	}
	add_noise(talk, from, (size_t)(end - from));
}

void
talk_forget_noise(struct talk *talk)
{
	buf_clear(&talk->noise);
}

void
talk_seen(const struct talk *talk, char *out, size_t size)
{
	AUTO_BUF visible = BUF_INIT(8 * (TALK_MAX_NOISE + TALK_MAX_LINE));
	size_t n, from = 0;

	(void)vis_add(&visible, buf_bytes(&talk->noise), talk->noise.len);
	/* An unfinished line is noise too, so far. */
	if (talk->handed == 0)
		(void)vis_add(&visible, buf_bytes(&talk->in), talk->in.len);
	n = visible.len;
	while (n > 0 && strchr(" \t\n", buf_text(&visible)[n - 1]))
		n--;
	if (n > size - 1)
		from = n - (size - 1);
	/* Not from the middle of a character on. */
	while (from > 0 && from < n &&
	       (buf_bytes(&visible)[from] & 0xc0) == 0x80)
		from++;
	memcpy(out, buf_text(&visible) + from, n - from);
	out[n - from] = '\0';
}

const char *
talk_word(char **rest)
{
	char *word = *rest, *end = word + strcspn(word, " ");

	*rest = end + (*end == ' ');
	*end = '\0';
	return word;
}
