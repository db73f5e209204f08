/* SPDX-License-Identifier: ISC */

/*
 * The daemon's configuration; see config.h.
 *
 * One table says what a file may contain.  A member that can be judged alone is
 * judged by the check in its row, where its line is still known; what depends
 * on several members is judged by finish(), after the whole file is read.
 *
 * The file decides which commands run with which environment, so a file that
 * anybody may write is refused.  One that anybody may read is only odd, and
 * only if it holds the token.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/rand.h"
#include "core/strv.h"
#include "core/text.h"
#include "core/yaml.h"
#include "berthd/config.h"

#define MAX_FILE (1u << 20)
#define MAX_TOKEN 4096
#define TOKEN_BYTES 32

/* Short of this a token can be guessed by trying. */
#define MIN_TOKEN 16

static const char codexd_file[] = "~/.config/codexd/config.yaml";

/* What a first start as codexd leaves behind, to be edited. */
static const char codexd_template[] =
    "# The daemon's configuration: every line with a '#' shows a default.\n"
    "\n"
    "# Where clients connect, by TCP, on this machine only.\n"
    "listen: 127.0.0.1:7337\n"
    "\n"
    "# Where execs are kept, and how many that are finished.\n"
    "data_dir: ~/.codexd\n"
    "retention_count: 200\n"
    "\n"
    "# What clients must send as \"Authorization: Bearer TOKEN\".  Without it\n"
    "# a random one is kept in ~/.local/state/berth/HOST/token.\n"
    "# auth_token: \"...\"\n"
    "\n"
    "# Directories besides the home and data_dir that clients may use.\n"
    "# allowed_cwd_roots:\n"
    "#   - /mnt\n"
    "\n"
    "# default_shell: sh\n"
    "# max_file_size: 50M\n"
    "\n"
    "# Repositories for commands with project_id and ref.\n"
    "# projects:\n"
    "#   - id: example\n"
    "#     repo_url: git@github.com:you/example.git\n"
    "#     mirror_dir: ~/.codexd/mirrors/example.git\n";

static const char *const level_words[] = {
	[LOG_LVL_ERROR] = "error",
	[LOG_LVL_WARN] = "warn",
	[LOG_LVL_INFO] = "info",
	[LOG_LVL_DEBUG] = "debug",
};

static int
check_path(void *at, struct err *err)
{
	return path_settle(at, err);
}

static int
check_paths(void *at, struct err *err)
{
	char **v = *(char ***)at;

	for (; v && *v; v++) {
		if (path_settle(v, err) < 0)
			return -1;
	}
	return 0;
}

static int
check_not_empty(void *at, struct err *err)
{
	const char *text = *(char **)at;

	return text[0] ? 0 : err_set(err, ERR_CONFIG, "is empty");
}

/* It becomes part of a path, and a word on a command line. */
static int
check_id(void *at, struct err *err)
{
	const char *id = *(char **)at;
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t n = strspn(id, allowed);

	if (n == 0 || n > 64 || id[n] || strchr(".-", id[0]))
		return err_set(
		    err, ERR_CONFIG,
		    "\"%.64s\" is not 1 to 64 letters, digits, '.', "
		    "'_' or '-', beginning with one of the first two",
		    id);
	return 0;
}

static int
check_command(void *at, struct err *err)
{
	char **words = *(char ***)at;

	return words && words[0][0] ? 0 : err_set(err, ERR_CONFIG, "is empty");
}

/* git would take a leading '-' for an option. */
static int
check_url(void *at, struct err *err)
{
	const char *url = *(char **)at;

	if (url[0] == '\0' || url[0] == '-')
		return err_set(err, ERR_CONFIG, "\"%.128s\" is no repository",
			       url);
	return 0;
}

/* It travels in a header. */
static int
check_token(void *at, struct err *err)
{
	const char *token = *(char **)at;

	if (!str_is_visible(token))
		return err_set(err, ERR_CONFIG,
			       "has a character that is not visible ASCII");
	if (strlen(token) > MAX_TOKEN)
		return err_set(err, ERR_CONFIG, "is longer than %d characters",
			       MAX_TOKEN);
	return 0;
}

static int
check_names(void *at, struct err *err)
{
	char **v = *(char ***)at;

	for (; v && *v; v++) {
		if ((*v)[0] == '\0' || strchr(*v, '='))
			return err_set(err, ERR_CONFIG,
				       "\"%.64s\" is not the name of a "
				       "variable",
				       *v);
	}
	return 0;
}

