#!/bin/bash
# Goal: a key can do what the policy says and nothing else: sessions to attach
# to or to watch, listed commands, berth's API, transfers below one directory;
# no text that a client sends ever reaches a shell, and all of it is on record.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
needs tmux script

# --- a host: settings, policy, keys ------------------------------------------

ETC=$TMP/etc
mkdir -p "$ETC" "$TMP/data/in" "$TMP/bin" "$TMP/web" "$TMP/run"
chmod 700 "$TMP/run"
ln -s "$BERTHD" "$TMP/bin/codex-ssh"

# An agent that says what it is told, and counts how often it was started.
cat >"$TMP/bin/agent" <<'AGENT'
#!/bin/sh
echo x >>"$STARTS"
echo "agent $BERTH_SESSION ready in $PWD, $GREETING"
exec cat
AGENT
chmod 755 "$TMP/bin/agent"

cat >"$ETC/codex-ssh.env" <<ENV
# What every session has.
CODEX_SSH_COMMAND='$TMP/bin/agent'
CODEX_SSH_WORKSPACE=~/codex-workspace
CODEX_SSH_AUDIT=$TMP/audit.jsonl
STARTS=$TMP/starts
GREETING="hello world"
ENV

# key NAME [WORDS OF codex-ssh]: a key whose every login is the front door, and
# a host of that name which uses it.  The account's own places are moved, as if
# it were another user's.
key() {
	ssh-keygen -q -t ed25519 -N '' -C "$1@test" -f "$TMP/$1.key"
	printf 'restrict,pty,command="env HOME=%s XDG_RUNTIME_DIR=%s %s/bin/codex-ssh --etc %s %s" %s\n' \
		"$HOME" "$TMP/run" "$TMP" "$ETC" "${*:2}" \
		"$(cat "$TMP/$1.key.pub")" >>"$TMP/keys"
	sshd_host "$1" door "IdentityFile $TMP/$1.key" "LogLevel ERROR"
}
fingerprint() {
	ssh-keygen -lf "$TMP/$1.key.pub" | cut -d' ' -f2
}

sshd_start door "AuthorizedKeysFile $TMP/keys" 'ExposeAuthInfo yes'
for name in op watch run api files reader repo menu; do
	key $name
done
key named --as oncall
key stranger
mkdir -p "$HOME/.ssh"
cp "$TMP/keys" "$HOME/.ssh/authorized_keys"

cat >"$ETC/policy.yaml" <<POLICY
schema_version: 1
keys:
  - {fingerprint: "$(fingerprint op)", role: operator}
  - {comment: watch@test, role: watch}
  - {fingerprint: "$(fingerprint run)", role: ci}
  - {fingerprint: "$(fingerprint api)", role: api}
  - {fingerprint: "$(fingerprint files)", role: drop}
  - {fingerprint: "$(fingerprint reader)", role: read}
  - {fingerprint: "$(fingerprint repo)", role: repo}
  - {fingerprint: "$(fingerprint menu)", role: menu}
  - {as: oncall, role: watch}
roles:
  - {name: operator, kind: operator}
  - {name: watch, kind: viewer}
  - name: ci
    kind: runner
    commands:
      - argv: [echo, "*"]
      - argv: [printf, "%s|", "..."]
      - {argv: [pwd], cwd: $TMP/data}
      - argv: [sh, -c, exit 7]
  - {name: api, kind: exec-only}
  - {name: drop, kind: files, root: $TMP/data, write: true, allow: [sftp, scp, rsync]}
  - {name: read, kind: files, root: $TMP/data, allow: [sftp, rsync]}
  - {name: repo, kind: files, root: $TMP/git, write: true, allow: [git]}
  - {name: menu, kind: menu, projects: [web, docs]}
projects:
  - {name: web, dir: $TMP/web, env: {GREETING: from web}}
  - {name: docs, dir: $TMP/docs}
  - {name: secret, dir: $TMP/secret}
POLICY

on() {
	timeout 20 ssh -F "$BERTH_SSH_CONFIG" "$@" </dev/null
}
tmux_of() {
	tmux -S "$TMP/run/berth/session/tmux" "$@"
}
end_sessions() {
	tmux_of kill-server
}
cleanup_at_exit end_sessions
log_has() {
	grep -q -- "$1" "$TMP/audit.jsonl"
}
last_record() {
	tail -n 1 "$TMP/audit.jsonl"
}

# terminal NAME SSH-ARGUMENT...: ssh -t in a terminal of its own, whose output
# is $TMP/NAME.out and whose keys are written to descriptor ${KEYS[NAME]}.
declare -A KEYS=() PIDS=()
terminal() {
	local name=$1 fd
	mkfifo "$TMP/$name.in"
	shift
	TERM=xterm-256color script -qfec "stty rows 30 cols 100; exec ssh -F '$BERTH_SSH_CONFIG' -tt $*" \
		"$TMP/$name.out" <"$TMP/$name.in" >/dev/null 2>&1 &
	PIDS[$name]=$!
	exec {fd}>"$TMP/$name.in"
	KEYS[$name]=$fd
	cleanup_at_exit kill "${PIDS[$name]}"
}
type_in() {
	printf '%b' "$2" >&"${KEYS[$1]}"
}
shows() {
	grep -aq -- "$2" "$TMP/$1.out"
}
has_ended() {
	wait_for 10 is_gone "${PIDS[$1]}"
}

# --- three keys, three roles --------------------------------------------------

terminal one op
ok 'an operator is in the session, and its agent was started' \
	wait_for 15 shows one 'agent codex ready'
ok 'with the environment of the file' shows one 'hello world'
type_in one 'typed by one\r'
ok 'what is typed reaches the agent' wait_for 10 shows one 'typed by one'

terminal two watch
ok 'a viewer sees the same session' wait_for 15 shows two 'typed by one'
type_in two 'typed by the viewer\r'
type_in one 'after the viewer\r'
ok 'what the operator types is seen there' wait_for 10 shows two 'after the viewer'
unlike 'what the viewer types is not' "$(tmux_of capture-pane -p -t codex)" \
	'typed by the viewer'

is 'a listed command runs, with its words' "$(on run "echo 'hi there'")" "hi there"
is 'and its exit status is passed on' \
	"$(on run "sh -c 'exit 7'"; echo $?)" 7
like 'another is refused with a sentence' "$(on run id 2>&1)" \
	'the role "ci" may not run: id'
is 'a listed command runs where the policy says' "$(on run pwd)" "$TMP/data"
is 'the agent was started once' "$(wc -l <"$TMP/starts")" 1

ok 'a key that has no role is refused' grep -q 'this key has no role here' \
	<(on stranger 2>&1)
ok 'the audit log is whole' "$BERTHD" audit verify -f "$TMP/audit.jsonl"
