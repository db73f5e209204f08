#!/bin/bash
# Goal: on a terminal a person sees output, not JSON; nothing that a command
# writes can take the terminal over; keys and signals do what they should.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs tmux
use_home h

unset TMUX NO_COLOR CLICOLOR_FORCE COLUMNS
PATH=$(dirname "$BERTH"):$PATH
T="tmux -L berth-$$ -f /dev/null"

# A shell on a terminal of 80 by 24.
terminal() {
	$T new-session -d -x 80 -y 24 \
		"env PS1='$ ' TERM=screen-256color bash --norc --noprofile"
	wait_for 10 shows '^\$'
}
# Gone before the daemon is asked to end what runs.
cleanup_at_exit $T kill-server

screen() { $T capture-pane -p -J "$@"; }
shows() { screen | grep -qE -- "$1"; }
type_() { $T send-keys -l "$1"; $T send-keys Enter; }
key() { $T send-keys "$@"; }
clear_() { type_ clear; wait_for 10 cleared; }
cleared() { [ "$(screen | grep -c .)" -le 1 ]; }
terminal

# --- output -----------------------------------------------------------------

type_ 'berth run -- echo hello; echo =$?'
wait_for 20 shows '^=0'
is 'output is plain' "$(screen | grep -A1 '^hello')" $'hello\n=0'
clear_

cat >nasty <<'SH'
printf 'a\033]0;owned\007b\033[2Jc\033[6nd\302\233e\n'
printf '\033[31mred\033[0m \033[1mbold\n'
SH
type_ 'berth run -- sh nasty; echo =$?'
wait_for 20 shows '^=0'
like 'what would command the terminal is shown' "$(screen)" \
	'a\\x1b]0;owned\\x07b\\x1b\[2Jc\\x1b\[6nd\\u\{9b\}e'
like 'colours pass' "$(screen -e | grep red)" $'\033\\[31mred'
unlike 'and end with the output' "$(screen -e | grep -a =0)" $'\033\\[1m'
clear_
type_ 'berth logs last; echo =$?'
wait_for 20 shows '^=0'
like 'in logs everything is shown' "$(screen)" '\\x1b\[31mred\\x1b\[0m'
clear_
type_ 'berth logs --raw -n 1 last; echo =$?'
wait_for 20 shows '^=0'
like 'unless the bytes are asked for' "$(screen -e | grep red)" $'\033\\[31mred'
clear_

type_ 'berth ps; echo =$?'
wait_for 20 shows '^=0'
like 'a list is a table' "$(screen)" \
	'ID +STATE +AGE +TIME +COMMAND'
like 'its rows fit' "$(screen | grep -c 'exited 0')" '^[2-9]$'
like 'success is green' "$(screen -e | grep 'exited 0' | head -1)" $'\033\\[32m'
clear_
type_ 'NO_COLOR=1 berth ps; echo =$?'
wait_for 20 shows '^=0'
unlike 'unless nobody wants colours' "$(screen -e)" $'\033\\[32m'
clear_
type_ 'berth exec result last; echo =$?'
wait_for 20 shows '^=0'
like 'a result is a card' "$(screen)" 'state +exited 0 after'
clear_

# --- keys -------------------------------------------------------------------

cat >stubborn <<'SH'
trap 'echo interrupted; n=$((n + 1)); [ "$n" = "$1" ] && exit 9' INT
echo ready
while :; do read x <never; done
SH
mkfifo never
exec 8<>never

type_ 'berth run -- bash stubborn 1; echo =$?'
wait_for 20 shows '^ready'
key C-c
wait_for 20 shows '^=9'
like 'Ctrl-C goes to the command' "$(screen)" 'interrupted'
clear_

type_ 'berth run -- bash stubborn 99; echo =$?'
wait_for 20 shows '^ready'
key C-c
wait_for 20 shows 'interrupted'
key C-c
wait_for 20 shows '^=143'
like 'the second cancels' "$(screen)" 'berth: cancelling'
clear_

type_ 'berth run -t -- bash --norc --noprofile; echo =$?'
wait_for 20 shows '^bash.*[$#]'
type_ 'tty -s && stty size'
wait_for 20 shows '^24 80'
pass 'a command can have a terminal'
$T resize-window -x 100 -y 30
type_ 'stty size'
wait_for 20 shows '^30 100'
pass 'of the size of ours'
type_ 'cat'
type_ 'ping'
wait_for 20 shows '^ping'
key C-c
type_ 'exit 6'
wait_for 20 shows '^=6'
pass 'keys go to the command, and its status comes back'
type_ 'stty -a | grep -o " icanon"'
wait_for 20 shows '^ icanon'
pass 'the terminal is as it was'
clear_

type_ 'berth run -t -- bash --norc --noprofile; echo =$?'
wait_for 20 shows '^bash.*[$#]'
key 'C-]'
wait_for 20 shows '^=129'
like 'Ctrl-] leaves' "$(screen)" "goes on; 'berth logs -f"
id=$("$BERTH" ps -q | head -1)
is 'what was left goes on' "$("$BERTH" exec result "$id" | jq -r .state)" running
ok 'and can be ended' "$BERTH" exec cancel "$id"
clear_

# --- a broken connection ----------------------------------------------------

type_ 'berth run -- sh -c "echo begun; read x <never; echo ended"; echo =$?'
wait_for 20 shows '^begun'
kill -KILL "$(jq .pid "$BERTH_HOME"/state/*/daemon.json)"
echo go >never
wait_for 20 shows '^=0'
is 'a break leaves no trace on the screen' \
	"$(screen | sed -n '/^begun/,/^=0/p')" $'begun\nended\n=0'
