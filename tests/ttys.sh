# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Programs on terminals of which every byte is kept, for what a screen would not
# show; sourced after lib.sh.  (tests/terminals.sh has those with a screen.)
#
#	on_tty NAME STTY COMMAND	a line of sh; STTY are words of stty
#
# What comes out is $TMP/NAME.out; what goes in is written to descriptor
# ${KEYS[NAME]}; ${PIDS[NAME]} ends with COMMAND.  $TERM_OF is its terminal, if
# not a usual one.  An event to wait for: shows NAME BRE.

declare -A KEYS=() PIDS=()

on_tty() {
	local fd
	rm -f "$TMP/$1.in" "$TMP/$1.out"
	mkfifo "$TMP/$1.in"
	TERM=${TERM_OF:-xterm-256color} script -qfec "stty $2; $3" \
		"$TMP/$1.out" <"$TMP/$1.in" >/dev/null 2>&1 &
	PIDS[$1]=$!
	exec {fd}>"$TMP/$1.in"
	KEYS[$1]=$fd
	cleanup_at_exit kill "${PIDS[$1]}"
}

shows() { grep -aq -- "$2" "$TMP/$1.out"; }
