/* SPDX-License-Identifier: ISC */

/*
 * The front door; see login.h.
 *
 * The steps are: read the settings, learn who it is, decide, write it down,
 * do it.  A login that is refused, for whatever reason, is written down as
 * well.  What a client can put into our environment (TERM, LANG, LC_*) decides
 * nothing but how a terminal is spoken to.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "berthd/exec/environment.h"
#include "berthd/login/audit.h"
#include "berthd/login/cast.h"
#include "berthd/login/env_file.h"
#include "berthd/login/key.h"
#include "berthd/login/login.h"
#include "berthd/login/menu.h"
#include "berthd/login/policy.h"
#include "berthd/login/relay.h"
#include "berthd/login/routing.h"
#include "berthd/login/supervise.h"
#include "berthd/login/visit.h"
#include "berthd/login/words.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/rand.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/places.h"

#define MAX_KEYS (1u << 20)
#define SYSTEM_LOG_DIR "/var/log/berth"

extern char **environ;

struct login {
	const struct login_options *options;
	struct env_file settings;
	struct policy policy;
	struct key key;
	const struct policy_role *role; /* NULL: not known yet */
	struct routing route;
	char *asked; /* the command, or NULL */
	char *shown; /* the same for the log: secrets masked */
	char *audit; /* the log, or NULL */
	const char *session;
	char id[ID_SIZE];
	bool is_ssh;
	struct err no_dir; /* why the log has no directory, if it has none */
};

static void
login_fini(struct login *login)
{
	env_file_fini(&login->settings);
	policy_fini(&login->policy);
	key_fini(&login->key);
	routing_fini(&login->route);
	free(login->asked);
	free(login->shown);
	free(login->audit);
}

/* Settings */

static int
load_settings(struct login *login, const char *etc, const char *own,
	      struct err *err)
{
	AUTO_FREE char *system_env = path_join(etc, "codex-ssh.env");
	AUTO_FREE char *own_env = path_join(own, "codex-ssh.env");

	if (env_file_init(&login->settings, err) < 0 ||
	    env_file_load(&login->settings, system_env, err) < 0 ||
	    env_file_load(&login->settings, own_env, err) < 0)
		return -1;
	return 0;
}

/* The system's policy binds; a user's own counts where there is none. */
static int
load_policy(struct policy *policy, const char *given, const char *etc,
	    const char *own, struct err *err)
{
	const char *const dirs[] = { etc, own };

	policy_init(policy);
	if (given)
		return policy_load(policy, given, err);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		AUTO_FREE char *path = path_join(dirs[i], "policy.yaml");

		if (policy_load(policy, path, err) == 0)
			return 0;
		if (err->code != ERR_NOT_FOUND)
			return -1;
		*err = (struct err)ERR_INIT;
	}
	return 0;
}

static char *
own_dir(struct err *err)
{
	return path_expand("~/.config/codex-ssh", err);
}

/* The system's log where we may write it, else our own. */
static char *
usual_log(struct login *login, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;

	if (access(SYSTEM_LOG_DIR, W_OK) == 0)
		return xstrdup(SYSTEM_LOG_DIR "/audit.jsonl");
	if (places_find(&places, err) < 0)
		return NULL;
	(void)fs_mkdir_private(places.state, &login->no_dir);
	return path_join(places.state, "audit.jsonl");
}

static int
find_log(struct login *login, struct err *err)
{
	const char *given = login->policy.audit_file ? login->policy.audit_file
						     : login->settings.audit;

	if (given && str_eq(given, "off"))
		return 0;
	login->audit = given ? xstrdup(given) : usual_log(login, err);
	return login->audit ? 0 : -1;
}

static int
read_settings(struct login *login, struct err *err)
{
	const char *etc = login->options->etc ? login->options->etc : LOGIN_ETC;
	AUTO_FREE char *own = own_dir(err);

	if (own == NULL)
		return -1;
	if (load_settings(login, etc, own, err) < 0 ||
	    load_policy(&login->policy, login->options->policy, etc, own, err) <
		0)
		return -1;
	return find_log(login, err);
}

