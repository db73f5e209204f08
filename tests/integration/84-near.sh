#!/bin/bash
# Goal: what is much goes past the link where the machine is near, as whole as
# by the link and under its eyes; and by the link where it cannot.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

sshd_start far "SetEnv BERTH_HOME=$TMP/far"
sshd_start closed "SetEnv BERTH_HOME=$TMP/closed" \
	'AllowStreamLocalForwarding no'
mkdir -p "$BERTH_HOME/config"
cat >"$BERTH_HOME/config/config.yaml" <<YAML
defaults: {keep_alive: 1s, retry: {first: 50ms, max: 500ms, limit: 100}}
machines:
  - {name: brief, ssh: far, idle: 1s}
YAML
use_home "${BERTH_HOME#"$TMP"/}"
export BERTH_BERTHD_DIR=$BUILD/src/berthd

stop_far() {
	local name
	for name in far closed brief; do
		"$BERTH" link stop "$name"
	done
	BERTH_HOME=$TMP/far "$BERTHD" stop
	BERTH_HOME=$TMP/closed "$BERTHD" stop
}
cleanup_at_exit stop_far

links=$BERTH_HOME/run/link
link() {
	curl -sS --max-time 20 --unix-socket "$links/$1.ctl" \
		"http://localhost${3:-/v1/link}" | jq -r "$2"
}
is_now() { [ "$(link "$1" "$2")" = "$3" ]; }
# What it relayed since the last call, in whole megabytes.
echo 0 >"$TMP/relayed"
since() {
	local before now
	read -r before <"$TMP/relayed"
	now=$(link far '.bytes_in + .bytes_out')
	echo "$now" >"$TMP/relayed"
	echo $(((now - before) / 1000000))
}
n_fds() {
	local fds=("/proc/$(link far .pid)/fd/"*)
	echo "${#fds[@]}"
}

# Of what comes from 7: so much that it is worth another way, and the rest.
read_much() { head -c 4000000 <&7 >"$TMP/much"; }
cmp_rest() { cat "$TMP/much" - <&7 | cmp - "$TMP/big"; }

# --- what goes there ---------------------------------------------------------

ok 'a command runs' "$BERTH" run -m far --raw -- true
ok 'a near machine has a way past the link' wait_for 30 test -S "$links/far.near"
is 'for its user only' "$(stat -c %a "$links/far.near")" 600
like 'which is the daemon there' "$(curl -sS --unix-socket "$links/far.near" \
	http://localhost/v1/hello)" "$(link far .hello.nonce)"
head -c 40000000 /dev/urandom >"$TMP/big"
since >"$TMP/out"
ok 'a file is written' "$BERTH" file write -q -m far "$TMP/there" "$TMP/big"
ok '... as it is' cmp "$TMP/there" "$TMP/big"
is '... past the link' "$(since)" 0
ok 'a file is read' "$BERTH" file read -m far "$TMP/big" -o "$TMP/here"
ok '... as it is' cmp "$TMP/here" "$TMP/big"
ok '... past the link, but for its beginning' test "$(since)" -lt 8
ok 'the output of a command comes' eval \
	'"$BERTH" run -m far --raw -- cat "$TMP/big" | cmp - "$TMP/big"'
ok '... past the link, but for its beginning' test "$(since)" -lt 8
id=$("$BERTH" exec start -m far -o text -- cat "$TMP/big")
ok 'a log is read while it grows' eval \
	'"$BERTH" logs -m far -f --full --raw "$id" | cmp - "$TMP/big"'
ok '... and its end later' eval 'tail -c 3000000 "$TMP/big" >"$TMP/end" &&
	"$BERTH" logs -m far --tail 3000000 --raw "$id" | cmp - "$TMP/end"'
"$BERTH" run -m far --raw -- sh -c "head -c 4000000 $TMP/big
	head -c 4000000 $TMP/big >&2" >/dev/null 2>&1
"$BERTH" logs -m far --tail 2000000 --raw last >"$TMP/out" 2>"$TMP/err"
is 'of the end of both no more is shown than was asked for' \
	"$(wc -c <"$TMP/out") $(wc -c <"$TMP/err")" '0 2000000'
since >"$TMP/out"
mkdir "$TMP/tree"
head -c 5000000 "$TMP/big" >"$TMP/tree/a"
ok 'a tree is sent' "$BERTH" sync push -q -m far "$TMP/tree" "$TMP/sent"
ok '... as it is' diff -r "$TMP/tree" "$TMP/sent"
is '... past the link' "$(since)" 0
echo small >"$TMP/small"
is 'what is little takes a stream that is open' \
	"$("$BERTH" file read -m far "$TMP/small")" small
ok 'nothing is left of all that' wait_for 10 is_now far .near 0

# --- leases ------------------------------------------------------------------

is 'who asks for a way is given a lease' "$(curl -sS -o /dev/null \
	-w '%{http_code}' --max-time 1 --unix-socket "$links/far.ctl" \
	-H 'Connection: Upgrade' -H 'Upgrade: berth-lease' \
	-d '{"kind":"near"}' http://localhost/v1/link/stream)" 101
