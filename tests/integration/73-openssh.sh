#!/bin/bash
# Goal: a machine is reached by the system's ssh whatever way it lets people
# in, and what goes wrong on the way is said with its cause.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

export TRANSPORT=openssh
. "$ROOT/tests/ssh_cases.sh"

# --- hosts on the way -------------------------------------------------------

sshd_host far plain 'ProxyJump keys,plain'
works 'over two hosts on the way' far
sshd_host forbidden keys 'ProxyJump closed'
down 'a host on the way that forbids going on' UNREACHABLE '.*prohibited' \
	forbidden

# --- sudden ends ------------------------------------------------------------

# up MACHINE: link_run in the background; its master is $MASTER.
up() {
	mkfifo "$TMP/hold.$1"
	"$BUILD/tests/tools/link_run" -s "$TMP/l" -m "$1" up \
		<"$TMP/hold.$1" 2>"$TMP/said" &
	RUN=$!
	exec 9>"$TMP/hold.$1"
	wait_for 10 file_has "$TMP/said" '^up' || said | note
	MASTER=$(pgrep -f "ssh -M -N -S $TMP/l/$1.mux")
}

# As ssh leaves it that is killed before its socket has its name.
: >"$TMP/l/plain.mux.0123456789abcDEF"
: >"$TMP/l/plain.mux.another"
up plain
is 'what a killed master has left is removed, and nothing else' \
	"$(cd "$TMP/l" && echo plain.mux*)" 'plain.mux plain.mux.another'
rm "$TMP/l/plain.mux.another"
kill -KILL "$MASTER"
wait "$RUN"
like 'a master that is killed is a lost connection' "$(said)" \
	'down UNREACHABLE.*ssh was killed \(Killed\)'
exec 9>&-
ok 'which leaves no socket' test ! -e "$TMP/l/plain.mux"

up keys
sshd_cut keys
wait "$RUN"
like 'a server that is killed is one too' "$(said)" 'down UNREACHABLE'
exec 9>&-

up closed
kill -KILL "$RUN"
ok 'the master does not outlive its owner' wait_for 5 is_gone "$MASTER"
exec 9>&-
wait "$RUN" 2>/dev/null

is 'and no master leaves its socket' "$(find "$TMP/l" -name '*.mux')" ''
