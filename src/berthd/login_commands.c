/* SPDX-License-Identifier: ISC */

/* What can be typed about logins; see login_commands.h. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berthd/login/audit.h"
#include "berthd/login/login.h"
#include "berthd/login_commands.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"
#include "wire/errors.h"

#define MAX_LOG (1ull << 30)

/* login */

struct login_args {
	struct login_options options;
};

static const struct cli_option login_option_rows[] = {
	CLI_OPTION(struct login_args, options.as, TEXT, "as", 0, .arg = "NAME",
		   .help = "The name of this key, for the rules of the policy; "
			   "for command= in authorized_keys"),
	CLI_OPTION(struct login_args, options.etc, TEXT, "etc", 0, .arg = "DIR",
		   .complete = CLI_DIRS, .shown = LOGIN_ETC,
		   .help = "Where the system's codex-ssh.env and policy.yaml "
			   "are"),
	CLI_OPTION(struct login_args, options.policy, TEXT, "policy", 0,
		   .arg = "FILE", .complete = CLI_FILES,
		   .help = "Follow this policy and no other"),
	{ 0 },
};
static const struct cli_group login_group = { "Options", login_option_rows };
static const struct cli_operand login_operands[] = {
	CLI_OPERAND(struct login_args, options.words, TEXTS, "WORD",
		    .help = "A project, or a command that the role may run",
		    .flags = CLI_REST),
	{ 0 },
};

static int
run_login(const struct cli_call *call, struct err *err)
{
	const struct login_args *args = call->args;

	return login_run(&args->options, err);
}

const struct cli_command login_commands_login = {
	.name = "login",
	.summary = "Be what sshd runs instead of a shell",
	.about = "Attaches this terminal to the agent's session, which is "
		 "started if there is none, or does what the policy lets this "
		 "key do. For ForceCommand in sshd_config and command= in "
		 "authorized_keys; the name codex-ssh stands for it, and can "
		 "be typed at a prompt as well."
		 "\n\n"
		 "No shell ever sees what a client sends. What is not allowed "
		 "is refused with a sentence, and every login is written to "
		 "the audit log.",
	.groups = (const struct cli_use[]){ { &login_group }, { 0 } },
	.operands = login_operands,
	.examples =
	    (const struct cli_row[]){
		{ "ForceCommand /usr/local/bin/codex-ssh", "for a whole user" },
		{ "restrict,pty,command=\"codex-ssh --as oncall\" ssh-ed25519 "
		  "AAAA...",
		  "for one key" },
		{ "codex-ssh web", "the session of a project" },
		{ 0 } },
	.args_size = sizeof(struct login_args),
	.run = run_login,
};

/* audit */

struct audit_args {
	const char *file;
	const char *etc;
	const char *expect;
	bool json;
	uint64_t last;
};

static const struct cli_option audit_option_rows[] = {
	CLI_OPTION(struct audit_args, file, TEXT, "file", 'f', .arg = "FILE",
		   .complete = CLI_FILES,
		   .help = "This log instead of the one that logins write"),
	CLI_OPTION(struct audit_args, etc, TEXT, "etc", 0, .arg = "DIR",
		   .complete = CLI_DIRS, .shown = LOGIN_ETC,
		   .help = "Where the system's settings are"),
	CLI_OPTION(struct audit_args, json, FLAG, "json", 0,
		   .help = "Print JSON"),
	{ 0 },
};
static const struct cli_group audit_group = { "Options", audit_option_rows };

static const struct cli_option verify_option_rows[] = {
	CLI_OPTION(
	    struct audit_args, expect, TEXT, "expect", 0, .arg = "SEQ:HASH",
	    .help = "The newest record that was known elsewhere, instead "
		    "of the head beside the log"),
	{ 0 },
};
static const struct cli_group verify_group = { "Verifying",
					       verify_option_rows };

static const struct cli_option show_option_rows[] = {
	CLI_OPTION(struct audit_args, last, NUMBER, "last", 'n', .arg = "N",
		   .help = "Only so many records, the newest"),
	{ 0 },
};
static const struct cli_group show_group = { "Showing", show_option_rows };

static char *
find_file(const struct audit_args *args, struct err *err)
{
	return args->file ? xstrdup(args->file)
			  : login_audit_path(args->etc, err);
}

