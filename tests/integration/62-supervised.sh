#!/bin/bash
# Goal: under a supervisor that speaks systemd's protocol the daemon serves the
# socket it is given, says when it is ready and when it stops, and is upgraded
# without a refused connection.
# Waits: for the supervisor
# Timeout: 90
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

configure 'retention_count: 1000000'
use_home h
mkdir -m 700 "$BERTH_HOME/run"
mkfifo again
cp "$BERTHD" berthd
exec 6<>again
"$BUILD/tests/tools/supervise" "$BERTH_HOME/run/berthd.sock" "$TMP/berthd" serve \
	<again >supervisor 2>berthd.log 6>&- &
supervisor=$!
exec 6>&- 6>again
ok 'it says that it is ready' wait_for 10 file_has supervisor '^notify READY=1$'
first=$(sed -n 's/^started //p' supervisor)
is 'and serves the given socket' "$(api GET /v1/daemon | jq -r .pid)" "$first"
inode=$(stat -c %i "$BERTH_HOME/run/berthd.sock")

api POST /v1/exec/run -d '{"argv":["env"]}' >env.out
unlike 'commands are told nothing of it' "$(cat env.out)" \
	'NOTIFY_SOCKET|LISTEN_(PID|FDS)'
id=$(start_exec '{"argv":["tail","-f","/dev/null"]}')
holder=$(tail -n 1 "$(exec_dir "$id")/state.json" | jq .holder_pid)
sockets_of() { find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | sort; }
given=$(ss -Hlxp src "$BERTH_HOME/run/berthd.sock" | awk '{ print $6 }' | head -n 1)
unlike 'nor do holders keep the socket' "$(sockets_of "$holder")" "\[$given\]"

# An upgrade: the program is another file, the service is restarted.
cp "$BERTHD" berthd.new
mv berthd.new berthd
drive replace "$TMP/again"
is 'the socket has been the same all the time' \
	"$(stat -c %i "$BERTH_HOME/run/berthd.sock")" "$inode"
like 'each stop was told' "$(grep -c '^notify STOPPING=1$' supervisor)" \
	"^$(grep -c '^ended' supervisor)\$"
is 'each ended well' "$(grep '^ended' supervisor | sort -u)" 'ended 0'
is 'each was ready' "$(grep -c '^notify READY=1$' supervisor)" \
	"$(grep -c '^started' supervisor)"
is 'the exec went on' "$(result_of "$id" state)" running
ok 'and is adopted' "$BERTH" exec cancel --grace 0s "$id"

exec 6>&-
ok 'the end of the service' wait_for 10 has_ended $supervisor
wait $supervisor
is 'is told' "$(tail -n 2 supervisor | sort | tr '\n' ' ')" \
	'ended 0 notify STOPPING=1 '
ok 'the socket is left to its owner' test -S "$BERTH_HOME/run/berthd.sock"
rm "$BERTH_HOME/run/berthd.sock"
