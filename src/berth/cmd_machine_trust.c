/* SPDX-License-Identifier: ISC */

/*
 * machine trust; see cmd_machine_trust.h.
 *
 * What the host offers is learned by ssh itself, which goes there as it always
 * does (hosts on the way, aliases, ports) but writes the key into an empty
 * file of ours and offers nothing to log in with.  So the very key is seen
 * that ssh would be shown, under the name that ssh would keep it by.
 *
 * Old keys are taken out by `ssh-keygen -R', which knows hashed names and
 * patterns.  A key that any file marks as revoked is never taken.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/run.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/errors.h"
#include "machine/registry.h"
#include "machine/resolve.h"
#include "client/link_control.h"
#include "berth/cmd_machine_trust.h"
#include "berth/common.h"
#include "berth/tty_asker.h"

#define CONNECT_TIMEOUT_MS 30000
#define TOOL_TIMEOUT_MS 10000
#define MAX_OUTPUT (1u << 20)

struct trust_args {
	const char *name, *fingerprint;
	struct output_args output;
};

struct key_line {
	char *host, *type, *key;
	char *fingerprint; /* "SHA256:..." */
};

struct trust {
	const struct machine *machine;
	struct resolved resolved;
	char *dir;  /* for our files */
	char *file; /* with the key that is offered */
	struct key_line offered;
	char **old;   /* "SHA256:... (ED25519), FILE" */
	char **files; /* ... of the user, that have other keys of the host */
	bool is_known, is_revoked;
};

static void
trust_fini(struct trust *t)
{
	if (t->file)
		(void)unlink(t->file);
	if (t->dir)
		(void)rmdir(t->dir);
	resolved_fini(&t->resolved);
	free(t->dir);
	free(t->file);
	free(t->offered.host);
	free(t->offered.type);
	free(t->offered.key);
	free(t->offered.fingerprint);
	strv_free(t->old);
	strv_free(t->files);
}

#define AUTO_TRUST __attribute__((cleanup(trust_fini))) struct trust

/* --- what is offered --- */

static int
make_place(struct trust *t, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/berth-trust-XXXXXX",
			      tmp && *tmp ? tmp : "/tmp");

	if (mkdtemp(dir) == NULL) {
		err_sys(err, "make %s", dir);
		free(dir);
		return -1;
	}
	t->dir = dir;
	t->file = path_join(dir, "key");
	return 0;
}

static int
make_argv(const struct trust *t, char ***argv, struct err *err)
{
	static const char *const options[] = {
		"GlobalKnownHostsFile=/dev/null",
		/* The file is empty, so this takes the key and no other. */
		"StrictHostKeyChecking=no",
		"IgnoreUnknown=KnownHostsCommand",
		"KnownHostsCommand=none",
		"HashKnownHosts=no",
		"CheckHostIP=no",
		"UpdateHostKeys=no",
		"NoHostAuthenticationForLocalhost=no",
		"BatchMode=yes",
		"PreferredAuthentications=hostbased",
		"HostbasedAuthentication=no",
		"PubkeyAuthentication=no",
		"PasswordAuthentication=no",
		"ControlMaster=no",
		"ControlPath=none",
		"ClearAllForwardings=yes",
		"ForwardAgent=no",
		"ForwardX11=no",
		"PermitLocalCommand=no",
		"RemoteCommand=none",
		"RequestTTY=no",
		"ConnectTimeout=15",
	};

	strv_add(argv, "ssh");
	strv_add(argv, "-o");
	strv_give(argv, xasprintf("UserKnownHostsFile=%s", t->file));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		strv_add(argv, "-o");
		strv_add(argv, options[i]);
	}
	if (resolve_add_destination(t->machine, argv, err) < 0)
		return -1;
	strv_add(argv, "exit");
	return 0;
}

