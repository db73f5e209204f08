#!/bin/bash
# Goal: a machine that means no good can send nothing in an archive that was not
# asked for, and nothing that lands outside of the directory, is a device or has
# more rights than a file should have.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs jq node

export BERTHD BERTH_OUTPUT=json
start_daemon
real=$BERTH_HOME/run/berthd.sock

# In front of it, one that means no good.
export BERTH_HOME=$TMP/front
mkdir -p -m 700 "$BERTH_HOME/run"
umask 077
node "$ROOT/tests/peers/daemon-hostile.mjs" "$BERTH_HOME/run/berthd.sock" \
	"$real" "$TMP/way" >"$TMP/ways" 2>"$TMP/peer.log" &
peer=$!
stop_peer() {
	kill $peer
	wait $peer 2>/dev/null
}
cleanup_at_exit stop_peer
wait_for 20 test -s "$TMP/ways"
umask 022

mkdir -p "$TMP/src/d" "$TMP/w/out"
for f in a d/f z; do printf hello >"$TMP/src/$f"; done
ln -s d/f "$TMP/src/l"
echo secret >"$TMP/w/secret"
cd "$TMP/w" || exit 99

# All that there is around the directory, and in it.
around() {
	find "$TMP/w" -mindepth 1 ! -path "$TMP/w/in/*" ! -name in \
		-printf '%P %y %m %s %n %l\n' | sort
	find /etc/passwd -printf '%s %n %T@\n'
}
inside() {
	find in -mindepth 1 -printf '%P %y%m ' | tr ' ' '\n' |
		paste -d' ' - - | sort | paste -sd,
}
pull() { # WAY
	echo "$1" >"$TMP/way"
	timeout 20 "$BERTH" sync pull "$TMP/src" "$TMP/w/in" --jsonl \
		>"$TMP/lines" 2>"$TMP/errors"
	status=$?
}
before=$(around)
for way in $(<"$TMP/ways"); do
	case $way in
	honest | larger | smaller | kind | setuid | spoilt) continue ;;
	esac
	rm -rf in
	pull "$way"
	ok "$way: it ends, and not well" [ $status -gt 0 -a $status -ne 124 -a $status -lt 126 ]
	is "... and nothing is written outside" "$(around)" "$before"
	[ $way = backwards ] || unlike "... nor what nobody asked for inside" "$(inside)" \
		'(^|,)(z|l|escaped|unasked|n+|x|pax|\.berth.*) [^,]*'
	ok "... nor anything through a link" [ -z "$(ls -A out)" ]
done

rm -rf in
pull honest
is 'an honest one is taken' "$status $(inside)" \
	'0 a f644,d d755,d/f f644,l l777,z f644'
for way in larger smaller kind; do
	rm -rf in
	pull $way
	is "$way than was listed: left out by name" \
		"$status $(inside) $(jq -r 'select(.type == "skip") |
			.path' "$TMP/lines" | sort | xargs)" '1 a f644 d d/f l z'
done
rm -rf in
pull setuid
is 'setuid, setgid and sticky bits are not taken over' "$status $(inside)" \
	'0 a f755,d d777,d/f f644,l l777,z f644'
rm -rf in
pull spoilt
is 'what is said to be spoilt is left out by name' "$status $(inside) $(jq -r '
	select(.type == "skip") | .path + ": " + .reason' "$TMP/lines")" \
	'1 d d755,d/f f644,l l777,z f644 a: it changed while it was read'
is 'nothing happened around' "$(around)" "$before"
