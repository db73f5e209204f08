#!/bin/bash
# Goal: a sync that is cut off in the middle, by the end of the client, of its link
# or of the connection, leaves no half file under a name; the next one goes on
# where it was, to the same bytes, and leaves nothing beside them.  A file that
# is read or written goes on by itself.
# Waits: for what was cut
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/wire.sh"
needs jq script

use_home "${BERTH_HOME#"$TMP"/}"
export BERTHD BERTH_OUTPUT=json
machine_start real

# A wire to it that can be cut, and is slow enough to be cut in time.
wire_start far real
cleanup_at_exit "$BERTH" link stop far
wire delay 5000

mkdir -p "$TMP/src/d"
head -c 16000000 /dev/urandom >"$TMP/src/big"
for i in {1..20}; do echo $i >"$TMP/src/d/f$i"; done
cd "$TMP" || exit 99

# Something of the large file has come.
half() {
	local size
	size=$(find there -name '.berth-*.part' -printf '%s\n' 2>/dev/null |
		sort -n | tail -n 1)
	[ "${size:-0}" -gt 1000000 ]
}
link_pid() {
	"$BERTH" link status far | jq .pid
}
cut_off() { # WHO
	case $1 in
	client) kill -9 $client ;;
	link) kill -9 "$(link_pid)" ;;
	wire) wire reset ;;
	esac
}
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	for way in push pull; do
		whos='client link'
		[ $way = push ] || whos=wire
		for who in $whos; do
			rm -rf there
			# The link is there, and who it is can be asked.
			"$BERTH" file stat -m far "$TMP/src/big" >/dev/null
			"$BERTH" sync $way -m far "$TMP/src" "$TMP/there" \
				>"$TMP/answer" 2>&1 &
			client=$!
			wait_for 20 half || fail "$via: $way: it begins"
			cut_off $who
			wait $client 2>/dev/null
			ok "$via: $way: without its $who no half file has a name" \
				[ ! -e there/big -o "$(stat -c %s there/big 2>&1)" = 16000000 ]
			"$BERTH" sync $way -m far "$TMP/src" "$TMP/there" \
				>"$TMP/answer" 2>"$TMP/errors"
			is '... the next run ends well' $? 0 || note <"$TMP/errors"
			ok '... and is the same to the last byte' diff -r src there
			is '... and nothing is left' "$(find there -name '.berth-*')" ''
			# What was cut off may have come to its end all the same.
			ok '... and went on' [ "$(jq .resumed_bytes "$TMP/answer")" -gt 0 -o \
				"$(jq .files "$TMP/answer")" -lt 20 ]
		done
	done
done

# Many small ones that come behind their list: the rest is asked for by name.
mkdir -p many/{a,b}
for d in a b; do
	head -c 16000000 /dev/urandom | (cd many/$d && split -b 8000 -a 3)
done
some_came() { [ "$(find there -type f -name 'x*' 2>&1 | wc -l)" -gt 20 ]; }
unset BERTH_FILE_VIA
for who in link wire; do
	rm -rf there
	"$BERTH" file stat -m far "$TMP/many" >/dev/null
	"$BERTH" sync pull -m far "$TMP/many" "$TMP/there" >answer 2>errors &
	client=$!
	wait_for 20 some_came
	kill -STOP $client
	came=$(find there -name 'x*' | wc -l)
	ok "many: its $who is cut off before all came" [ "$came" -lt 4000 ]
	ok '... none is half there' [ -z "$(find there -name 'x*' ! -size 8000c)" ]
	cut_off $who
	kill -CONT $client
	wait $client
	is '... it goes on by itself' $? 0 || note <errors
	ok '... to the same' diff -r many there
	is '... counts each once' "$(jq -c '[.files, .bytes, .unchanged, .skipped]' \
		answer)" '[4000,32000000,0,0]'
	is '... and leaves nothing' "$(find there -name '.berth-*')" ''
done
rm -rf many there

# One file goes on by itself.  Who stands still takes no more than fits on the
# way, so that it is not over before it is cut off.
cut_off_in_the_middle() {
	kill -STOP $client
	cut_off $who
	kill -CONT $client
}
begun() { [ "$(stat -c %s "$1" 2>&1)" -gt 1000000 ]; }
goes_on() { # WHAT
	wait $client
	is "$1: without its $who it ends well" $? 0 || note <errors
	ok '... with all bytes' cmp "$2" src/big
	like '... and says what happened' "$(cat errors)" 'lost, trying again.*is back'
}
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	for who in link wire; do
		rm -rf there got
		mkdir there
		"$BERTH" file stat -m far "$TMP/src/big" >/dev/null
		"$BERTH" file write -m far "$TMP/there/big" src/big >answer 2>errors &
		client=$!
		wait_for 20 half
		cut_off_in_the_middle
		goes_on "$via: a write" there/big
		is '... and leaves nothing' "$(ls -A there)" big
		"$BERTH" file read -m far "$TMP/src/big" >got 2>errors &
		client=$!
		wait_for 20 begun got
		cut_off_in_the_middle
		goes_on "$via: a read" got
	done
done
is 'of a part, too' "$("$BERTH" file read -m far --offset 100 -n 200 "$TMP/src/big" |
	cksum)" "$(tail -c +101 src/big | head -c 200 | cksum)"

# A person is shown how far it is, anybody else is not.
unset BERTH_OUTPUT
export BERTH_FILE_VIA=daemon
wire delay 60000
on_terminal() {
	TERM=xterm script -qec "$(printf '%q ' "$BERTH" "$@")" /dev/null \
		</dev/null 2>&1 | tr '\r' '\n'
}
told='[0-9]+% .*MiB of 15 MiB, .*B/s'
like 'a terminal sees how far a write is' \
	"$(on_terminal file write -m far "$TMP/w" "$TMP/src/big")" "$told"
like '... a read' \
	"$(on_terminal file read -m far "$TMP/w" -o "$TMP/r")" "$told"
like '... and a sync' "$(on_terminal sync push -m far "$TMP/src" "$TMP/s")" \
	'[0-9]+% .*MiB of 15 MiB, [0-9]+ of 21 files, .*B/s'
is 'a pipe does not' "$("$BERTH" file read -m far "$TMP/w" 2>&1 | cksum)" \
	"$(cksum <"$TMP/src/big")"
unlike '... either' "$("$BERTH" sync pull -m far "$TMP/src" "$TMP/p" 2>&1)" '%'