char *
login_audit_path(const char *etc, struct err *err)
{
	const struct login_options options = { .etc = etc };
	struct login login = { .options = &options };
	char *path = NULL;

	if (read_settings(&login, err) == 0) {
		path = TAKE(login.audit);
		if (path == NULL)
			err_set(err, ERR_NOT_FOUND,
				"no audit log is kept (CODEX_SSH_AUDIT=off)");
	}
	login_fini(&login);
	return path;
}

/* Who */

static int
read_key(struct login *login, struct err *err)
{
	const char *file = getenv("SSH_USER_AUTH");
	const char *places = login->policy.authorized_keys;
	AUTO_BUF info = BUF_INIT(MAX_KEYS);
	AUTO_BUF keys = BUF_INIT(MAX_KEYS);
	AUTO_FREE char *own = NULL;
	struct err ignored = ERR_INIT;

	if (!login->is_ssh || file == NULL)
		return 0;
	if (env_file_read(file, &info, err) < 0)
		return err_wrap(err, "what sshd says of the key");
	if (key_decode(&login->key, buf_text(&info), err) < 0)
		return -1;
	own = path_expand("~/.ssh/authorized_keys", err);
	if (own == NULL)
		return -1;
	if (env_file_read(places ? places : own, &keys, &ignored) == 0)
		key_find_comment(&login->key, buf_text(&keys));
	return 0;
}

/* What */

/* For the log: words with their secrets masked, or the text if it is none. */
static char *
show_asked(const char *asked)
{
	AUTO_STRV char **words = NULL;
	AUTO_BUF shown = BUF_INIT(8 * WORDS_MAX_TEXT);
	struct err ignored = ERR_INIT;

	if (asked == NULL)
		return NULL;
	if (words_split(asked, &words, &ignored) < 0 ||
	    words_show(words, &shown) < 0)
		return xstrdup(asked);
	return xstrdup(buf_text(&shown));
}

static void
read_asked(struct login *login)
{
	const char *original = getenv("SSH_ORIGINAL_COMMAND");
	AUTO_BUF quoted = BUF_INIT(8 * WORDS_MAX_TEXT);

	/* Words in command= or at a prompt come before what a client says. */
	for (char **word = login->options->words; word && *word; word++) {
		(void)(quoted.len > 0 && buf_addc(&quoted, ' '));
		(void)shell_quote(&quoted, *word);
	}
	if (quoted.len > 0)
		login->asked = xstrdup(buf_text(&quoted));
	else if (login->is_ssh && original)
		login->asked = xstrdup(original);
	login->shown = show_asked(login->asked);
}

static const char *
session_name(const struct login *login)
{
	const struct policy_project *project = login->route.project;

	if (project)
		return project->session ? project->session : project->name;
	return login->role->session ? login->role->session
				    : login->settings.session;
}

/* Choose among the projects that the role may choose. */
static int
ask_menu(struct login *login, struct err *err)
{
	const struct policy_project *projects = login->policy.projects.items;
	size_t n = 0, chosen = 0;
	AUTO_FREE const char **names = xcalloc(login->policy.projects.n + 1,
					       sizeof(*names));

	for (size_t i = 0; i < login->policy.projects.n; i++) {
		if (policy_find_project(&login->policy, login->role,
					projects[i].name))
			names[n++] = projects[i].name;
	}
	if (n == 0)
		return err_set(err, ERR_CONFIG,
			       "the policy has no projects "
			       "to choose from");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, ERR_INVALID, "a menu needs a terminal");
		return err_hint(err, "ssh -t HOST, or ssh -t HOST PROJECT");
	}
	if (n > 1 && menu_run(names, n, &chosen, err) < 0)
		return -1;
	login->route.project = policy_find_project(&login->policy, login->role,
						   names[chosen]);
	login->route.kind = ROUTING_ATTACH;
	return 0;
}

