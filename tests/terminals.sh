# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Terminals to type on and to look at: a server of tmux each; sourced after
# lib.sh.
#
#	terminal NAME COLS ROWS [VARIABLE=VALUE...]	with a shell, "$ "
#	terminal_of NAME COLS ROWS COMMAND		with something else
#	type_ NAME TEXT					a line
#	key NAME KEY...					as tmux calls them
#	screen NAME [OPTION...]				what is on it
#
# Events to wait for: shows NAME ERE, hides NAME ERE.

terminal_of() {
	tmux -L "$1-$$" -f /dev/null new-session -d -x "$2" -y "$3" "$4"
	cleanup_at_exit tmux -L "$1-$$" kill-server
}

terminal() {
	terminal_of "$1" "$2" "$3" \
		"env PS1='$ ' TERM=screen-256color ${*:4} bash --norc --noprofile"
	wait_for 10 shows "$1" '^\$'
}

type_() { tmux -L "$1-$$" send-keys -l "$2" && key "$1" Enter; }
key() { tmux -L "$1-$$" send-keys "${@:2}"; }
screen() { tmux -L "$1-$$" capture-pane -p "${@:2}"; }
shows() { screen "$1" | grep -qE -- "$2"; }
hides() { ! shows "$@"; }