ok 'it ends with its connection' wait_for 10 is_now far .streams 0
ok 'another link idles soon' "$BERTH" run -m brief --raw -- true
wait_for 30 test -S "$links/brief.near"
mkfifo "$TMP/slow"
"$BERTH" run -m brief --raw -- cat "$TMP/big" >"$TMP/slow" &
reader=$!
exec 7<"$TMP/slow"
read_much
ok 'who reads slowly holds a lease' wait_for 10 is_now brief .near 1
is '... which is a stream' "$(link brief .streams)" 1
since=$(link brief .since)
# Longer than it may idle.
timeout 3 tail -f /dev/null
is '... and the link does not end under it' "$(link brief .since)" "$since"
ok 'all of it comes' cmp_rest
exec 7<&-
wait $reader
ok 'then the link ends' wait_for 10 test ! -e "$links/brief.ctl"
ok '... and its way past it' test ! -e "$links/brief.near"

# --- loss --------------------------------------------------------------------

"$BERTH" run -m far --raw -- cat "$TMP/big" >"$TMP/slow" 2>"$TMP/err" &
reader=$!
exec 7<"$TMP/slow"
read_much
ok 'a stream is on its way' wait_for 10 is_now far .near 1
sshd_cut far
ok 'the link notices that the connection is cut' \
	wait_for 10 is_now far .state reconnecting
ok 'there is no way past it now' test ! -e "$links/far.near"
is '... and no lease' "$(link far .near)" 0
sshd_run far
ok 'no byte is lost or doubled' cmp_rest
exec 7<&-
ok '... and the command ends well' wait $reader
ok 'the way is there again' wait_for 30 test -S "$links/far.near"

"$BERTH" file read -m far "$TMP/big" >"$TMP/slow" 2>"$TMP/err" &
reader=$!
exec 7<"$TMP/slow"
read_much
ok 'a file is on its way' wait_for 10 is_now far .near 1
kill -9 "$(link far .pid)"
ok 'it is whole though the link was killed' cmp_rest
exec 7<&-
ok '... and the command ends well' wait $reader
"$BERTH" link stop far
: >"$links/far.near"
ok 'what a killed link left is no hindrance' \
	"$BERTH" file write -q -m far "$TMP/there" "$TMP/big"
ok '... and replaced' wait_for 30 test -S "$links/far.near"

# --- near and far ------------------------------------------------------------

mkfifo "$TMP/commands" "$TMP/answers"
"$BUILD/tests/tools/relay" "${SSHD_PORT[far]}" <"$TMP/commands" \
	>"$TMP/answers" 2>"$TMP/relay-err" &
exec 8>"$TMP/commands" 9<"$TMP/answers"
read -r wire <&9
say() {
	echo "$*" >&8
	read -r _ <&9
}
printf 'Host moves\n\tHostName 127.0.0.1\n\tPort %s\n' "$wire" >>"$SSHD/hosts"
echo "[127.0.0.1]:$wire $(cut -d' ' -f1,2 "$SSHD/far/host_key.pub")" \
	>>"$SSHD/known_hosts"
cleanup_at_exit "$BERTH" link stop moves
"$BERTH" run -m moves --raw -- true
ok 'a machine is near' wait_for 30 test -S "$links/moves.near"
say delay 40000
ok '... until it is far' wait_for 30 test ! -e "$links/moves.near"
ok '... and is used by the link' "$BERTH" file write -q -m moves \
	"$TMP/there" "$TMP/tree/a"
ok '... all of it' test "$(link moves .bytes_out)" -gt 5000000
say delay 0
ok '... and near again' wait_for 60 test -S "$links/moves.near"
ok '... with the same daemon' "$BERTH" file write -q -m moves \
	"$TMP/there" "$TMP/tree/a"
ok '... past the link' test "$(link moves .bytes_out)" -lt 6000000
truncate -s 500M "$TMP/huge"
cut_while() { # NAME COMMAND...: in the middle
	"${@:2}" >"$TMP/out" 2>"$TMP/err" &
	local runs=$!
	wait_for 20 is_now moves .near 1
	say reset
	ok "$1" wait $runs || note <"$TMP/err"
	wait_for 20 test -S "$links/moves.near"
}
cut_while 'a write that is cut goes on' "$BERTH" file write -q -m moves \
	"$TMP/there" "$TMP/huge"
ok '... to the same' cmp "$TMP/there" "$TMP/huge"
cut_while 'a read that is cut goes on' "$BERTH" file read -m moves \
	"$TMP/huge" -o "$TMP/here"
ok '... to the same' cmp "$TMP/here" "$TMP/huge"
ok 'they were cut' test "$(link moves .reconnects)" -eq 2
rm -f "$TMP/huge" "$TMP/here" "$TMP/there"
"$BERTH" link stop moves
ok 'nothing is left of it' wait_for 10 eval '! ls "$links"/moves.near*'

# --- no such way -------------------------------------------------------------

BERTH_HOME=$TMP/far "$BERTHD" stop
ok 'a daemon that is gone is started again' \
	"$BERTH" file read -m far "$TMP/big" -o "$TMP/here"
ok '... for what is much' cmp "$TMP/here" "$TMP/big"
before=$(n_fds)
for _ in 1 2 3; do
	"$BERTH" file write -q -m far "$TMP/there" "$TMP/big"
done
ok 'the link has no descriptor more' wait_for 10 eval '[ $(n_fds) -le $before ]'
ok 'where sockets are not forwarded the link relays' \
	"$BERTH" file write -q -m closed "$TMP/there" "$TMP/big"
is '... all of it' "$(($(link closed .bytes_out) / 40000000))" 1
ok '... since there is no other way' test ! -e "$links/closed.near"
like '... and says so' "$(curl -sS --unix-socket "$links/closed.ctl" \
	-H 'Connection: Upgrade' -H 'Upgrade: berth-lease' \
	-d '{"kind":"near"}' http://localhost/v1/link/stream)" \
	'no way past the link'
