#!/bin/bash
# Goal: whatever a client sends, it is answered as docs/http.md says, over TCP
# and over a unix socket, and the next client does not notice.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/http.sh"

RAW=$BUILD/tests/tools/http_raw

serve_tcp s --host x --refuse-origin --head-ms 400 --body-ms 600

# times N TEXT
times() {
	yes "$2" | head -n "$1" | tr -d '\n'
}

# The statuses of all answers, and how the connection stands in the end.
summary() {
	LC_ALL=C grep -aoE 'HTTP/1\.1 [0-9]{3} |^\[[a-z]+\]$' |
		sed 's/HTTP.1.1 //' | tr -d '\n'
}

# answers WHAT WANTED BYTES: on both sockets; BYTES are a format of printf.
answers() {
	local at
	for at in "$TMP/s" "$tcp"; do
		# shellcheck disable=SC2059
		is "$1 (${at##*/})" "$(printf -- "$3" | "$RAW" "$at" | summary)" "$2"
	done
}

get='GET /json HTTP/1.1\r\nHost: x\r\n'
post='POST /json HTTP/1.1\r\nHost: x\r\n'
chunked=$post'Transfer-Encoding: chunked\r\n\r\n'

answers 'a good request' '200 [open]' "$get\r\n"

# --- how long is the body?
bad='400 [closed]'
answers 'two differing lengths' "$bad" \
	"${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"
answers 'two equal lengths' "$bad" \
	"${post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"
answers 'length and chunks' "$bad" \
	"${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$get\r\n"
answers 'chunks and length' "$bad" \
	"${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
answers 'an unknown encoding' "$bad" \
	"${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
answers 'chunks inside chunks' "$bad" \
	"${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"
answers 'a negative length' "$bad" "${post}Content-Length: -1\r\n\r\n"
answers 'a length with a sign' "$bad" "${post}Content-Length: +5\r\n\r\nabcde"
answers 'a length that overflows' "$bad" \
	"${post}Content-Length: 99999999999999999999999\r\n\r\n"
answers 'a length above the limit' '413 [closed]' \
	"${post}Content-Length: 1099511627776\r\n\r\n"
answers 'more in chunks than the limit' '413 [closed]' \
	"${chunked}200000\r\n$(times 1100000 a)"

# --- whose server is this?
answers 'no Host' "$bad" 'GET /json HTTP/1.1\r\n\r\n'
answers 'two Hosts' "$bad" "${get}Host: x\r\n\r\n"
answers 'another Host' '421 [closed]' 'GET /json HTTP/1.1\r\nHost: y\r\n\r\n'
answers 'a Host with an @' "$bad" 'GET /json HTTP/1.1\r\nHost: y@x\r\n\r\n'
answers 'an Origin' '403 [closed]' "${get}Origin: http://x\r\n\r\n"
answers 'an Origin of null' '403 [closed]' "${get}Origin: null\r\n\r\n"

# --- bytes where they do not belong
answers 'a space before the colon' "$bad" "${get}Foo : bar\r\n\r\n"
answers 'a folded line' "$bad" "${get}Foo: bar\r\n baz\r\n\r\n"
answers 'a control character in a name' "$bad" "${get}F\x01o: bar\r\n\r\n"
answers 'NUL in a value' "$bad" "${get}Foo: a\x00b\r\n\r\n"
answers 'NUL in a name' "$bad" "${get}F\x00o: b\r\n\r\n"
answers 'a bare CR in a value' "$bad" "${get}Foo: a\rb\r\n\r\n"
answers 'bare line feeds' "$bad" 'GET /json HTTP/1.1\nHost: x\n\n'
answers 'a header without a name' "$bad" "${get}: b\r\n\r\n"
answers 'HTTP 9.9' '505 [closed]' 'GET /json HTTP/9.9\r\nHost: x\r\n\r\n'
answers 'HTTP 0.9' "$bad" 'GET /json\r\n'
answers 'a TLS hello' "$bad" '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
answers 'an SSH client' "$bad" 'SSH-2.0-OpenSSH_9.2\r\n'
answers 'an unknown method' '501 [closed]' \
	'BREW /json HTTP/1.1\r\nHost: x\r\n\r\n'
