#!/bin/bash
# Goal: files go through an SFTP server that is not OpenSSH's, and one that
# means no good gets nothing but an error: nothing is written that was not
# asked for, and nothing is waited for without end.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
needs jq node
[ -d "$ROOT/tests/peers/node_modules/ssh2" ] ||
	skip_all "run scripts/setup --tests"

export BERTHD BERTH_OUTPUT=json BERTH_FILE_VIA=sftp
mkdir -p "$TMP/src/d/e" "$TMP/there" "$HOME/work"

# npm's ssh2: no extensions, short reads, answers out of order, and no commands.
ssh-keygen -q -t ed25519 -N '' -f "$TMP/host_key"
node "$ROOT/tests/peers/sftp-ssh2.mjs" "$TMP/host_key" >"$TMP/port" \
	2>"$TMP/peer.log" &
peer=$!
stop_peer() {
	kill $peer
	wait $peer 2>/dev/null
}
cleanup_at_exit stop_peer
wait_for 20 test -s "$TMP/port"
SSHD_PORT[npm]=$(cat "$TMP/port")
sshd_host npm npm
echo "[127.0.0.1]:${SSHD_PORT[npm]} $(cut -d' ' -f1,2 "$TMP/host_key.pub")" \
	>>"$SSHD/known_hosts"
# By an ssh of its own: a link takes it for dead, since it does not answer
# requests on a channel that it does not know.
printf '#!/bin/sh\nexec ssh -F "%s" -s npm sftp\n' "$BERTH_SSH_CONFIG" \
	>"$TMP/by-ssh"
chmod 755 "$TMP/by-ssh"
export BERTH_SFTP_SERVER=$TMP/by-ssh

there=$TMP/there
head -c 3000001 /dev/urandom >"$TMP/src/large"
echo small >"$TMP/src/d/small"
: >"$TMP/src/d/e/empty"
ln -s d/small "$TMP/src/link"
chmod 750 "$TMP/src/d/small"
file() {
	"$BERTH" file "$1" "${@:2}"
}
ok 'ssh2: a file is written' file write "$there/f" "$TMP/src/large"
ok 'ssh2: ... the same' cmp "$there/f" "$TMP/src/large"
ok 'ssh2: one that is there is replaced' file write "$there/f" "$TMP/src/d/small"
ok 'ssh2: ... the same' cmp "$there/f" "$TMP/src/d/small"
ok 'ssh2: a file is moved over it' file write "$there/g" "$TMP/src/large"
ok 'ssh2: ... in two steps' file mv "$there/g" "$there/f"
ok 'ssh2: short reads make the whole' file read "$there/f" -o "$TMP/back"
ok 'ssh2: ... file' cmp "$TMP/back" "$TMP/src/large"
ok 'ssh2: push' "$BERTH" sync push "$TMP/src" "$there/tree"
ok 'ssh2: ... is the same' diff -r --no-dereference "$TMP/src" "$there/tree"
echo more >>"$TMP/src/d/small"
is 'ssh2: only what changed goes' \
	"$("$BERTH" sync push "$TMP/src" "$there/tree" | jq .files)" 1
ok 'ssh2: ... and it is the same' diff -r --no-dereference "$TMP/src" "$there/tree"
ok 'ssh2: pull' "$BERTH" sync pull "$there/tree" "$TMP/down"
ok 'ssh2: ... is the same' diff -r --no-dereference "$TMP/src" "$TMP/down"
is 'ssh2: nothing is left' "$(find "$there" "$TMP/down" -name '.berth-*')" ''
ok 'ssh2: a tree is removed' file rm -r "$there/tree"
ok 'ssh2: ... all of it' test ! -e "$there/tree"

# A server that means no good.
export BERTH_SFTP_SERVER=$ROOT/tests/peers/sftp-hostile.mjs
mkdir -p "$TMP/in/side"
cd "$TMP/in/side" || exit 99
fails_with() { # CODE WHAT COMMAND...
	local answer
	answer=$(timeout 20 "${@:3}" 2>/dev/null)
	local status=$?
	ok "$2 ends" [ $status -ne 124 ]
	is "... with" "$(jq -r .error.code <<<"$answer" | head -n 1)" "$1"
}
export HOSTILE
HOSTILE=version fails_with PROTOCOL 'what is no SFTP' "$BERTH" file ls /x
HOSTILE=length fails_with PROTOCOL 'a packet without an end' "$BERTH" file ls /x
HOSTILE=count fails_with PROTOCOL 'names that do not come' "$BERTH" file ls /x
HOSTILE=stranger fails_with PROTOCOL 'an answer to no question' "$BERTH" file ls /x
HOSTILE=endless fails_with LIMIT 'a list without an end' "$BERTH" file ls /x
HOSTILE=deep fails_with LIMIT 'directories without an end' \
	"$BERTH" sync pull /x down
HOSTILE=handle fails_with PROTOCOL 'a handle that is too long' "$BERTH" file read /x
HOSTILE=more fails_with PROTOCOL 'more than was asked for' "$BERTH" file read /x
HOSTILE=none fails_with PROTOCOL 'content of nothing' "$BERTH" file read /x
HOSTILE=names
is 'names that lead away are left out' \
	"$(timeout 20 "$BERTH" file ls /x | jq -r '[.entries[].name]|join(" ")')" good
timeout 20 "$BERTH" sync pull /x down >/dev/null 2>&1
is '... of a sync, too' "$(cd "$TMP/in" && find . -type f | grep -v /good)" ''
ok '... everywhere' test ! -e "$TMP/escaped" -a ! -e /tmp/escaped
HOSTILE=twice fails_with PROTOCOL 'a name that is there twice' \
	"$BERTH" sync pull /x down2
