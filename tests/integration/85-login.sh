#!/bin/bash
# Goal: a key can do what the policy says and nothing else: sessions to attach
# to or to watch, listed commands, berth's API, transfers below one directory;
# no text that a client sends ever reaches a shell, and all of it is on record.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
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

# terminal NAME SSH-ARGUMENT...: ssh -t in a terminal of its own.
terminal() {
	on_tty "$1" 'rows 30 cols 100' \
		"exec ssh -F '$BERTH_SSH_CONFIG' -tt ${*:2}"
}
type_in() {
	printf '%b' "$2" >&"${KEYS[$1]}"
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
ok 'and its fingerprint is told, to be put into the policy' \
	grep -qF "its fingerprint is $(fingerprint stranger)" <(on stranger 2>&1)

# --- nothing reaches a shell --------------------------------------------------

touch_all() {
	local text n=0
	while IFS= read -r text; do
		on run "${text//@/$TMP/touched}" >"$TMP/out" 2>&1
		[ -e "$TMP/touched" ] && note "went through: $text" && return 1
		n=$((n + 1))
	done
	[ $n -gt 20 ]
}
ok 'no trick of quoting starts a second command' touch_all <<'TRICKS'
echo a; touch @
echo a & touch @
echo a && touch @
echo a || touch @
echo a | touch @
echo $(touch @)
echo `touch @`
echo "$(touch @)"
echo "`touch @`"
echo a > @
echo 'a' >@
echo "a\"; touch @; echo \"b"
echo 'a'\''; touch @; echo '
echo a\
touch @
echo a\; touch @; echo b
echo "a\\"; touch @
echo ${IFS}touch${IFS}@
echo <(touch @)
echo {touch,@}
echo $'a\n touch @'
(touch @)
{ touch @; }
! touch @
touch @
LD_PRELOAD=@ echo a
exec touch @
eval touch @
sh -c 'touch @'
sh -c "exit 7; touch @"
env touch @
'touch' @
echo a $((touch @))
TRICKS
newline=$(on run "echo a
touch $TMP/touched" 2>&1)
like 'nor does a line break' "$newline" 'a line break'
ok 'nothing was touched' test ! -e "$TMP/touched"
is 'what is quoted arrives as it is' \
	"$(on run "printf '%s|' '\$(id)' \"a b\" c\\ d ';' '*'")" \
	'$(id)|a b|c d|;|*|'
is 'an environment that a client sends moves nothing' \
	"$(BERTH_HOME=$TMP/other on -o 'SendEnv BERTH_HOME' run echo ok)" ok
ok 'not even the state' test ! -e "$TMP/other"

# --- sessions without a terminal, by project, by menu -------------------------

like 'without a terminal a session says what it needs' "$(on -T op 2>&1)" \
	'needs a terminal.*ssh -t HOST'
like 'an unknown word is refused' "$(on op bash 2>&1)" \
	'the role "operator" may not run: bash'
terminal web menu web
ok 'a project is a word away, with its directory and environment' \
	wait_for 15 shows web "agent web ready in $TMP/web, from web"
terminal menu menu
ok 'a menu shows the projects of the role' wait_for 15 shows menu '1  web'
unlike 'and no others' "$(cat "$TMP/menu.out")" secret
type_in menu '\033[B\r'
ok 'arrows and Enter choose' wait_for 15 shows menu 'agent docs ready'
like 'a project of others is refused' "$(on -tt menu secret 2>&1)" 'may not run'
terminal named named
ok 'a name in command= is a key to the policy' \
	wait_for 15 shows named 'after the viewer'

# Also among others, as a slow line brings them.
for name in one two web menu named; do
	type_in $name 'at once\035'
	ok "Ctrl-] leaves ($name)" has_ended $name
done
again() {
	local i
	for i in {1..10}; do
		terminal "again$i" op
		wait_for 10 shows "again$i" 'typed by one' || return 1
		kill "${PIDS[again$i]}"
	done
}
ok 'ten reconnects in a row show the same screen' again
is 'and the same agents' "$(sort "$TMP/starts" | wc -l)" 3

# --- an agent that dies at once is shown, not looped --------------------------

printf '#!/bin/sh\necho x >>"$STARTS"\necho cannot: no licence\nexit 3\n' >"$TMP/bin/broken"
chmod 755 "$TMP/bin/broken"
tmux_of kill-session -t web
sed -i "s|CODEX_SSH_COMMAND=.*|CODEX_SSH_COMMAND='$TMP/bin/broken'|" "$ETC/codex-ssh.env"
before=$(wc -l <"$TMP/starts")
terminal broken menu web
ok 'a session whose agent dies at once ends' has_ended broken
ok 'that login is shown what it said' shows broken 'no licence'
ok 'and how it ended' shows broken 'ended with status 3'
unlike 'not what tmux says of it' "$(cat "$TMP/broken.out")" '\[detached|\[exited'
terminal broken2 menu web
ok 'the next login says so too' wait_for 15 shows broken2 'ended with status 3'
ok 'with what was said' shows broken2 'no licence'
is 'nothing is started again without being asked' \
	"$(wc -l <"$TMP/starts")" $((before + 1))
type_in broken2 '\003'

# --- berth's API on a restricted key -------------------------------------------

like 'exec-only is the API' \
	"$(printf 'GET /v1/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
		timeout 20 ssh -F "$BERTH_SSH_CONFIG" api berthd stdio)" \
	'200 OK.*host_id'
