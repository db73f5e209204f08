/* SPDX-License-Identifier: ISC */

/* One daemon per state directory; see lock.h. */

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "berthd/lock.h"
#include "core/mem.h"
#include "core/path.h"
#include "wire/living.h"

static int
refuse(const char *state_dir, struct err *err)
{
	AUTO_LIVING living = { 0 };

	if (living_read(state_dir, &living, &(struct err)ERR_INIT) == 0)
		err_set(err, ERR_CONFLICT,
			"berthd %s serves this host already (pid %lld, %s)",
			living.version, (long long)living.pid, living.socket);
	else
		err_set(err, ERR_CONFLICT,
			"another berthd is starting in %s", state_dir);
	return err_hint(err, "`berthd stop' ends it; `berthd serve --replace' "
			     "takes over from it");
}

int
lock_take(const char *state_dir, struct err *err)
{
	AUTO_FREE char *path = path_join(state_dir, "daemon.lock");
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TAKE_FD(fd);
	if (errno == EWOULDBLOCK)
		return refuse(state_dir, err);
	return err_sys(err, "lock %s", path);
}