static int
check_level(void *at, struct err *err)
{
	const char *word = *(char **)at;

	for (size_t i = 0; i < ARRAY_SIZE(level_words); i++) {
		if (str_eq(level_words[i], word))
			return 0;
	}
	return err_set(err, ERR_CONFIG,
		       "\"%.64s\" is none of error, warn, info, debug", word);
}

/* Cut "host:port" or "[host]:port" in two; "localhost" is its address. */
static int
split_address(const char *address, char **ret_host, uint64_t *ret_port,
	      struct err *err)
{
	const char *colon = strrchr(address, ':');
	const char *host = address;
	size_t n;

	if (colon == NULL ||
	    parse_u64(colon + 1, 0, UINT16_MAX, ret_port, err) < 0)
		return err_set(err, ERR_CONFIG,
			       "\"%.128s\" is not ADDRESS:PORT", address);
	n = (size_t)(colon - address);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (memchr(host, ':', n)) {
		return err_set(err, ERR_CONFIG,
			       "\"%.128s\": an IPv6 address stands in brackets",
			       address);
	}
	*ret_host = xstrndup(host, n);
	if (str_eq(*ret_host, "localhost")) {
		free(*ret_host);
		*ret_host = xstrdup("127.0.0.1");
	}
	return 0;
}

static int
check_listen(void *at, struct err *err)
{
	char **address = at;
	AUTO_FREE char *host = NULL;
	struct in6_addr six;
	struct in_addr four;
	uint64_t port;

	if (split_address(*address, &host, &port, err) < 0)
		return -1;
	if (inet_pton(AF_INET, host, &four) == 1) {
		free(*address);
		*address = xasprintf("%s:%u", host, (unsigned)port);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &six) == 1) {
		free(*address);
		*address = xasprintf("[%s]:%u", host, (unsigned)port);
		return 0;
	}
	return err_set(err, ERR_CONFIG,
		       "\"%.128s\": the address must be numeric, as in "
		       "127.0.0.1:7337",
		       *address);
}

#define PROJECT_F(member, need, judge)                                         \
	{                                                                      \
		.name = #member, .type = JSON_STR_T,                           \
		.offset = offsetof(struct config_project, member),             \
		.required = (need), .check = (judge)                           \
	}

static const struct json_field project_fields[] = {
	PROJECT_F(id, true, check_id),
	PROJECT_F(repo_url, true, check_url),
	PROJECT_F(mirror_dir, false, check_path),
};

#define PROFILE_F(member, kind, need, judge)                                   \
	{                                                                      \
		.name = #member, .type = JSON_##kind##_T,                      \
		.offset = offsetof(struct config_profile, member),             \
		.required = (need), .check = (judge)                           \
	}

static const struct json_field profile_fields[] = {
	PROFILE_F(name, STR, true, check_id),
	PROFILE_F(command, STRS, true, check_command),
	PROFILE_F(cwd, STR, false, check_path),
	PROFILE_F(env, MAP, false, NULL),
};

static const struct json_field sessions_fields[] = {
	JSON_F(struct config_sessions, reap_after, DURATION, false),
};

#define CONFIG_F(member, kind, judge)                                          \
	{                                                                      \
		.name = #member, .type = JSON_##kind##_T,                      \
		.offset = offsetof(struct config, member), .check = (judge)    \
	}

static const struct json_field config_fields[] = {
	CONFIG_F(listen, STR, check_listen),
	CONFIG_F(listen_remote, BOOL, NULL),
	CONFIG_F(data_dir, STR, check_path),
	CONFIG_F(auth_token, STR, check_token),
	CONFIG_F(auth_token_file, STR, check_path),
	CONFIG_F(allowed_cwd_roots, STRS, check_paths),
	CONFIG_F(default_shell, STR, check_not_empty),
	{
	    .name = "projects",
	    .type = JSON_LIST_T,
	    .offset = offsetof(struct config, projects),
	    .item = project_fields,
	    .n_item = ARRAY_SIZE(project_fields),
	    .item_size = sizeof(struct config_project),
	},
	{
	    .name = "profiles",
	    .type = JSON_LIST_T,
	    .offset = offsetof(struct config, profiles),
	    .item = profile_fields,
	    .n_item = ARRAY_SIZE(profile_fields),
	    .item_size = sizeof(struct config_profile),
	},
	CONFIG_F(default_profile, STR, check_id),
	{
	    .name = "sessions",
	    .type = JSON_OBJECT_T,
	    .offset = offsetof(struct config, sessions),
	    .item = sessions_fields,
	    .n_item = ARRAY_SIZE(sessions_fields),
	},
	CONFIG_F(env, MAP, NULL),
	CONFIG_F(allow_env, STRS, check_names),
	CONFIG_F(log_level, STR, check_level),
	{
	    .name = "retention_count",
	    .type = JSON_INT_T,
	    .offset = offsetof(struct config, retention_count),
	    .min = 1,
	    .max = 1000000,
	},
	CONFIG_F(retention_age, DURATION, NULL),
	CONFIG_F(retention_bytes, BYTES, NULL),
	CONFIG_F(max_file_size, BYTES, NULL),
	CONFIG_F(max_log_bytes, BYTES, NULL),
};

