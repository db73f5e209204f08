#!/bin/bash
# Goal: over a line that is slow, and cut again and again before a file is through
# it, files are read, written, pushed and pulled, and a command is given its
# input; what came in the meantime is kept, also of what was not worth it at first.
# Waits: for connections
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
cleanup_at_exit "$BERTH" link stop far
wire delay 5000
mkdir -p "$BERTH_HOME/config" "$TMP/little"
echo 'defaults: {retry: {first: 50ms, max: 100ms}}' \
	>"$BERTH_HOME/config/config.yaml"
cd "$TMP" || exit 99
head -c 3000000 /dev/urandom >little/some

cut_often() { # WHAT COMMAND...
	local what=$1 began passed
	shift
	wire rate 0
	"$BERTH" file stat -m far "$TMP/little" >/dev/null
	wire rate 6000000
	began=$(wire_ask passed)
	wire cuts 500000 4
	"$BERTH" "$@" >answer 2>errors <little/some
	is "$what: cut four times it ends well" $? 0 || note <errors
	is '... each time' "$(wire_ask left)" 0
	# With what the first go brought, it is 3.5 MB; anew each time, 5.
	passed=$(($(wire_ask passed) - began))
	ok '... and goes on' [ $passed -lt 4500000 ] || note <<<"$passed bytes"
}
counts='[.files, .bytes, .resumed_bytes, .unchanged]'
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	rm -rf there got
	mkdir there
	cut_often "$via: a write" file write -m far "$TMP/there/some" little/some
	ok '... with all bytes' cmp there/some little/some
	is '... and leaves nothing' "$(ls -A there)" some
	cut_often "$via: a read" file read -m far "$TMP/little/some" -o got
	ok '... with all bytes' cmp got little/some
	rm -rf there
	cut_often "$via: a push" sync push -m far little "$TMP/there"
	ok '... is the same' diff -r little there
	is '... and leaves nothing' "$(ls -A there)" some
	is '... and counts it once' "$(jq -c "$counts" answer)" '[1,3000000,0,0]'
	rm -rf there
	cut_often "$via: a pull" sync pull -m far "$TMP/little" "$TMP/there"
	ok '... is the same' diff -r little there
	is '... and leaves nothing' "$(ls -A there)" some
	is '... and counts it once' "$(jq -c "$counts" answer)" '[1,3000000,0,0]'
done
unset BERTH_FILE_VIA
cut_often 'a run' run -m far --raw -i -- sha256sum
is '... with all its input' "$(cat answer)" "$(sha256sum <little/some)"
