#!/bin/bash
# Goal: logins at the same moment, in great number, one after the other and
# from odd terminals come to one agent per session, and leave nothing behind.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
. "$ROOT/tests/sshd.sh"
needs tmux script
unset TMUX TMUX_PANE BERTH_SESSION LC_ALL LC_CTYPE LANG

LOGINS=50
SESSION=$TMP/run/berth/session
mkdir -p "$TMP/bin" "$TMP/etc" "$TMP/run"
chmod 700 "$TMP/run"
ln -s "$BERTHD" "$TMP/bin/codex-ssh"
cat >"$TMP/bin/agent" <<'AGENT'
#!/bin/sh
echo "$BERTH_SESSION" >>"$STARTS"
trap 'echo "size $(stty size)"' WINCH
echo "agent $BERTH_SESSION ready: grün"
while :; do read -r line && echo "got:$line:"; done
AGENT
chmod 755 "$TMP/bin/agent"
cat >"$TMP/etc/codex-ssh.env" <<ENV
CODEX_SSH_COMMAND='$TMP/bin/agent'
CODEX_SSH_WORKSPACE=$TMP/work
CODEX_SSH_AUDIT=$TMP/audit.jsonl
STARTS=$TMP/starts
ENV
: >"$TMP/starts"

# One account; a key is a name, and a name is a session of its own.
sshd_start door "AuthorizedKeysFile $TMP/keys" 'AcceptEnv LANG LC_*'
{
	echo 'schema_version: 1'
	echo 'keys:'
	for ((i = 1; i <= LOGINS; i++)); do
		echo "  - {as: k$i, role: r$i}"
	done
	echo '  - {as: both, role: both}'
	echo '  - {as: dies, role: dies}'
	echo 'roles:'
	for ((i = 1; i <= LOGINS; i++)); do
		echo "  - {name: r$i, kind: operator, session: s$i}"
	done
	echo '  - {name: both, kind: operator, session: both}'
	echo '  - {name: dies, kind: menu, projects: [dies]}'
	echo 'projects:'
	echo "  - {name: dies, dir: $TMP/work, command: [sh, -c, 'echo last words; exit 3']}"
} >"$TMP/etc/policy.yaml"
key() {
	ssh-keygen -q -t ed25519 -N '' -C "$1@test" -f "$TMP/$1.key"
	printf 'restrict,pty,command="env HOME=%s XDG_RUNTIME_DIR=%s %s/bin/codex-ssh --etc %s --as %s" %s\n' \
		"$HOME" "$TMP/run" "$TMP" "$TMP/etc" "$1" \
		"$(cat "$TMP/$1.key.pub")" >>"$TMP/keys"
	sshd_host "$1" door "IdentityFile $TMP/$1.key" 'LogLevel ERROR' \
		'SendEnv LANG LC_*'
}
for ((i = 1; i <= LOGINS; i++)); do key "k$i"; done
key both
key dies

tmux_of() { tmux -S "$SESSION/tmux" "$@"; }
end_sessions() { tmux_of kill-server; }
cleanup_at_exit end_sessions
# A tmux that waited while another started the server leaves the lock's file.
orders() { find "$SESSION" -type f ! -name tmux.conf ! -name tmux.lock | wc -l; }
clients() { tmux_of list-clients -t "=$1" -F x 2>/dev/null | grep -c x; }
has_clients() { [ "$(clients "$1")" -eq "$2" ]; }
times() { grep -cx -- "$1" "$TMP/starts"; }

# login NAME HOST STTY [SSH-ARGUMENT...]: ssh -t at a terminal of its own.
login() {
	on_tty "$1" "$3" "exec ssh -F '$BERTH_SSH_CONFIG' -tt $2 ${*:4}"
}
leave() {
	printf '\035' >&"${KEYS[$1]}"
	wait_for 20 is_gone "${PIDS[$1]}" || return 1
	exec {KEYS[$1]}>&-
}

# --- two at once --------------------------------------------------------------

races() {
	local round
	for round in {1..10}; do
		: >"$TMP/starts"
		login "one$round" both 'rows 24 cols 80'
		login "two$round" both 'rows 24 cols 80'
		wait_for 20 has_clients both 2 || return 1
		wait_for 10 shows "one$round" 'agent both ready' || return 1
		wait_for 10 shows "two$round" 'agent both ready' || return 1
		[ "$(times both)" = 1 ] || return 1
		[ "$(orders)" = 0 ] || return 1
		tmux_of kill-session -t =both
		wait_for 10 is_gone "${PIDS[one$round]}" || return 1
		wait_for 10 is_gone "${PIDS[two$round]}" || return 1
	done
}
ok 'two logins that race get one agent, and leave no order, ten times' races