static char *
last_line(struct buf *text)
{
	char *at = (char *)buf_bytes(text), *line;

	while (text->len > 0 && strchr("\r\n", at[text->len - 1]))
		at[--text->len] = '\0';
	line = text->len > 0 ? strrchr(at, '\n') : NULL;
	return line ? line + 1 : at;
}

static bool
split_line(char *line, struct key_line *ret)
{
	const char *host = strsep(&line, " ");
	const char *type = strsep(&line, " ");
	const char *key = strsep(&line, " \n");

	if (host == NULL || type == NULL || key == NULL)
		return false;
	ret->host = xstrdup(host);
	ret->type = xstrdup(type);
	ret->key = xstrdup(key);
	return true;
}

/* The second word of ssh-keygen's "256 SHA256:... host (ED25519)". */
static int
read_fingerprint(const char *file, char **ret, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t) "ssh-keygen",
			 (char *)(uintptr_t) "-lf", (char *)(uintptr_t)file,
			 NULL };
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT), errors = BUF_INIT(MAX_OUTPUT);
	const char *at;
	int status;

	if (run_program(argv, TOOL_TIMEOUT_MS, &out, &errors, &status, err) < 0)
		return -1;
	at = strchr(buf_text(&out), ' ');
	if (status != 0 || at == NULL)
		return err_set(err, ERR_PROTO, "ssh-keygen: %s",
			       last_line(&errors));
	*ret = xstrndup(at + 1, strcspn(at + 1, " \n"));
	return 0;
}

static int
learn_offered(struct trust *t, struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT), errors = BUF_INIT(MAX_OUTPUT);
	AUTO_BUF text = BUF_INIT(MAX_OUTPUT);
	struct err gone = ERR_INIT;
	AUTO_STRV char **argv = NULL;
	int status;

	if (make_place(t, err) < 0 || make_argv(t, &argv, err) < 0 ||
	    run_program(argv, CONNECT_TIMEOUT_MS, &out, &errors, &status, err) <
		0)
		return -1;
	/* That nobody was let in is as it should be. */
	if (fs_read_file(AT_FDCWD, t->file, &text, &gone) < 0 ||
	    !split_line((char *)buf_bytes(&text), &t->offered))
		return err_set(err, ERR_UNREACHABLE, "%s shows no host key: %s",
			       t->machine->name, last_line(&errors));
	return read_fingerprint(t->file, &t->offered.fingerprint, err);
}

/* --- what is known --- */

/* Show a key of a line through our file. */
static int
add_old(struct trust *t, const char *line, const char *file, struct err *err)
{
	AUTO_FREE char *path = path_join(t->dir, "old");
	AUTO_FREE char *fingerprint = NULL;
	int rc;

	if (fs_replace(path, line, strlen(line), 0, err) < 0)
		return -1;
	rc = read_fingerprint(path, &fingerprint, err);
	(void)unlink(path);
	if (rc < 0)
		return -1;
	strv_give(&t->old, xasprintf("%s, in %s", fingerprint, file));
	return 0;
}

static bool
has_key(const char *line, const struct key_line *key)
{
	AUTO_FREE char *words = xasprintf(" %s %s", key->type, key->key);

	return strstr(line, words) != NULL;
}

static int
take_known(struct trust *t, const char *line, const char *file,
	   bool *ret_others, struct err *err)
{
	bool same = has_key(line, &t->offered);

	if (str_starts(line, "@revoked ")) {
		t->is_revoked = t->is_revoked || same;
		return 0;
	}
	if (line[0] == '#' || line[0] == '@' || line[0] == '\0')
		return 0;
	if (same) {
		t->is_known = true;
		return 0;
	}
	*ret_others = true;
	return add_old(t, line, file, err);
}

