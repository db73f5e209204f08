#!/bin/bash
# Goal: a machine behind a link is used like this one: the link comes when it
# is needed, dies without anybody losing a byte, and leaves nothing behind.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/paced.sh"

use_config <<YAML
machines:
  - {name: here, transport: local, keep_alive: 1s}
  - {name: brief, transport: local, idle: 1s}
  - {name: a-name-so-long-that-no-socket-could-have-it-in-its-path-at-all, transport: local}
YAML
cleanup_at_exit "$BERTH" link stop here

link_pid() { link "$1" /v1/link | jq -r .pid; }
# Descriptors that stay; a spare may just be on its way.
count_fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }

# --- one ---------------------------------------------------------------------

for i in $(seq 10); do
	"$BERTH_LINK" here >"$TMP/start.$i" 2>&1 && link_pid here >>"$TMP/pids" &
done
wait
is 'ten that start it at once all find one' "$(wc -l <"$TMP/pids")" 10
is 'and it is the same' "$(sort -u "$TMP/pids" | wc -l)" 1
pid=$(link_pid here)
is 'it has no terminal' "$(ps -o tty= -p "$pid" | tr -d ' ')" '?'
is 'and nobody may look into it' "$(stat -c %u "/proc/$pid/environ" 2>/dev/null)" 0
like 'its places are private' "$(stat -c %a "$BERTH_HOME/run/link")" '^700$'
like 'it does nothing before it is asked' "$(link here /v1/link)" \
	'"state":"disconnected"'

# --- use ---------------------------------------------------------------------

is 'a command runs there' "$("$BERTH" run -m here --raw -- echo hello)" hello
exits 7 'with its status' "$BERTH" run -m here -- sh -c 'exit 7'
ok 'the link is active' state_is here active
id=$("$BERTH" exec start -m here --json -- echo kept | jq -r .exec_id)
"$BERTH" exec wait -m here "$id" >/dev/null
is 'its log is read there' "$("$BERTH" logs -m here --raw "$id")" kept
is 'the socket is the daemon: plain HTTP works' \
	"$(curl -sS --unix-socket "$BERTH_HOME/run/link/here.sock" \
		http://localhost/v1/hello | jq -r .host_id)" \
	"$(link here /v1/link | jq -r .hello.host_id)"
head -c 3000000 /dev/urandom >"$TMP/big"
ok 'megabytes go through, both ways' eval \
	'"$BERTH" run -m here --raw --stdin -- cat <"$TMP/big" | cmp - "$TMP/big"'
long=a-name-so-long-that-no-socket-could-have-it-in-its-path-at-all
is 'a long name is as good' "$("$BERTH" run -m $long --raw -- echo hi)" hi
ok 'and its link can be stopped' "$BERTH" link stop $long
exits 125 'a machine that is not there is named' "$BERTH" run -m nowhere -- true
like 'in the message' "$(cat "$TMP/.out")" '"nowhere"'

# --- loss --------------------------------------------------------------------

paced_start here 2000 50
paced_on 5
ok 'output comes' wait_for 10 has_lines 250
old=$(link_pid here)
kill -KILL "$old"
paced_on 35
paced_wait
is 'kill -9 of the link does not end the command' $? 0
ok 'nor lose or double a byte' paced_is_whole
is 'the loss is told once' "$(grep -c 'link to here lost, trying again' "$TMP/err")" 1
is 'and once that it is over' "$(grep -c 'link to here is back' "$TMP/err")" 1
unlike 'another link was made' "$(link_pid here)" "^$old$"

pid=$(link_pid here)
paced_start here 2000 50
paced_on 5
ok 'output comes again' wait_for 10 has_lines 250
kill -STOP "$pid"
paced_on 10
kill -CONT "$pid"
paced_on 25
paced_wait
is 'a link that was stopped for a while goes on' $? 0
ok 'with every byte' paced_is_whole
is 'and is the same' "$(link_pid here)" "$pid"

"$BERTHD" stop
is 'a daemon that ended is started there' \
	"$("$BERTH" run -m here --raw -- echo up)" up

# --- the API -----------------------------------------------------------------

