#!/bin/bash
# Goal: WebSockets work with those of others, as server and as client, and
# frames that nobody should send are refused.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/http.sh"
needs node
[ -d "$ROOT/tests/peers/node_modules/ws" ] ||
	skip_all 'its libraries are not installed (npm ci --prefix tests/peers)' ws

say() {
	"$BUILD/tests/tools/ws_say" "$@" 2>said
}

serve_tcp s

points node "$ROOT/tests/peers/ws-client.mjs" "ws+unix:$TMP/s:/ws" "$TMP/s"
points node "$ROOT/tests/peers/ws-client.mjs" "ws://$tcp/ws" "$tcp"
is 'what is no handshake is refused' \
	"$(curl -s -o /dev/null -w '%{http_code}' "http://$tcp/ws")" 400

head -c 1000000 /dev/urandom >message
wanted=$(sha1sum <message)
is 'our client and our server' "$(say "$TMP/s" /ws <message | sha1sum)" "$wanted"
is '... part in peace' "$(cat said)" 'closed 1000 thank you'

node "$ROOT/tests/peers/ws-server.mjs" >peer.log 2>&1 &
peer=$!
cleanup_at_exit kill $peer
wait_for 10 file_has peer.log listening
peer=$(sed -n 's/^listening //p' peer.log)
for path in / /ping /fragments; do
	is "our client and another server: $path" \
		"$(say "$peer" $path <message | sha1sum)" "$wanted"
	is '... part in peace' "$(cat said)" 'closed 1000 thank you'
done
fails 'a server that closes at once' "$BUILD/tests/tools/ws_say" "$peer" /close </dev/null
like '... is understood' "$(cat .out)" 'closed 4001 go away'
fails 'a server without WebSockets' "$BUILD/tests/tools/ws_say" "$peer" /text </dev/null
like '... is understood' "$(cat .out)" 'answered 200, not 101'