static int
look_in(struct trust *t, const char *file, bool is_own, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t) "ssh-keygen",
			 (char *)(uintptr_t) "-F",
			 t->offered.host,
			 (char *)(uintptr_t) "-f",
			 (char *)(uintptr_t)file,
			 NULL };
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT), errors = BUF_INIT(MAX_OUTPUT);
	bool has_others = false;
	char *rest, *line;
	int status;

	if (access(file, R_OK) < 0)
		return 0;
	if (run_program(argv, TOOL_TIMEOUT_MS, &out, &errors, &status, err) < 0)
		return -1;
	/* It is quiet, and fails, if there is nothing. */
	rest = out.len > 0 ? (char *)buf_bytes(&out) : NULL;
	while ((line = strsep(&rest, "\n"))) {
		if (take_known(t, line, file, &has_others, err) < 0)
			return -1;
	}
	if (has_others && is_own)
		strv_add(&t->files, file);
	return 0;
}

static int
learn_known(struct trust *t, struct err *err)
{
	const struct resolved *r = &t->resolved;

	for (char **file = r->known_hosts; file && *file; file++) {
		if (look_in(t, *file, true, err) < 0)
			return -1;
	}
	for (char **file = r->global_known_hosts; file && *file; file++) {
		if (look_in(t, *file, false, err) < 0)
			return -1;
	}
	if (!t->is_revoked)
		return 0;
	err_set(err, ERR_HOST_KEY,
		"the host key that %s offers is revoked: whoever has it may "
		"not be %s",
		t->machine->name, t->machine->name);
	return err_hint(err, "do not connect; ask its administrator for a new "
			     "key");
}

/* --- the change --- */

static int
forget_old(const struct trust *t, struct err *err)
{
	for (char **file = t->files; file && *file; file++) {
		char *argv[] = { (char *)(uintptr_t) "ssh-keygen",
				 (char *)(uintptr_t) "-R",
				 t->offered.host,
				 (char *)(uintptr_t) "-f",
				 *file,
				 NULL };
		AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
		AUTO_BUF errors = BUF_INIT(MAX_OUTPUT);
		int status;

		if (run_program(argv, TOOL_TIMEOUT_MS, &out, &errors, &status,
				err) < 0)
			return -1;
		if (status != 0)
			return err_set(err, ERR_SYSTEM, "ssh-keygen: %s",
				       last_line(&errors));
	}
	return 0;
}

static int
append_key(const struct trust *t, const char *file, struct err *err)
{
	AUTO_FREE char *line = xasprintf("%s %s %s\n", t->offered.host,
					 t->offered.type, t->offered.key);
	AUTO_FREE char *dir = xstrndup(file, (size_t)(path_base(file) - file));
	AUTO_CLOSE int fd = -1;
	char last = '\n';
	off_t end;

	if (dir[0] && fs_mkdir_parents(dir, err) < 0)
		return -1;
	fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "open %s", file);
	end = lseek(fd, 0, SEEK_END);
	if (end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n' &&
	    write_full(fd, "\n", 1) < 0)
		return err_sys(err, "write %s", file);
	if (write_full(fd, line, strlen(line)) < 0)
		return err_sys(err, "write %s", file);
	return 0;
}

static int
accept_key(const struct trust *t, struct err *err)
{
	char *const *files = t->resolved.known_hosts;

	if (files == NULL || str_eq(files[0], "/dev/null"))
		return err_set(err, ERR_CONFIG,
			       "ssh keeps no known hosts for %s "
			       "(UserKnownHostsFile)",
			       t->machine->name);
	if (forget_old(t, err) < 0)
		return -1;
	return append_key(t, files[0], err);
}

/* --- the person --- */

static char *
question_of(const struct trust *t)
{
	AUTO_BUF text = BUF_INIT(MAX_OUTPUT);

	(void)buf_addf(&text, "%s (%s) offers now\n  %s (%s)\n",
		       t->machine->name, t->offered.host,
		       t->offered.fingerprint, t->offered.type);
	if (t->old)
		(void)buf_adds(&text, "and known is\n");
	for (char **old = t->old; old && *old; old++)
		(void)buf_addf(&text, "  %s\n", *old);
	(void)buf_adds(&text, "Is that the fingerprint its administrator told "
			      "you? (yes/no)");
	return buf_take(&text);
}