events=$(link here /v1/link/connect -X POST -d '{"wait":true,"interactive":true}')
like 'connecting what is connected says so at once' "$events" \
	'^\{"type":"active","hello":\{"version"'
like 'metrics' "$(link here /metrics)" \
	'berth_link_state\{machine="here",state="active"\} 1'
like 'a command without a daemon' "$(link here /v1/link/stream \
	-H 'Connection: Upgrade' -H 'Upgrade: berth-command' --output - \
	-d '{"kind":"command","command":"echo out; exit 3"}' | tr -d '\0')" \
	'out.*"exit_code":3'
like 'a refusal is an error as any' "$(link here /v1/link/stream \
	-H 'Connection: Upgrade' -H 'Upgrade: berth-stream' \
	-d '{"kind":"unix","path":"/nonexistent"}')" '"code":"DENIED"'
like 'what it does not know it refuses' "$(link here /v1/link/connect -X POST \
	-d '{"what":1}')" '"code":"INVALID"'
like 'no question is open' "$(link here /v1/link/prompts/x -X POST \
	-d '{"answer":"secret-words"}')" '"code":"NOT_FOUND"'
is 'answers are nowhere' "$(grep -rl secret-words "$BERTH_HOME" | wc -l)" 0

like 'links are listed' "$("$BERTH" link ls -o text)" 'here +active'
like 'and shown' "$("$BERTH" link status here -o text)" 'round trip +[0-9.]+ ms'
is 'as JSON, too' "$("$BERTH" link ls --json | jq -r '.links[0].machine')" here
like 'events are shown' "$("$BERTH" events -m here --jsonl)" '"type":"success"'
"$BERTH" events -f -n 0 --jsonl >"$TMP/followed" 2>&1 &
follower=$!

# --- the end -----------------------------------------------------------------

before=$(count_fds "$pid")
for i in $(seq 30); do "$BERTH" exec ls -m here --json >/dev/null; done
same_fds() { [ "$(count_fds "$pid")" -le $((before + 1)) ]; }
ok 'no descriptor stays behind' wait_for 10 same_fds

ok 'it is stopped' "$BERTH" link stop here
ok 'and gone' wait_for 10 is_gone "$pid"
ok 'with its sockets' has_no_link here
ok 'an event follower sees it' wait_for 10 file_has "$TMP/followed" '"type":"stop"'
kill "$follower"
wait "$follower" 2>/dev/null
is 'no children of it live' "$(pgrep -P "$pid" | wc -l)" 0

is 'a command needs no link that ran' \
	"$("$BERTH" run -m brief --raw -- echo once)" once
pid=$(link_pid brief)
ok 'idle, it ends' wait_for 20 is_gone "$pid"
ok 'and leaves no socket' has_no_link brief

# What there is no link to may be no machine at all.
for verb in status stop; do
	exits 125 "there is nothing to $verb" "$BERTH" link $verb brief
	like "... no link, that is ($verb)" "$(<"$TMP/.out")" \
		'there is no link to brief'
	exits 125 "... nor a machine ($verb)" "$BERTH" link $verb breif
	is "... and it is said what was meant ($verb)" "$(<"$TMP/.out")" \
		$'berth: there is no machine "breif"\nhint:  did you mean "brief"?'
done

# Clients that have not said all keep it half a second, and no longer; to close
# so many takes it a while.
ulimit -n "$(ulimit -Hn)"
cat >half.js <<'SCRIPT'
const net = require('node:net');
let n = 0;
const next = () => {
	const socket = net.connect(process.argv[2], () => {
		socket.write('GET /v1/link HTTP/1.1\r\n');
		if (++n === 3000)
			console.log('all are there');
		else
			next();
	});
	socket.on('error', () => {});
};
next();
setInterval(() => {}, 1000);
SCRIPT
"$BERTH_LINK" --foreground here >foreground.log 2>&1 &
pid=$!
wait_for 10 state_is here disconnected
node half.js "$BERTH_HOME/run/link/here.ctl" >half.log 2>&1 &
clients=$!
cleanup_at_exit kill "$clients"
ok 'three thousand clients are in the middle of a question' \
	wait_for 20 file_has half.log 'all are there'
kill "$pid"
wait "$pid"
is 'a link that is ended then ends in order' $? 0
kill "$clients"
