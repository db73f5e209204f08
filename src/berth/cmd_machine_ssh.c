/* SPDX-License-Identifier: ISC */

/*
 * machine ssh; see cmd_machine_ssh.h.
 *
 * The link connects, so that questions, host keys and policies are handled in
 * one place; the system's ssh then opens a session through the link's master
 * and cares for the terminal, signals and the exit status.  This program
 * becomes that ssh.  Where the agent is to be forwarded and the master does not
 * (a master forwards for all of its sessions or for none), ssh makes a
 * connection of its own, with the same rules for host keys; so it does where
 * there is no master, as with another transport.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/run.h"
#include "core/strv.h"
#include "core/text.h"
#include "machine/registry.h"
#include "machine/resolve.h"
#include "client/link_control.h"
#include "client/link_json.h"
#include "berth/cmd_machine_ssh.h"
#include "berth/common.h"
#include "berth/tty_asker.h"

/* As ssh says that it is not the command that failed. */
#define TRANSPORT_STATUS 255

#define CODEX_TIMEOUT_MS 60000
#define MAX_OUTPUT (64u << 20)

struct ssh_args {
	const char *name, *command;
	char **argv;
	const char *machine, *config; /* as codex-remote has it said */
	bool tty, agent;
	struct output_args output;
};

/* What the login shell is to read; NULL: nothing, a shell. */
static char *
command_of(const struct ssh_args *args, char *const *argv, struct err *err)
{
	AUTO_BUF text = BUF_INIT(1u << 20);

	if (args->command && argv && *argv) {
		err_set(err, ERR_INVALID, "--cmd and words of a command");
		return NULL;
	}
	if (args->command)
		return xstrdup(args->command);
	for (; argv && *argv; argv++) {
		if (text.len > 0)
			(void)buf_addc(&text, ' ');
		if (shell_quote(&text, *argv) < 0) {
			err_set(err, ERR_LIMIT, "the command is too long");
			return NULL;
		}
	}
	return buf_take(&text);
}

static void
add_option(char ***argv, const char *option)
{
	strv_add(argv, "-o");
	strv_add(argv, option);
}

/* Through the master; the destination must stand there and is not used. */
static void
add_master(char ***argv, const char *socket)
{
	AUTO_BUF path = BUF_INIT(4096);

	for (; *socket; socket++) {
		if (*socket == '%')
			(void)buf_addc(&path, '%');
		(void)buf_addc(&path, *socket);
	}
	strv_add(argv, "-S");
	strv_add(argv, buf_text(&path));
}

/* Also beside a master: when that has just gone, ssh connects by itself. */
static void
add_rules(char ***argv, bool is_strict, bool forwards_agent)
{
	add_option(argv, "ControlMaster=no");
	add_option(argv, "ClearAllForwardings=yes");
	add_option(argv, "ForwardX11=no");
	add_option(argv, "PermitLocalCommand=no");
	add_option(argv, "RemoteCommand=none");
	add_option(argv, "NoHostAuthenticationForLocalhost=no");
	/* Who may not ask takes nothing that is not known. */
	add_option(argv, is_strict || !isatty(STDIN_FILENO)
			     ? "StrictHostKeyChecking=yes"
			     : "StrictHostKeyChecking=ask");
	add_option(argv,
		   forwards_agent ? "ForwardAgent=yes" : "ForwardAgent=no");
}

static int
make_argv(const struct ssh_args *args, const struct machine *m,
	  const char *socket, const char *command, char ***argv,
	  struct err *err)
{
	AUTO_RESOLVED resolved = { .hostname = NULL };

	if (resolve_machine(m, &resolved, err) < 0)
		return -1;
	strv_add(argv, "ssh");
	if (socket)
		add_master(argv, socket);
	else
		add_option(argv, "ControlPath=none");
	add_rules(argv, resolved.is_strict, args->agent || m->forward_agent);
	if (args->tty)
		strv_add(argv, "-tt");
	else if (command && *command)
		strv_add(argv, "-T");
	if (resolve_add_destination(m, argv, err) < 0)
		return -1;
	if (command && *command)
		strv_add(argv, command);
	return 0;
}

/* The master's socket, once the link is up; NULL: it has none of use. */
static int
find_master(const struct ssh_args *args, const struct machine *m, char **ret,
	    struct err *err)
{
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);
	AUTO_LINK_INFO info = { .machine = NULL };

	*ret = NULL;
	if (m->addr || m->use_direct_addr || (args->agent && !m->forward_agent))
		return 0;
	if (link_control_connect(m->name, 0, tty_asker(args->output.quiet),
				 err) < 0 ||
	    link_control_call(m->name, "GET", "/v1/link", &answer, err) < 0 ||
	    link_info_decode(buf_bytes(&answer), answer.len, &info, err) < 0)
		return -1;
	*ret = info.ssh_socket ? xstrdup(info.ssh_socket) : NULL;
	return 0;
}

