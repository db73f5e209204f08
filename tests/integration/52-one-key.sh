#!/bin/bash
# Goal: a key that ten clients send at once starts one exec, also when the
# daemon is killed while they ask.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

use_home h
ok 'a daemon serves' "$BERTHD" serve --detach
drive key

# Through the command line, each a process of its own.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	"$BERTH" exec start --json --key from-cli -- sh -c 'echo once >>cli' \
		>>"$TMP/ids" 2>&1 &
done
wait
is 'ten command lines get one exec' \
	"$(jq -r .exec_id "$TMP/ids" | sort -u | wc -l)" 1
ok 'it ends' "$BERTH" exec wait last
is 'and ran once' "$(cat cli)" once
