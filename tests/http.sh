# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Servers made of our HTTP code alone (tests/tools/http_server.c); sourced after
# lib.sh.
#
#	serve NAME [OPTION...]		on $TMP/NAME; $server is its process
#	serve_tcp NAME [OPTION...]	there and on a port; $tcp is its address

serve() {
	"$BUILD/tests/tools/http_server" --unix "$TMP/$1" "${@:2}" \
		>"$TMP/$1.log" 2>&1 &
	server=$!
	cleanup_at_exit kill $server
	wait_for 5 file_has "$TMP/$1.log" listening
}

serve_tcp() {
	serve "$1" --tcp 127.0.0.1:0 "${@:2}"
	wait_for 5 file_has "$TMP/$1.log" 'listening 127'
	# shellcheck disable=SC2034
	tcp=$(sed -n 's/^listening \(127.*\)/\1/p' "$TMP/$1.log")
}