# --- fifty at once ------------------------------------------------------------

: >"$TMP/starts"
for ((i = 1; i <= LOGINS; i++)); do login "k$i" "k$i" 'rows 24 cols 80'; done
each_is_in() {
	local i
	for ((i = 1; i <= LOGINS; i++)); do
		wait_for 60 shows "k$i" "agent s$i ready" || return 1
	done
}
ok 'fifty keys log in at once, each to its own session' each_is_in
is 'with one agent each' "$(sort "$TMP/starts" | uniq | wc -l) $(wc -l <"$TMP/starts")" \
	"$LOGINS $LOGINS"
is 'no order is left' "$(orders)" 0
all_leave() {
	local i
	for ((i = 1; i <= LOGINS; i++)); do leave "k$i" || return 1; done
}
ok 'all leave' all_leave
ok 'the log of it is whole' "$BERTHD" audit verify -f "$TMP/audit.jsonl"
is 'and has them all' "$(jq -r 'select(.event == "login" and (.as | startswith("k"))) | .as' \
	"$TMP/audit.jsonl" | sort -u | wc -l)" "$LOGINS"

# --- a hundred times ----------------------------------------------------------

reconnects() {
	local i
	for i in {1..100}; do
		login "again$i" k1 'rows 24 cols 80'
		wait_for 20 shows "again$i" 'agent s1 ready' || return 1
		if ((i % 2)); then
			leave "again$i" || return 1
		else
			kill -KILL "${PIDS[again$i]}"
			exec {KEYS[again$i]}>&-
		fi
	done
}
ok 'a hundred reconnects, half of them cut, show the screen' reconnects
ok 'and leave nobody behind' wait_for 20 has_clients s1 0
is 'nor a second agent' "$(times s1)" 1

# --- odd terminals ------------------------------------------------------------

size_is() { [ "$(tmux_of display-message -p -t =s2: '#{window_width}x#{window_height}')" = "$1" ]; }
login tiny k2 'rows 1 cols 2'
ok 'a terminal of two by one' wait_for 20 size_is 2x1
ok 'is left' leave tiny
login huge k2 'rows 900 cols 1500'
ok 'one of 1500 by 900' wait_for 20 size_is 1500x900
ok 'is left, too' leave huge
login none k2 'rows 0 cols 0'
ok 'one without a size' wait_for 20 has_clients s2 1
ok 'is left as well' leave none
login fresh both 'rows 0 cols 0'
ok 'and may start an agent' wait_for 20 shows fresh 'agent both ready'
ok 'which goes on' leave fresh
TERM_OF=no-such-terminal login strange k2 'rows 24 cols 80'
ok 'a terminal that nobody knows shows the screen' \
	wait_for 20 shows strange 'agent s2 ready'
ok 'and is left' leave strange
LC_ALL=C login ascii k2 'rows 24 cols 80'
wait_for 20 shows ascii 'agent s2 ready'
unlike 'a locale without UTF-8 gets none' "$(cat "$TMP/ascii.out")" 'grün'
leave ascii
LC_ALL=C.UTF-8 login utf8 k2 'rows 24 cols 80'
ok 'one with it does' wait_for 20 shows utf8 'grün'
leave utf8

# --- ends ---------------------------------------------------------------------

deaths() {
	local i
	for i in {1..10}; do
		login "dies$i" dies 'rows 24 cols 80' dies
		if [ "$i" -gt 1 ]; then
			wait_for 20 shows "dies$i" 'Enter starts it again' || return 1
			printf '\r' >&"${KEYS[dies$i]}"
		fi
		wait_for 20 is_gone "${PIDS[dies$i]}" || return 1
		shows "dies$i" 'last words' || return 1
		shows "dies$i" 'ended with status 3' || return 1
		exec {KEYS[dies$i]}>&-
	done
}
ok 'an agent that dies at once shows its last screen and its status, each time' \
	deaths
is 'and leaves no order' "$(orders)" 0

: >"$TMP/starts"
sessions() {
	HOME=$HOME XDG_RUNTIME_DIR=$TMP/run BERTH_HOME='' "$BERTH" session ls --json
}
stop_daemon() { XDG_RUNTIME_DIR=$TMP/run BERTH_HOME='' "$BERTHD" stop; }
cleanup_at_exit stop_daemon
is 'what a login started is known to the daemon, with its command' \
	"$(sessions | jq -r '.sessions[] | select(.name == "s3") | .state + " " + .argv[0]')" \
	"running $TMP/bin/agent"
kill -KILL "$(tmux_of display-message -p '#{pid}')"
is 'and has ended when the server is killed' \
	"$(sessions | jq -r '.sessions[] | select(.name == "s3") | .state + " " + .reason')" \
	'ended lost'
