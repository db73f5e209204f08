#!/bin/bash
# Goal: what ended long enough ago is forgotten, by tmux and on the disk, and
# an agent that lives is never touched, however long nobody looks.
. "$(dirname "$0")/../lib.sh"
needs tmux
use_home h
unset TMUX TMUX_PANE BERTH_SESSION
PATH=$(dirname "$BERTH"):$PATH
OURS=(tmux -S "$BERTH_HOME/run/session/tmux")

end_sessions() { "${OURS[@]}" kill-server; }
cleanup_at_exit end_sessions
names() { berth session ls --json | jq -r '[.sessions[].name] | sort | join(" ")'; }
names_are() { [ "$(names)" = "$1" ]; }
states() { berth session ls --json | jq -r '[.sessions[] | .name + "=" + .state] | sort | join(" ")'; }
records() { find "$BERTH_HOME"/state/*/session -name '*.json' -printf '%f\n' | sort | tr '\n' ' '; }
configure() { # REAP_AFTER
	mkdir -p "$BERTH_HOME/config"
	echo "sessions: {reap_after: $1}" >"$BERTH_HOME/config/berthd.yaml"
	[ ! -e "$BERTH_HOME/run/berthd.sock" ] || "$BERTHD" stop
}

configure 0
berth session new quiet -- sh -c "$HANG" >new.json
berth session new done -- sh -c 'echo bye; exit 4' >/dev/null
berth session new gone -- sh -c "$HANG" >/dev/null
"${OURS[@]}" kill-session -t =gone
is 'three sessions, two of which ended' "$(states)" \
	'done=ended gone=ended quiet=running'

configure 1h
is 'within the time all is kept' "$(states)" \
	'done=ended gone=ended quiet=running'

configure 1s
berth session ls >/dev/null
ok 'what ended is forgotten after it' wait_for 20 names_are quiet
is 'by tmux, too' "$("${OURS[@]}" list-sessions -F '#{session_name}')" quiet
records_are() { [ "$(records)" = "$1" ]; }
ok 'and on the disk' wait_for 20 records_are 'quiet.json '
is 'the agent that lives is the same' \
	"$(berth session ls --json | jq '.sessions[0].pid')" "$(jq .pid new.json)"

berth session new done -- sh -c "$HANG" >/dev/null
berth session new late -- true >/dev/null
ok 'a name that was forgotten is free, and its new agent lives on' \
	wait_for 20 names_are 'done quiet'

kill -KILL "$("${OURS[@]}" display-message -p '#{pid}')"
ok 'what ended with its server is forgotten as well' wait_for 20 names_are ''
