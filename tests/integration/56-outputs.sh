#!/bin/bash
# Goal: whatever a command writes, closes, ignores or forks, its output is kept
# byte for byte, it can be ended, and a terminal that shows it is safe.
# Timeout: 150
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

configure 'max_log_bytes: 0'
use_home h
ok 'a daemon serves' "$BERTHD" serve --detach

# --- much, without a newline ------------------------------------------------

# 300 MB of bytes that do not repeat soon, and of which none is a newline.
cat >binary.js <<'SCRIPT'
const size = Number(process.argv[2]);
const block = Buffer.alloc(1 << 20);
const fs = require('node:fs');
for (let i = 0; i < size; i += block.length) {
	for (let at = 0, x = i + 1; at < block.length; at += 4) {
		x = Math.imul(x, 1664525) + 1013904223 | 0;
		block.writeInt32LE(x, at);
	}
	for (let at; (at = block.indexOf(10)) >= 0;)
		block.fill(11, at, at + 1);
	const n = Math.min(block.length, size - i);
	for (let done = 0; done < n;)
		done += fs.writeSync(1, block, done, n - done);
}
SCRIPT
size=$(awk "BEGIN { printf \"%d\", ($SCALE > 16 ? 5e9 : 300e6 * $SCALE) }")
id=$(start_exec "$(jq -n --arg s "$size" --arg tmp "$TMP" \
	'{argv: ["node", $tmp + "/binary.js", $s]}')")
sum=$(node binary.js "$size" | sha1sum)
ok "$size bytes without a newline: it ends" timeout 120 "$BERTH" exec wait "$id"
is 'all of them are stored' "$(result_of "$id" stdout_bytes)" "$size"
is 'as they were' "$(sha1sum <"$(exec_dir "$id")/out")" "$sum"
is 'and served' "$(curl -s --max-time 100 --unix-socket "$BERTH_HOME/run/berthd.sock" \
	"http://localhost/v1/exec/$id/logs?format=raw&offset=0" | sha1sum)" "$sum"
is 'its tail is not all of it' \
	"$(api GET "/v1/exec/$id/logs?tail=1000" | wc -c | awk '{ print $1 < 100000 }')" 1
like 'a line of it is cut' "$(api GET \
	"/v1/exec/$id/logs?format=jsonl&offset=0&max_bytes=200000" | head -n 1 | jq .partial)" true
pid=$(api GET /v1/daemon | jq -r .pid)
like 'the daemon stays small' "$(rss "$pid")" '^[0-9]{1,5}$'
note "daemon: $(rss "$pid") KiB"
api DELETE "/v1/exec/$id" >/dev/null

# --- output that closes -----------------------------------------------------

mkfifo gate
id=$(start_exec "$(jq -n --arg gate "$TMP/gate" '{argv: ["sh", "-c",
	"echo before; exec >&- 2>&-; read x <\"$1\"; exit 5", "sh", $gate]}')")
wait_for 5 file_has "$(exec_dir "$id")/out" before
holder=$(tail -n 1 "$(exec_dir "$id")/state.json" | jq .holder_pid)
ticks=$(cpu_ticks "$holder")
is 'a command that closed its output runs' "$(result_of "$id" state)" running
ok 'waiting for it ends when the time is over' \
	api GET "/v1/exec/$id?wait=1" -o /dev/null
like 'its holder does not spin' $(($(cpu_ticks "$holder") - ticks)) '^[0-2]$'
echo >gate
ok 'it ends' wait_for 5 ended "$id"
is 'as itself' "$(result_of "$id" exit_code)" 5
is 'with its output' "$("$BERTH" exec logs --raw "$id")" before

# --- what does not want to end ----------------------------------------------

id=$(start_exec '{"argv":["sh","-c","trap \"\" TERM INT HUP; echo ready; while :; do tail -f /dev/null; done"]}')
wait_for 5 file_has "$(exec_dir "$id")/out" ready
command=$(tail -n 1 "$(exec_dir "$id")/state.json" | jq .pid)
ok 'what ignores TERM is cancelled' "$BERTH" exec cancel --grace 0.2s "$id"
ok 'and is dead' has_ended "$command"
is 'by force' "$(result_of "$id" state)/$(result_of "$id" signal)" cancelled/SIGKILL

