#!/bin/bash
# Goal: a line on which an answer waits behind what is being sent is slow, and
# is not taken for dead; one that dies while much is being sent is.
# Waits: for bytes to pass, and for signs of life
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/wire.sh"
needs jq

use_home "${BERTH_HOME#"$TMP"/}"
export BERTHD BERTH_OUTPUT=json
machine_start real
wire_start far real
mkdir -p "$BERTH_HOME/config"
cat >"$BERTH_HOME/config/config.yaml" <<YAML
defaults: {keep_alive: 1s}
machines:
  - {name: mastered, ssh: far}
  - {name: own, ssh: far, transport: libssh}
  - {name: beside, ssh: far}
YAML
# By which ways files go there.
declare -A ways=([mastered]='daemon sftp shell' [own]=daemon)
machines=mastered
[ ! -e "$BUILD/tests/unit/link/link_transport_libssh_test" ] ||
	machines+=' own'
for machine in $machines beside; do
	cleanup_at_exit "$BERTH" link stop $machine
done

reconnects() { "$BERTH" link status "$1" | jq .reconnects; }
has_lost() { [ "$(reconnects "$1")" -gt 0 ]; }
# 2 Mbit/s: seconds of what is sent lie before an answer.
slow=250000
head -c $((5 * slow)) /dev/urandom >"$TMP/big"
wire delay 10000

# ends_well WHAT FILE: as $pid was to write it, with its errors in FILE.errors.
ends_well() {
	wait "$pid"
	is "$1 ends well" $? 0 || note <"$2.errors"
	ok '... with all bytes' cmp "$2" big
}

for machine in $machines; do
	wire rate 0
	"$BERTH" run -m $machine -- true >/dev/null
	wire rate $slow
	for via in ${ways[$machine]}; do
		export BERTH_FILE_VIA=$via
		"$BERTH" file write -m $machine "$TMP/there" big \
			2>there.errors >answer &
		writer=$!
		"$BERTH" file read -m $machine "$TMP/big" -o here \
			2>here.errors >answer
		pid=$writer ends_well "$machine, $via: a write" there
		ok '... and a read at the same time' cmp here big
		is '... and nothing is said of a loss' \
			"$(cat here.errors there.errors)" ''
		rm -f here there
	done
	is "$machine: it was one connection all the time" \
		"$(reconnects $machine)" 0
done
unset BERTH_FILE_VIA

# Much of it is on its way, and some has arrived.
has_passed() { [ "$(wire_ask passed)" -gt "$1" ]; }
for machine in $machines; do
	wire rate $slow
	passed=$(wire_ask passed)
	"$BERTH" file write -m $machine "$TMP/there" big \
		2>there.errors >answer &
	pid=$!
	wait_for 20 has_passed $((passed + slow))
	wire drop
	wire rate 0
	ok "$machine: what dies meanwhile is noticed" \
		wait_for 20 has_lost $machine
	ends_well '... and the write' there
	like '... and it is said' "$(<there.errors)" \
		'no sign of life|does not answer|not responding'
	rm -f there
	wire forget
done

# Slow one way, as many lines are: the machine takes 96 KiB at a time, and tells
# that after four seconds each.
head -c 300000 big >some
pids=()
for machine in $machines; do
	"$BERTH" link stop $machine >/dev/null
	wire rate 24000 500000
	"$BERTH" file write -m $machine "$TMP/there.$machine" some \
		2>"there.$machine.errors" >answer &
	pids+=($!)
done
for machine in $machines; do
	pid=${pids[0]} pids=("${pids[@]:1}")
	wait "$pid"
	is "$machine: a write over a line that is slower that way ends well" \
		$? 0 || note <"there.$machine.errors"
	ok '... with all bytes' cmp "there.$machine" some
	is '... and nothing is said of a loss' "$(<"there.$machine.errors")" ''
	rm -f "there.$machine"
done

# Near, so that it goes where the link does not see it.
wire rate 0
wire delay 0
"$BERTH" run -m beside -- true >/dev/null
wait_for 30 test -S "$BERTH_HOME/run/link/beside.near"
wire rate $slow
"$BERTH" file write -m beside "$TMP/there" big 2>there.errors >answer &
pid=$!
has_lease() { [ "$("$BERTH" link status beside | jq .near)" = 1 ]; }
ok 'beside: a write goes past the link' wait_for 10 has_lease
ends_well '... and' there
is '... and nothing is said of a loss' "$(<there.errors)" ''
is '... nor seen' "$(reconnects beside)" 0