static void
print_verdict(const char *file, const struct audit_verdict *v)
{
	if (v->line)
		printf("%s: BROKEN at line %" PRIu64 ": %s\n", file, v->line,
		       v->why);
	else
		printf("%s: ok, %" PRIu64 " records, head %" PRIu64 ":%s\n",
		       file, v->n, v->last, v->hash);
}

static void
print_verdict_json(const char *file, const struct audit_verdict *v)
{
	AUTO_BUF text = BUF_INIT(65536);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", v->line == 0);
	jsonw_str(&w, "file", file);
	jsonw_u64(&w, "records", v->n);
	jsonw_str(&w, "hash", v->hash);
	if (v->line) {
		jsonw_u64(&w, "line", v->line);
		jsonw_str(&w, "why", v->why);
	}
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	puts(buf_text(&text));
}

static int
run_verify(const struct cli_call *call, struct err *err)
{
	const struct audit_args *args = call->args;
	AUTO_FREE char *file = find_file(args, err);
	struct audit_verdict verdict;

	if (file == NULL || audit_verify(file, args->expect, &verdict, err) < 0)
		return -1;
	(args->json ? print_verdict_json : print_verdict)(file, &verdict);
	return verdict.line ? 1 : 0;
}

/* One record for a person: what is there, made harmless. */
static void
print_record(const struct json_t *record)
{
	static const char *const members[] = { "from", "key", "as", "session",
					       "command" };
	char shown[4096];

	printf("%s  %-7s  %s", json_get_text(record, "time", "?"),
	       json_get_text(record, "event", "?"),
	       vis(shown, sizeof(shown), json_get_text(record, "user", "?")));
	printf("/%s",
	       vis(shown, sizeof(shown), json_get_text(record, "role", "-")));
	printf("  %s",
	       vis(shown, sizeof(shown), json_get_text(record, "result", "")));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *text = json_get_text(record, members[i], NULL);

		if (text)
			printf("  %s=%s", members[i],
			       vis(shown, sizeof(shown), text));
	}
	if (str_eq(json_get_text(record, "event", ""), "end"))
		printf("  status=%lld",
		       (long long)json_get_int(record, "status", 0));
	printf("\n");
}

static void
print_line(const char *line, size_t n, bool json)
{
	struct err err = ERR_INIT;
	AUTO_JSON *record = json ? NULL : json_parse(line, n, &err);

	if (record)
		print_record(record);
	else if (json)
		printf("%.*s\n", (int)n, line);
	else
		printf("(damaged)\n");
}

static int
run_show(const struct cli_call *call, struct err *err)
{
	const struct audit_args *args = call->args;
	AUTO_FREE char *file = find_file(args, err);
	AUTO_BUF text = BUF_INIT(MAX_LOG);
	const char *at, *end;

	if (file == NULL || fs_read_file(AT_FDCWD, file, &text, err) < 0)
		return -1;
	at = buf_text(&text);
	end = at + text.len;
	if (args->last > 0) {
		uint64_t lines = 0;

		for (at = end; at > buf_text(&text); at--) {
			if (at < end && at[-1] == '\n' && ++lines == args->last)
				break;
		}
	}
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);

		print_line(at, n, args->json);
		at += n + 1;
	}
	return 0;
}

static const struct cli_command audit_verify_command = {
	.name = "verify",
	.summary = "Follow the chain of the audit log",
	.about = "Exit status 0 means that no record was changed, removed, "
		 "added, moved or cut off; 1 says where the chain breaks.",
	.groups = (const struct cli_use[]){ { &audit_group },
					    { &verify_group },
					    { 0 } },
	.args_size = sizeof(struct audit_args),
	.run = run_verify,
};

static const struct cli_command audit_show_command = {
	.name = "show",
	.summary = "Print the audit log",
	.groups = (const struct cli_use[]){ { &audit_group },
					    { &show_group },
					    { 0 } },
	.args_size = sizeof(struct audit_args),
	.run = run_show,
};

static const struct cli_command *const audit_commands[] = {
	&audit_verify_command,
	&audit_show_command,
	NULL,
};

const struct cli_command login_commands_audit = {
	.name = "audit",
	.summary = "Read and verify the log of logins",
	.commands = audit_commands,
};
