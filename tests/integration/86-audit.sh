#!/bin/bash
# Goal: what logins did is on record and cannot be changed unseen; a recording
# of a session is what its terminal showed, in a format that players know.
# Timeout: 90
. "$(dirname "$0")/../lib.sh"
needs tmux script

ETC=$TMP/etc
LOG=$TMP/log/audit.jsonl
mkdir -p "$ETC" "$TMP/bin" "$TMP/run" "$TMP/log"
chmod 700 "$TMP/run"
ln -s "$BERTHD" "$TMP/bin/codex-ssh"
cat >"$ETC/codex-ssh.env" <<ENV
CODEX_SSH_COMMAND='sh -c "echo agent é ready; exec cat"'
CODEX_SSH_AUDIT=$LOG
ENV
policy() {
	cat >"$ETC/policy.yaml" <<POLICY
keys:
  - {as: op, role: op}
  - {as: taped, role: taped}
  - {as: run, role: run}
roles:
  - {name: op, kind: operator}
  - {name: taped, kind: operator, session: taped, record: true}
  - {name: run, kind: runner, commands: [{argv: ["true"]}, {argv: [echo, "*"]}]}
record_dir: $TMP/tapes
${1:-}
POLICY
}
policy

tmux_of() {
	tmux -S "$TMP/run/berth/session/tmux" "$@"
}
cleanup_at_exit tmux_of kill-server
door() {
	env -u BERTH_HOME XDG_RUNTIME_DIR="$TMP/run" SSH_CONNECTION='192.0.2.1 5 192.0.2.2 22' \
		SSH_ORIGINAL_COMMAND="${2:-}" "$TMP/bin/codex-ssh" --etc "$ETC" --as "$1"
}
terminal() {
	rm -f "$TMP/in" "$TMP/out"
	mkfifo "$TMP/in"
	env -u BERTH_HOME XDG_RUNTIME_DIR="$TMP/run" TERM=xterm-256color \
		script -qfec "stty rows 30 cols 100; exec '$TMP/bin/codex-ssh' --etc '$ETC' --as $1" \
		"$TMP/out" <"$TMP/in" >/dev/null 2>&1 &
	SCREEN=$!
	exec 9>"$TMP/in"
	cleanup_at_exit kill $SCREEN
}
shows() {
	grep -aq -- "$1" "$TMP/out"
}

# --- the log ------------------------------------------------------------------

is 'a command runs' "$(door run 'echo hi')" hi
door run 'echo $(id)' 2>/dev/null
door run $'echo \e]0;evil\a' 2>/dev/null
door run 'echo --token=hunter2' 2>/dev/null
door run "echo 'TOKEN=hunter2'" >/dev/null
door nobody 2>/dev/null
ok 'the log is whole' "$BERTHD" audit verify -f "$LOG"
ok 'berth tells so as well' "$BERTH" audit verify -f "$LOG"
is 'refusals are in it' "$(jq -r 'select(.event=="refused")|.result' "$LOG" | wc -l)" 4
is 'from where' "$(jq -r .from "$LOG" | sort -u)" '192.0.2.1 5'
is 'with ends, status and duration' \
	"$(jq -c 'select(.event=="end")|[.status,(.duration|type)]' "$LOG" | sort -u)" \
	'[0,"number"]'
unlike 'secrets are masked' "$(cat "$LOG")" hunter2
ok 'it holds no control characters' bash -c "! tr -d '\n' <'$LOG' | grep -qaP '[\x00-\x1f\x7f]'"
unlike 'nor does what is shown' "$("$BERTHD" audit show -f "$LOG" | tr -d '\n')" $'[\x01-\x1f]'
is 'the newest can be shown' "$("$BERTHD" audit show -f "$LOG" -n 1 | wc -l)" 1
is 'it is private' "$(stat -c %a "$LOG")" 600

head=$("$BERTHD" audit verify -f "$LOG" --json | jq -r '"\(.records):\(.hash)"')
broken() {
	cp "$LOG" "$TMP/copy"
	cp "$LOG.head" "$TMP/copy.head"
	sed -i "$1" "$TMP/copy"
	"$BERTHD" audit verify -f "$TMP/copy"
}
for what in '3s/run/RUN/' '2d' '1d' '$d' '3{h;d};4{G}' '2p' '$s/.$//'; do
	exits 1 "it is found: sed $what" broken "$what"
