#!/bin/bash
# Goal: where there is no space left, in the home or for the log, an operator
# still comes in and is told, nobody else does what cannot be written down, and
# what was written stays whole.
# Timeout: 90
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
needs tmux script
needs_root
unset TMUX TMUX_PANE BERTH_SESSION

mkdir -p "$TMP/run" "$TMP/etc" "$TMP/bin" "$TMP/log" "$TMP/quota" "$TMP/tapes"
chmod 700 "$TMP/run"
small() {
	mount -t tmpfs -o size=256k,nr_inodes=200,mode=700 none "$1" ||
		skip_all 'nothing can be mounted here'
	cleanup_at_exit umount "$1"
}
small "$TMP/log"
small "$TMP/quota"
small "$TMP/tapes"
# To the last byte and the last name.
fill() {
	cat /dev/zero >"$1/fill" 2>/dev/null
	local i=0
	while mkdir "$1/fill.$i" 2>/dev/null; do i=$((i + 1)); done
}
free() { rm -rf "$1"/fill*; }

ln -s "$BERTHD" "$TMP/bin/codex-ssh"
cat >"$TMP/etc/codex-ssh.env" <<ENV
CODEX_SSH_COMMAND='sh -c "echo agent is ready; exec cat"'
CODEX_SSH_AUDIT=$TMP/log/audit.jsonl
ENV
cat >"$TMP/etc/policy.yaml" <<POLICY
keys:
  - {as: op, role: op}
  - {as: watch, role: watch}
  - {as: run, role: run}
  - {as: taped, role: taped}
roles:
  - {name: op, kind: operator}
  - {name: watch, kind: viewer}
  - {name: taped, kind: operator, session: taped, record: true}
  - {name: run, kind: runner, commands: [{argv: [touch, "*"]}, {argv: ["true"]}, {argv: [dd, "..."]}]}
record_dir: $TMP/log
POLICY
tmux_of() { tmux -S "$TMP/run/berth/session/tmux" "$@"; }
cleanup_at_exit tmux_of kill-server
door() {
	env -u BERTH_HOME HOME="$TMP/quota" XDG_RUNTIME_DIR="$TMP/run" \
		SSH_CONNECTION='192.0.2.1 5 192.0.2.2 22' SSH_ORIGINAL_COMMAND="${2:-}" \
		${LIMIT:-} "$TMP/bin/codex-ssh" --etc "${ETC:-$TMP/etc}" --as "$1"
}
terminal() { # NAME AS
	TERM_OF=xterm HOME=$TMP/quota XDG_RUNTIME_DIR=${RUN-$TMP/run} \
		on_tty "$1" 'rows 30 cols 100' \
		"exec env -u BERTH_HOME ${LIMIT:-} '$TMP/bin/codex-ssh' --etc '${ETC:-$TMP/etc}' --as $2; "
	LAST=$1
}
has_ended() { is_gone "${PIDS[$LAST]}"; }
leave() { printf '\035' >&"${KEYS[$LAST]}"; wait_for 10 has_ended; }
verified() { "$BERTHD" audit verify -f "$TMP/log/audit.jsonl"; }

# --- a log directory that is full ----------------------------------------------------

ok 'a command runs' door run "touch $TMP/one"
terminal first op
wait_for 15 shows first 'agent is ready'
ok 'an operator comes in' leave
fill "$TMP/log"
# The last block of the log has room for some more.
while door run true >/dev/null 2>&1; do :; done
fails 'a runner does nothing when the log is full' door run "touch $TMP/two"
like 'and is told so' "$(cat .out)" 'nothing is done that cannot be written'
ok 'really nothing' test ! -e "$TMP/two"
terminal third watch
ok 'a viewer does not come in' wait_for 10 has_ended
ok 'and is told so, too' shows third 'nothing is done that cannot be written'
terminal second op
ok 'an operator does' wait_for 15 shows second 'agent is ready'
ok 'and is told' shows second 'audit log'
leave
terminal fourth taped
ok 'who is to be recorded and cannot be does not' wait_for 10 has_ended
unlike 'not to the agent' "$(cat "$TMP/fourth.out")" 'agent is ready'
ok 'what was written is whole' verified
free "$TMP/log"
ok 'with space again a command runs' door run "touch $TMP/two"
ok 'the chain goes on, whole' verified
is 'with what was done' "$(jq -r 'select(.event == "login").command' "$TMP/log/audit.jsonl" | grep -c two)" 1

# Every byte that may be left.
creeps() {
	local i before
	for i in {1..25}; do
		before=$(stat -c %s "$TMP/log/audit.jsonl")
		fill "$TMP/log"
		truncate -s -$((i * 4096)) "$TMP/log/fill" 2>/dev/null
		while door run "touch $TMP/two" >/dev/null 2>&1; do :; done
		verified || return 1
		[ "$(stat -c %s "$TMP/log/audit.jsonl")" -gt "$before" ] || [ "$i" -lt 2 ] || return 1
		[ "$i" -lt 4 ] || break
	done
	free "$TMP/log"
}
ok 'nor is it torn where the space ends in a record' creeps

# --- a recording whose disk fills up -----------------------------------------------

