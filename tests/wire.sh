# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# A wire to an ssh server that can be cut; sourced after sshd.sh.
#
#	wire_start NAME SERVER	the wire; NAME is a machine at its other end
#	wire COMMAND...		change it, as tests/tools/relay.c says
#	wire_ask COMMAND...	the same, and print the answer
#	wire_end		for good; at the exit, too
#
# There is one; it holds descriptors 8 (commands) and 9 (answers).

wire_start() {
	local port
	mkfifo "$TMP/wire.commands" "$TMP/wire.answers"
	"$BUILD/tests/tools/relay" "${SSHD_PORT[$2]}" <"$TMP/wire.commands" \
		>"$TMP/wire.answers" &
	exec 8>"$TMP/wire.commands" 9<"$TMP/wire.answers"
	cleanup_at_exit wire_end
	read -r port <&9
	SSHD_PORT[$1]=$port
	sshd_host "$1" "$1"
	sshd_know "$1" "$2"
}

wire_ask() {
	local answer
	echo "$*" >&8
	read -r answer <&9
	echo "$answer"
}

wire() {
	wire_ask "$@" >/dev/null
}

wire_end() {
	exec 8>&- 9<&-
}
