/* SPDX-License-Identifier: ISC */

/*
 * A holder from its order to the next one; see holder.h.
 *
 * What belongs to the process is made once (become_holder), what belongs to an
 * exec is in struct holder, which is empty before each order.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/cgroup.h"
#include "berthd/exec/command.h"
#include "berthd/exec/control.h"
#include "berthd/exec/holder.h"
#include "berthd/exec/holder_own.h"
#include "berthd/exec/spec.h"
#include "berthd/exec/tree.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"

#define MAX_STDIN (4 * CONTROL_MAX_DATA)

/* The process */

static int
take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	command_ignore_signals();
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Returns the descriptor of its signals. */
static int
become_holder(void)
{
	(void)setsid();
	(void)!chdir("/");
	tree_adopt();
	return take_signals();
}

/* Who this process is: it stays the same from order to order. */
static const struct proc_id *
own_id(void)
{
	static struct proc_id self;

	if (self.pid == 0)
		(void)proc_id_read(getpid(), &self);
	return &self;
}

/* The exec's place */

/*
 * Make the exec durable, in one commit of a journal and, where it takes the
 * names along, with one flush of the disk: everything was made before.
 */
static int
sync_start(const struct holder *h, int root, int spec, struct err *err)
{
	if (fdatasync(spec) < 0)
		return err_sys(err, "sync " SPEC_FILE);
	if (fs_syncs_names(spec))
		return 0;
	if (fsync(h->dir_fd) < 0 || fsync(root) < 0)
		return err_sys(err, "sync %s", h->launch.root);
	return 0;
}

/* Whoever finds the name finds all of it. */
static int
put_spec(const struct holder *h, struct err *err)
{
	static const char draft[] = SPEC_FILE ".tmp";
	const char *text = h->launch.spec;
	AUTO_CLOSE int fd = openat(
	    h->dir_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write_full(fd, text, strlen(text)) < 0 ||
	    renameat(h->dir_fd, draft, h->dir_fd, SPEC_FILE) < 0)
		return err_sys(err, "write " SPEC_FILE);
	return TAKE_FD(fd);
}

static int
fill_dir(struct holder *h, int root, struct err *err)
{
	AUTO_CLOSE int spec = put_spec(h, err);

	if (spec < 0)
		return -1;
	h->state_fd = exec_state_create(h->dir_fd, err);
	if (h->state_fd < 0 ||
	    capture_open(&h->capture, h->dir_fd, h->launch.max_log, &h->clock,
			 err) < 0)
		return -1;
	return sync_start(h, root, spec, err);
}

/* The exec's directory with its spec, durable. */
static int
make_dir(struct holder *h, struct err *err)
{
	AUTO_CLOSE int root = open(h->launch.root,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 && errno == ENOENT &&
	    fs_mkdir_private(h->launch.root, err) == 0)
		root = open(h->launch.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || mkdirat(root, h->launch.id, 0700) < 0)
		return err_sys(err, "store the exec in %s", h->launch.root);
	h->dir_fd = openat(root, h->launch.id,
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dir_fd < 0)
		return err_sys(err, "open its directory");
	if (fill_dir(h, root, err) < 0) {
		(void)fs_remove_tree(root, h->launch.id, &(struct err)ERR_INIT);
		return -1;
	}
	return 0;
}

/* Beginning */

static int
read_launch(struct holder *h, const struct holder_order *order, struct err *err)
{
	AUTO_BUF bytes = BUF_INIT(LAUNCH_MAX);

	if (order->fd < 0)
		return launch_decode(order->bytes, order->n, &h->launch, err);
	(void)lseek(order->fd, 0, SEEK_SET);
	if (fs_read_fd(order->fd, &bytes, err) < 0)
		return -1;
	return launch_decode(buf_bytes(&bytes), bytes.len, &h->launch, err);
}

static void
init_state(struct holder *h)
{
	h->state.holder_pid = own_id()->pid;
	h->state.holder_start = (int64_t)own_id()->start;
	h->state.boot_id = xstrdup(proc_boot_id());
	h->state.started_ns = h->clock.wall_ns;
}

static void __attribute__((noreturn)) refuse(int channel, const struct err *err)
{
	struct {
		struct control_msg msg;
		char text[sizeof(err->msg)];
	} packet = { .msg = { .type = CONTROL_FAILED, .a = err->code } };
	size_t n = strlen(err->msg);

	memcpy(packet.text, err->msg, n);
	(void)!write(channel, &packet, sizeof(packet.msg) + n);
	_exit(1);
}

/*
 * Has the daemon that ordered this died?  Then nobody was told, and whoever
 * asked will ask again: starting now could start it twice.  The next daemon
 * reads the directories after the death of this one, and the spec was there
 * before this question: either it finds the exec, or we do not start it.
 */
