#!/bin/bash
# Goal: an agent is started once and outlives the daemon; how it ended is
# told; nothing pretends to run; its secrets are seen by it alone.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs tmux
use_home h
unset TMUX TMUX_PANE BERTH_SESSION

berth() { "$BERTH" "$@"; }
state() { berth session ls --json | jq -r --arg n "$1" \
	'.sessions[] | select(.name == $n) | .state + " " + (.reason // "")'; }
is_state() { [ "$(state "$1")" = "$2" ]; }
daemon_pid() { jq .pid "$BERTH_HOME"/state/*/daemon.json; }
server_pid() { "${OURS[@]}" display-message -p '#{pid}'; }
OURS=(tmux -S "$BERTH_HOME/run/session/tmux")

# The test is the only one to end what was started for good.
end_sessions() {
	berth session ls --json | jq -r '.sessions[].name' |
		while read -r name; do berth session kill --grace 0 "$name"; done
}
cleanup_at_exit end_sessions

# --- having one -------------------------------------------------------------

berth session new work --env API_TOKEN=pl4nted -- \
	sh -c 'echo began >>starts; echo "mine: $API_TOKEN"; exec cat' >new.json
is 'it runs' "$(jq -c '[.name, .state, .existing]' new.json)" \
	'["work","running",false]'
is 'in the home' "$(jq -r .cwd new.json)" "$HOME"
is 'having it again finds it' \
	"$(berth session new work --json | jq -c '[.state, .existing]')" \
	'["running",true]'
fails 'another command under its name is refused' \
	berth session new work -- sleepy
like 'in words' "$(cat .out)" 'runs something else'
is 'the agent was started once' "$(wc -l <"$HOME/starts")" 1

ok 'its text can be waited for' berth session wait -p 'mine: pl4nted' -t 20s work
ok 'text is typed' berth session send work 'hello  there'
ok 'and shown' berth session wait -p 'hello  there' -t 20s work
is 'once by the terminal, once by the agent' \
	"$(berth session capture work | grep -c '^hello  there$')" 2
printf 'one\ntwo' | berth session send --paste work
ok 'a text of lines is pasted' berth session wait -p two -t 20s work
ok 'it settles' berth session wait --settle 200ms -t 20s work
exits 124 'what never comes is given up' \
	berth session wait -p never-said -t 300ms work
fails 'a key that there is not is refused' berth session send -k Etner work
fails 'a bad expression is refused' berth session wait --regex '(' work

# --- secrets ----------------------------------------------------------------

# Other than in the agent itself, which shows it, and in this test.
seen_in() {
	local pid
	for pid in $("${OURS[@]}" display-message -p '#{pid}') $(daemon_pid); do
		tr '\0' '\n' <"/proc/$pid/environ"
		tr '\0' '\n' <"/proc/$pid/cmdline"
	done
	"${OURS[@]}" show-environment -g
	"${OURS[@]}" show-environment -t =work
	"${OURS[@]}" list-panes -a -F '#{pane_start_command}'
	"${OURS[@]}" show-buffer 2>&1
	cat "$BERTH_HOME"/state/*/session/* "$BERTH_HOME"/state/*/berthd.log
	find "$BERTH_HOME/run" -type f -exec cat {} +
}
unlike 'a secret is in no list, file or environment' "$(seen_in)" pl4nted
is 'nothing is left of the order' \
	"$(find "$BERTH_HOME/run/session" -name '*.order*' -o -name '*.text*')" ''
is 'others cannot enter' "$(stat -c %a "$BERTH_HOME/run/session")" 700

# --- names ------------------------------------------------------------------

for name in 'a b' 'a:b' 'a.b' '../x' $'a\tb' $'a\e[31m' '=a' 'a;b' 'é' \
	"$(printf 'a%.0s' {1..65})"; do
	exits 64 "the name $(printf %q "${name:0:8}") is refused" \
		berth session new --json "$name" -- true
done
is 'by the API too' "$(api_status POST /v1/session -d '{"name":"a\u0000b"}')" 400
is 'in paths' "$(api_status GET '/v1/session/a%3Ab')" 400

# --- ends -------------------------------------------------------------------

exits 3 'an agent that crashes at start is no success' \
	berth session new crash -- sh -c 'echo "cannot find my keys"; exit 3'
is 'its status is told' "$(jq -c '[.state,.reason,.exit_code]' .out)" \
	'["ended","exited",3]'
is 'it is not started again' "$(state crash)" 'ended exited'
like 'its last screen is kept' "$(berth session capture crash)" \
	'^cannot find my keys$'
exits 127 'a program that is missing' berth session new none -- no-such-agent
like 'is named on the screen' "$(berth session capture none)" \
	'no-such-agent: command not found'
fails 'what ended cannot be typed into' berth session send crash x
exits 3 'a wait for its end ends as it did' berth session wait --ended crash
ok 'it can be had anew' berth session new crash -- sh -c "$HANG"
is 'and runs' "$(state crash)" 'running '

