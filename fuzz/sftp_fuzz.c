/* SPDX-License-Identifier: ISC */

/*
 * Packets of an SFTP server: whatever comes, nothing is read outside of the
 * packet, and what is handed on lies within it.
 */

#include "client/sftp_packet.h"
#include "fuzz/fuzz.h"

static void
check_within(const uint8_t *data, size_t size, const void *at, size_t n)
{
	const uint8_t *p = at;

	assert(n == 0 ||
	       (p >= data && n <= size && (size_t)(p - data) <= size - n));
}

static void
read_packet(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct sftp_reply reply;
	struct sftp_name name;

	if (sftp_reply_read(data, size, &reply, &err) < 0)
		return;
	check_within(data, size, reply.bytes, reply.n);
	if (reply.type != SFTP_NAME && reply.type != SFTP_VERSION)
		return;
	while (sftp_names_next(&reply, &name, &err) > 0) {
		check_within(data, size, name.name, name.n_name);
		check_within(data, size, name.longname, name.n_longname);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	ssize_t n;

	while ((n = sftp_packet_len(data, size, &err)) > 0 &&
	       (size_t)n <= size) {
		read_packet(data, (size_t)n);
		data += n;
		size -= (size_t)n;
	}
	read_packet(data, size);
	return 0;
}
