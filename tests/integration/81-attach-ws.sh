#!/bin/bash
# Goal: a session can be looked at and typed into by WebSocket, as a browser
# will, over the private socket and over TCP with the token, and nobody gets
# more by it than the session gives.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
needs tmux node
[ -d "$ROOT/tests/peers/node_modules/ws" ] ||
	skip_all 'its libraries are not installed (npm ci --prefix tests/peers)' ws
unset TMUX TMUX_PANE BERTH_SESSION

mkdir -p "$BERTH_HOME/config"
token=0123456789abcdef0123456789abcdef
cat >"$BERTH_HOME/config/berthd.yaml" <<YAML
listen: 127.0.0.1:0
auth_token: "$token"
YAML
start_daemon
OURS=(tmux -S "$BERTH_HOME/run/session/tmux")
cleanup_at_exit "${OURS[@]}" kill-server

"$BERTH" session new echo -- bash --norc --noprofile -c '
	echo ready; stty -echo
	while :; do read -r line && echo "got:$line:"; [ "$line" != measure ] ||
		echo "size $(stty size)"; done' >/dev/null
"$BERTH" session new flood -- sh -c 'while :; do seq 1 2000; done' >/dev/null
ends() {
	"$BERTH" session new ends -- sh -c 'read -r line; exit 7' >/dev/null
}
nobody_looks() {
	[ -z "$("${OURS[@]}" list-clients -F x)" ]
}
tcp=$(sed -n 's/^listening on //p' "$BERTH_HOME/berthd.log" | tail -n 1)

ends
points node "$ROOT/tests/peers/session-ws.mjs" \
	"ws+unix:$BERTH_HOME/run/berthd.sock:/v1/session"
ok 'nobody is left looking' wait_for 10 nobody_looks
ends
points node "$ROOT/tests/peers/session-ws.mjs" "ws://$tcp/v1/session" $token
ok 'nor by TCP' wait_for 10 nobody_looks
fds=$(ls "/proc/$DAEMON_PID/fd" | wc -l)
is 'and no descriptor is left open' "$((fds < 60))" 1
