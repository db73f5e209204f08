/* SPDX-License-Identifier: ISC */

/* See transport_sshd.h. */

#include "tests/unit/link/transport_sshd.h"
#include "tests/unit/link/transport_suite.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/sock.h"
#include "link/transport.h"
#include "machine/machine.h"

static struct {
	const char *dir;
	unsigned port;
	pid_t pid; /* of the server; it leads a process group */
} server;

static pid_t
spawn(char *const *argv, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (out >= 0) {
			dup2(out, STDOUT_FILENO);
			dup2(out, STDERR_FILENO);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

#define RUN(...) spawn((char *const[]){ __VA_ARGS__, NULL }, -1)
#define S(text) ((char *)(uintptr_t)(text))

static void
write_file(const char *name, const char *text)
{
	AUTO_FREE char *path = path_join(server.dir, name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
make_key(const char *name)
{
	AUTO_FREE char *path = path_join(server.dir, name);
	pid_t pid = RUN(S("ssh-keygen"), S("-q"), S("-t"), S("ed25519"),
			S("-N"), S(""), S("-f"), path);
	int status;

	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* A port that was free a moment ago. */
static unsigned
free_port(void)
{
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_listen_tcp("127.0.0.1:0", &err);
	char name[64];

	sock_name(fd, name, sizeof(name));
	return (unsigned)strtoul(strrchr(name, ':') + 1, NULL, 10);
}

static void
write_configurations(void)
{
	AUTO_BUF text = BUF_INIT(65536), key = BUF_INIT(4096);
	AUTO_FREE char *pub = path_join(server.dir, "host.pub");
	struct err err = ERR_INIT;

	server.port = free_port();
	buf_addf(&text,
		 "Port %u\nListenAddress 127.0.0.1\nHostKey %s/host\n"
		 "PidFile none\nAuthorizedKeysFile %s/key.pub\n"
		 "StrictModes no\nUsePAM no\nUseDNS no\nMaxStartups 100\n"
		 "MaxSessions 200\nPermitRootLogin yes\nSetEnv SHLVL=1\n"
		 "Subsystem sftp internal-sftp\n",
		 server.port, server.dir, server.dir);
	write_file("sshd_config", buf_text(&text));

	buf_clear(&text);
	buf_addf(&text,
		 "KexAlgorithms curve25519-sha256\nIdentityAgent none\n"
		 "IdentityFile %s/key\nIdentitiesOnly yes\n"
		 "UserKnownHostsFile %s/known\nGlobalKnownHostsFile "
		 "/dev/null\n",
		 server.dir, server.dir);
	write_file("ssh_config", buf_text(&text));

	buf_clear(&text);
	assert_int_equal(fs_read_file(AT_FDCWD, pub, &key, &err), 0);
	buf_addf(&text, "[127.0.0.1]:%u %s", server.port, buf_text(&key));
	write_file("known", buf_text(&text));
}

/* Ready when it says so on its standard error. */
static void
start_server(void)
{
	AUTO_FREE char *config = path_join(server.dir, "sshd_config");
	char said[4096];
	size_t n = 0;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	server.pid = spawn((char *const[]){ S("/usr/sbin/sshd"), S("-D"),
					    S("-e"), S("-f"), config, NULL },
			   fds[1]);
	close(fds[1]);
	for (;;) {
		ssize_t got = read(fds[0], said + n, sizeof(said) - 1 - n);

		if (got <= 0)
			fail_msg("sshd did not start: %.*s", (int)n, said);
		n += (size_t)got;
		said[n] = '\0';
		if (strstr(said, "Server listening"))
			break;
	}
	/* It goes on writing there. */
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
}

/* The sessions are children of the server and not in its group. */
static void
kill_tree(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/task/%d/children", pid, pid);
	AUTO_BUF text = BUF_INIT(65536);
	struct err err = ERR_INIT;
	char *p;

	(void)fs_read_file(AT_FDCWD, path, &text, &err);
	kill(pid, SIGKILL);
	p = (char *)buf_bytes(&text);
	for (char *end; *p; p = end) {
		long child = strtol(p, &end, 10);

		if (end == p)
			break;
		kill_tree((pid_t)child);
	}
}

static void
stop_server(void)
{
	if (server.pid == 0)
		return;
	kill_tree(server.pid);
	waitpid(server.pid, NULL, 0);
	server.pid = 0;
}

/* Of this process; connections that were left behind are among them. */
static int
count_sockets(void)
{
	char path[64], to[64];
	int n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n += readlink(path, to, sizeof(to)) > 7 &&
		     memcmp(to, "socket:", 7) == 0;
	}
	return n;
}

int
transport_sshd_run(const struct transport_ops *ops)
{
	struct machine machine = { .name = S("here"), .ssh = S("127.0.0.1") };
	struct transport_place place = {
		.ops = ops,
		.machine = &machine,
		.has_subsystems = true,
		.has_signals = getuid() != 0,
		.tells_taken = true,
		.cut = stop_server,
		.mend = start_server,
	};
	AUTO_FREE char *config = NULL;
	int rc, n_sockets;

	if (access("/usr/sbin/sshd", X_OK) < 0) {
		printf("1..0 # SKIP sshd is not installed\n");
		return 0;
	}
	server.dir = unit_temp_dir();
	if (getuid() == 0)
		(void)mkdir("/run/sshd", 0755);
	make_key("host");
	make_key("key");
	write_configurations();
	start_server();
	config = path_join(server.dir, "ssh_config");
	setenv("BERTH_SSH_CONFIG", config, 1);
	machine.port = server.port;
	machine.connect_timeout = 20000;
	place.directory = server.dir;
	n_sockets = count_sockets();
	rc = transport_suite_run(&place);
	if (count_sockets() != n_sockets) {
		fprintf(stderr, "%d sockets were left open\n",
			count_sockets() - n_sockets);
		rc++;
	}
	stop_server();
	return rc;
}
