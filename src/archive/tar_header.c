/* SPDX-License-Identifier: ISC */

/* Numbers and sums of tar's headers; see tar_header.h. */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "archive/tar_header.h"
#include "core/parse.h"

/* A number of GNU's: a set top bit, then big-endian bytes. */
static bool
parse_binary(const char *field, size_t size, uint64_t *ret)
{
	uint64_t n = (uint8_t)field[0] & 0x7f;

	/* 0x40 is the sign. */
	if (n & 0x40)
		return false;
	for (size_t i = 1; i < size; i++) {
		if (n >> 55)
			return false;
		n = n << 8 | (uint8_t)field[i];
	}
	*ret = n;
	return true;
}

bool
tar_number_parse(const char *field, size_t size, uint64_t *ret)
{
	uint64_t n = 0;
	size_t i = 0;

	if ((uint8_t)field[0] & 0x80)
		return parse_binary(field, size, ret);
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		n = n << 3 | (uint64_t)(field[i] - '0');
	for (; i < size; i++) {
		if (field[i] != ' ' && field[i] != '\0')
			return false;
	}
	*ret = n;
	return true;
}

/* Below zero: a two's complement of all the bytes, the mark being its sign. */
static bool
parse_negative(const char *field, size_t size, int64_t *ret)
{
	uint64_t n = UINT64_MAX;

	for (size_t i = 1; i < size; i++) {
		if (n >> 55 != UINT64_MAX >> 55)
			return false;
		n = n << 8 | (uint8_t)field[i];
	}
	*ret = (int64_t)n;
	return true;
}

bool
tar_time_parse(const char *field, size_t size, int64_t *ret)
{
	uint64_t n;

	if ((uint8_t)field[0] == 0xff)
		return parse_negative(field, size, ret);
	if (!tar_number_parse(field, size, &n) || n > INT64_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

void
tar_brief_put(struct tar_header *h, long nsec)
{
	snprintf(h->pad, sizeof(h->pad), "n%09ld", nsec);
}

long
tar_brief_parse(const struct tar_header *h)
{
	char digits[10] = "";
	uint64_t n;

	if (h->pad[0] != 'n' || h->pad[sizeof(digits)] != '\0')
		return 0;
	memcpy(digits, h->pad + 1, sizeof(digits) - 1);
	if (strlen(digits) < sizeof(digits) - 1 ||
	    parse_u64(digits, 0, NS_PER_S - 1, &n, &(struct err)ERR_INIT) < 0)
		return 0;
	return (long)n;
}

bool
tar_is_zero_block(const struct tar_header *h)
{
	const char *p = (const char *)h;

	return p[0] == 0 && memcmp(p, p + 1, TAR_BLOCK - 1) == 0;
}

unsigned
tar_header_sum(const struct tar_header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	const size_t at = offsetof(struct tar_header, sum);
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= at && i < at + sizeof(h->sum) ? ' ' : p[i];
	return sum;
}

bool
tar_sum_is_right(const struct tar_header *h)
{
	uint64_t sum;

	return tar_number_parse(h->sum, sizeof(h->sum), &sum) &&
	       sum == tar_header_sum(h);
}

void
tar_number_put(char *field, size_t size, uint64_t n)
{
	if (n >> (3 * (size - 1)) == 0) {
		field[size - 1] = '\0';
		for (size_t i = size - 1; i-- > 0; n >>= 3)
			field[i] = (char)('0' + (n & 7));
		return;
	}
	for (size_t i = size; i-- > 0; n >>= 8)
		field[i] = (char)(n & 0xff);
	field[0] = (char)((uint8_t)field[0] | 0x80);
}

void
tar_time_put(char *field, size_t size, int64_t s)
{
	uint64_t n = (uint64_t)s;

	if (s >= 0) {
		tar_number_put(field, size, n);
		return;
	}
	memset(field, 0xff, size);
	for (size_t i = size, end = size - sizeof(n); i-- > end; n >>= 8)
		field[i] = (char)(n & 0xff);
}

size_t
tar_padding_of(uint64_t size)
{
	return (size_t)(-size & (TAR_BLOCK - 1));
}