# It ends with a whole line, and not with the session.
recorded() { # NAME DIRECTORY TEXT
	terminal "$1" taped
	wait_for 15 shows "$1" "$3" || return 1
	tape=$(ls -t "$2"/taped-*.cast | head -n 1)
	fill "$2"
	wait_for 30 is_cut "$1"
}
# The last block has room for some more.
is_cut() {
	printf 'more and more for %s\r' "$1" >&"${KEYS[$1]}"
	[ -z "$(find "/proc/$(pgrep -P "${PIDS[$1]}")/fd" -lname "$tape")" ]
}
goes_on() {
	printf '\f after the end of the tape %s\r' "$1" >&"${KEYS[$1]}"
	wait_for 10 shows "$1" "after the end of the tape $1"
}
plays() {
	[ "$(tail -c 1 "$tape" | od -An -tx1)" = ' 0a' ] &&
		jq -e . "$tape" >/dev/null &&
		"$BERTH" session play --speed 1000 "$tape" | grep -aq "$1"
}
unrecorded() {
	jq -r 'select(.event == "unrecorded") | .session + " " + .result' \
		"$TMP/log/audit.jsonl"
}

mkdir "$TMP/etc3"
cp "$TMP/etc/codex-ssh.env" "$TMP/etc3"
sed "s|^record_dir.*|record_dir: $TMP/tapes|" "$TMP/etc/policy.yaml" >"$TMP/etc3/policy.yaml"
ETC=$TMP/etc3
ok 'a recording ends where its disk is full' \
	recorded tape1 "$TMP/tapes" "agent is ready"
ok 'the session goes on' goes_on tape1
like 'the log says so at once' "$(unrecorded)" \
	"^taped .*tapes/taped-.*\\.cast: .*No space left"
is 'once' "$(unrecorded | wc -l)" 1
ok 'the session is left as any other' leave
ok 'and who leaves is told' shows tape1 'the recording of this session is not whole'
ok 'the recording is whole lines, and plays' plays 'agent is ready'
ok 'the log is whole' verified
free "$TMP/tapes"
ok 'with space again the next session is recorded' terminal tape2 taped
wait_for 15 shows tape2 'after the end of the tape'
leave
tape=$(ls -t "$TMP"/tapes/taped-*.cast | head -n 1)
ok 'to its end' plays 'after the end'
like 'which has a status' "$(tail -n 1 "$tape")" '"x"'
is 'and was not cut' "$(unrecorded | wc -l)" 1

unset ETC
ok 'a recording ends beside a log for which there is no space either' \
	recorded tape3 "$TMP/log" "after the end"
ok 'the session goes on there, too' goes_on tape3
ok 'is left' leave
ok 'with a word of what is missing' shows tape3 'the recording of this session is not whole'
ok 'its recording plays' plays 'after the end'
ok 'and what was logged is whole' verified
free "$TMP/log"
tmux_of kill-session -t =taped

# --- files that may not grow ---------------------------------------------------------

# A limit on their size is told by a signal, which kills.
mkdir "$TMP/etc4" "$TMP/more"
sed "s|^record_dir.*|record_dir: $TMP/more|" "$TMP/etc/policy.yaml" >"$TMP/etc4/policy.yaml"
sed "s|AUDIT=.*|AUDIT=$TMP/more/audit.jsonl|" "$TMP/etc/codex-ssh.env" >"$TMP/etc4/codex-ssh.env"
ETC=$TMP/etc4
LIMIT='prlimit --fsize=8192'
exits 153 'what a login runs dies of its limit, as everywhere' \
	door run "dd if=/dev/zero of=$TMP/three bs=16k count=1 status=none"
last_words() {
	while door run true >/dev/null 2>"$TMP/said"; do :; done
	cat "$TMP/said"
}
like 'a log that may not grow any more is told, and survived' "$(last_words)" \
	'audit.jsonl: write: File too large.*nothing is done that cannot be written'
ok 'it is whole' "$BERTHD" audit verify -f "$TMP/more/audit.jsonl"
terminal limited op
ok 'an operator comes in' wait_for 15 shows limited 'agent is ready'
ok 'and is told' shows limited 'File too large'
leave
terminal tape4 taped
wait_for 15 shows tape4 'agent is ready'
tape=$(ls -t "$TMP"/more/taped-*.cast | head -n 1)
ok 'a recording ends where it may not grow' wait_for 30 is_cut tape4
ok 'and the session goes on' goes_on tape4
ok 'until it is left' leave
ok 'the recording plays' plays 'agent is ready'
unset ETC LIMIT
tmux_of kill-server

# --- a home over its quota ---------------------------------------------------------

mkdir -p "$TMP/quota/codex-workspace"
fill "$TMP/quota"
terminal home op
ok 'an operator comes in to a home that is full' wait_for 15 shows home 'agent is ready'
leave
is 'its session is there' "$(tmux_of list-sessions -F '#{session_name}')" codex
tmux_of kill-server
free "$TMP/quota"
rm -rf "$TMP/quota/codex-workspace"
fill "$TMP/quota"
terminal nowhere op
ok 'a workspace that cannot be made is said' wait_for 10 has_ended
like 'by its name' "$(cat "$TMP/nowhere.out")" 'codex-workspace: No space left'
mkdir "$TMP/etc2"
sed '/AUDIT/d' "$TMP/etc/codex-ssh.env" >"$TMP/etc2/codex-ssh.env"
sed '/record_dir/d' "$TMP/etc/policy.yaml" >"$TMP/etc2/policy.yaml"
rmdir "$TMP/quota/fill.0"
mkdir "$TMP/quota/codex-workspace"
ETC=$TMP/etc2 terminal own op
ok 'who keeps the log at home comes in to one that is full' wait_for 15 shows own 'agent is ready'
ok 'and is told' shows own 'audit log'
leave
tmux_of kill-server
RUN= ETC=$TMP/etc2 terminal norun op
ok 'where not even a socket can be made' wait_for 10 has_ended
like 'that is said' "$(cat "$TMP/norun.out")" 'No space left'
