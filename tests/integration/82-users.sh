#!/bin/bash
# Goal: fifty users of one machine who log in at the same moment have a session
# each, their own, as themselves; and leave nothing behind.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
needs_root
needs tmux script ssh sshd ssh-keygen
. "$ROOT/tests/logins.sh"

USERS=50
users=()
for ((i = 1; i <= USERS; i++)); do users+=("$(printf 'u%02d' $i)"); done
for user in "${users[@]}"; do logins_add "$user" /bin/bash; done
logins_sshd "Match User u*"
logins_forced
logins_start
logins_door <<'AGENT'
#!/bin/sh
echo $$ >>~/starts
echo "agent of $(id -un)"
while read -r line; do echo "$(id -un) heard $line"; done
AGENT

# A login waits at the gate with its terminal, until all are there.
exec 7>"$TMP/gate"
flock 7
login() {
	on_tty "$1" 'rows 24 cols 80' "echo at the gate
		flock -s '$TMP/gate' true; exec $LOGINS_SSH -tt $1" 7>&-
}
each() {
	local user
	for user in "${users[@]}"; do
		"$1" "$user" || { note "$user"; return 1; }
	done
}

# --- in ---------------------------------------------------------------------

each login
arrives() { wait_for 20 shows "$1" 'at the gate'; }
each arrives
flock -u 7
is_in() { wait_for 60 shows "$1" "agent of $1"; }
ok 'fifty users log in at once, each to an agent of their own' each is_in
types() { echo "hello from $1" >&"${KEYS[$1]}"; }
each types
is_heard() { wait_for 30 shows "$1" "$1 heard hello from $1"; }
ok 'which hears what its user types' each is_heard
sees_nobody_else() {
	! grep -aoE 'agent of u[0-9]+|u[0-9]+ heard|hello from u[0-9]+' \
		"$TMP/$1.out" | grep -qv "$1"
}
ok 'and nothing of others is on the screen' each sees_nobody_else

# --- what there is then -------------------------------------------------------

# UID PPID SID PID ARGUMENTS of all that users run.
processes() {
	logins_as root ps -eo uid=,ppid=,sid=,pid=,args= |
		awk -v first="$(logins_uid u01)" -v n=$USERS '$1 >= first && $1 < first + n'
}
# UID PID of agents at the side of a keeper which heads their session.
agents() {
	processes | awk -v agent="$LOGINS_DOOR/agent" '
		{ uid[$4] = $1 }
		$6 == agent && $2 == $3 { pid[$4] = $2 }
		END { for (p in pid) if (uid[pid[p]] == uid[p]) print uid[p], p }' |
		sort -n
}
# The same, as the agents tell it.
starts() {
	local user
	for user in "${users[@]}"; do
		sed "s/^/$(logins_uid "$user") /" "$LOGINS_ROOT/home/$user/starts"
	done
}
agents >"$TMP/agents"
is 'each has one agent, as itself, in a session of its own' \
	"$(cat "$TMP/agents")" "$(starts)"
is 'which makes fifty' "$(cut -d' ' -f1 "$TMP/agents" | uniq | wc -l)" $USERS

tmux_of() {
	local socket
	socket=$(echo "$LOGINS_ROOT/home/$1"/.local/state/berth/*/run/session/tmux)
	logins_as "$1" tmux -S "${socket#"$LOGINS_ROOT"}" "${@:2}"
}
one_session() {
	[ "$(tmux_of "$1" list-sessions -F '#{session_name} #{session_attached}')" = 'codex 1' ]
}
ok 'one server with one session, and one viewer' each one_session
is 'no order is left' "$(find "$LOGINS_ROOT/home" -name '*.order')" ''
logged_in() {
	[ "$(jq -rs '.[] | .event + " " + .user' \
		"$LOGINS_ROOT/home/$1"/.local/state/berth/*/audit.jsonl)" = "login $1" ]
}
ok 'each login is in the log of its user, once' each logged_in

# --- and out ------------------------------------------------------------------

leaves() { printf '\035' >&"${KEYS[$1]}"; }
each leaves
has_left() { wait_for 30 is_gone "${PIDS[$1]}"; }
ok 'all leave' each has_left
# Of each the server, the keeper of the agent, and the agent.
only_sessions() {
	processes | awk '
		$5 ~ /tmux$/ && /new-session/ { n[$1] += 1; next }
		/berthd: keeps an agent/ { n[$1] += 10; next }
		$6 ~ /agent$/ { n[$1] += 100; next }
		{ print; other = 1 }
		END { for (uid in n) if (n[uid] == 111) whole++
			print whole + 0; exit other || whole != '$USERS' }'
}
ok 'and leave their sessions behind, and nothing else' wait_for 30 only_sessions
is 'with the agents of before' "$(agents)" "$(cat "$TMP/agents")"
server_ends() { tmux_of "$1" kill-server; }
ok 'the servers are ended' each server_ends
nobody_is_there() { [ -z "$(processes)" ]; }
ok 'and with them the last process of each user' wait_for 30 nobody_is_there
