/* SPDX-License-Identifier: ISC */

/* Who writes a temporary file; see leftover.h. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/leftover.h"

#define PREFIX ".berth-"
#define A_DAY_S 86400
#define NS_PER_S 1000000000ll
#define DIGITS 6

/* FNV-1a: nobody gains by a collision but his own leftovers. */
static uint32_t
hash(uint32_t sum, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ (uint8_t)bytes[i]) * 16777619u;
	return sum;
}

/* The boot, and the namespace in which process numbers mean something. */
static uint32_t
this_host(void)
{
	static uint32_t known;
	AUTO_CLOSE int fd = -1;
	uint32_t sum = 2166136261u;
	char text[128];
	ssize_t n;

	if (known)
		return known;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	sum = hash(sum, text, n > 0 ? (size_t)n : 0);
	n = readlink("/proc/self/ns/pid", text, sizeof(text));
	sum = hash(sum, text, n > 0 ? (size_t)n : 0);
	if (gethostname(text, sizeof(text)) == 0)
		sum = hash(sum, text, strnlen(text, sizeof(text)));
	known = (sum & 0xffffff) | !(sum & 0xffffff);
	return known;
}

void
leftover_name(char out[LEFTOVER_NAME_SIZE])
{
	static uint16_t count;

	snprintf(out, LEFTOVER_NAME_SIZE,
		 PREFIX "%06" PRIx32 "%06x%04" PRIx16 ".tmp", this_host(),
		 (unsigned)getpid() & 0xffffff, count++);
}

static unsigned
digits(const char *text)
{
	unsigned n = 0;

	for (size_t i = 0; i < DIGITS; i++)
		n = n << 4 | (unsigned)(text[i] <= '9' ? text[i] - '0'
						       : text[i] - 'a' + 10);
	return n;
}

bool
leftover_is_dead(const char *base, int64_t mtime_ns)
{
	const char *host = base + strlen(PREFIX);

	if (!newfile_is_temporary(base, NULL))
		return false;
	if (str_ends(base, ".tmp") && digits(host) == this_host())
		return kill((pid_t)digits(host + DIGITS), 0) < 0 &&
		       errno == ESRCH;
	return mtime_ns / NS_PER_S + A_DAY_S < (int64_t)time(NULL);
}
