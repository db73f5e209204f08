/* SPDX-License-Identifier: ISC */

/*
 * The first process of a pane; see agent.h.
 *
 * An order is texts, each with its NUL: the name, the directory, the number of
 * words, the words, and the environment to the end of the file.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/session/agent.h"
#include "berthd/session/keeper.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/proc.h"
#include "core/rand.h"
#include "core/clock.h"
#include "core/strv.h"

#define MAX_ORDER (4u << 20)
#define MAX_WORDS 65536

/* What tmux says to its panes; agents look at it. */
static const char *const from_pane[] = { "TERM", "TERM_PROGRAM",
					 "TERM_PROGRAM_VERSION", "TMUX",
					 "TMUX_PANE" };

void
agent_order_fini(struct agent_order *order)
{
	free(order->name);
	strv_free(order->argv);
	strv_free(order->env);
	free(order->cwd);
	*order = (struct agent_order){ .name = NULL };
}

/* Writing */

static int
add_text(struct buf *out, const char *text)
{
	return buf_add(out, text, strlen(text) + 1);
}

static int
encode(const struct agent_order *order, struct buf *out)
{
	AUTO_FREE char *count = xasprintf("%zu", strv_len(order->argv));

	if (add_text(out, order->name) < 0 || add_text(out, order->cwd) < 0 ||
	    add_text(out, count) < 0)
		return -1;
	for (char **word = order->argv; word && *word; word++) {
		if (add_text(out, *word) < 0)
			return -1;
	}
	for (char **pair = order->env; pair && *pair; pair++) {
		if (add_text(out, *pair) < 0)
			return -1;
	}
	return 0;
}

int
agent_write(const char *dir, const struct agent_order *order, char **ret_path,
	    struct err *err)
{
	AUTO_BUF bytes = BUF_INIT(MAX_ORDER);
	AUTO_FREE char *path = NULL;
	char id[ID_SIZE];
	int rc;

	id_new(id, clock_wall_ns());
	path = xasprintf("%s/%s.order", dir, id);
	if (encode(order, &bytes) < 0)
		rc = err_set(err, ERR_LIMIT,
			     "command and environment have more than %u bytes",
			     MAX_ORDER);
	else
		rc = fs_write_atomic(AT_FDCWD, path, buf_bytes(&bytes),
				     bytes.len, 0, err);
	if (bytes.data)
		explicit_bzero(bytes.data, bytes.size);
	if (rc == 0)
		*ret_path = TAKE(path);
	return rc;
}

char **
agent_words(const char *path, struct err *err)
{
	AUTO_FREE char *program = proc_own_path(err);
	char **words = NULL;

	if (program == NULL)
		return NULL;
	strv_add(&words, program);
	strv_add(&words, AGENT_COMMAND);
	strv_add(&words, path);
	return words;
}

/* Reading */

static int
read_order(const char *path, struct buf *out, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open %s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077))
		return err_set(err, ERR_DENIED, "%s is not a private file",
			       path);
	if (fs_read_fd(fd, out, err) < 0)
		return err_wrap(err, "%s", path);
	(void)unlink(path);
	return 0;
}

/* The text at `*at', or NULL when there is no further one. */
static const char *
next_text(const char **at, const char *end)
{
	const char *text = *at;
	const char *stop = memchr(text, '\0', (size_t)(end - text));

	if (stop == NULL)
		return NULL;
	*at = stop + 1;
	return text;
}

static int
decode(const struct buf *bytes, struct agent_order *ret, struct err *err)
{
	const char *at = buf_text(bytes), *end = at + bytes->len;
	const char *name = next_text(&at, end);
	const char *cwd = name ? next_text(&at, end) : NULL;
	const char *count = cwd ? next_text(&at, end) : NULL;
	const char *text;
	uint64_t n;

	if (count == NULL || parse_u64(count, 1, MAX_WORDS, &n, err) < 0)
		return err_set(err, ERR_PROTO, "malformed order");
	ret->name = xstrdup(name);
	ret->cwd = xstrdup(cwd);
	while (at < end && (text = next_text(&at, end)) != NULL) {
		if (n > 0) {
			strv_add(&ret->argv, text);
			n--;
		} else {
			strv_add(&ret->env, text);
		}
	}
	return n == 0 ? 0 : err_set(err, ERR_PROTO, "malformed order");
}

static char **
make_env(const struct agent_order *order)
{
	AUTO_FREE char *session = xasprintf("BERTH_SESSION=%s", order->name);
	char **env = strv_copy(order->env);

	for (size_t i = 0; i < ARRAY_SIZE(from_pane); i++) {
		const char *value = getenv(from_pane[i]);
		AUTO_FREE char *pair = NULL;

		if (value == NULL)
			continue;
		pair = xasprintf("%s=%s", from_pane[i], value);
		strv_env_set(&env, pair);
	}
	/* The server draws all colours, and each viewer gets what it can show.
	 */
	strv_env_set(&env, "COLORTERM=truecolor");
	strv_env_set(&env, session);
	return env;
}

int
agent_become(const struct agent_order *order, struct err *err)
{
	AUTO_STRV char **env = make_env(order);
	char **before = environ;

	if (chdir(order->cwd) < 0) {
		err_sys(err, "working directory %s", order->cwd);
		err->code = ERR_DENIED;
		return -1;
	}
	environ = env;
	execvp(order->argv[0], order->argv);
	environ = before;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: command not found",
			       order->argv[0]);
	err_sys(err, "%s", order->argv[0]);
	err->code = ERR_DENIED;
	return -1;
}

int
agent_run(const char *path, struct err *err)
{
	AUTO_BUF bytes = BUF_INIT(MAX_ORDER);
	AUTO_AGENT_ORDER order = { .name = NULL };
	pid_t agent;
	int rc;

	keeper_prepare();
	agent = fork();
	if (agent > 0)
		keeper_run(agent);
	/* Without a process to spare it has to do without a keeper. */
	keeper_release();
	rc = read_order(path, &bytes, err);
	if (rc == 0)
		rc = decode(&bytes, &order, err);
	if (bytes.data)
		explicit_bzero(bytes.data, bytes.size);
	if (rc == 0)
		rc = agent_become(&order, err);
	return rc;
}
