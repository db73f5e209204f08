/* SPDX-License-Identifier: ISC */

/* The table of the program; see commands.h. */

#include "core/macros.h"
#include "berth/cmd_about.h"
#include "berth/cmd_complete.h"
#include "berth/cmd_config.h"
#include "berth/cmd_doctor.h"
#include "berth/cmd_events.h"
#include "berth/cmd_exec_list.h"
#include "berth/cmd_exec_logs.h"
#include "berth/cmd_exec_result.h"
#include "berth/cmd_exec_run.h"
#include "berth/cmd_exec_steer.h"
#include "berth/cmd_file.h"
#include "berth/cmd_link.h"
#include "berth/cmd_machine_add.h"
#include "berth/cmd_machine_check.h"
#include "berth/cmd_machine_list.h"
#include "berth/cmd_machine_ssh.h"
#include "berth/cmd_machine_trust.h"
#include "berth/cmd_machine_up.h"
#include "berth/cmd_play.h"
#include "berth/cmd_secret.h"
#include "berth/cmd_session.h"
#include "berth/cmd_sync.h"
#include "berth/commands.h"
#include "berth/common.h"

static const struct cli_command exec_doctor_command = {
	.name = "doctor",
	.alias_of = "doctor",
};

static const struct cli_command machine_doctor_command = {
	.name = "doctor",
	.alias_of = "doctor",
};

static const struct cli_command exec_command = {
	.name = "exec",
	.summary = "Run commands durably and look after them",
	.about =
	    "An exec is one command run on a machine. It goes on when this "
	    "program, the connection or the daemon ends; its output, its exit "
	    "status and the time of every byte are kept.\n"
	    "\n"
	    "An exec is named by its id, by the first characters of it (four "
	    "at least) as long as they are unique, or by \"last\".",
	.commands =
	    (const struct cli_command *const[]){
		&exec_run_command, &exec_start_command, &exec_ls_command,
		&exec_logs_command, &exec_watch_command, &exec_wait_command,
		&exec_result_command, &exec_cancel_command,
		&exec_signal_command, &exec_write_command, &exec_resize_command,
		&exec_rm_command, &exec_doctor_command, NULL },
};

static const struct cli_command session_command = {
	.name = "session",
	.summary = "Keep agents on terminals of their own",
	.about = "A session is one agent, or any command, on a terminal that "
		 "outlives every viewer. It is looked at and left, by several "
		 "at once, from anywhere.",
	.commands =
	    (const struct cli_command *const[]){
		&session_new_command, &session_ls_command,
		&session_attach_command, &session_send_command,
		&session_capture_command, &session_wait_command,
		&session_kill_command, &session_rename_command,
		&session_play_command, NULL },
};

static const struct cli_command machine_command = {
	.name = "machine",
	.summary = "Say which machines there are, and look after them",
	.about =
	    "A machine is a place where commands run: \"local\", or a host "
	    "that ssh can reach. Every alias of ~/.ssh/config is one without "
	    "further setup; the configuration adds others, and settings.",
	.commands =
	    (const struct cli_command *const[]){
		&machine_add_command, &machine_edit_command,
		&machine_rm_command, &machine_ls_command, &machine_show_command,
		&machine_check_command, &machine_up_command,
		&machine_down_command, &machine_ssh_command,
		&machine_trust_command, &machine_doctor_command, NULL },
};

#define ALIAS(variable, name_, target)                                         \
	static const struct cli_command variable = { .name = (name_),          \
						     .alias_of = (target) }

ALIAS(run_alias, "run", "exec run");
ALIAS(ps_alias, "ps", "exec ls");
ALIAS(logs_alias, "logs", "exec logs");
ALIAS(attach_alias, "attach", "session attach");

static const struct cli_command berth_command = {
	.name = "berth",
	.summary = "Run commands durably on any machine",
	.about =
	    "Commands run under a small daemon, berthd, which is started when "
	    "it is needed. What runs does not end when a lid is closed, a "
	    "connection breaks or the daemon is upgraded.\n"
	    "\n"
	    "Called as codex-remote, this program takes the lines of that "
	    "program and answers as it does.",
	.groups = (const struct cli_use[]){ { &where_group }, { 0 } },
	.examples =
	    (const struct cli_row[]){
		{ "berth run -- make -j8", "Run a command and see its output" },
		{ "berth ps", "See what ran and what runs" },
		{ "berth logs -f last", "Follow the latest" },
		{ 0 } },
	.commands =
	    (const struct cli_command *const[]){ &run_alias,
						 &ps_alias,
						 &logs_alias,
						 &attach_alias,
						 &exec_command,
						 &session_command,
						 &file_command,
						 &sync_command,
						 &machine_command,
						 &link_command,
						 &events_command,
						 &secret_command,
						 &config_command,
						 &audit_command,
						 &doctor_command,
						 &capabilities_command,
						 &version_command,
						 &cli_help_command,
						 &cli_completion_command,
						 &complete_command,
						 NULL },
};

const struct cli_program berth_program = {
	.root = &berth_command,
	.section = "1",
	.version = BERTH_VERSION,
	.date = "November 21, 2026",
	.others = "codex-remote",
	.exits =
	    (const struct cli_row[]){
		{ "0",
		  "Success; of exec run, watch and wait: the command's own "
		  "status" },
		{ "1", "doctor or a check found that something vital fails" },
		{ "64", "The line cannot be understood" },
		{ "69", "The daemon cannot be reached; trying again may help" },
		{ "76", "The daemon does not speak as agreed" },
		{ "77", "Not allowed" },
		{ "78", "A configuration file is wrong" },
		{ "124", "A time was over" },
		{ "125",
		  "Another failure of berth itself; or an exec whose end is "
		  "not known" },
		{ "126", "The command cannot be run" },
		{ "127", "The command was not found" },
		{ "128+N", "The command was ended by signal N, or berth was" },
		{ 0 } },
	.environment =
	    (const struct cli_row[]){
		{ "BERTH_HOME",
		  "A directory for all that berth keeps, instead of "
		  "the usual places" },
		{ "BERTHD", "The daemon to start" },
		{ "BERTH_LINK", "The link to start, for other machines" },
		{ "BERTH_SSH_CONFIG",
		  "The file that ssh reads instead of ~/.ssh/config" },
		{ "BERTH_PASSPHRASE_FILE",
		  "A file with the passphrase of what is encrypted; only its "
		  "owner may be able to read it" },
		{ "XDG_CONFIG_HOME",
		  "Where the configuration lies, in berth/" },
		{ "XDG_STATE_HOME",
		  "Where execs and their output lie, in berth/" },
		{ "XDG_RUNTIME_DIR",
		  "Where the daemon's socket lies, in berth/" },
		{ "NO_COLOR", "If set, nothing is coloured" },
		{ "CLICOLOR_FORCE", "If set, pipes get colours, too" },
		{ "COLUMNS", "The width to print for" },
		{ 0 } },
	.files =
	    (const struct cli_row[]){
		{ "~/.config/berth/config.yaml", "The configuration" },
		{ "~/.config/berth/secrets.enc", "Secrets, where there is no "
						 "Secret Service" },
		{ "/etc/berth/policy.yaml", "What machines are allowed" },
		{ "~/.local/state/berth/", "Execs, by host" },
		{ 0 } },
	.see_also = "ssh(1) tmux(1) berthd(8)",
};
