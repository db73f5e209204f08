#!/bin/bash
# Goal: a session is looked at and left like a window: through breaks, by
# several at once, from any terminal, and without giving viewers more than
# they were given.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/terminals.sh"
needs tmux
use_home h
unset TMUX TMUX_PANE BERTH_SESSION NO_COLOR COLORTERM
PATH=$(dirname "$BERTH"):$PATH
OURS=(tmux -S "$BERTH_HOME/run/session/tmux")

end_sessions() {
	berth session ls --json | jq -r '.sessions[].name' |
		while read -r name; do berth session kill --grace 0 "$name"; done
}
cleanup_at_exit end_sessions

viewers() { berth session ls --json | jq --arg n "$1" \
	'.sessions[] | select(.name == $n) | .viewers'; }
has_viewers() { [ "$(viewers "$1")" = "$2" ]; }
wxh='#{pane_width}x#{pane_height}'
size() { "${OURS[@]}" display-message -p -t "=$1:" '#{window_width}x#{window_height}'; }
is_size() { [ "$(size "$1")" = "$2" ]; }
daemon_pid() { jq .pid "$BERTH_HOME"/state/*/daemon.json; }

# Echoes what it reads, and says what it was told about its size.
berth session new work -- bash --norc --noprofile -c '
	trap "echo size \$(stty size)" WINCH
	echo ready; stty -echo
	while :; do read -r line && echo "got:$line:"; done' >work.json

# --- in and out -------------------------------------------------------------

terminal a 80 24
type_ a 'berth attach; echo =$?'
wait_for 10 shows a '^ready'
pass 'the only session is attached'
type_ a 'hello'
wait_for 10 shows a '^got:hello:'
pass 'keys go to it'
ok 'it takes the size of the terminal' wait_for 10 is_size work 80x24
tmux -L "a-$$" resize-window -x 101 -y 33
wait_for 10 is_size work 101x33
is 'and follows it, by way of its viewer' "$(tmux -L "a-$$" list-panes -F "$wxh") $(
	"${OURS[@]}" list-clients -F "${wxh//pane/client}") $(size work)" \
	'101x33 101x33 101x33'
key a 'C-]'
wait_for 10 shows a '^=0'
like 'Ctrl-] leaves it' "$(screen a)" "goes on; 'berth attach work'"
type_ a 'clear; stty -a | grep -o " icanon"'
wait_for 10 shows a '^ icanon'
pass 'the terminal is as it was'
ok 'nobody is left looking' wait_for 10 has_viewers work 0

exits 64 'without a terminal it is said' berth attach work
like 'in words' "$(cat .out)" 'attaching needs a terminal'
fails 'what there is not cannot be attached' berth session attach none
is 'the API wants an upgrade' \
	"$(api_status GET /v1/session/work/attach)" 400

# --- breaks -----------------------------------------------------------------

type_ a 'clear; berth attach work; echo =$?'
wait_for 10 shows a '^got:hello:'
survives() {
	local i
	for i in {1..5}; do
		kill -KILL "$(daemon_pid)"
		type_ a "typed $i"
		wait_for 10 has_viewers work 1 || return 1
		type_ a "back $i"
		wait_for 10 shows a "^got:back $i:" || return 1
	done
}
ok 'the death of the daemon is survived, five times' survives
is 'the screen is whole' "$(screen a | grep -c '^got:hello:')" 1
unlike 'and says nothing of it' "$(screen a)" 'link lost'

# In the middle of a flood.
berth session send work flood >/dev/null
berth session new flood -- sh -c 'while :; do seq 1 2000; done' >/dev/null
terminal b 90 20
type_ b 'berth attach flood; echo =$?'
wait_for 10 shows b '[0-9]+'
kill -KILL "$(daemon_pid)"
wait_for 10 has_viewers flood 1
key b 'C-]'
ok 'a flood is left after a break in it' wait_for 10 shows b '^=0'
berth session kill --grace 0 flood >/dev/null

# Without a daemon that answers there is a word, and a way out.
pid=$(daemon_pid)
mv "$BERTH_HOME/run/berthd.sock" hidden
chmod 500 "$BERTH_HOME/run"
if [ "$(id -u)" -ne 0 ]; then
	kill -KILL "$pid"
	ok 'a lost link is told of' wait_for 10 shows a 'link lost, reconnecting'
	chmod 700 "$BERTH_HOME/run"
else
	chmod 700 "$BERTH_HOME/run"
	kill -KILL "$pid"
fi
wait_for 10 has_viewers work 1
key a 'C-]'
wait_for 10 shows a '^=0'

# --- a hundred times --------------------------------------------------------

terminal c 70 20
type_ c 'clear; for i in $(seq 100); do clear; berth attach -q work; echo $i >>left; done'
reconnects() {
	local i
	for i in {1..100}; do
		wait_for 10 has_viewers work 1 || return 1
		wait_for 10 shows c '^(got:|size )' || return 1
		key c 'C-]'
		wait_for 10 has_line left "$i" || return 1
	done
}
has_line() { grep -qx "$2" "$1"; }
ok 'a hundred reconnects, each with the screen' reconnects
is 'leave nobody behind' "$(viewers work)" 0
is 'and one agent' "$(berth session ls --json | jq '.sessions[0].pid')" \
	"$(jq .pid work.json)"
is 'and no descriptors' "$(($(ls /proc/"$(daemon_pid)"/fd | wc -l) < 60))" 1

# --- two at once ------------------------------------------------------------

terminal d 23 7
type_ a 'clear; berth attach work; echo =$?'
ok 'one is 101 by 33' wait_for 10 is_size work 101x33
type_ d 'berth attach work --size ignore; echo =$?'
wait_for 10 has_viewers work 2
type_ a 'both'
ok 'both see it' wait_for 10 shows d '^got:both:'
is 'a viewer may leave the size alone' "$(size work)" 101x33
key d 'C-]'
wait_for 10 shows d '^=0'
type_ d 'clear; berth attach work; echo =$?'
ok 'or bring its own, however odd' wait_for 10 is_size work 23x7
key d 'C-]'
wait_for 10 shows d '^=0'
ok 'which leaves with it' wait_for 10 is_size work 101x33

type_ d 'clear; berth attach -r work; echo =$?'
wait_for 10 has_viewers work 2
is 'who only looks does not change the size' "$(size work)" 101x33
is 'and is said to' "$(api GET /v1/session/work |
	jq -c '[.clients[].read_only] | sort')" '[false,true]'
key d 'intruder' Enter C-b c C-c PPage
type_ a 'after'
wait_for 10 shows d '^got:after:'
unlike 'and cannot type' "$(berth session capture -n all work)" 'intruder'
is 'nor anything else' "$("${OURS[@]}" list-windows -a | wc -l)" 1
key d 'C-]'
wait_for 10 shows d '^=0'
pass 'but leave'

# What tmux would take for commands goes to the agent.
key a C-b c C-b : C-b '"' C-b d Enter
ok 'no key is a command of tmux' wait_for 10 eval \
	'berth session capture work | grep -q "got:.*c.*:"'
is 'there is one window, and one pane' \
	"$("${OURS[@]}" list-panes -a | wc -l)" 1

type_ d 'clear; berth attach --alone work; echo =$?'
wait_for 10 shows a '^=0'
like 'who wants to be alone takes over' "$(screen a)" 'took over'
key d 'C-]'
wait_for 10 shows d '^=0'

# --- other terminals --------------------------------------------------------

terminal e 80 24 TERM=no-such-terminal
type_ e 'berth attach work; echo =$?'
ok 'a terminal that nobody knows' wait_for 10 shows e '^got:after:'
key e 'C-]'
wait_for 10 shows e '^=0'
type_ e 'clear; TERM= berth attach work; echo =$?'
ok 'one without a name' wait_for 10 shows e '^got:after:'
key e 'C-]'
wait_for 10 shows e '^=0'

berth session send work 'grün' >/dev/null
terminal f 80 24 LC_ALL=C
type_ f 'berth attach work; echo =$?'
wait_for 10 shows f '^got:gr'
like 'without UTF-8 there is none' "$(screen f | grep '^got:gr')" 'got:gr_+n:'
key f 'C-]'
wait_for 10 shows f '^=0'
terminal g 80 24 LC_ALL=C.UTF-8 COLORTERM=truecolor
type_ g 'berth attach work; echo =$?'
ok 'with it there is' wait_for 10 shows g '^got:grün:'
key g 'C-]'
wait_for 10 shows g '^=0'

# --- inside -----------------------------------------------------------------

berth session new inner -- bash --norc --noprofile >/dev/null
type_ g 'clear; berth attach inner; echo =$?'
wait_for 10 shows g '^bash-.*[$#]$'
type_ g 'clear; berth attach inner'
ok 'a session is not shown inside itself' \
	wait_for 10 shows g 'this is session inner'
type_ g 'exit 6'
wait_for 10 shows g '^=6'
like 'the end of the agent ends the view' "$(screen g)" \
	'has ended with exit status 6'
type_ g 'clear; berth attach inner; echo =$?'
wait_for 10 shows g '^=125'
like 'what ended is not attached' "$(screen g)" "berth session new inner"

# --- ends while somebody looks ----------------------------------------------

type_ a 'clear; berth attach work; echo =$?'
wait_for 10 has_viewers work 1
berth session kill --grace 0 work >/dev/null
wait_for 10 shows a '^=1(25|29|43)'
like 'a killed session says so' "$(screen a)" 'work was (killed|ended by signal)'
berth session new work -- sh -c "echo up; $HANG" >/dev/null
type_ a 'clear; berth attach work; echo =$?'
wait_for 10 shows a '^up'
kill -KILL "$("${OURS[@]}" display-message -p '#{pid}')"
wait_for 10 shows a '^=125'
like 'a killed server, too' "$(screen a)" 'ended with its tmux server'
type_ a 'clear; stty -a | grep -o " icanon"'
ok 'the terminal is given back' wait_for 10 shows a '^ icanon'