void
config_init(struct config *config, enum config_kind kind)
{
	bool codexd = kind == CONFIG_CODEXD;

	*config = (struct config){
		.listen = codexd ? xstrdup("127.0.0.1:7337") : NULL,
		.data_dir = codexd ? xstrdup("~/.codexd") : NULL,
		.default_shell = xstrdup("sh"),
		.log_level = xstrdup("info"),
		.retention_count = codexd ? 200 : 1000,
		.sessions = { .reap_after = 30ull * 24 * 3600 * 1000 },
		.max_file_size = 50ull << 20,
		.max_log_bytes = 16ull << 30,
	};
}

void
config_fini(struct config *config)
{
	if (config->auth_token)
		explicit_bzero(config->auth_token, strlen(config->auth_token));
	json_fields_fini(config_fields, ARRAY_SIZE(config_fields), config);
	free(config->file);
	strv_free(config->warnings);
	*config = (struct config){ 0 };
}

static bool
is_loopback(const char *address)
{
	return str_starts(address, "127.") || str_starts(address, "[::1]");
}

static int
check_reach(const struct config *config, const char *address, struct err *err)
{
	if (config->listen_remote || is_loopback(address))
		return 0;
	err_set(err, ERR_CONFIG, "listen: %s is within reach of other machines",
		address);
	return err_hint(err, "use 127.0.0.1 and reach it through ssh, or "
			     "set listen_remote: true");
}

/* What more than one member decides. */
static int
finish(struct config *config, struct err *err)
{
	if (config->data_dir && check_path(&config->data_dir, err) < 0)
		return err_wrap(err, "data_dir");
	if (config->listen && check_reach(config, config->listen, err) < 0)
		return -1;
	if (config->auth_token && config->auth_token_file)
		return err_set(err, ERR_CONFIG,
			       "auth_token: auth_token_file is set too");
	if (config->auth_token && config->auth_token[0] == '\0') {
		free(config->auth_token);
		config->auth_token = NULL;
	}
	return 0;
}