stop_api() {
	HOME=$HOME XDG_RUNTIME_DIR=$TMP/run BERTH_HOME='' "$BERTHD" stop
}
cleanup_at_exit stop_api
like 'and nothing else' "$(on api 2>&1; on api echo a 2>&1)" \
	'for berth only.*may not run: echo a'

# --- transfers ------------------------------------------------------------------

echo content >"$TMP/data/file"
echo other >"$TMP/outside"
ln -s "$TMP" "$TMP/data/way-out"
S="-F $BERTH_SSH_CONFIG"
# shellcheck disable=SC2086
sftp_as() {
	timeout 20 sftp $S -b - "$1" 2>&1
}
ok 'scp brings a file below the root' \
	timeout 20 scp $S "$TMP/outside" files:in/new
is 'it is there' "$(cat "$TMP/data/in/new")" other
ok 'scp fetches one' timeout 20 scp $S reader:file "$TMP/fetched"
is 'as it was' "$(cat "$TMP/fetched")" content
fails 'not where a role may only read' \
	timeout 20 scp $S "$TMP/outside" reader:in/no
fails 'not above the root' timeout 20 scp $S "$TMP/outside" files:../escaped
fails 'not by its full name' timeout 20 scp $S files:"$TMP/outside" "$TMP/x"
fails 'not through a link' timeout 20 scp $S files:way-out/outside "$TMP/x"
fails 'not through a link that is made on the way' sftp_as files <<SFTP
symlink $TMP/outside link
get link $TMP/x
SFTP
sftp_as files <<SFTP >/dev/null
-chmod 777 $TMP/outside
-rm $TMP/outside
-rename $TMP/outside $TMP/data/stolen
-symlink / all
-get all/etc/shadow $TMP/x
-put $TMP/fetched $TMP/planted
SFTP
is 'modes outside stay' "$(stat -c %a "$TMP/outside")" 644
ok 'nothing outside was removed, made or read' \
	test -e "$TMP/outside" -a ! -e "$TMP/planted" -a ! -e "$TMP/x"
like 'the old protocol stays below the root too' \
	"$(timeout 20 scp -O $S files:"$TMP/outside" "$TMP/x" 2>&1)" 'is not below'