static int
decide(struct login *login, struct err *err)
{
	login->role = policy_find_role(&login->policy, &login->key,
				       login->options->as, err);
	if (login->role == NULL ||
	    routing_find(&login->policy, login->role, login->asked,
			 &login->route, err) < 0)
		return -1;
	if (login->route.kind == ROUTING_MENU && ask_menu(login, err) < 0)
		return -1;
	if (login->route.kind != ROUTING_ATTACH)
		return 0;
	login->session = session_name(login);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, ERR_INVALID, "the session \"%s\" needs a terminal",
			login->session);
		return err_hint(err, "ssh -t HOST%s%s", login->asked ? " " : "",
				login->asked ? login->session : "");
	}
	return 0;
}

/* The log */

static const char *
user_name(void)
{
	const char *name = getenv("LOGNAME");

	return name ? name : getenv("USER");
}

/* That there is no directory says less than why there is none. */
static int
append(const struct login *login, const struct audit_record *record, bool sync,
       struct err *err)
{
	if (audit_append(login->audit, record, sync ? AUDIT_SYNC : 0, err) == 0)
		return 0;
	if (login->no_dir.code == ERR_NONE || err->sys != ENOENT)
		return -1;
	*err = login->no_dir;
	return err_wrap(err, "audit log %s", login->audit);
}

static int
write_record(const struct login *login, struct audit_record *record, bool sync,
	     struct err *err)
{
	const char *from = getenv("SSH_CONNECTION");
	AUTO_FREE char *peer = NULL;

	if (login->audit == NULL)
		return 0;
	if (login->is_ssh) {
		const char *port = strchr(from, ' ');
		size_t n = port ? (size_t)(port - from) + 1 : strlen(from);

		n += port ? strcspn(port + 1, " ") : 0;
		peer = xstrndup(from, n);
	}
	record->login = login->id;
	record->user = user_name();
	record->role = login->role ? login->role->name : NULL;
	record->kind = login->role ? login->role->kind_word : NULL;
	record->key = login->key.fingerprint;
	record->as = login->options->as;
	record->from = peer;
	record->command = login->shown;
	record->session = login->session;
	return append(login, record, sync, err);
}

/* "restricted" is the default of both: strict where a key is restricted. */
static bool
holds(const char *setting, const char *always, const char *never,
      bool restricted)
{
	if (setting && str_eq(setting, always))
		return true;
	return (setting == NULL || !str_eq(setting, never)) && restricted;
}

/* Before anything is done: what cannot be written down may not happen. */
static int
write_login(const struct login *login, struct err *err)
{
	bool restricted = policy_is_restricted(login->role);
	struct audit_record record = {
		.event = "login", .result = routing_word(login->route.kind)
	};
	struct err failure = ERR_INIT;

	if (write_record(
		login, &record,
		holds(login->policy.audit_sync, "all", "none", restricted),
		&failure) == 0)
		return 0;
	if (holds(login->policy.audit_failure, "refuse", "allow", restricted)) {
		*err = failure;
		return err_hint(err, "nothing is done that cannot be written "
				     "down (audit_failure in the policy)");
	}
	fprintf(stderr, "codex-ssh: this login is not on record: %s\n",
		failure.msg);
	return 0;
}

static void
write_refusal(const struct login *login, const struct err *why)
{
	struct audit_record record = { .event = "refused", .result = why->msg };
	struct err failure = ERR_INIT;

	if (write_record(login, &record, true, &failure) < 0)
		fprintf(stderr, "codex-ssh: %s\n", failure.msg);
}

static void
write_end(const struct login *login, int status, uint64_t duration_ms)
{
	struct audit_record record = { .event = "end",
				       .result = routing_word(
					   login->route.kind),
				       .has_status = true,
				       .status = status,
				       .has_duration = true,
				       .duration_ms = duration_ms };
	struct err failure = ERR_INIT;

	if (write_record(login, &record, false, &failure) < 0)
		fprintf(stderr, "codex-ssh: %s\n", failure.msg);
}

/* Doing it */