id=$(start_exec '{"argv":["sh","-c","trap \"\" TERM; (setsid sh -c \"trap \\\"\\\" TERM; echo \\$\\$; cat\" <&0 & ); cat"],"stdin":true}')
wait_for 5 file_has "$(exec_dir "$id")/out" '[0-9]'
grandchild=$(head -n 1 "$(exec_dir "$id")/out")
ok 'with a grandchild in a session of its own' \
	"$BERTH" exec cancel --grace 0s "$id"
ok 'which is dead as well' has_ended "$grandchild"

# --- a fork bomb, as a user without privileges ------------------------------

if [ "$(id -u)" -eq 0 ] && setpriv --reuid 65321 --regid 65321 --clear-groups true; then
	mkdir "$TMP/guest"
	chown 65321:65321 "$TMP/guest"
	chmod 755 "$TMP"
	guest() {
		setpriv --reuid 65321 --regid 65321 --clear-groups env \
			HOME="$TMP/guest" BERTH_HOME="$TMP/guest/b" "$@"
	}
	cd "$TMP/guest" || exit 99
	ok 'a daemon of another user' guest "$BERTHD" serve --detach
	cleanup_at_exit guest "$BERTHD" stop
	cat >bomb.js <<-'SCRIPT'
		const { spawn } = require('node:child_process');
		const more = () => spawn('tail', ['-f', '/dev/null'])
			.on('spawn', more).on('error', () => setImmediate(more));
		more();
	SCRIPT
	guest "$BERTH" exec start --json --procs 40 -C "$TMP/guest" -- \
		"$(command -v node)" bomb.js >bomb.json
	id=$(jq -r .exec_id bomb.json)
	tasks_of_guest() { ps -o pid= -u 65321 | wc -l; }
	bombed() { [ "$(tasks_of_guest)" -ge 20 ]; }
	wait_for 10 bombed && pass 'a fork bomb goes off' || fail 'a fork bomb goes off'
	like 'and stays below its limit' "$(tasks_of_guest)" '^[ ]*[1-4]?[0-9]$'
	is 'the daemon answers' "$(guest curl -s --max-time 10 -o /dev/null \
		-w '%{http_code}' --unix-socket "$TMP/guest/b/run/berthd.sock" \
		http://localhost/v1/hello)" 200
	ok 'it is cancelled' guest timeout 30 "$BERTH" exec cancel --grace 0s "$id"
	alone() { [ "$(tasks_of_guest)" -le 3 ]; }
	ok 'to the last process' wait_for 10 alone
	guest "$BERTH" exec result "$id" >result.json
	is 'and says so' "$(jq -r .state result.json)" cancelled
	like 'and what held it' "$(jq -r .limits.procs.mechanism result.json)" \
		'rlimit|cgroup'
	cd "$TMP" || exit 99
else
	cannot 'a fork bomb under a process limit' 'needs root to be another user'
fi

# --- escape sequences on a terminal -----------------------------------------

# A title, the clipboard, an answer that types a command, the alternate screen.
printf 'red \033[31mtext\033[0m\n\033]0;owned\007title\n' >nasty
printf '\033]52;c;cm0gLXJmIC8=\007clip\n\033[6nreport\n\033[?1049halt\n' >>nasty
printf 'over\rwrite\n\033P+q544e\033\\dcs\nbidi \342\200\256evil\n\2331m8bit\n' >>nasty
id=$(start_exec "$(jq -n --arg f "$TMP/nasty" '{argv: ["cat", $f]}')")
wait_for 5 ended "$id"
export TERM=xterm-256color
# on_terminal WHAT COMMAND: nothing of what the bytes wanted reaches it.
on_terminal() {
	local sequence
	script -qec "$2" typescript >/dev/null </dev/null
	for sequence in $'\033]' $'\033[6n' $'\033[?' $'\033P' $'\007' $'\302\233' \
		$'\342\200\256'; do
		if grep -qaF -- "$sequence" typescript; then
			fail "$1: $(printf %q "$sequence") is not sent"
			sed '1d;$d' typescript | cat -v | note
		else
			pass "$1: $(printf %q "$sequence") is not sent"
		fi
	done
	like "$1: what they said is shown" "$(sed '1d;$d' typescript)" owned
}
on_terminal logs "'$BERTH' exec logs '$id'"
on_terminal run "'$BERTH' exec run -- cat '$TMP/nasty'"
ok 'run lets colours pass' grep -qaF $'\033[31mtext' typescript
is 'raw is raw' "$("$BERTH" exec logs --raw "$id" | sha1sum)" "$(sha1sum <nasty)"
unlike 'without them if asked' "$(api GET "/v1/exec/$id/logs?strip_ansi=true&full=true")" \
	$'\033'