ok 'it has a new name' berth session rename crash other
is 'under which it runs' "$(state other)" 'running '
fails 'which is taken then' berth session rename work other
ok 'it is killed' berth session kill other
is 'and gone' "$(state other)" ''
fails 'killing what there is not is an error' berth session kill other

ok 'a stubborn one starts' berth session new deaf -- \
	sh -c 'trap "" HUP TERM INT; (trap "" HUP TERM; exec tail -f /dev/null) &
		echo $! >below; exec tail -f /dev/null'
wait_for 10 test -s "$HOME/below"
ok 'it is killed with what it started' berth session kill --grace 100ms deaf
wait_for 10 is_gone "$(cat "$HOME/below")"
is 'all of it' "$(kill -0 "$(cat "$HOME/below")" 2>&1 | grep -c 'No such')" 1

# --- races ------------------------------------------------------------------

for i in {1..12}; do
	berth session new race -- sh -c "echo x >>raced; $HANG" >"race.$i" &
done
wait_for 30 eval '[ "$(cat race.* | jq -s length)" = 12 ]'
wait $(jobs -p)
is 'twelve at once have one session' \
	"$(jq -rs 'map(.pid) | unique | length' race.*)" 1
is 'whose agent was started once' "$(wc -l <"$HOME/raced")" 1
is 'by one of them' "$(jq -rs 'map(select(.existing == false)) | length' race.*)" 1

# One that ended is replaced once, too.
berth session new again -- sh -c 'exit 0' >/dev/null
for i in {1..8}; do
	berth session new again -- sh -c "echo x >>again; $HANG" \
		>"again.$i" 2>"again.err.$i" &
done
wait $(jobs -p)
is 'eight at once replace what ended, once' "$(wc -l <"$HOME/again")" 1
is 'and the other seven are told that it is there' \
	"$(jq -s -c 'group_by(.existing) | map(length)' again.[1-8])" '[1,7]'
berth session new taken -- sh -c 'exit 0' >/dev/null
for i in {1..8}; do
	(
		berth session new taken -- sh -c "echo $i >>taken; $HANG" \
			>"taken.$i" 2>"taken.err.$i"
		echo $? >>taken.status
	) &
done
wait $(jobs -p)
is 'of eight that want different things in its place, one gets its own' \
	"$(wc -l <"$HOME/taken") $(sort taken.status | uniq -c | xargs)" '1 1 0 7 125'
is 'and seven are told why not' "$(cat taken.err.* | grep -c 'session taken runs something else')" 7
is 'the winner was told so' "$(cat taken.[1-8] | jq -s 'map(.existing)')" "$(printf '[\n  false\n]')"

# --- the daemon's death, the server's, the machine's ------------------------

pid=$(jq .pid new.json)
kill -KILL "$(daemon_pid)"
is 'sessions outlive the daemon' "$(state work)" 'running '
is 'as the same process' "$(berth session ls --json |
	jq '.sessions[] | select(.name == "work") | .pid')" "$pid"
is 'with the same screen' "$(berth session capture work | grep -c '^mine')" 1
ok 'and its replacement' "$BERTHD" serve --detach --replace
is 'still' "$(state work)" 'running '

server=$(server_pid)
kill -KILL "$server"
wait_for 10 is_gone "$server"
wait_for 10 is_state work 'ended lost'
is 'a killed server is the end' "$(state work)" 'ended lost'
fails 'nothing can be typed' berth session send work x
wait_for 10 is_gone "$pid"
ok 'it can be had anew' berth session new work -- sh -c "$HANG"

server=$(server_pid)
record=$(echo "$BERTH_HOME"/state/*/session/race.json)
jq '.boot_id = "another"' "$record" >changed && cp changed "$record"
is 'after a boot sessions have ended' "$(state race)" 'ended rebooted'

# --- a disk that is full ----------------------------------------------------

if [ "$(id -u)" -eq 0 ] && mkdir -p small &&
	mount -t tmpfs -o size=64k,mode=700 tmpfs small 2>/dev/null; then
	cleanup_at_exit umount "$TMP/small"
	mkdir -p small/state small/session
	full=$(dirname "$record")
	mount --bind small/session "$full"
	cleanup_at_exit umount "$full"
	head -c 1M /dev/zero >"$full/fill" 2>/dev/null
	ok 'a session starts though its record cannot be kept' \
		berth session new packed -- sh -c "$HANG"
	is 'and runs' "$(state packed)" 'running '
	ok 'and is ended' berth session kill packed
else
	cannot 'a session starts though the disk is full' 'needs a mount'
fi

# --- without tmux -----------------------------------------------------------

mkdir bin
for program in sh cat tail; do ln -s "$(command -v $program)" bin/; done
"$BERTHD" stop
PATH=$TMP/bin "$BERTHD" serve --detach
fails 'without tmux it is said' "$BERTH" session ls
like 'in words' "$(cat .out)" 'tmux is not installed'
"$BERTHD" stop
"$BERTHD" serve --detach
