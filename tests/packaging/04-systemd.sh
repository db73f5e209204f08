#!/bin/bash
# Goal: systemd accepts the units, and the daemon serves the socket it is given.
. "$(dirname "$0")/../lib.sh"
needs systemd-analyze systemd-socket-activate

# The units name a program that must exist, so they are verified as installed.
mkdir root units
DESTDIR=$TMP/root meson install -C "$BUILD" --no-rebuild --quiet >/dev/null 2>&1
installed=$(find root -name 'berthd.service' -printf '%h')
prefix=${installed#root}
prefix=${prefix%/lib/systemd/user}
for unit in berthd.service berthd.socket; do
	ok "$unit is installed" test -s "$installed/$unit"
	sed "s,=$prefix/bin/,=$TMP/root$prefix/bin/," "$installed/$unit" \
		>"units/$unit"
done
mkdir -m 700 run
XDG_RUNTIME_DIR=$TMP/run systemd-analyze verify --user units/berthd.service \
	units/berthd.socket >verify 2>&1
# What systemd says of man pages and of other units of this machine is not ours.
is 'systemd-analyze has nothing to say' \
	"$(grep -E '(^|/)berthd\.' verify | grep -v 'man berthd')" ''

service=$(<units/berthd.service)
like 'the service tells when it is ready' "$service" 'Type=notify'
like 'a stop ends the daemon only' "$service" 'KillMode=process'
is 'the socket is where clients look' \
	"$(sed -n 's/^ListenStream=//p' units/berthd.socket)" \
	'%t/berth/berthd.sock'

# Socket activation: the socket exists first, the first client starts the daemon.
use_home h
mkdir -p -m 700 "$BERTH_HOME/run"
umask 077
systemd-socket-activate -l "$BERTH_HOME/run/berthd.sock" \
	-E "BERTH_HOME=$BERTH_HOME" "$BERTHD" serve >activate.log 2>&1 &
pid=$!
ok 'the socket is there' wait_for 5 test -S "$BERTH_HOME/run/berthd.sock"
is 'nothing serves it yet' "$(pgrep -P $pid -c berthd)" 0
inode=$(stat -c %i "$BERTH_HOME/run/berthd.sock")
like 'the first client is answered' "$(api GET /v1/hello)" '"api":1'
is 'on the socket that was given' \
	"$(stat -c %i "$BERTH_HOME/run/berthd.sock")" "$inode"
is 'by the process that was started' "$(api GET /v1/hello | jq .pid)" $pid
ok 'it stops' "$BERTHD" stop
wait $pid
is 'as asked' $? 0
