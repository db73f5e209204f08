#!/bin/bash
# Goal: clients that do nothing, read nothing or are too many cost little, and
# others are served meanwhile.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/http.sh"

LOAD=$BUILD/tests/tools/http_load
ulimit -n "$(ulimit -Hn)"

# hold NAME TARGET N: that many clients; their pid is $holder.
hold() {
	: >holder.log
	"$LOAD" hold "$TMP/$1" "$2" "$3" >holder.log 2>&1 &
	holder=$!
	cleanup_at_exit kill $holder
	wait_for 10 file_has holder.log holding
}

release() {
	kill $holder
	wait $holder 2>/dev/null
}

stats() {
	curl -sS --max-time 5 --unix-socket "$TMP/$1" http://x/stats | jq "$2"
}

has_conns() {
	[ "$(stats "$1" .conns)" -eq "$2" ]
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$server/stat"
}

# at_most WHAT NUMBER LIMIT
at_most() {
	if [ "$2" -le "$3" ]; then
		pass "$1"
	else
		fail "$1" "$2 is more than $3"
	fi
}

# --- idle clients
serve idle
curl -sS --unix-socket "$TMP/idle" http://x/json >/dev/null
before=$(stats idle .rss_kb)
hold idle - 1000
ok '1000 idle clients are let in' wait_for 10 has_conns idle 1001
is 'others are served' \
	"$(curl -sS --unix-socket "$TMP/idle" http://x/json | jq .ok)" true
is_sanitized ||
	at_most 'each costs less than 4 KiB' $(($(stats idle .rss_kb) - before)) 4096
release
ok 'they are forgotten' wait_for 10 has_conns idle 1

# --- a server that is not asked for anything does not wake up
if timeout -s INT 1 strace -f -o wakes -p $server 2>strace.log ||
	grep -q attached strace.log; then
	is 'an idle server does not wake up' \
		"$(grep -cvE 'epoll_p?wait[^=]*(unfinished|detached)|^$' wakes)" 0
else
	cannot 'an idle server does not wake up' 'ptrace is forbidden here'
fi

# --- clients that ask for much and read nothing
serve deaf
before=$(stats deaf .rss_kb)
hold deaf '/zeros?n=1000000000' 100
asked() {
	[ "$(stats deaf .begun)" -gt 100 ]
}
wait_for 10 asked
was=-1
# Until nothing more is handed over.
stopped() {
	local now
	now=$(stats deaf .zeros)
	[ "$now" = "$was" ] && return
	was=$now
	return 1
}
ok 'the handlers are told to stop' wait_for 10 stopped
at_most 'each was handed less than 1 MiB' "$(stats deaf .zeros)" $((100 << 20))
is_sanitized ||
	at_most 'and keeps less than 512 KiB' $(($(stats deaf .rss_kb) - before)) $((100 * 512))
is 'others are served' \
	"$(curl -sS --unix-socket "$TMP/deaf" 'http://x/zeros?n=20000000' | wc -c)" \
	20000000
release
ok 'they are forgotten' wait_for 10 has_conns deaf 1
is 'and their handlers know' "$(stats deaf '.begun - .gone')" 1

# --- more clients than descriptors
serve short --fds 40
hold short - 100
full() {
	! curl -s --max-time 0.2 --unix-socket "$TMP/short" http://x/json
}
ok 'the next client waits' wait_for 5 full
before=$(cpu_ticks)
curl -s --max-time 1 --unix-socket "$TMP/short" http://x/json
at_most 'without the server spinning' $(($(cpu_ticks) - before)) 10
curl -sS --max-time 10 --unix-socket "$TMP/short" http://x/json >late &
waiting=$!
release
wait $waiting
is 'and is served when others go' "$(jq .ok late)" true

# --- more clients than are allowed
serve few --max-conns 10
hold few - 30
full() {
	! curl -s --max-time 0.2 --unix-socket "$TMP/few" http://x/json
}
ok 'the eleventh waits' wait_for 5 full
release
is 'and is served when another goes' \
	"$(curl -sS --max-time 10 --unix-socket "$TMP/few" http://x/json | jq .ok)" \
	true