/* Of an agent or a command: what a login has, the files, the project. */
static char **
make_env(const struct login *login)
{
	static const char *const kept[] = { "TERM", "COLORTERM", "SSH_CLIENT",
					    "SSH_CONNECTION", "SSH_TTY" };
	const struct policy_project *project = login->route.project;
	bool is_session = login->route.kind == ROUTING_ATTACH;
	char **env = environment_base(environ);

	/* A session outlives the connection that started it. */
	for (size_t i = 0; !is_session && i < ARRAY_SIZE(kept); i++) {
		const char *value = getenv(kept[i]);
		AUTO_FREE char *pair = value
					   ? xasprintf("%s=%s", kept[i], value)
					   : NULL;

		if (pair)
			strv_env_set(&env, pair);
	}
	if (is_session && strv_env_get(env, "HOME")) {
		AUTO_FREE char *pair = xasprintf("PATH=%s/.local/bin:%s",
						 strv_env_get(env, "HOME"),
						 strv_env_get(env, "PATH"));

		strv_env_set(&env, pair);
	}
	for (char **pair = login->settings.env; pair && *pair; pair++)
		strv_env_set(&env, *pair);
	for (char **pair = project ? project->env : NULL; pair && *pair; pair++)
		strv_env_set(&env, *pair);
	return env;
}

static char **
agent_command(const struct login *login)
{
	const struct policy_project *project = login->route.project;
	char **command = NULL;

	if (project && project->command)
		return strv_copy(project->command);
	if (login->settings.command)
		return strv_copy(login->settings.command);
	strv_add(&command, "codex");
	return command;
}

/* Run it and write down its end, or become it and leave nothing behind. */
static int
do_errand(const struct login *login, const struct errand *errand, bool waits,
	  struct err *err)
{
	uint64_t duration;
	int status;

	if (login->audit == NULL || !waits)
		return supervise_become(errand, err);
	status = supervise_run(errand, &duration, err);
	if (status >= 0)
		write_end(login, status, duration);
	return status;
}

/* "v2" or "v3", or NULL: this session is not recorded. */
static const char *
record_format(const struct login *login)
{
	const char *format = login->policy.record ? login->policy.record
						  : login->settings.record;

	if (login->role->record && str_eq(format, "off"))
		return "v3";
	return str_eq(format, "off") ? NULL : format;
}

/* <state>/recordings/SESSION-LOGIN.cast, if no other place is set. */
static char *
record_path(const struct login *login, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_FREE char *usual = NULL;
	AUTO_FREE char *name = xasprintf("%s-%s.cast", login->session,
					 login->id);
	const char *dir = login->policy.record_dir;

	if (dir == NULL) {
		if (places_find(&places, err) < 0)
			return NULL;
		dir = usual = path_join(places.state, "recordings");
	}
	if (fs_mkdir_parents(dir, err) < 0)
		return NULL;
	return path_join(dir, name);
}

/* A recording that ended early, if `cut' says so. */
struct tape {
	const struct login *login;
	const char *path;
	struct err cut;
	bool is_on_record; /* that it was cut */
};

static void
write_cut(struct tape *tape, struct err *err)
{
	AUTO_FREE char *what = xasprintf("%s: %s", tape->path, tape->cut.msg);
	struct audit_record record = { .event = "unrecorded", .result = what };

	tape->is_on_record = write_record(tape->login, &record, true, err) == 0;
}

/* The person looks at the session: the log is told now, the person later. */
static void
on_cut(void *owner, const struct err *why)
{
	struct tape *tape = owner;
	struct err failure = ERR_INIT;

	tape->cut = *why;
	write_cut(tape, &failure);
}

/* There may be space again for what could not be written down. */
static void
tell_cut(struct tape *tape)
{
	struct err failure = ERR_INIT;

	if (tape->cut.code == ERR_NONE)
		return;
	fprintf(stderr,
		"codex-ssh: the recording of this session is not whole: %s\n",
		tape->cut.msg);
	if (!tape->is_on_record)
		write_cut(tape, &failure);
	if (!tape->is_on_record)
		fprintf(stderr, "codex-ssh: this is not on record: %s\n",
			failure.msg);
}

