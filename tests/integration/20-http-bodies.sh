#!/bin/bash
# Goal: bodies arrive as they were sent, whichever way they are framed and
# however large they are, in both directions.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/http.sh"

serve_tcp s

head -c 20000000 /dev/urandom >file
small=$(head -c 1000 file | sha1sum)
big=$(sha1sum <file)

# Both sockets.
for via in "--unix-socket $TMP/s http://x" "http://$tcp"; do
	read -r -a base <<<"$via"
	url=${base[-1]}
	unset 'base[-1]'
	name=${url#http://}
	# get PATH [CURL-ARGUMENT...]
	get() {
		curl -sS --max-time 20 ${base[@]+"${base[@]}"} "$url$1" "${@:2}"
	}

	is "a file ($name)" "$(get "/file?path=$TMP/file" | sha1sum)" "$big"
	is "a file in chunks ($name)" \
		"$(get "/file?path=$TMP/file&chunked" | sha1sum)" "$big"
	is "a part of a file ($name)" \
		"$(get "/file?path=$TMP/file&offset=0&n=1000" | sha1sum)" "$small"
	like "its head ($name)" "$(get '/zeros?n=5&length' -I)" \
		$'200 OK\r.*Content-Length: 5\r'
	is "chunks ($name)" "$(get '/zeros?n=30000000' | wc -c)" 30000000
	is "a length ($name)" "$(get '/zeros?n=30000000&length' | wc -c)" 30000000
	is "up in one piece, with Expect ($name)" \
		"$(get /count -H 'Expect: 100-continue' --data-binary @file)" 20000000
	is "up in chunks ($name)" \
		"$(get /count -X POST -T - <file)" 20000000
	is "up and down at once ($name)" \
		"$(get /mirror -X POST -T file | sha1sum)" "$big"
	is "up and down at once in chunks ($name)" \
		"$(get /mirror -X POST -T - <file | sha1sum)" "$big"
	is "collected ($name)" \
		"$(head -c 1000 file | get /echo --data-binary @- | sha1sum)" "$small"
	is "too much to collect ($name)" \
		"$(get /echo --data-binary @file -o /dev/null -w '%{http_code}')" 413
	is "a client of HTTP/1.0 ($name)" "$(get '/zeros?n=70000' -0 | wc -c)" 70000
	is "ten on one connection ($name)" \
		"$(get '/later?ms=[1-10]' | grep -c later)" 10
done

# --- a file that shrinks while it is sent cannot be completed: the client sees
# that it is cut, and the server goes on.
truncate -s 1000000 shrinks
curl -sS --unix-socket "$TMP/s" "http://x/file?path=$TMP/shrinks&n=2000000" \
	-o /dev/null 2>curl.err
is 'a file that is too short is not taken for a whole one' $? 18

# --- clients that go away in the middle
all_gone() {
	local stats
	stats=$(curl -sS --unix-socket "$TMP/s" http://x/stats)
	[ "$(jq .begun <<<"$stats")" -eq $(($(jq .gone <<<"$stats") + 1)) ]
}
for _ in 1 2 3 4 5; do
	curl -s --unix-socket "$TMP/s" 'http://x/zeros?n=1000000000' | head -c 100000 >/dev/null
	curl -s --unix-socket "$TMP/s" http://x/count --limit-rate 1M -T file -X POST \
		--max-time 0.1
	curl -s --unix-socket "$TMP/s" http://x/never --max-time 0.1
	curl -s "http://$tcp/never" --max-time 0.1
done
ok 'clients that went away are forgotten' wait_for 5 all_gone

# --- standard input and output
is 'requests on a pipe are answered on another' \
	"$(printf 'GET /json HTTP/1.1\r\nHost: x\r\n\r\n%.0s' 1 2 3 |
		timeout 5 "$BUILD/tests/tools/http_server" --stdio |
		grep -ao '200 OK' | wc -l)" 3
fails 'a file is not a connection' \
	"$BUILD/tests/tools/http_server" --stdio <file
like '... and it is said so' "$(cat .out)" 'regular file'

kill -TERM $server
wait $server
is 'the server ends in good order' $? 0
