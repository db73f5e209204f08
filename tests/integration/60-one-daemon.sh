#!/bin/bash
# Goal: there is one daemon per user and host, whoever starts it how often; it
# can be replaced at any time, and belongs to nobody's terminal.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

configure 'retention_count: 1000000'
use_home h

daemon_pid() {
	api GET /v1/daemon | jq -r .pid
}

# Twenty at once, half of them clients that need one, half that start one.
for i in $(seq 20); do
	if [ $((i % 2)) -eq 0 ]; then
		"$BERTHD" serve --detach
	else
		"$BERTH" exec ls
	fi >"$TMP/client.$i" 2>&1 && daemon_pid >>"$TMP/pids" &
done
wait
is 'twenty that start it at once all find one' "$(wc -l <"$TMP/pids")" 20
is 'and it is the same' "$(sort -u "$TMP/pids" | wc -l)" 1
[ "$(sort -u "$TMP/pids" | wc -l)" -eq 1 ] || cat "$TMP"/client.* | note
pid=$(daemon_pid)
is 'no other runs' "$(grep -c 'serving version' "$(echo "$BERTH_HOME"/state/*/berthd.log)")" 1

exits 125 'a second one does not serve' "$BERTHD" serve
like 'and says who does' "$(cat "$TMP/.out")" \
	"serves this host already \(pid $pid, "
ok 'asked to detach, it is content' "$BERTHD" serve --detach
is 'with the one there is' "$(daemon_pid)" "$pid"

drive replace

# Stopped and started at the same moment: who starts gets one that serves.
raced() {
	local i
	for i in $(seq 10); do
		"$BERTHD" stop >/dev/null 2>&1 &
		"$BERTHD" serve --detach || return
		wait $!
		"$BERTHD" serve --detach && T_answers "$BERTH_HOME" || return
	done
}
ok 'stop and start at the same moment leave one that serves' raced
count=$(api GET '/v1/exec?limit=0' | jq '.execs | length')
ok 'it stops' "$BERTHD" stop
fails 'then nobody answers' T_answers "$BERTH_HOME"
ok 'and the socket is gone' test ! -e "$BERTH_HOME/run/berthd.sock"
ok 'it starts' "$BERTHD" serve --detach
is 'and has all execs' "$(api GET '/v1/exec?limit=0' | jq '.execs | length')" \
	"$count"
"$BERTHD" stop

# Detached: started from a terminal, with descriptors that are none of its
# business.
echo secret >"$TMP/inherited"
# shellcheck disable=SC2016
script -qec 'exec 7<"$TMP/inherited" 9>>"$TMP/inherited"; "$BERTHD" serve --detach' \
	"$TMP/typescript" >/dev/null
wait_for 5 T_answers "$BERTH_HOME"
pid=$(daemon_pid)
id=$(start_exec '{"argv":["tail","-f","/dev/null"]}')
holder=$(tail -n 1 "$(exec_dir "$id")/state.json" | jq .holder_pid)
command=$(tail -n 1 "$(exec_dir "$id")/state.json" | jq .pid)
spawner=$(cut -d' ' -f1 "/proc/$pid/task/$pid/children")

fds() {
	find "/proc/$1/fd" -mindepth 1 -printf '%l\n'
}
tty_of() {
	sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f5
}
for name in pid spawner holder command; do
	unlike "$name: nothing is inherited" "$(fds "${!name}")" 'inherited|/dev/(pts|tty)'
	is "$name: no terminal" "$(tty_of "${!name}")" 0
done
is 'the daemon stands in /' "$(readlink "/proc/$pid/cwd")" /
is 'so does the holder' "$(readlink "/proc/$holder/cwd")" /
unlike 'the command has no descriptor of the daemon' "$(fds "$command")" \
	'socket:|anon_inode|daemon.lock|timeline'
like 'the lock is not in a holder' "$(fds "$holder" | grep -c daemon.lock)" '^0$'
is 'umask keeps files private' "$(stat -c %a "$(exec_dir "$id")/timeline")" 600

# The runtime directory goes, as at the last logout.
rm -rf "$BERTH_HOME/run" 2>/dev/null
ok 'its directory removed, it comes back' wait_for 5 T_answers "$BERTH_HOME"
is 'the same one' "$(daemon_pid)" "$pid"
is 'its directory is private again' "$(stat -c %a "$BERTH_HOME/run")" 700
rm -f "$BERTH_HOME/run/berthd.sock"
ok 'so with the socket alone' wait_for 5 T_answers "$BERTH_HOME"

# Half of it killed, the other half does not pretend to be whole.
kill -KILL "$spawner"
ok 'a daemon whose spawner was killed ends' wait_for 5 has_ended "$pid"
ok 'and the next client has one that works' "$BERTH" exec run -- true
pid=$(daemon_pid)
spawner=$(cut -d' ' -f1 "/proc/$pid/task/$pid/children")

# killed_while COMMAND: berthd's COMMAND has asked when the daemon is killed.
connections() { grep -c "$BERTH_HOME/run/berthd.sock" /proc/net/unix; }
has_asked() { [ "$(connections)" -gt "$before" ]; }
killed_while() {
	before=$(connections)
	kill -STOP "$pid"
	"$BERTHD" "$1" >"$TMP/said" 2>&1 &
	wait_for 10 has_asked
	kill -KILL "$pid"
	wait "$!"
}
ok 'asked for the daemon that is killed just then, hello succeeds' \
	killed_while hello
is 'and says that there is none' "$(jq -c .daemon "$TMP/said")" null
ok 'another runs' "$BERTH" exec run -- true
pid=$(daemon_pid)
ok 'killed just when it is asked to be up' killed_while up
pid=$(daemon_pid)
is 'there is another' "$(jq -c .daemon.pid "$TMP/said")" "$pid"
spawner=$(cut -d' ' -f1 "/proc/$pid/task/$pid/children")

# An end in peace.
kill -TERM "$pid"
ok 'SIGTERM ends it' wait_for 5 has_ended "$pid"
ok 'its spawner too' wait_for 5 has_ended "$spawner"
ok 'no socket stays' test ! -e "$BERTH_HOME/run/berthd.sock"
ok 'the exec goes on' runs "$command"
ok 'whoever asks next starts the next' "$BERTH" exec result "$id"
is 'which knows it' "$(result_of "$id" state)" running
