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
# Where nothing is, the archive comes behind the list, elsewhere for names.
begin() { # FETCH | PACK
	rm -rf in
	mkdir in
	[ "$1" = fetch ] || : >in/mine
}
before=$(around)
for how in fetch pack; do
	# What of d and l is not in the archive comes with the list.
	if [ $how = fetch ]; then
		mine='' d=d755 partial='a f644,d d755,l l777 d/f z'
	else
		mine=',mine f644' d=d777 partial='a f644,mine f644 d d/f l z'
	fi
	for way in $(<"$TMP/ways"); do
		case $way in
		honest | larger | smaller | kind | setuid | spoilt) continue ;;
		esac
		begin $how
		pull "$way"
		ok "$how: $way: it ends, and not well" \
			[ $status -gt 0 -a $status -ne 124 -a $status -lt 126 ]
		is "... and nothing is written outside" "$(around)" "$before"
		[ $way = backwards ] || unlike "... nor what nobody asked for inside" \
			"$(inside)" '(^|,)(z|l|escaped|unasked|n+|x|pax|\.berth.*) [^,]*'
		ok "... nor anything through a link" [ -z "$(ls -A out)" ]
	done

	begin $how
	pull honest
	is "$how: an honest one is taken" "$status $(inside)" \
		"0 a f644,d d755,d/f f644,l l777$mine,z f644"
	for way in larger smaller kind; do
		begin $how
		pull $way
		is "$how: $way than was listed: left out by name" \
			"$status $(inside) $(jq -r 'select(.type == "skip") |
				.path' "$TMP/lines" | sort | xargs)" "1 $partial"
	done
	begin $how
	pull setuid
	is "$how: setuid, setgid and sticky bits are not taken over" \
		"$status $(inside)" "0 a f755,d $d,d/f f644,l l777$mine,z f644"
	begin $how
	pull spoilt
	is "$how: what is said to be spoilt is left out by name" \
		"$status $(inside) $(jq -r 'select(.type == "skip") |
			.path + ": " + .reason' "$TMP/lines")" \
		"1 d d755,d/f f644,l l777$mine,z f644 a: it changed while it was read"
done

begin fetch
pull older
is 'a daemon that knows no fetch is asked for a list, and for names' \
	"$status $(inside)" '0 a f644,d d755,d/f f644,l l777,z f644'
is 'nothing happened around' "$(around)" "$before"
