#!/bin/bash
# Goal: a connection that is dead without saying so is noticed within seconds,
# one that can be had again is had at once, and who waits for a machine that is
# given up learns it, and what to do.
# Waits: for machines that do not answer
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/paced.sh"
. "$ROOT/tests/wire.sh"

use_config <<YAML
defaults: {keep_alive: 1s, retry: {first: 100ms, max: 1s, limit: 1000}}
machines:
  - {name: short, ssh: far, keep_alive: 1s, retry: {first: 50ms, max: 50ms, limit: 2}}
  - {name: silent, ssh: far, keep_alive: 0}
  - {name: inside, ssh: inside, keep_alive: 1s, retry: {first: 60s, max: 60s, limit: 9}}
YAML
machine_start real

# A wire to it that can be cut.
wire_start far real

end_links() {
	local name
	for name in far short silent; do
		"$BERTH" link stop "$name"
	done
}
cleanup_at_exit end_links
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
# Of the last event of a type: when, in milliseconds.
event_ms() {
	date -d "$("$BERTH" events -m "$1" --jsonl |
		jq -r "select(.type==\"$2\").time" | tail -n 1)" +%s%3N
}
begin_numbers() {
	paced_start "$1" 400 100
	wait_for 10 has_lines 100
}
end_numbers() {
	paced_on 4
	paced_wait
}

# --- half-open ---------------------------------------------------------------

begin_numbers far
cut=$(now_ms)
wire drop
ok 'a half-open connection is noticed' wait_for 10 state_is far reconnecting
has_event() { "$BERTH" events -m "$1" --jsonl | grep -q "\"type\":\"$2\""; }
wait_for 10 has_event far disconnect
took=$(($(event_ms far disconnect) - cut))
note "after $took ms"
ok 'within keep_alive and the time for a sign of life' \
	test $took -le $((15000 * ${BERTH_TEST_SLOW:-1}))
ok 'and is replaced' wait_for 10 state_is far active
end_numbers
is 'who waited goes on' $? 0
ok 'byte for byte' paced_is_whole
like 'and was told why' "$(cat "$TMP/err")" \
	'link to far lost, trying again \((no sign of life|Timeout, server)'
wire forget

# --- files -------------------------------------------------------------------

mkdir "$TMP/tree"
head -c 150000000 /dev/urandom >"$TMP/tree/large"
for i in $(seq 300); do echo "$i" >"$TMP/tree/f$i"; done
"$BERTH" sync pull -m far "$TMP/tree" "$TMP/copy" -o text 2>"$TMP/err" &
client=$!
has_part() { [ -n "$(find "$TMP/copy" -name '.berth-*.part' -size +1000k)" ]; }
ok 'a large file is on its way' wait_for 20 has_part
wire close
wait "$client"
is 'a copy that is cut goes on' $? 0
ok 'until all is there' diff -r "$TMP/tree" "$TMP/copy"
like 'who waited was told' "$(cat "$TMP/err")" \
	$'link to far lost, trying again .*\n.*far is back\n.*fetched 301 files' ||
	note <"$TMP/err"
rm -r "$TMP/copy" "$TMP/tree"

# --- a laptop ----------------------------------------------------------------

# A laptop: client, link and ssh stand still, and the connection is gone when
# they wake.
begin_numbers far
link_pid=$(link far /v1/link | jq -r .pid)
ssh_pid=$(pgrep -x ssh -P "$link_pid")
kill -STOP "$PACED" "$link_pid" "$ssh_pid"
wire drop
paced_on 4
# Longer than a keep-alive and its answer.
timeout 4 tail -f /dev/null
woke=$(now_ms)
kill -CONT "$ssh_pid" "$link_pid" "$PACED"
ok 'after it stood still the link is soon back' wait_for 15 has_lines 400
note "after $(($(now_ms) - woke)) ms"
paced_wait
is 'and who slept, too, goes on' $? 0
ok 'byte for byte, again' paced_is_whole
wire forget

# --- without signs of life ---------------------------------------------------

# An answer that is overdue is reason enough to ask, whatever keep_alive is.
is 'signs of life can be left out' \
	"$("$BERTH" run -m silent --raw -- echo quiet)" quiet
wire drop
"$BERTH" run -m silent --raw -- echo again >"$TMP/out" 2>"$TMP/err" &
client=$!
ok 'who asks then still finds out' wait_for 15 state_is silent reconnecting
wire forget
wait "$client"
is 'and is served' "$(cat "$TMP/out")" again || note <"$TMP/err"
ok 'its link can be stopped' "$BERTH" link stop silent

# --- a machine that comes back -----------------------------------------------

plain=$(now_ms)
ssh -F "$BERTH_SSH_CONFIG" far true
plain=$(($(now_ms) - plain))
begin_numbers far
wire down
wire close
wait_for 10 state_is far reconnecting
# For some attempts to fail.
failures() { "$BERTH" events -m far --jsonl | grep -c '"type":"failure"'; }
before=$(failures)
more_failures() { [ "$(failures)" -gt $((before + 2)) ]; }
wait_for 15 more_failures
back=$(now_ms)
wire up
ok 'a machine that is back is used' wait_for 10 state_is far active
took=$(($(event_ms far success) - back))
note "after $took ms; plain ssh takes $plain ms"
end_numbers
ok 'byte for byte, for the third time' paced_is_whole

# --- given up ----------------------------------------------------------------

begin_numbers short
wire down
wire close
wait "$PACED"
is 'who waits for a machine that is given up is unreachable' $? 69
exec 7>&-
like 'and learns what to do' "$(cat "$TMP/err")" 'short is given up: .*berth logs -m short -f'
ok 'the link says so, too' state_is short disconnected
wire up
is 'until somebody wants it' "$("$BERTH" run -m short --raw -- echo back)" back

# --- another network ---------------------------------------------------------

# A pause of a minute ends when an interface comes up, in a network of its own.
if [ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null; then
	cat >"$TMP/inside" <<'EOF2'
	ip link set lo up
	"$(command -v /usr/sbin/sshd)" -D -e -f "$SSHD/real/sshd_config" \
		2>"$TMP/inside.log" &
	server=$!
	printf 'Host inside\n\tHostName 127.0.0.1\n\tPort %s\n\tHostKeyAlias inside\n' \
		"$1" >>"$SSHD/hosts"
	echo "inside $(cut -d' ' -f1,2 "$SSHD/real/host_key.pub")" \
		>>"$SSHD/known_hosts"
	until grep -q listening "$TMP/inside.log"; do :; done
	"$BERTH" run -m inside --raw -- echo there
	ip link set lo down
	until "$BERTH" link status inside --json | grep -q reconnecting; do :; done
	until [ "$("$BERTH" link status inside --json | jq .next_retry_ms)" -gt 9000 ]; do :; done
	ip link set lo up
	for _ in $(seq 50); do
		"$BERTH" link status inside --json | jq -r .state |
			grep -q '^active' && echo back && break
		timeout 0.1 tail -f /dev/null
	done
	"$BERTH" link stop inside >/dev/null
	kill "$server" $(pgrep -x sshd -P "$server")
	wait "$server"
EOF2
	export SSHD
	got=$(timeout 40 unshare -n bash "$TMP/inside" "${SSHD_PORT[real]}" \
		2>"$TMP/err" | tr '\n' ' ')
	is 'an interface that comes up ends the pause' "$got" 'there back ' ||
		note <"$TMP/err"
else
	cannot 'an interface that comes up ends the pause' \
		'networks of its own need root'
fi
