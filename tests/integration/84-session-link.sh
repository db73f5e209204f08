#!/bin/bash
# Goal: a session on a machine behind SSH is used like one of this machine: its
# bytes arrive as they are, and a viewer whose link is cut says so, comes back
# by itself, and has the screen again.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/terminals.sh"
needs tmux
use_home h
unset TMUX TMUX_PANE BERTH_SESSION NO_COLOR COLORTERM
PATH=$(dirname "$BERTH"):$PATH

export BERTHD
machine_start box
OURS=(tmux -S "$TMP/box/run/session/tmux")
cleanup_at_exit "${OURS[@]}" kill-server

viewers_are() {
	[ "$("${OURS[@]}" list-clients -t "=$1" -F x 2>/dev/null | grep -c x)" = "$2" ]
}
there() { "${OURS[@]}" capture-pane -p -t "=$1:"; }
same_screen() { [ "$(screen "$1")" = "$(there "$2")" ]; }

# --- new, attach, leave --------------------------------------------------------

# What it reads goes to a file as it is.
cat >"$TMP/agent" <<'AGENT'
#!/bin/bash
stty raw -echo
printf 'ready %s\r\n' "$BERTH_SESSION"
exec tee "$KEPT"
AGENT
chmod 755 "$TMP/agent"
berth session new -m box work --env "KEPT=$TMP/kept" -- "$TMP/agent" >new.json
is 'a session is made there' "$(jq -r .state new.json)" running
is 'and nowhere else' "$(berth session ls --json | jq '.sessions | length')" 0
is 'it is listed' "$(berth session ls -m box --json | jq -r '.sessions[].name')" work

terminal a 100 30 LC_ALL=C.UTF-8
type_ a 'berth attach -m box work; echo =$?'
ok 'it is attached' wait_for 20 shows a '^ready work'
key a 'C-]'
ok 'Ctrl-] leaves it' wait_for 10 shows a '^=0'
ok 'and nobody stays' wait_for 10 viewers_are work 0

# --- names at a tab ---------------------------------------------------------------

# shellcheck source=/dev/null
. <("$BERTH" completion bash)
offers() {
	COMP_WORDS=(berth "$@")
	COMP_CWORD=$#
	_berth
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
}
berth session new here -- sh -c "$HANG" >/dev/null
is 'a tab offers the sessions of the machine that the line names' \
	"$(offers session attach -m box '')" 'work '
is 'however it names it' "$(offers attach --machine = box w
	offers session kill -mbox '')" 'work work '
is 'and those of this one otherwise' "$(offers session attach '')" 'here '
is 'or of the one in the environment' \
	"$(BERTH_MACHINE=box offers session attach '')" 'work '
id=$(berth exec start -m box -- true | jq -r .exec_id)
is 'execs, too' "$(offers logs -m box '')" "$id last "
berth session kill --grace 0 here >/dev/null

# --- bytes --------------------------------------------------------------------

type_ a 'clear; berth attach -m box work; echo =$?'
wait_for 20 viewers_are work 1
wait_for 10 shows a '^ready work'
text='abc äöü € 漢字 "$HOME" \ ; | & * ~'
key a -l "$text"
kept_is() { cmp -s "$TMP/kept" <(printf %s "$1"); }
ok 'what is typed arrives as it is' wait_for 10 kept_is "$text"
: >"$TMP/kept"
for code in 01 02 03 04 0b 0c 0f 11 12 13 17 1a 1c 1e 1f 7f; do
	tmux -L "a-$$" send-keys -H "$code"
done
ok 'control keys, too' wait_for 10 eval \
	'[ "$(tail -c 16 "$TMP/kept" | od -An -tx1 | tr -d " \n")" = 010203040b0c0f111213171a1c1e1f7f ]'

# --- the link is cut ------------------------------------------------------------

berth session new -m box lines -- bash --norc --noprofile -c '
	stty -echo; for i in {1..12}; do echo "line $i é"; done
	while read -r line; do echo "got:$line:"; done' >/dev/null
terminal b 90 24 LC_ALL=C.UTF-8
type_ b 'berth attach -m box lines; echo =$?'
wait_for 20 shows b '^line 12 é'
ok 'the screen is the one there' wait_for 10 same_screen b lines
cuts() {
	local i
	for i in 1 2 3; do
		sshd_cut box
		wait_for 20 shows b 'link lost, reconnecting; Ctrl-\] leaves' || return 1
		berth_there session send lines "while cut $i" >/dev/null
		machine_restart box
		wait_for 40 shows b "^got:while cut $i:" || return 1
		wait_for 10 hides b 'link lost' || return 1
		type_ b "back $i"
		wait_for 10 shows b "^got:back $i:" || return 1
		wait_for 10 same_screen b lines || return 1
	done
}
berth_there() { BERTH_HOME=$TMP/box berth "$@"; }
ok 'a cut is told of, and the screen comes back by itself, three times' cuts
ok 'the other viewer is back as well' wait_for 20 viewers_are work 1
is 'there is one agent each' "$("${OURS[@]}" list-panes -a | wc -l)" 2
is 'the same as before' "$(berth session ls -m box --json |
	jq '.sessions[] | select(.name == "work") | .pid')" "$(jq .pid new.json)"

sshd_cut box
ok 'while the link is lost' wait_for 20 shows b 'link lost'
key b 'C-]'
ok 'Ctrl-] leaves all the same' wait_for 10 shows b '^=[0-9]'
type_ b 'clear; stty -a | grep -o " icanon"'
ok 'and the terminal is given back' wait_for 10 shows b '^ icanon'
machine_restart box
ok 'whose agent goes on' wait_for 40 eval \
	'berth session capture -m box lines | grep -q "^got:back 3:"'
berth session kill -m box --grace 0 lines >/dev/null
ok 'and is killed from here' wait_for 10 eval \
	'! "${OURS[@]}" has-session -t =lines'
# Who looks on would have it made again.
key a 'C-]'
wait_for 10 shows a '^=0'
berth link stop box
is 'without a link there is nothing to offer' "$(offers session attach -m box '')" ' '
is 'and none is made for a tab' "$(berth link ls --json | jq '[.links[] | select(.machine == "box" and .state == "active")] | length')" 0
