#!/bin/bash
# Goal: clocks that jump and processes that stand still for a while change
# neither the order of a log nor the length of an exec.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

use_home h

# --- a holder and a daemon that stand still, as in a suspended machine ------

start_daemon
mkfifo gate
id=$(start_exec "$(jq -n --arg gate "$TMP/gate" '{argv: ["sh", "-c",
	"while read -r word; do echo $word; echo $word >&2; done <\"$1\"",
	"sh", $gate]}')")
exec 5>gate
dir=$(exec_dir "$id")
holder=$(tail -n 1 "$dir/state.json" | jq .holder_pid)
stands() { grep -q '^[0-9]* (.*) T' "/proc/$1/stat"; }

for i in $(seq 20); do
	echo "before-$i" >&5
	case $((RANDOM % 3)) in
	0) victim=$holder ;;
	1) victim=$DAEMON_PID ;;
	*) continue ;;
	esac
	kill -STOP "$victim"
	wait_for 5 stands "$victim"
	echo "during-$i" >&5
	kill -CONT "$victim"
	wait_for 5 file_has "$dir/out" "during-$i"
done
kill -STOP "$holder" "$DAEMON_PID"
wait_for 5 stands "$holder"
echo last >&5
exec 5>&-
kill -CONT "$holder" "$DAEMON_PID"
ok 'an exec whose holder stood still ends' wait_for 10 ended "$id"
is 'with every line' "$(sha1sum <"$dir/out")" "$(sha1sum <"$dir/err")"
ok 'and the last' file_has "$dir/out" '^last$'
drive clocks "$dir"

# A timeout is measured in time that passes, not in what a clock shows.
id=$(start_exec '{"argv":["tail","-f","/dev/null"],"timeout":"300ms"}')
ok 'a timeout ends an exec' wait_for 10 ended "$id"
is 'as such' "$(result_of "$id" state)" timeout
like 'after that time' "$(result_of "$id" duration)" '^(0\.[3-9]|[1-9]\.)'

# --- the wall clock of the next daemon is behind ----------------------------
#
# Nothing can set this machine's clock back for one process.  What a jump leaves
# behind can be had: files that say they were written tomorrow.

long=$(start_exec "$(jq -n --arg gate "$TMP/gate" '{argv: ["sh", "-c",
	"echo one; read -r go <\"$1\"; echo two", "sh", $gate]}')")
wait_for 5 file_has "$(exec_dir "$long")/out" one
done=$(start_exec '{"argv":["echo","from the future"]}')
wait_for 5 ended "$done"
kill_daemon
ahead=$((86400 * 1000000000))
jq -c ".started_ns += $ahead | .finished_ns += $ahead" \
	"$(exec_dir "$done")/state.json" >forged
cat forged >"$(exec_dir "$done")/state.json"
find "$BERTH_HOME" -exec touch -h -d tomorrow {} +
start_daemon
is 'an exec of tomorrow is read' "$("$BERTH" exec logs --raw "$done")" \
	'from the future'
like 'its length is sane' "$(result_of "$done" duration)" '^[0-9]{1,2}(\.|$)'
like 'how long the running one takes, too' "$(result_of "$long" duration)" \
	'^([0-9]{1,2}(\.[0-9]+)?|null)$'
new=$(start_exec '{"argv":["true"]}')
ok 'a new one starts' wait_for 5 ended "$new"
is 'the newest start is the last' "$(api GET /v1/exec/last | jq -r .exec_id)" "$new"
echo >gate
ok 'what ran goes on to its end' wait_for 5 ended "$long"
is 'in order' "$("$BERTH" exec logs --raw "$long")" $'one\ntwo'
is 'it is not too old to be kept' "$(result_of "$done" state)" exited
stop_daemon

# --- the clocks of boot and of suspend, in a time namespace -----------------

if unshare --time --boottime 1000000 --monotonic 1000000 true 2>/dev/null; then
	use_home t
	unshare --time --fork --kill-child=TERM --boottime 1000000 \
		--monotonic 1000000 "$BERTHD" serve >>"$BERTH_HOME/berthd.log" 2>&1 &
	shifted=$!
	wait_for 10 T_answers "$BERTH_HOME"
	id=$(start_exec '{"argv":["tail","-f","/dev/null"]}')
	inner=$(api GET /v1/daemon | jq -r .pid)
	# The next daemon sees other start times for the same processes.
	kill -KILL "$inner"
	wait $shifted 2>/dev/null
	start_daemon
	is 'a holder is found again although the clock of boot differs' \
		"$(result_of "$id" state)" running
	ok 'and obeys' "$BERTH" exec cancel --grace 0s "$id"
	is 'to the end' "$(result_of "$id" state)" cancelled
	stop_daemon
else
	cannot 'another clock of boot' 'no time namespaces here'
fi
