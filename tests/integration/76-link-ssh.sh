#!/bin/bash
# Goal: a machine behind a real sshd is used like this one: over one connection,
# which comes back when it was cut, with questions going to who can answer.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/paced.sh"

use_config <<YAML
defaults: {keep_alive: 2s, retry: {first: 200ms, max: 1s, limit: 30}}
YAML
machine_start far
machine_start closed 'AllowStreamLocalForwarding no'

# A program of our own, to be replaced while it runs.
cp "$BERTH_LINK" "$TMP/berth-link"
export BERTH_LINK=$TMP/berth-link


# --- use ---------------------------------------------------------------------

is 'a command runs there' "$("$BERTH" run -m far --raw -- echo hello \
	2>"$TMP/err")" hello || note <"$TMP/err"
"$BERTH" exec start -m far -o text -- true >"$TMP/out" 2>"$TMP/err"
like 'what is hinted at finds it there, too' "$(cat "$TMP/err")" \
	"'berth logs -m far -f $(cat "$TMP/out")'"
is 'under the daemon there' "$(link far /v1/link | jq -r .hello.nonce)" \
	"$(curl -sS --unix-socket "$TMP/far/run/berthd.sock" \
		http://localhost/v1/hello | jq -r .nonce)"
for i in 1 2 3 4 5; do
	"$BERTH" run -m far --raw -- echo "$i"
done >"$TMP/five"
is 'five more, too' "$(tr -d '\n' <"$TMP/five")" 12345
is 'over one connection' "$(n_logins far)" 1
head -c 2000000 /dev/urandom >"$TMP/big"
ok 'megabytes go through, both ways' eval \
	'"$BERTH" run -m far --raw --stdin -- cat <"$TMP/big" | cmp - "$TMP/big"'

is 'where sockets are not forwarded a command relays' \
	"$("$BERTH" run -m closed --raw -- echo relayed 2>"$TMP/err")" relayed ||
	note <"$TMP/err"
is 'that is found out once' \
	"$(grep -c 'relaying by a command' "$(echo "$BERTH_HOME"/state/*/link/link.log)")" 1

# --- loss --------------------------------------------------------------------

paced_start far 2000 50
paced_on 5
ok 'output comes' wait_for 10 has_lines 250
cp "$BERTH_LINK" "$TMP/upgrade"
mv "$TMP/upgrade" "$BERTH_LINK"
sshd_cut far
ok 'the link notices that the connection is cut' \
	wait_for 10 state_is far reconnecting
paced_on 5
sshd_run far
ok 'and is back soon after the machine is' wait_for 10 state_is far active
ok 'and has ssh ask by the program that an upgrade left there' \
	test -x "$BERTH_HOME/run/link/berth-askpass"
paced_on 30
paced_wait
is 'the command ends as if nothing had been' $? 0
ok 'without a byte lost or doubled' paced_is_whole
like 'who waited was told' "$(cat "$TMP/err")" \
	'link to far lost, trying again.*link to far is back'
is 'it is counted' "$(link far /v1/link | jq -r .reconnects)" 1
like 'and written down' "$("$BERTH" events -m far --jsonl)" '"type":"disconnect"'

# --- no way in ---------------------------------------------------------------

link_stop far
cp "$SSHD/known_hosts" "$TMP/known"
: >"$SSHD/known_hosts"
setsid -w "$BERTH" run -m far -- true >"$TMP/err" 2>&1
is 'an unknown host key with no one to ask is its own failure' $? 76
like 'which says so' "$(cat "$TMP/err")" 'no one'
state=$(link far /v1/link)
like 'and is not tried again' "$state" '"state":"disconnected"'
is 'once' "$("$BERTH" events -m far --jsonl |
	grep -c '"type":"failure".*HOST_KEY')" 1

# A person: the question comes by the API, and is answered there.
connect_link far >"$TMP/stages" &
asked=$!
ok 'a person is asked' wait_for 20 file_has "$TMP/stages" '"type":"prompt"'
like 'with the fingerprint' "$(cat "$TMP/stages")" '"fingerprint":"SHA256:'
question=$(jq -r 'select(.type=="prompt").id' "$TMP/stages")
link far "/v1/link/prompts/$question" -X POST -d '{"answer":"yes"}' >/dev/null
wait "$asked"
like 'and let in after the answer' "$(tail -n 1 "$TMP/stages")" '"type":"active"'
link_stop far

# The asker goes away.
: >"$SSHD/known_hosts"
"$BERTH_LINK" far
connect_link far >"$TMP/stages" &
asked=$!
wait_for 20 file_has "$TMP/stages" '"type":"prompt"'
kill "$asked"
wait "$asked" 2>/dev/null
ok 'a question dies with who was asked' wait_for 10 state_is far disconnected
cp "$TMP/known" "$SSHD/known_hosts"
is 'and a person can try again' "$("$BERTH" run -m far --raw -- echo again)" again

# At a terminal the question is shown there, and Ctrl-C is an answer.
if command -v tmux >/dev/null; then
	link_stop far
	: >"$SSHD/known_hosts"
	unset TMUX
	T="tmux -L berth-$$ -f /dev/null"
	$T new-session -d -x 120 -y 24 \
		"env PS1='$ ' TERM=screen bash --norc --noprofile"
	cleanup_at_exit $T kill-server
	shows() { $T capture-pane -p -J | grep -qE -- "$1"; }
	type_() { $T send-keys -l "$1"; $T send-keys Enter; }
	wait_for 10 shows '^\$'
	type_ "clear; '$BERTH' run -m far -- echo let in; echo =\$?"
	ok 'the terminal shows the question' wait_for 20 shows 'SHA256:.*'
	wait_for 10 shows 'yes/no'
	$T send-keys C-c
	ok 'and Ctrl-C ends it without a way in' wait_for 20 shows '^=76'
	type_ "clear; '$BERTH' run -m far -- echo let in; echo =\$?"
	wait_for 20 shows 'yes/no'
	type_ yes
	ok 'and yes lets in' wait_for 20 shows '^=0'
	$T kill-server
fi

sshd_cut far
ok 'without a machine' wait_for 10 state_is far reconnecting
link_stop far
"$BERTH" run -m far -- true >"$TMP/err" 2>&1
is 'one that does not answer is unreachable' $? 69
