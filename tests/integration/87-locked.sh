#!/bin/bash
# Goal: who may only watch cannot reach anything else through tmux: no byte and
# no sequence that a terminal can send runs a command, opens a prompt, changes
# the session, or reaches the agent.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
needs tmux script
# A viewer that has left reads no more.
trap '' PIPE

ETC=$TMP/etc
mkdir -p "$ETC" "$TMP/bin" "$TMP/run"
chmod 700 "$TMP/run"
ln -s "$BERTHD" "$TMP/bin/codex-ssh"
cat >"$ETC/codex-ssh.env" <<ENV
CODEX_SSH_COMMAND='sh -c "stty -isig -icanon -echo -ixon; echo agent is here; exec cat -v"'
CODEX_SSH_AUDIT=off
ENV
cat >"$ETC/policy.yaml" <<'POLICY'
keys:
  - {as: op, role: op}
  - {as: watch, role: watch}
roles:
  - {name: op, kind: operator}
  - {name: watch, kind: viewer}
POLICY

tmux_of() {
	tmux -S "$TMP/run/berth/session/tmux" "$@"
}
cleanup_at_exit tmux_of kill-server

terminal() {
	XDG_RUNTIME_DIR=$TMP/run SHELL=/bin/sh on_tty "$1" 'rows 30 cols 100' \
		"exec env -u BERTH_HOME '$TMP/bin/codex-ssh' --etc '$ETC' --as $2"
}
viewers() {
	tmux_of list-clients -F '#{client_flags}' 2>/dev/null | grep -c read-only
}
one_viewer() {
	[ "$(viewers)" -eq 1 ]
}

terminal op op
wait_for 15 shows op 'agent is here' || fail 'the operator attaches'
# Keys that follow each other as fast as ours would be taken for pasted text,
# which is never a command.
tmux_of set -g assume-paste-time 0

# What must be as it was after each attack.
state() {
	tmux_of list-sessions -F '#{session_name} #{session_windows} #{session_group}'
	tmux_of list-panes -a -F '#{pane_id} #{pane_pid} #{pane_start_command} #{pane_in_mode}'
	tmux_of list-keys
	tmux_of show-options -g
	tmux_of show-options -s
	tmux_of show-hooks -g
	tmux_of list-buffers
	tmux_of capture-pane -p -t codex
	pgrep -c -P "$(tmux_of display -p '#{pid}')" || :
}
reference=$(state)

# A viewer that an attack sent away (Ctrl-] is for that) comes back.
attack() {
	local n=$((RANDOM * 32768 + RANDOM))
	if ! one_viewer; then
		[ -z "${PIDS[watch]:-}" ] || kill "${PIDS[watch]}" 2>/dev/null
		terminal watch watch
		wait_for 10 one_viewer || return 1
	fi
	cat >&"${KEYS[watch]}" || return 1
	# What the operator types comes after it: then it was dealt with.
	printf 'mark%s\r' $n >&"${KEYS[op]}"
	wait_for 10 shows op "mark$n" || return 1
	tmux_of clear-history -t codex
	printf '\f' >&"${KEYS[op]}"
}

leave() {
	printf '\035' 2>/dev/null >&"${KEYS[watch]}"
	wait_for 10 is_gone "${PIDS[watch]}"
}

# The agent's screen without our marks.
settled() {
	state | grep -vE '^(mark[0-9]+|\^L(mark[0-9]+)?)?$'
}
wanted=$(settled)
unharmed() {
	local now
	now=$(settled)
	[ "$now" = "$wanted" ] && return
	diff <(echo "$wanted") <(echo "$now") | head -5
	return 1
}

