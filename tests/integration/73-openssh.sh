#!/bin/bash
# Goal: a machine is reached by the system's ssh whatever way it lets people
# in, and what goes wrong on the way is said with its cause.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

# run MACHINE [OPTION...] WHAT...: what link_run says is in $TMP/said.
run() {
	timeout 60 "$BUILD/tests/tools/link_run" -s "$TMP/l" -m "$1" "${@:2}" \
		2>"$TMP/said"
}
said() { cat "$TMP/said"; }

sshd_start plain
is 'a command runs' "$(run plain exec 'echo out; echo err >&2; exit 3' \
	</dev/null; echo $?)" $'out\n3'
like 'and every stage is told' "$(said)" \
	'stage connect.*stage host_key.*stage auth.*stage shell.*up.*open.*err.*exit 3.*closed'

# Streams of other kinds.
start_daemon
get='GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
like 'a unix socket of the machine is reached' \
	"$(printf '%b' "$get" | run plain unix "$BERTH_HOME/run/berthd.sock")" \
	'200 OK'
