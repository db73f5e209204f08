#!/bin/bash
# Goal: a thousand readers of one log get every byte of it, and neither they nor
# those that never read cost the daemon much memory.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

ulimit -n "$(ulimit -Hn)"
use_home h
ok 'a daemon serves' "$BERTHD" serve --detach
mkfifo gate
id=$(start_exec "$(jq -n --arg gate "$TMP/gate" '{argv: ["sh", "-c",
	"echo beginning; read go <\"$1\"; seq 100000", "sh", $gate]}')")
wait_for 5 file_has "$(exec_dir "$id")/out" beginning
drive readers "$id" "$TMP/gate"

large=$(start_exec '{"argv":["sh","-c","seq 5000000"]}')
ok 'a long log is written' "$BERTH" exec wait "$large"
drive deaf "$large"
pid=$(api GET /v1/daemon | jq -r .pid)
# What was given to readers comes back with them.
few_connections() { [ "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)" -lt 20 ]; }
ok 'their connections are closed' wait_for 10 few_connections