ok 'and works there' timeout 20 scp -O $S "$TMP/outside" files:in/old
if command -v rsync >/dev/null; then
	mkdir -p "$TMP/tree/sub" && echo a >"$TMP/tree/sub/a"
	ok 'rsync brings a tree' timeout 20 rsync -rt -e "ssh $S" "$TMP/tree/" files:in/tree/
	is 'it is there too' "$(cat "$TMP/data/in/tree/sub/a")" a
	ok 'rsync fetches it' timeout 20 rsync -rt -e "ssh $S" reader:in/tree/ "$TMP/back/"
	fails 'rsync does not write for a reader' \
		timeout 20 rsync -rt -e "ssh $S" "$TMP/tree/" reader:in/tree/
	fails 'rsync stays below the root' \
		timeout 20 rsync -rt -e "ssh $S" "$TMP/tree/" files:"$TMP/planted/"
	fails 'rsync does not leave by a link' \
		timeout 20 rsync -rt -e "ssh $S" files:way-out/outside "$TMP/x"
	fails 'rsync runs no other program' timeout 20 rsync -rt -e "ssh $S" \
		--rsync-path='touch x; rsync' "$TMP/tree/" files:in/tree/
else
	cannot 'rsync below a root' 'rsync is not installed'
fi
GIT_SSH_COMMAND="ssh $S"
export GIT_SSH_COMMAND
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
git init -q --bare "$TMP/git/a.git"
git init -q -b main "$TMP/clone" && git -C "$TMP/clone" commit -q --allow-empty -m one
ok 'git pushes' timeout 20 git -C "$TMP/clone" push -q repo:a.git main
ok 'and clones' timeout 20 git clone -q -b main "repo:$TMP/git/a.git" "$TMP/clone2"
exits 128 'git stays below its root' timeout 20 git clone -q "repo:$TMP/clone" "$TMP/clone3"
exits 128 'a key for files is none for git' timeout 20 git ls-remote "files:$TMP/git/a.git"
like 'a key for git is none for sftp' "$(sftp_as repo </dev/null)" 'closed|Connection'
fails 'a key for transfers opens no session' on -tt files

# --- on record ------------------------------------------------------------------

ok 'the audit log is whole' "$BERTHD" audit verify -f "$TMP/audit.jsonl"
show=$("$BERTHD" audit show -f "$TMP/audit.jsonl")
like 'with the refusals' "$show" 'refused.*a second command.*touch'
ok 'the keys' grep -qF "key=$(fingerprint run)" <<<"$show"
like 'and the ends of commands' "$show" 'end .*status=7'
is 'every login is there with who, from where and what' \
	"$(jq -r 'select(.event=="login" and .role=="operator")|.from' \
		"$TMP/audit.jsonl" | grep -c '^127.0.0.1 [0-9]*$')" 11

# --- typed at a prompt ------------------------------------------------------------

door() {
	env -u SSH_CONNECTION HOME="$HOME" XDG_RUNTIME_DIR="$TMP/run" \
		"$TMP/bin/codex-ssh" --etc "$TMP/direct" "$@"
}
mkdir -p "$TMP/direct"
like 'codex-ssh at a prompt needs a terminal as well' "$(door 2>&1 </dev/null)" \
	'needs a terminal'
printf 'A=$(touch %s)\n' "$TMP/touched" >"$TMP/direct/codex-ssh.env"
like 'a hostile env file is refused, with its line' "$(door 2>&1 </dev/null)" \
	'codex-ssh.env:1: A: .*an expansion'
ok 'and does nothing' test ! -e "$TMP/touched"

# A session begins with the file of the program, by its name: under that of the
# front door it would be one more login.
cp "$BERTHD" "$TMP/direct/codex-ssh"
ln -s codex-ssh "$TMP/direct/berthd"
for name in codex-ssh berthd; do
	exits 78 "a copy is refused (called $name)" "$TMP/direct/$name" --version
	like "... with what to do ($name)" "$(<"$TMP/.out")" \
		"codex-ssh is a copy of berthd.*ln -sf berthd $TMP/direct/codex-ssh"
done