done
exits 0 'a copy that was not touched is whole' broken ''
exits 1 'a new history is found by a head that was kept' bash -c "
	head -n 1 '$LOG' >'$TMP/copy' && rm -f '$TMP/copy.head' &&
	'$BERTHD' audit verify -f '$TMP/copy' --expect '$head'"

# --- a log that cannot be written ------------------------------------------------

mv "$TMP/log" "$TMP/log.away"
like 'a restricted key does nothing that is not on record' \
	"$(door run 'echo hi' 2>&1)" 'nothing is done that cannot be written'
unlike 'really nothing' "$(door run 'echo hi' 2>/dev/null)" hi
policy 'audit_failure: allow'
is 'unless the policy says so' "$(door run 'echo hi' 2>/dev/null)" hi
policy
mv "$TMP/log.away" "$TMP/log"
if [ -c /dev/full ]; then
	policy 'audit_file: /dev/full'
	like 'a full disk is no way round it' "$(door run 'echo hi' 2>&1)" \
		'audit log /dev/full'
	policy
fi

# --- recordings --------------------------------------------------------------------

for version in v3 v2; do
	policy "record: $version"
	terminal taped
	ok "a session that is recorded works as others do ($version)" \
		wait_for 15 shows 'agent é ready'
	printf 'typed %s\r' $version >&9
	wait_for 10 shows "typed $version"
	printf '\035' >&9
	ok 'and is left as they are' wait_for 10 is_gone $SCREEN
	tape=$(ls -t "$TMP"/tapes/*.cast | head -n 1)
	is 'the recording is private' "$(stat -c %a "$tape")" 600
	ok 'each line is JSON' jq -e . "$tape"
	is 'its version' "$(jq -r 'select(type=="object").version' "$tape")" ${version#v}
	is 'events are output only' "$(jq -r 'select(type=="array")[1]' "$tape" |
		grep -vx '[orx]')" ''
	ok 'times are right' jq -se --arg v $version '[.[1:][][0]] as $t | ($t|min) >= 0
		and (if $v == "v2" then $t == ($t|sort) else ($t|add) < 60 end)' "$tape"
	"$BERTH" session play --speed 1000 "$tape" >"$TMP/played"
	jq -j 'select(type=="array" and .[1]=="o")[2]' "$tape" >"$TMP/wanted"
	ok 'berth plays what was shown' cmp "$TMP/played" "$TMP/wanted"
	ok 'byte for byte what the terminal got' bash -c \
		"sed 1d '$TMP/out' | head -c 400 | cmp -n 300 - '$TMP/wanted'"
	if [ -d "$ROOT/tests/peers/node_modules/asciinema-player" ]; then
		points node "$ROOT/tests/peers/asciinema-play.mjs" "$tape" \
			"$TMP/wanted" 100x30
	else
		cannot "the player of asciinema plays it ($version)" \
			'it is not installed (scripts/setup --tests)'
	fi
done
# The one of Debian knows the second version.
if command -v asciinema >/dev/null; then
	script -qec "asciinema cat '$tape' >'$TMP/cat'" /dev/null </dev/null | note
	ok 'asciinema itself shows it, byte for byte' cmp "$TMP/cat" "$TMP/wanted"
else
	cannot 'asciinema itself shows it' 'it is not installed (scripts/setup --tests)'
fi
is 'the end of a recorded session is on record' \
	"$(jq -r 'select(.event=="end" and .session=="taped").role' "$LOG" | sort -u)" taped
echo '{"version":9}' >"$TMP/bad.cast"
fails 'another version is refused' "$BERTH" session play "$TMP/bad.cast"
printf '{"version":2}\n[1,"o"]\n' >"$TMP/bad.cast"
fails 'and so is a broken line' "$BERTH" session play "$TMP/bad.cast"
ok 'the log is whole at the end' "$BERTHD" audit verify -f "$LOG"