/* Who is to be recorded, and cannot be, does not come in. */
static int
do_recorded(const struct login *login, const struct errand *errand,
	    const char *format, struct err *err)
{
	AUTO_FREE char *path = record_path(login, err);
	struct tape tape = { .login = login, .path = path, .cut = ERR_INIT };
	struct winsize size = { 0 };
	struct cast_config config = { .version = str_eq(format, "v2") ? 2 : 3,
				      .term = getenv("TERM"),
				      .title = login->session,
				      .max_bytes = login->policy.record_max,
				      .on_cut = on_cut,
				      .owner = &tape };
	struct cast cast = CAST_INIT;
	uint64_t duration;
	int status;

	(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	config.cols = size.ws_col ? size.ws_col : 80;
	config.rows = size.ws_row ? size.ws_row : 24;
	if (path == NULL || cast_open(&cast, path, &config, err) < 0)
		return -1;
	status = relay_run(errand, &cast, login->policy.record_input, &duration,
			   err);
	tell_cut(&tape);
	if (status >= 0)
		write_end(login, status, duration);
	return status;
}

static int
do_attach(const struct login *login, struct err *err)
{
	const char *format = record_format(login);
	struct errand errand = { .argv = NULL };
	const struct policy_project *project = login->route.project;
	AUTO_STRV char **command = agent_command(login);
	AUTO_STRV char **env = make_env(login);
	AUTO_STRV char **argv = NULL;
	AUTO_STRV char **viewer_env = NULL;
	struct visit visit = {
		.session = login->session,
		.is_read_only = login->role->kind == ROLE_VIEWER,
		.command = command,
		.env = env,
		.cwd = project ? project->dir : login->settings.workspace,
	};

	if (visit_prepare(&visit, &argv, &viewer_env, err) < 0)
		return -1;
	errand.argv = argv;
	errand.env = viewer_env;
	if (format)
		return do_recorded(login, &errand, format, err);
	return do_errand(login, &errand, login->policy.audit_ends, err);
}

static int
do_stdio(const struct login *login, struct err *err)
{
	AUTO_STRV char **env = environment_base(environ);
	AUTO_STRV char **argv = NULL;
	AUTO_FREE char *own = proc_own_path(&(struct err)ERR_INIT);

	strv_give(&argv, own ? TAKE(own) : xstrdup("berthd"));
	strv_add(&argv, "stdio");
	return do_errand(login, &(struct errand){ .argv = argv, .env = env },
			 true, err);
}

static int
do_command(const struct login *login, struct err *err)
{
	bool is_transfer = login->route.kind == ROUTING_TRANSFER;
	AUTO_STRV char **env = make_env(login);
	struct errand errand = { .argv = login->route.argv,
				 .env = env,
				 .cwd = login->route.cwd };

	if (is_transfer) {
		errand.jail = login->role->root;
		errand.jail_write = login->role->write;
		/* Which it could not read, and would complain about. */
		strv_env_set(&env, "GIT_CONFIG_GLOBAL=/dev/null");
		errand.env = env;
	}
	return do_errand(login, &errand, true, err);
}

static int
act(const struct login *login, struct err *err)
{
	switch (login->route.kind) {
	case ROUTING_ATTACH:
		return do_attach(login, err);
	case ROUTING_STDIO:
		return do_stdio(login, err);
	case ROUTING_RUN:
	case ROUTING_TRANSFER:
	case ROUTING_MENU:
	case ROUTING_KINDS:
	default:
		return do_command(login, err);
	}
}

static int
run(struct login *login, struct err *err)
{
	int status;

	if (read_settings(login, err) < 0 || read_key(login, err) < 0 ||
	    decide(login, err) < 0 || write_login(login, err) < 0)
		status = -1;
	else
		status = act(login, err);
	if (status < 0)
		write_refusal(login, err);
	return status;
}

int
login_run(const struct login_options *options, struct err *err)
{
	struct login login = { .options = options };
	int status;

	login.is_ssh = getenv("SSH_CONNECTION") != NULL;
	/* sshd may take BERTH_* from a client. */
	if (login.is_ssh)
		unsetenv("BERTH_HOME");
	id_new(login.id, clock_wall_ns());
	read_asked(&login);
	status = run(&login, err);
	login_fini(&login);
	return status;
}