answers 'a proxy request' '501 [closed]' \
	'CONNECT /json HTTP/1.1\r\nHost: x\r\n\r\n'
answers 'an absolute target' "$bad" \
	'GET http://x/json HTTP/1.1\r\nHost: x\r\n\r\n'
answers 'another expectation' '417 [closed]' "${get}Expect: tea\r\n\r\n"

# --- too much of it
answers 'a header of 64 KiB' '431 [closed]' "${get}Foo: $(times 65536 a)\r\n\r\n"
answers 'a header of 1 MiB' '431 [closed]' "${get}Foo: $(times 1048576 a)\r\n\r\n"
answers '5000 headers' '431 [closed]' "$get$(times 5000 'A: b\r\n')\r\n"
answers '101 headers' '431 [closed]' "$get$(times 100 'A: b\r\n')\r\n"
answers '100 headers' '200 [open]' "$get$(times 99 'A: b\r\n')\r\n"
answers 'a target of 64 KiB' '414 [closed]' \
	"GET /$(times 65536 a) HTTP/1.1\r\nHost: x\r\n\r\n"

# --- chunks
answers 'a chunk size that overflows' "$bad" "${chunked}fffffffffffffffff\r\nabc"
answers 'a negative chunk size' "$bad" "$chunked-1\r\nabc"
answers 'a chunk size that is not hex' "$bad" "${chunked}xyz\r\nabc"
answers 'a chunk size that ends in a line feed' "$bad" "${chunked}3\nabc\r\n0\r\n\r\n"
answers 'a chunk longer than its size' "$bad" "${chunked}3\r\nabcd\r\n0\r\n\r\n"
answers 'a control character in an extension' "$bad" "${chunked}3;\x01\r\nabc\r\n0\r\n\r\n"
answers 'a folded trailer' "$bad" "${chunked}0\r\nA: b\r\n c\r\n\r\n"
answers 'good chunks' '200 [open]' "${chunked}3;a=b\r\nabc\r\n0\r\nT: 1\r\n\r\n"

# --- the path
for path in /../../etc/passwd /%%2e%%2e/%%2e%%2e/etc/passwd /..%%2f..%%2fetc/passwd \
	/a/./b /a/..; do
	answers "${path//%%/%}" '404 [closed]' \
		"GET $path HTTP/1.1\r\nHost: x\r\n\r\n"
done
answers 'NUL in the path' "$bad" 'GET /a%%00b HTTP/1.1\r\nHost: x\r\n\r\n'
answers 'half an escape' "$bad" 'GET /a%%2 HTTP/1.1\r\nHost: x\r\n\r\n'

# --- one after the other
answers 'three requests at once' '200 404 200 [open]' \
	"$get\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n$get\r\n"
answers 'a bad one among them' '200 400 [closed]' "$get\r\nGET\r\n$get\r\n"
answers 'a body before the next request' '200 200 [open]' \
	"${post}Content-Length: 5\r\n\r\nGET /$get\r\n"

# --- too slow: the deadline counts from the first byte
late() {
	local at
	for at in "$TMP/s" "$tcp"; do
		# shellcheck disable=SC2059
		is "$1 (${at##*/})" "$(printf "$3" | "$RAW" "$at" 5000 | summary)" "$2"
	done
}
late 'a head that never ends' '408 [closed]' "$get"
late 'a body that never comes' '408 [closed]' "${post}Content-Length: 5\r\n\r\nab"
late 'chunks that never end' '408 [closed]' "${chunked}3\r\nab"

answers 'a good request after all that' '200 [open]' "$get\r\n"
ok 'the server is still the same' kill -0 $server
