#!/bin/bash
# Goal: a newcomer's first command shows a durable exec, and the second time too.
. "$(dirname "$0")/../lib.sh"

unset BERTH_HOME
cleanup_at_exit "$BERTHD" stop
ok 'the first run succeeds' "$ROOT/scripts/first-run" "$BUILD"
cp .out first
like 'the daemon tells where it is' "$(<first)" "socket $HOME/[^ ]*berthd.sock"
is 'the output is live and read again' "$(grep -c '^under way$' first)" 2
like 'the exec is listed' "$(<first)" 'exited 0'
like 'it says what to type next' "$(<first)" 'berth help'

export PATH=$BUILD/bin:$PATH
pid=$(berthd status --json | jq .pid)
ok 'the second run succeeds' "$ROOT/scripts/first-run" "$BUILD"
is 'with the same daemon' "$(berthd status --json | jq .pid)" "$pid"
is 'both execs are there' "$(berth ps --json | jq .total)" 2
is 'nothing is shared with others' "$(find "$HOME/.local" -perm /077 | head)" ''

# What the names of others find beside these.
is 'codex-remote is berth' "berth $(codex-remote version)" "$(berth version)"
is 'codexd is berthd' "$(codexd version)" "$(berthd version)"