# The parts below come to every byte, every byte behind ESC, every final of a
# control sequence with every modifier and private marker, every key as kitty and
# xterm spell it out, every button of four mouse protocols, all strings (OSC, DCS,
# APC, PM, SOS) with numbers that terminals know, and things without an end.
#
# Ctrl-] leaves, which a viewer may; it comes last where it comes at all.
bytes() {
	local i
	for i in {1..28} {30..255} 29; do
		printf "\\x$(printf %x "$i")"
	done
}
prefixed() {
	local i c
	for i in 1 2 3 1b 0; do
		for c in {33..126}; do
			printf "\\x$i\\x$(printf %x "$c")"
		done
	done
}
sequences() {
	local i m
	for i in {A..Z} {a..z}; do
		printf '\033%s\033[%s\033O%s\033[1;5%s\033[[%s' $i $i $i $i $i
	done
	for i in {1..34}; do
		for m in '' ';2' ';3' ';5' ';6' ';8'; do
			printf '\033[%s%s~' "$i" "$m"
		done
	done
}
mice() {
	local b
	for b in {0..255}; do
		printf '\033[<%s;5;5M\033[<%s;5;5m\033[<%s;1;30M' "$b" "$b" "$b"
		printf "\033[M\\x$(printf %x $((b / 2 + 32)))!!"
	done
}
# ESC is Alt: with control keys, with another ESC, with bytes above 127.
alt() {
	local i
	for i in {1..28} {30..255}; do
		printf "\\x1b\\x$(printf %x "$i")\\x1b\\x1b\\x$(printf %x "$i")"
	done
}
finals() {
	local i m final
	for i in {64..126}; do
		final=\\x$(printf %x "$i")
		# CSI in eight bits is a character for tmux, and noise for others.
		printf "\\033[$final\\x9b$final\\033O$final\\033[?1$final\\033[>1$final"
		printf "\\033[<1$final\\033[=1$final\\033[1 $final\\033[1\$$final\\033[;;;;$final"
		for m in {2..16}; do
			printf "\\033[1;$m$final\\033O$m$final\\033[?$m;1$final"
		done
	done
}
# 29 and 93 with Ctrl are Ctrl-].
spelled() {
	local c m
	for c in {0..28} {30..92} {94..127} 160 233 8364 {57344..57454}; do
		for m in 1 2 3 4 5 6 7 8 9 13 16; do
			printf '\033[%s;%su\033[27;%s;%s~' "$c" "$m" "$m" "$c"
		done
	done
}
buttons() {
	local b
	for b in {32..255}; do
		printf "\\x1b[M\\x$(printf %x "$b")!!\\x1b[M\\x$(printf %x "$b")\\xff\\xff"
		printf '\033[%s;1;1M\033[%s;100;30M\033[<%s;0;0M\033[<%s;9999;9999m' "$b" "$b" "$b" "$b"
	done
	printf '\033[5;10t\033[<0;;M\033[<;1;1M\033[<-1;-1;-1M\033[M'
}
strings() {
	local n
	for n in {0..22} {50..60} {100..120} 133 440 555 633 666 697 777 1337 5522 9001; do
		printf '\033]%s;?;run-shell "touch %s"\007\033]%s;x\033\\' "$n" "$TMP/pwned" "$n"
	done
	for n in P _ ^ X k; do
		printf '\033%s:run-shell "touch %s"\r\033\\' "$n" "$TMP/pwned"
		printf '\033%stmux;\033\033]2;evil\007\033\\\033%s=1s\033\\\033%sGa=T;evil\033\\' $n $n $n
	done
}
# Each begins something, and a key that tmux would take for a command follows.
unended() {
	local begin
	for begin in '\033' '\033[' '\033O' '\033[1;' '\033[<0;1' '\033[M' '\033[M!' \
		'\033]52;c;' '\033P' '\033_' '\033^' '\033[200~' '\xf0\x9f' '\xc3' '\033[27;5;'; do
		printf "$begin\\002:run-shell 'touch $TMP/pwned'\\r\\002c\\002d\\033\\\\"
	done
	printf '\033[201~'
}
answers() {
	printf '\033]52;c;%s\007' "$(printf 'touch %s\n' "$TMP/pwned" | base64 -w0)"
	printf '\033]52;;%s\033\\' "$(printf 'evil' | base64)"
	printf '\033P>|evil\033\\\033P1+r544e=41\033\\\033[?1;2;4c\033[>65;6;1c'
	printf '\033[200~pasted\nid\n\033[201~\033[8;1;1t\033[4;1;1t\033[I\033[O'
	printf '\033]10;rgb:0/0/0\007\033]11;rgb:0/0/0\007\033[?2026;1$y'
	printf '\033Ptmux;\033\033]0;evil\007\033\\\033k evil\033\\\033]2;evil\007'
}
words() {
	printf '\002:run-shell "touch %s"\r' "$TMP/pwned"
	printf ':run-shell "touch %s"\r' "$TMP/pwned"
	printf '\002!\002c\002%%\002"\002s\002w\002$\002,\002(\002)\002L\002f\002?'
	printf '\001:new-window\r\003\004\032\034'
}
noise() {
	head -c 20000 "$1" | tr -d '\035'
}

for what in bytes prefixed alt sequences finals spelled mice buttons answers \
	strings unended words; do
	ok "the attack is survived: $what" attack < <($what)
	# Who left in the middle did not hear the rest; who leaves now has.
	[ $what = bytes ] || ok "to its end: $what" one_viewer
	ok "and the viewer leaves: $what" leave
	ok "and changed nothing: $what" unharmed
done
# The programs of this machine are as good as noise, and can be had again.
ok 'the attack is survived: noise' attack < <(noise "$BERTHD")
ok 'and changed nothing: noise' unharmed
for TERM_OF in vt100 linux screen dumb no-such-terminal; do
	kill "${PIDS[watch]}" 2>/dev/null
	wait_for 10 is_gone "${PIDS[watch]}"
	ok "a terminal of type $TERM_OF can attack as well" attack < <(words; bytes)
done
ok 'nothing was changed' unharmed
ok 'no command of the viewer was ever run' test ! -e "$TMP/pwned"
unlike 'nothing it typed reached the agent' "$(cat "$TMP/op.out")" 'run-shell|evil|pasted'

# An operator types to the agent, and cannot go round it either.
{
	words
	prefixed | tr -d '\035'
	for what in alt sequences finals spelled mice buttons answers strings unended; do
		$what
	done
} >&"${KEYS[op]}"
# Out of what the wheel and the mouse began: scrolling, a selection.
is_typing() {
	printf '\033[201~\003' >&"${KEYS[op]}"
	[ "$(tmux_of display -p -t codex '#{pane_in_mode}')" = 0 ]
}
wait_for 10 is_typing
printf '\rmark-the-end\r' >&"${KEYS[op]}"
ok 'what an operator types is the agent'"'"'s' wait_for 10 shows op 'mark-the-end'
ok 'no command of tmux was run' test ! -e "$TMP/pwned"
is 'and no window, session or pane came of it' \
	"$(tmux_of list-panes -a -F '#{session_name} #{window_index}')" 'codex 0'
is 'nor a binding' "$(tmux_of list-keys | sort)" \
	"$(grep -E '^bind-key' <<<"$reference" | sort)"
