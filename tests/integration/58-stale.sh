#!/bin/bash
# Goal: what dead daemons and holders left on disk deceives nobody: a daemon
# starts, and no process is touched that only has the pid of a dead one.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

use_home h
# A stranger whose pid is in every file that has one.
mkfifo never
setsid cat never &
stranger=$!
cleanup_at_exit kill $stranger
start_of() { sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }
boot=$(cat /proc/sys/kernel/random/boot_id)

start_daemon
state=$(echo "$BERTH_HOME"/state/*)
lost=$(start_exec '{"argv":["tail","-f","/dev/null"]}')
old=$(start_exec '{"argv":["tail","-f","/dev/null"]}')
done=$(start_exec '{"argv":["true"]}')
wait_for 5 exec_is exited "$done"
holders=$(tail -qn 1 "$state/exec/$lost/state.json" \
	"$state/exec/$old/state.json" | jq .holder_pid)
kill_daemon
# shellcheck disable=SC2086
kill -KILL $holders
for pid in $holders; do
	wait_for 5 has_ended "$pid"
done

# Its pid, but another start time: as if the numbers had come round.
forge() {
	jq -c --argjson pid "$stranger" "$2" "$1" >"$TMP/forged" && cat "$TMP/forged" >"$1"
}
another=$(($(start_of $stranger) - 1))
forge "$state/exec/$lost/state.json" ".holder_pid = \$pid | .pid = \$pid |
	.holder_start = $another | .pid_start = $another"
forge "$state/daemon.json" ".pid = \$pid | .start = $another"
# Its pid and start time, but of another boot.
forge "$state/exec/$old/state.json" ".holder_pid = \$pid | .pid = \$pid |
	.holder_start = $(start_of $stranger) | .pid_start = $(start_of $stranger) |
	.boot_id = \"00000000-0000-0000-0000-000000000000\""
ok 'the socket of a killed daemon is still there' \
	test -S "$BERTH_HOME/run/berthd.sock"

fails 'a dead daemon is not taken for one that runs' "$BERTHD" status
like 'and status says so' "$(cat "$TMP/.out")" 'not running'
fails 'nor can it be stopped' "$BERTHD" stop
ok 'the stranger is not touched' runs $stranger
start_daemon
pass 'a daemon starts over a stale socket, card and lock'
ok 'the stranger lives' runs $stranger
is 'an exec whose holder has gone is lost' "$(result_of "$lost" state)" lost
is 'for that reason' "$(result_of "$lost" error)" 'lost: its holder was killed'
is 'one of another boot too' "$(result_of "$old" state)" lost
is 'for another' "$(result_of "$old" error)" 'lost: the machine was restarted'
is 'one that had ended had ended' "$(result_of "$done" state)" exited
like 'a lost exec is not cancelled' "$(api POST "/v1/exec/$lost/cancel")" \
	'"canceled":false'
ok 'and the stranger lives' runs $stranger

# The card of a daemon of another boot, with the living pid and start time.
stop_daemon
jq -n --arg socket "$BERTH_HOME/run/berthd.sock" --arg boot "$boot" \
	"{schema_version: 1, pid: $stranger, start: $(start_of $stranger),
	boot_id: \$boot, version: \"9.9\", socket: \$socket, nonce: \"x\"}" \
	>"$state/daemon.json"
ok 'a card with a living pid, without a lock, is nobody' "$BERTHD" serve --detach
ok 'the stranger lives' runs $stranger
ok 'the new one stops' timeout 20 "$BERTHD" stop
ok 'the stranger lives still' runs $stranger

# Things that are not what they should be.
echo not json >"$state/daemon.json"
ok 'a card that is no JSON is written anew' "$BERTHD" serve --detach
"$BERTHD" stop
: >"$state/daemon.lock"
rm -f "$BERTH_HOME/run/berthd.sock"
echo file >"$BERTH_HOME/run/berthd.sock"
start_daemon
pass 'a file where the socket should be is replaced'
stop_daemon
mkdir "$BERTH_HOME/run/berthd.sock"
exits 125 'a directory there is a clear failure' "$BERTHD" serve
like 'that names it' "$(cat "$TMP/.out")" 'run/berthd.sock'
rmdir "$BERTH_HOME/run/berthd.sock"

# Remains of a death in the middle of a write.
cp "$state/exec/$done/spec.json" "$state/exec/$done/.spec.json.tmp"
mkdir "$state/exec/01arz3ndektsv4rrffq69g5fav" "$state/exec/junk"
start_daemon
is 'an empty directory is no exec' \
	"$(api GET '/v1/exec?limit=0' | jq '.execs | length')" 3
stop_daemon

# An exec whose state is cut off in the middle is told as lost, not made up.
head -c 40 "$state/exec/$done/state.json" >"$TMP/cut"
cat "$TMP/cut" >"$state/exec/$done/state.json"
start_daemon
is 'half a state.json is a loss' "$(result_of "$done" state)" lost
ok 'with its output' "$BERTH" exec logs "$done"
ok 'and the stranger has lived through all' runs $stranger
stop_daemon
