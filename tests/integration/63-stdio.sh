#!/bin/bash
# Goal: where only a command's input and output reach a machine, they are
# enough: `berthd stdio' relays one connection, and starts the daemon for it.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
use_home h

# say REQUEST...: one connection; what comes back, without dates.
say() {
	printf '%b' "$@" | timeout 20 "$BERTHD" stdio 2>"$TMP/errors" |
		tr -d '\r' | grep -v '^Date:'
}

close='Connection: close\r\n\r\n'
like 'an answer comes back, from a daemon that did not run' \
	"$(say "GET /health HTTP/1.1\r\nHost: localhost\r\n$close")" \
	'^HTTP/1.1 200 OK.*"ok":true'
ok 'it runs now' T_answers "$BERTH_HOME"
is 'several requests are answered in order' \
	"$(say 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' \
		'GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n' \
		"GET /v1/hello HTTP/1.1\r\nHost: localhost\r\n$close" |
		grep -o '^HTTP/1.1 [0-9]*' | tr '\n' ' ')" \
	'HTTP/1.1 200 HTTP/1.1 404 HTTP/1.1 200 '

# Much in one direction: output that is larger than any buffer on the way.
id=$(api POST /v1/exec -d '{"cmd":"head -c 20000000 /dev/zero"}' | jq -r .exec_id)
api GET "/v1/exec/$id?wait=20" >/dev/null
is 'large answers pass whole' \
	"$(printf 'GET /v1/exec/%s/logs?full=true&format=raw HTTP/1.1\r\nHost: localhost\r\n%b' \
		"$id" "$close" | timeout 30 "$BERTHD" stdio |
		tr -cd '\0' | wc -c)" 20000000

# A client that hangs up leaves nothing behind.
printf 'GET /v1/exec/%s/logs?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n' \
	"$(api POST /v1/exec -d '{"cmd":"tail -f /dev/null"}' | jq -r .exec_id)" |
	timeout 20 "$BERTHD" stdio >/dev/null &
relay=$!
wait_for 10 sh -c "[ \$(curl -s --unix-socket $BERTH_HOME/run/berthd.sock \
	http://localhost/v1/daemon | jq .connections) -ge 2 ]"
kill "$relay"
wait "$relay" 2>/dev/null
alone() { [ "$(api GET /v1/daemon | jq .connections)" -eq 1 ]; }
ok 'a relay that is killed leaves no connection' wait_for 10 alone
