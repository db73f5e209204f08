#!/bin/bash
# Goal: out of descriptors, the daemon refuses what it cannot do, waits without
# spinning, and recovers.
# Timeout: 90
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

use_home h
(
	ulimit -n 64
	exec "$BERTHD" serve
) >"$BERTH_HOME/berthd.log" 2>&1 &
DAEMON_PID=$!
wait_for 10 T_answers "$BERTH_HOME"
is 'a daemon with 64 descriptors' \
	"$(awk '/Max open files/ { print $5 }' "/proc/$DAEMON_PID/limits")" 64

# Running execs keep one each: start them until it does not go on.
for _ in $(seq 80); do
	status=$(api_status POST /v1/exec -d '{"argv":["tail","-f","/dev/null"]}')
	[ "$status" = 200 ] || break
done
like 'a start too many is refused' "$status" '^(429|500|503)$'
like 'for its reason' "$(api POST /v1/exec -d '{"argv":["true"]}' |
	jq -r .error.message)" '[Tt]oo many open files|limit'
running=$(api GET '/v1/exec?state=running&limit=0' | jq '.execs | length')
is 'and is not in the list' "$(api GET '/v1/exec?limit=0' |
	jq '.execs | length')" "$running"
is 'nor on the disk' "$(find "$(exec_root)" -mindepth 1 -maxdepth 1 | wc -l)" \
	"$running"
like 'there are some' "$running" '^[1-9][0-9]'

drive descriptors "$DAEMON_PID"

# Room again.
for id in $(api GET '/v1/exec?state=running&limit=0' | jq -r '.execs[].exec_id'); do
	api POST "/v1/exec/$id/cancel" -d '{"grace":"0s"}' >/dev/null
done
ok 'with room again it starts execs' "$BERTH" exec run -- true
is 'all others have ended as they were told' "$(api GET '/v1/exec?limit=0' |
	jq -r '.execs[].state' | grep -cv 'exited\|cancelled')" 0
stop_daemon
