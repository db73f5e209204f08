#!/bin/bash
# Goal: where another user's directory or socket is in the way, it is refused,
# and the message says whose it is.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"
needs_root

use_home h
refused() {
	local what=$1 whose=$2
	fails "$what: no daemon" "$BERTHD" serve
	like "$what: says why" "$(cat "$TMP/.out")" "$whose"
	fails "$what: no client" "$BERTH" exec ls
	like "$what: the client says why" "$(cat "$TMP/.out")" "$whose"
}

# The runtime directory is somebody else's, as it can be in /tmp.
mkdir "$BERTH_HOME/run"
chown 65534 "$BERTH_HOME/run"
refused 'a directory of another user' '(user|uid|owned).*65534|65534.*(user|uid)'
rmdir "$BERTH_HOME/run"

# It is a link, to a directory that would do.
mkdir -m 700 "$TMP/elsewhere"
ln -s "$TMP/elsewhere" "$BERTH_HOME/run"
refused 'a symbolic link' 'is not a directory'
rm "$BERTH_HOME/run"

# It is a file.
: >"$BERTH_HOME/run"
refused 'a file' 'director'
rm "$BERTH_HOME/run"

# Somebody else listens there already.
mkdir -m 700 "$BERTH_HOME/run"
chmod 755 "$TMP" "$BERTH_HOME"
chmod 777 "$BERTH_HOME/run"
setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v node)" -e '
	const server = require("net").createServer((c) =>
		c.on("data", (bytes) => process.stdout.write(bytes)));
	server.listen(process.argv[1], () => console.log("listens"));
	' "$BERTH_HOME/run/berthd.sock" >listener.log &
listener=$!
cleanup_at_exit kill $listener
wait_for 5 file_has listener.log listens
chmod 700 "$BERTH_HOME/run"
fails 'the socket of another user: no client speaks to it' "$BERTH" exec ls
like 'and it says why' "$(cat "$TMP/.out")" 'uid 65534'
is 'not a byte was sent there' "$(cat listener.log)" listens
ok 'the listener is left alone' runs $listener
kill $listener
wait $listener 2>/dev/null
rm -f "$BERTH_HOME/run/berthd.sock"
start_daemon
pass 'with all out of the way, a daemon serves'
stop_daemon