int
config_decode(struct config *config, const char *name, const void *text,
	      size_t n, struct err *err)
{
	if (yaml_decode(name, text, n, config_fields, ARRAY_SIZE(config_fields),
			config, err) < 0)
		return -1;
	if (finish(config, err) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

/* Open and read; the mode tells who else can. */
static int
read_file(const char *path, struct buf *text, mode_t *ret_mode, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		err_sys(err, "open %s", path);
		if (err->sys == ENOENT || err->sys == ENOTDIR)
			err->code = ERR_NOT_FOUND;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		err_set(err, ERR_DENIED, "%s belongs to uid %u", path,
			st.st_uid);
		return err_hint(err, "only you or root may configure your "
				     "daemon");
	}
	if (st.st_mode & S_IWOTH) {
		err_set(err, ERR_DENIED, "%s can be written by anybody", path);
		return err_hint(err, "chmod o-w %s", path);
	}
	if (fs_read_fd(fd, text, err) < 0)
		return err_wrap(err, "%s", path);
	*ret_mode = st.st_mode;
	return 0;
}

static void
warn_secret(struct config *config, const char *path, mode_t mode)
{
	if (mode & (S_IRGRP | S_IROTH))
		strv_give(&config->warnings,
			  xasprintf("%s holds a token and others can read it: "
				    "chmod 600 %s",
				    path, path));
	if (strlen(config->auth_token) < MIN_TOKEN)
		strv_give(&config->warnings,
			  xasprintf("the token in %s is shorter than %d "
				    "characters: it can be guessed",
				    path, MIN_TOKEN));
}

static int
read_token(struct config *config, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT(MAX_TOKEN + 2);
	char *token;
	mode_t mode;
	size_t n;

	if (read_file(path, &text, &mode, err) < 0)
		return -1;
	n = strcspn(buf_text(&text), "\r\n");
	token = xstrndup(buf_text(&text), n);
	explicit_bzero(buf_bytes(&text), text.len);
	free(config->auth_token);
	config->auth_token = token;
	if (token[0] == '\0')
		return err_set(err, ERR_CONFIG, "%s: no token in it", path);
	if (check_token(&config->auth_token, err) < 0)
		return err_wrap(err, "%s", path);
	warn_secret(config, path, mode);
	return 0;
}

int
config_load(struct config *config, const char *path, struct err *err)
{
	AUTO_FREE char *full = path_expand(path, err);
	AUTO_BUF text = BUF_INIT(MAX_FILE);
	mode_t mode;

	if (full == NULL)
		return -1;
	if (read_file(full, &text, &mode, err) < 0 ||
	    config_decode(config, full, buf_bytes(&text), text.len, err) < 0)
		return -1;
	free(config->file);
	config->file = TAKE(full);
	if (config->auth_token)
		warn_secret(config, config->file, mode);
	if (config->auth_token_file &&
	    read_token(config, config->auth_token_file, err) < 0)
		return err_wrap(err, "%s: auth_token_file", config->file);
	return 0;
}

int
config_load_default(struct config *config, const char *dir, struct err *err)
{
	AUTO_FREE char *yaml = path_join(dir, "berthd.yaml");
	AUTO_FREE char *json = path_join(dir, "berthd.json");
	bool has_yaml = access(yaml, F_OK) == 0;
	bool has_json = access(json, F_OK) == 0;

	if (has_yaml && has_json) {
		err_set(err, ERR_CONFIG, "%s and %s both exist", yaml, json);
		return err_hint(err, "remove one of them");
	}
	if (!has_yaml && !has_json)
		return finish(config, err);
	return config_load(config, has_yaml ? yaml : json, err);
}

int
config_load_codexd(struct config *config, const char *path, bool *ret_created,
		   struct err *err)
{
	AUTO_FREE char *full = path_expand(path ? path : codexd_file, err);
	AUTO_FREE char *dir = NULL;
	bool created = false;

	if (full == NULL)
		return -1;
	if (access(full, F_OK) < 0 && errno == ENOENT) {
		dir = xstrndup(full, (size_t)(path_base(full) - full));
		if (dir[0] && fs_mkdir_parents(dir, err) < 0)
			return -1;
		if (fs_write_atomic(AT_FDCWD, full, codexd_template,
				    sizeof(codexd_template) - 1, 0, err) < 0)
			return -1;
		created = true;
	}
	if (config_load(config, full, err) < 0)
		return -1;
	*ret_created = created;
	return 0;
}

int
config_set_listen(struct config *config, const char *address, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(address);

	if (check_listen(&copy, err) < 0)
		return err_wrap(err, "listen");
	if (check_reach(config, copy, err) < 0)
		return -1;
	free(config->listen);
	config->listen = TAKE(copy);
	return 0;
}

static int
make_token(const char *path, struct err *err)
{
	uint8_t random[TOKEN_BYTES];
	char line[2 * TOKEN_BYTES + 2];
	AUTO_FREE char *dir = xstrndup(path, (size_t)(path_base(path) - path));
	AUTO_CLOSE int dir_fd = open(dir[0] ? dir : ".",
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (dir_fd < 0)
		return err_sys(err, "open %s", dir);
	rand_bytes(random, sizeof(random));
	hex_encode(line, random, sizeof(random));
	line[2 * TOKEN_BYTES] = '\n';
	rc = fs_write_atomic(dir_fd, path_base(path), line, 2 * TOKEN_BYTES + 1,
			     FS_WRITE_SYNC, err);
	explicit_bzero(random, sizeof(random));
	explicit_bzero(line, sizeof(line));
	return rc;
}

int
config_ensure_token(struct config *config, const char *path, struct err *err)
{
	if (config->auth_token)
		return 0;
	if (access(path, F_OK) < 0 && errno == ENOENT &&
	    make_token(path, err) < 0)
		return -1;
	return read_token(config, path, err);
}

enum log_level
config_log_level(const struct config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_words); i++) {
		if (str_eq(level_words[i], config->log_level))
			return (enum log_level)i;
	}
	return LOG_LVL_INFO;
}

const struct config_project *
config_find_project(const struct config *config, const char *id)
{
	const struct config_project *projects = config->projects.items;

	for (size_t i = 0; i < config->projects.n; i++) {
		if (str_eq(projects[i].id, id))
			return &projects[i];
	}
	return NULL;
}
