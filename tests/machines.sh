# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Machines and their links, as somebody has them who uses berth; sourced after
# sshd.sh, if a machine is to be a real ssh server.
#
#	use_config <<YAML		$BERTH_HOME with this configuration
#	machine_start NAME [LINE...]	a server; its daemon is that of the
#					home $TMP/NAME
#	machine_restart NAME [LINE...]	the server, on the same port
#	link NAME PATH [OPTION...]	what a link answers (options of curl)
#	link_stop NAME			and wait until it is gone
#
# Events to wait for: state_is NAME STATE, has_no_link NAME.

export BERTH_BERTHD_DIR=$BUILD/src/berthd

use_config() {
	mkdir -p "$BERTH_HOME/config"
	cat >"$BERTH_HOME/config/config.yaml"
	use_home "${BERTH_HOME#"$TMP"/}"
}

machine_start() {
	sshd_start "$1" "SetEnv BERTH_HOME=$TMP/$1" "${@:2}"
	cleanup_at_exit machine_end "$1"
}

machine_restart() {
	sshd_restart "$1" "SetEnv BERTH_HOME=$TMP/$1" "${@:2}"
}

machine_end() {
	"$BERTH" link stop "$1"
	(T_stop_home "$TMP/$1")
}

link() {
	curl -sS --max-time 60 --unix-socket "$BERTH_HOME/run/link/$1.ctl" \
		"http://localhost$2" "${@:3}"
}

link_stop() {
	"$BERTH" link stop "$1" >/dev/null
	wait_for 5 has_no_link "$1"
}

state_is() { [ "$(link "$1" /v1/link | jq -r .state)" = "$2" ]; }
has_no_link() { [ ! -e "$BERTH_HOME/run/link/$1.ctl" ]; }

# connect_link NAME: somebody who can be asked has the link connect, and is told
# how it goes.  In the background $! is curl itself.
connect_link() {
	exec curl -sS -N --max-time 60 -X POST -d '{"interactive":true}' \
		--unix-socket "$BERTH_HOME/run/link/$1.ctl" \
		http://localhost/v1/link/connect
}