/* codex-remote runs it to its end and prints what came of it. */
static int
run_as_codex(const struct ssh_args *args, const struct machine *m,
	     char *const *argv, struct err *err)
{
	AUTO_BUF out = BUF_INIT(MAX_OUTPUT), errors = BUF_INIT(MAX_OUTPUT);
	AUTO_BUF text = BUF_INIT(4u * MAX_OUTPUT);
	struct jsonw w = JSONW_INIT(&text);
	int status = 0;

	if (run_program(argv, CODEX_TIMEOUT_MS, &out, &errors, &status, err) <
	    0)
		return -1;
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", status == 0);
	jsonw_str(&w, "ssh", m->ssh ? m->ssh : m->hostname);
	jsonw_bool(&w, "forward_agent", args->agent);
	jsonw_bool(&w, "tty", args->tty);
	jsonw_strn(&w, "stdout", buf_bytes(&out), out.len);
	jsonw_strn(&w, "stderr", buf_bytes(&errors), errors.len);
	jsonw_int(&w, "code", status);
	jsonw_object_end(&w);
	return print_json(&text, err);
}

static int
become_ssh(char *const *argv, struct err *err)
{
	execvp(argv[0], argv);
	if (errno != ENOENT)
		return err_sys(err, "start ssh");
	err_set(err, ERR_UNSUPPORTED, "there is no ssh here");
	return err_hint(err, "install OpenSSH's client");
}

static int
go(const struct cli_call *call, const struct ssh_args *args, const char *name,
   char *const *words, struct err *err)
{
	const struct config_file_config usual = { .path = NULL };
	AUTO_FREE char *command = command_of(args, words, err);
	AUTO_REGISTRY registry = { .file = NULL };
	AUTO_FREE char *socket = NULL;
	AUTO_STRV char **argv = NULL;
	const struct machine *m;

	if (command == NULL || registry_load(&registry, &usual, err) < 0)
		return -1;
	m = registry_find(&registry, name, err);
	if (m == NULL || registry_check(&registry, m, err) < 0 ||
	    find_master(args, m, &socket, err) < 0 ||
	    make_argv(args, m, socket, command, &argv, err) < 0)
		return -1;
	return is_codex(call) ? run_as_codex(args, m, argv, err)
			      : become_ssh(argv, err);
}

static bool
is_transport(const struct err *err)
{
	return err->code == ERR_UNREACHABLE || err->code == ERR_TIMEOUT ||
	       err->code == ERR_AUTH || err->code == ERR_HOST_KEY;
}

static int
run_ssh(const struct cli_call *call, struct err *err)
{
	struct ssh_args args = *(const struct ssh_args *)call->args;
	const char *name = args.machine ? args.machine : args.name;
	AUTO_STRV char **words = NULL;

	/* With --machine every word is one of the command. */
	if (args.machine && args.name)
		strv_add(&words, args.name);
	for (char **word = args.argv; word && *word; word++)
		strv_add(&words, *word);
	if (name == NULL || (is_codex(call) && args.command == NULL))
		return err_set(err, ERR_INVALID,
			       is_codex(call)
				   ? "--machine and --cmd are required"
				   : "which machine?");
	if (is_codex(call))
		args.agent = true;
	if (go(call, &args, name, words, err) == 0)
		return 0;
	if (is_codex(call) || !is_transport(err))
		return -1;
	(void)show_error(call, (char *[]){ NULL }, err);
	return TRANSPORT_STATUS;
}

static const struct cli_option ssh_options[] = {
	CLI_OPTION(struct ssh_args, command, TEXT, "cmd", 'c', .arg = "TEXT",
		   .help = "Run this by the login shell there"),
	CLI_OPTION(struct ssh_args, tty, FLAG, "tty", 't',
		   .help = "On a terminal there, also for a command"),
	CLI_OPTION(struct ssh_args, agent, FLAG, "forward-agent", 'A',
		   .help = "Let it use the keys of the agent here; makes a "
			   "connection of its own, unless the machine's "
			   "forward_agent is set"),
	CLI_OPTION(struct ssh_args, machine, TEXT, "machine", 'm',
		   .arg = "NAME", .complete = "machine", .flags = CLI_HIDDEN,
		   .help = "The machine, as codex-remote has it said"),
	CLI_OPTION(struct ssh_args, config, TEXT, "config", 0, .arg = "FILE",
		   .complete = CLI_FILES, .flags = CLI_HIDDEN,
		   .help = "Accepted from scripts for codex-remote"),
	{ 0 },
};
static const struct cli_group ssh_group = { "Options", ssh_options };

static const struct cli_operand operands[] = {
	CLI_OPERAND(struct ssh_args, name, TEXT, "NAME", .complete = "machine",
		    .help = "The machine"),
	CLI_OPERAND(struct ssh_args, argv, TEXTS, "ARGV",
		    .complete = CLI_COMMANDS,
		    .help = "A program there and its arguments, after --"),
	{ 0 },
};

const struct cli_command machine_ssh_command = {
	.name = "ssh",
	.summary = "Open a shell on a machine, or run one command there",
	.about =
	    "Over the connection that berth has already. The exit status is "
	    "the command's; 255 means that the machine was not reached.\n"
	    "\n"
	    "What runs so ends with the connection: `berth run' does not.",
	.groups =
	    (const struct cli_use[]){
		{ &ssh_group },
		{ &object_group, offsetof(struct ssh_args, output) },
		{ 0 } },
	.operands = operands,
	.examples =
	    (const struct cli_row[]){
		{ "berth machine ssh gpu3", "A shell" },
		{ "berth machine ssh gpu3 -- ls -l '/a dir'",
		  "A program; nothing is read by a shell twice" },
		{ "berth machine ssh -A gpu3 --cmd 'git pull'",
		  "With the keys of the agent here" },
		{ 0 } },
	.args_size = sizeof(struct ssh_args),
	.run = run_ssh,
};
