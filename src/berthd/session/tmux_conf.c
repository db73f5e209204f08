/* SPDX-License-Identifier: ISC */

/*
 * The configuration of our tmux server; see tmux_conf.h.
 *
 * It is locked: every table of keys is emptied and filled anew with what looks
 * and leaves, so nobody who is attached can run a command, open a prompt or a
 * menu, or start a shell that the session did not have.  Without a prefix every
 * key reaches the agent, and a tmux around the viewer keeps its own.
 *
 * The bindings that change what others see (scrolling is the pane's, not the
 * viewer's) go through if-shell, which tmux does not do for read-only viewers.
 *
 * Options are set with -q: what this version does not know is passed over.
 */

#include "berthd/session/tmux_conf.h"
#include "core/buf.h"

#define HAS_TERMINAL_FEATURES 302
#define HAS_DEAD_SIGNAL 303

/* All viewers of this session; eval of nothing is nothing. */
#define LEAVE "detach-client -s '' -E 'eval \"$" TMUX_CONF_AT_END "\"'"

static const char options[] =
    /* Sessions stay, with or without viewers, and show how they ended. */
    "set -sq exit-empty on\n"
    "set -sq exit-unattached off\n"
    "set -gq destroy-unattached off\n"
    "set -gq detach-on-destroy on\n"
    "set -wgq remain-on-exit on\n"
    "set -wgq remain-on-exit-format ''\n"
    /* Without a viewer there is none to detach, which the next would read. */
    "set-hook -g pane-died { if -F '#{session_attached}' { " LEAVE " } }\n"
    /* Nothing is taken from a viewer's environment. */
    "set -gq update-environment ''\n"
    "set -gq default-command ''\n"
    "set -gq default-shell /bin/sh\n"
    "set -gq lock-after-time 0\n"
    "set -gq lock-command ''\n"
    /* The whole terminal is the agent's. */
    "set -gq status off\n"
    "set -gq set-titles on\n"
    "set -gq set-titles-string '#{pane_title}'\n"
    "set -wgq allow-rename off\n"
    "set -wgq automatic-rename off\n"
    "set -gq history-limit 50000\n"
    "set -wgq window-size latest\n"
    "set -wgq aggressive-resize on\n"
    "set -gq mouse on\n"
    /* Keys come at once on a slow line, too: C-] among them still leaves. */
    "set -gq assume-paste-time 0\n"
    "set -sq escape-time 10\n"
    "set -sq focus-events on\n"
    "set -sq extended-keys on\n"
    "set -sq set-clipboard on\n"
    "set -wgq allow-passthrough on\n"
    "set -wgq mode-keys emacs\n"
    "set -wgq monitor-activity off\n"
    "set -gq visual-bell off\n";

static const char keys[] =
    "set -gq prefix None\n"
    "set -gq prefix2 None\n"
    "unbind -a -T prefix\n"
    "unbind -a -T root\n"
    "unbind -a -T copy-mode\n"
    "unbind -a -T copy-mode-vi\n"
    "bind -n C-] detach-client\n"
    "bind -n MouseDown1Pane if -F 1 'send -M'\n"
    "bind -n WheelUpPane if -F "
    "'#{||:#{alternate_on},#{||:#{pane_in_mode},#{mouse_any_flag}}}' "
    "'send -M' 'copy-mode -e'\n"
    "bind -n WheelDownPane if -F 1 'send -M'\n"
    "bind -n MouseDrag1Pane if -F "
    "'#{||:#{pane_in_mode},#{mouse_any_flag}}' 'send -M' 'copy-mode -M'\n"
    "bind -n S-PPage if -F '#{alternate_on}' 'send S-PPage' "
    "'copy-mode -eu'\n";

/* In copy mode: a key or a turn of the wheel, and what it does. */
static const struct {
	const char *key, *command;
} copy_keys[] = {
	{ "C-]", "detach-client" },
	{ "q", "send -X cancel" },
	{ "Escape", "send -X cancel" },
	{ "C-c", "send -X cancel" },
	{ "Up", "send -X cursor-up" },
	{ "Down", "send -X cursor-down" },
	{ "Left", "send -X cursor-left" },
	{ "Right", "send -X cursor-right" },
	{ "PPage", "send -X page-up" },
	{ "NPage", "send -X page-down" },
	{ "S-PPage", "send -X page-up" },
	{ "S-NPage", "send -X page-down" },
	{ "Home", "send -X start-of-line" },
	{ "End", "send -X end-of-line" },
	{ "g", "send -X history-top" },
	{ "G", "send -X history-bottom" },
	{ "Space", "send -X begin-selection" },
	{ "Enter", "send -X copy-selection-and-cancel" },
	{ "WheelUpPane", "send -X -N 5 scroll-up" },
	{ "WheelDownPane", "send -X -N 5 scroll-down" },
	{ "MouseDown1Pane", "send -X clear-selection" },
	{ "MouseDrag1Pane", "send -X begin-selection" },
	{ "MouseDragEnd1Pane", "send -X copy-selection-and-cancel" },
};

void
tmux_conf_add(struct buf *out, unsigned version, const char *term)
{
	(void)buf_adds(out, options);
	(void)buf_addf(out, "set -sq default-terminal %s\n", term);
	if (version >= HAS_TERMINAL_FEATURES)
		(void)buf_adds(out, "set -asq terminal-features "
				    "'xterm*:extkeys:focus'\n");
	else
		(void)buf_adds(out, "set -asq terminal-overrides "
				    "',*256col*:Tc'\n");
	/*
	 * Who comes after the end of the agent was not there to be told of it;
	 * while it is not known how it ended, that is still to come.
	 */
	(void)buf_addf(
	    out,
	    "set-hook -g client-session-changed { if -F '%s' { " LEAVE " } }\n",
	    version >= HAS_DEAD_SIGNAL
		? "#{!=:#{pane_dead_status}#{pane_dead_signal},}"
		: "#{pane_dead}");
	(void)buf_adds(out, keys);
	for (size_t i = 0; i < ARRAY_SIZE(copy_keys); i++)
		(void)buf_addf(out, "bind -T copy-mode %s if -F 1 '%s'\n",
			       copy_keys[i].key, copy_keys[i].command);
}