static int
confirm(const struct trust *t, const struct trust_args *args, struct err *err)
{
	const struct link_asker *asker = tty_asker(false);
	struct link_question question = { .echo = true };
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *answer = NULL;

	if (args->fingerprint) {
		if (str_eq(args->fingerprint, t->offered.fingerprint))
			return 0;
		return err_set(err, ERR_HOST_KEY, "%s offers %s, not %s",
			       t->machine->name, t->offered.fingerprint,
			       args->fingerprint);
	}
	if (asker == NULL) {
		err_set(err, ERR_DENIED,
			"%s offers %s, and there is no one "
			"to ask",
			t->machine->name, t->offered.fingerprint);
		return err_hint(err,
				"compare it, then: berth machine trust %s "
				"--fingerprint %s",
				t->machine->name, t->offered.fingerprint);
	}
	text = question.text = question_of(t);
	answer = asker->ask(&question, asker->owner);
	if (answer && str_eq(answer, "yes"))
		return 0;
	return err_set(err, ERR_DENIED, "nothing was changed");
}

static int
print_trust(const struct cli_call *call, const struct trust *t, bool changed,
	    struct err *err)
{
	const struct trust_args *args = call->args;
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&out);

	if (!wants_json(call, &args->output)) {
		print_note(&args->output, "%s: %s is %s", t->machine->name,
			   t->offered.fingerprint,
			   changed ? "known now" : "known already");
		return 0;
	}
	jsonw_object(&w, NULL);
	jsonw_str(&w, "machine", t->machine->name);
	jsonw_str(&w, "host", t->offered.host);
	jsonw_str(&w, "type", t->offered.type);
	jsonw_str(&w, "fingerprint", t->offered.fingerprint);
	jsonw_bool(&w, "changed", changed);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	return print_json(&out, err);
}

static int
run_trust(const struct cli_call *call, struct err *err)
{
	const struct trust_args *args = call->args;
	const struct config_file_config usual = { .path = NULL };
	AUTO_REGISTRY registry = { .file = NULL };
	AUTO_TRUST t = { .file = NULL };

	if (registry_load(&registry, &usual, err) < 0)
		return -1;
	t.machine = registry_find(&registry, args->name, err);
	if (t.machine == NULL ||
	    registry_check(&registry, t.machine, err) < 0 ||
	    resolve_machine(t.machine, &t.resolved, err) < 0 ||
	    learn_offered(&t, err) < 0 || learn_known(&t, err) < 0)
		return -1;
	if (t.is_known)
		return print_trust(call, &t, false, err);
	if (confirm(&t, args, err) < 0 || accept_key(&t, err) < 0)
		return -1;
	return print_trust(call, &t, true, err);
}

static const struct cli_option trust_options[] = {
	CLI_OPTION(struct trust_args, fingerprint, TEXT, "fingerprint", 0,
		   .arg = "SHA256:...",
		   .help = "Do not ask: take the key if it has this "
			   "fingerprint"),
	{ 0 },
};
static const struct cli_group trust_group = { "Options", trust_options };

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct trust_args, name, TEXT, "NAME",
		    .flags = CLI_REQUIRED, .complete = "machine",
		    .help = "The machine"),
	{ 0 },
};

const struct cli_command machine_trust_command = {
	.name = "trust",
	.summary = "Compare a machine's host key, and make it the known one",
	.about =
	    "Shows the fingerprint of the key that the machine offers now "
	    "beside those that ssh knows, and asks. The old keys are taken out "
	    "of the user's known_hosts, the new one is put in. A key that is "
	    "marked as revoked is never taken.",
	.groups =
	    (const struct cli_use[]){
		{ &trust_group },
		{ &object_group, offsetof(struct trust_args, output) },
		{ 0 } },
	.operands = operands,
	.args_size = sizeof(struct trust_args),
	.run = run_trust,
};
