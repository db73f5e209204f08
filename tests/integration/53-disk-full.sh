#!/bin/bash
# Goal: on a full disk commands run on, what could not be stored is said to be
# lost, and all is well again when there is room.
# Timeout: 90
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"
needs_root

use_home h
umask 077
mount -t tmpfs -o size=8m,mode=700 none "$BERTH_HOME" 2>"$TMP/mount" ||
	skip_all "cannot mount a tmpfs: $(cat "$TMP/mount")" mount
unmount() { wait_for 5 umount "$BERTH_HOME"; }
T_cleanup+=(unmount)

start_daemon
mkfifo "$TMP/more"

# Numbered lines of 17 bytes: 4 MB, then whatever the gate asks for.
cat >writer.js <<'SCRIPT'
const fs = require('node:fs');
let n = 0;
const lines = (count) => {
	const all = [];
	for (const end = n + count; n < end; n++)
		all.push(`${String(n).padStart(16, '0')}\n`);
	return Buffer.from(all.join(''));
};
const write = (bytes) => {
	for (let at = 0; at < bytes.length;)
		at += fs.writeSync(1, bytes, at);
};
let rest = '';
const gate = fs.openSync(process.argv[2], 'r');
const part = Buffer.alloc(64);
for (let got; (got = fs.readSync(gate, part)) > 0;) {
	rest += part.toString('latin1', 0, got);
	for (let end; (end = rest.indexOf('\n')) >= 0; rest = rest.slice(end + 1)) {
		if (rest.startsWith('end'))
			process.exit(0);
		write(lines(Number(rest.slice(0, end))));
		fs.appendFileSync(process.argv[3], 'done\n');
	}
}
SCRIPT

other=$(start_exec '{"argv":["sh","-c","while read -r word; do echo $word; done"],"stdin":true}')
id=$(start_exec "$(jq -n --arg tmp "$TMP" \
	'{argv: ["node", $tmp + "/writer.js", $tmp + "/more", $tmp + "/written"]}')")
: >written
exec 5>"$TMP/more"
writes() { [ "$(wc -l <"$TMP/written")" -eq "$1" ]; }

echo 60000 >&5
ok 'a megabyte is written' wait_for 10 writes 1
echo 600000 >&5
ok 'ten more, into eight, do not stop the command' wait_for 20 writes 2
is 'the disk is full' "$(df --output=avail -k "$BERTH_HOME" | tail -1 | tr -d ' ')" 0
ok 'it runs' exec_is running "$id"
is 'the daemon answers' "$(api_status GET /v1/hello)" 200
ok 'the log can be read' "$BERTH" exec logs --raw "$id"
is 'a start is refused' "$(api_status POST /v1/exec -d '{"argv":["true"]}')" 500
like 'with the reason' "$(api POST /v1/exec -d '{"argv":["true"]}' |
	jq -r .error.message)" 'No space left'
is 'and leaves nothing' "$(ls "$(exec_root)" | wc -l)" 2
ok 'the other exec takes input' \
	api POST "/v1/exec/$other/stdin?offset=0" --data-binary 'hello
'

# A second daemon finds no room, or manages without; it does not break.
kill_daemon
"$BERTHD" serve >"$TMP/second.log" 2>&1 &
DAEMON_PID=$!
serves_or_said() { T_answers "$BERTH_HOME" || has_ended $DAEMON_PID; }
wait_for 10 serves_or_said
if T_answers "$BERTH_HOME"; then
	pass 'a daemon starts on a full disk'
	ok 'and knows the execs' exec_is running "$id"
else
	like 'a daemon that cannot start says why' "$(cat "$TMP/second.log")" \
		'No space left'
fi

# The end of a command while nothing can be written.
short=$other
kill "$(tail -n 1 "$(exec_dir "$other")/state.json" | jq .pid)"

# Room again: a larger disk.
mount -o remount,size=64m "$BERTH_HOME"
T_answers "$BERTH_HOME" || start_daemon
echo 60000 >&5
ok 'with room again it goes on' wait_for 20 writes 3
echo end >&5
ok 'and ends' wait_for 10 ended "$id"
is 'by itself' "$(result_of "$id" exit_code)" 0
like 'its result tells of lost bytes' "$(result_of "$id" lost_bytes)" '^[1-9]'
drive capture "$(exec_dir "$id")"
like 'the log says where' "$(api GET "/v1/exec/$id/logs?format=raw&offset=0" \
	-D - -o /dev/null | tr -d '\r')" 'Berth-Gaps: [0-9]+-[0-9]+\('
ok 'an end that could not be written is written later' \
	wait_for 10 exec_is signalled "$short"
ok 'and durable' file_has "$(exec_dir "$short")/state.json" '"signalled"'
ok 'starts are taken again' "$BERTH" exec run -- true
stop_daemon

# For one file a limit on its size is the same.
use_home limited
prlimit --fsize=100000 "$BERTHD" serve >limited.log 2>&1 &
DAEMON_PID=$!
ok 'a daemon whose files may not grow serves' wait_for 10 T_answers "$BERTH_HOME"
id=$(start_exec '{"argv":["sh","-c","head -c 1000000 /dev/zero; echo the end"]}')
ok 'a command that writes more runs to its end' wait_for 10 ended "$id"
is 'by itself, too' "$(result_of "$id" exit_code)" 0
is 'with what was lost' "$(result_of "$id" lost_bytes)" 900008
is 'the daemon goes on' "$(api_status GET /v1/hello)" 200
stop_daemon