static bool
is_deserted(int channel)
{
	char byte;

	return recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Leave nothing: the order is void. */
static void
discard(struct holder *h)
{
	AUTO_CLOSE int root = open(h->launch.root,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	control_server_close(&h->control, h->dir_fd);
	if (root >= 0)
		(void)fs_remove_tree(root, h->launch.id, &(struct err)ERR_INIT);
}

static void
set_title(const struct holder *h)
{
	char title[64];

	snprintf(title, sizeof(title), "berthd: holds %s", h->launch.id);
	proc_title_set(title);
}

static void
begin(struct holder *h, int channel)
{
	struct err err = ERR_INIT;

	holder_open_control(h, channel);
	if (is_deserted(channel)) {
		discard(h);
		_exit(1);
	}
	holder_publish(h);
	if (h->launch.refusal) {
		holder_finish_unstarted(h, 127, h->launch.refusal);
		return;
	}
	if (h->launch.repo_url == NULL) {
		holder_start_command(h);
		return;
	}
	if (holder_start_checkout(h, &err) < 0)
		holder_finish_unstarted(h, 127, err.msg);
}

/* One exec, from its order to its end. */
static void
hold(struct holder *h, int channel, const struct holder_order *order)
{
	struct err err = ERR_INIT;

	clock_base_init(&h->clock);
	if (read_launch(h, order, &err) < 0 || make_dir(h, &err) < 0)
		refuse(channel, &err);
	set_title(h);
	init_state(h);
	begin(h, channel);
	holder_turn_until_done(h);
}

/* Going on */

/*
 * May this process hold another exec?  Only if nothing is left of this one: no
 * descendant, and no other daemon that takes this process for its exec.
 */
static int
take_channel(struct holder *h)
{
	if (holder_is_asked_to_stop(h->signal_fd) || holder_reap(h))
		return -1;
	return control_server_take_channel(&h->control);
}

/* Returns the channel, or -1 if this process has nothing more to do. */
static int
let_go(struct holder *h)
{
	struct control_msg msg = { .type = CONTROL_FREE };
	int channel = take_channel(h);

	/* The name goes before the word: whoever looks then finds nobody. */
	control_server_close(&h->control, h->dir_fd);
	if (channel >= 0)
		(void)!write(channel, &msg, sizeof(msg));
	cgroup_remove(h->launch.id);
	capture_close(&h->capture);
	exec_state_fini(&h->state);
	launch_fini(&h->launch);
	buf_fini(&h->in);
	fd_close(&h->dir_fd);
	fd_close(&h->state_fd);
	fd_close(&h->prepare_fd);
	fd_close(&h->in_fd);
	fd_close(&h->cgroup_fd);
	free(h->workdir);
	free(h->cwd);
	return channel;
}

struct packet {
	struct control_msg msg;
	uint8_t data[CONTROL_MAX_DATA];
};

/*
 * The next order; false if none will come.  Other messages are meant for the
 * exec before: the daemon sent them when it did not know of its end.
 */
static bool
receive_order(int channel, struct packet *packet, struct holder_order *ret)
{
	ssize_t got = recv(channel, packet, sizeof(*packet), 0);

	*ret = (struct holder_order){ .fd = -1 };
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got < (ssize_t)sizeof(packet->msg))
		return false;
	if (packet->msg.type == CONTROL_LAUNCH) {
		ret->bytes = packet->data;
		ret->n = (size_t)got - sizeof(packet->msg);
	}
	return true;
}

/* It hears its daemon, and who wants it gone, and nothing else. */
static bool
await_order(int channel, int signal_fd, struct packet *packet,
	    struct holder_order *ret)
{
	struct pollfd fds[] = { { .fd = channel, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };

	*ret = (struct holder_order){ .fd = -1 };
	proc_title_set("berthd: holds nothing");
	while (ret->bytes == NULL) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[1].revents && holder_is_asked_to_stop(signal_fd))
			return false;
		if (fds[0].revents && !receive_order(channel, packet, ret))
			return false;
	}
	holder_prepare();
	return true;
}

void
holder_run(int channel, const struct holder_order *first)
{
	static struct packet packet;
	struct holder_order order = *first;
	int signal_fd = become_holder();

	do {
		static struct holder h;

		h = (struct holder){
			.dir_fd = -1,
			.state_fd = -1,
			.phase = PREPARING,
			.state = EXEC_STATE_INIT,
			.signal_fd = signal_fd,
			.main_pid = -1,
			.prepare_fd = -1,
			.in_fd = -1,
			.in = BUF_INIT(MAX_STDIN),
			.stop = EXEC_RUNNING,
			.timeout_at = HOLDER_NEVER,
			.kill_at = HOLDER_NEVER,
			.cgroup_fd = -1,
			.retry_at = HOLDER_NEVER,
			.idle_at = HOLDER_NEVER,
		};
		hold(&h, channel, &order);
		fd_close(&order.fd);
		channel = let_go(&h);
	} while (channel >= 0 &&
		 await_order(channel, signal_fd, &packet, &order));
	_exit(0);
}
