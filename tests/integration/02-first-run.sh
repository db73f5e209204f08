#!/bin/bash
# Goal: a newcomer's first command shows a durable exec, and the second time too;
# and what it built goes to another machine.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

unset BERTH_HOME BERTH_LINK
cleanup_at_exit env -u BERTH_HOME "$BERTHD" stop
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

# Another machine: a home of its own, to which the daemon is brought.
mkdir "$TMP/there"
sshd_start box "SetEnv BERTH_HOME=$TMP/there"
cleanup_at_exit T_stop_home "$TMP/there"
cleanup_at_exit berth link stop box
is 'what was built goes to another machine' \
	"$(berth run --raw -m box -- echo there 2>&1)" there
