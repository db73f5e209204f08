/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_MACROS_H
#define BERTH_CORE_MACROS_H

/*
 * The few macros the whole tree shares: sizes, bits, owners found from their
 * members, and cleanup by scope.
 *
 * AUTO_* variables release what they hold when the scope is left; TAKE and
 * TAKE_FD move the value out and leave the variable harmless.
 */

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1u << (n))
/* sys/param.h, which uv.h includes, has its own. */
#undef MIN
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define UNUSED __attribute__((unused))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NODISCARD __attribute__((warn_unused_result))

#define container_of(ptr, type, member)                                        \
	((type *)((char *)(1 ? (ptr) : &((type *)0)->member) -                 \
		  offsetof(type, member)))

static inline void
auto_free(void *p)
{
	free(*(void **)p);
}

static inline void
auto_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FREE __attribute__((cleanup(auto_free)))
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))

#define TAKE(p)                                                                \
	({                                                                     \
		__typeof__(p) taken_ = (p);                                    \
		(p) = NULL;                                                    \
		taken_;                                                        \
	})

static inline int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define TAKE_FD(fd) take_fd(&(fd))

#endif
