#!/bin/bash
# Goal: a user whose home takes no byte more comes through sshd to a session, or
# is told why not; and one whose home fills up in a session stays in it.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
needs_root
needs tmux script ssh sshd ssh-keygen
. "$ROOT/tests/logins.sh"

# A quota cannot be had on every kernel; a home that is small can.
users=(full works fills)
for user in "${users[@]}"; do logins_add "$user" /bin/bash; done
logins_forced
logins_start
logins_door <<'AGENT'
#!/bin/sh
echo "agent of $(id -un)"
while read -r line; do echo "got: $line"; done
AGENT
small_home() {
	local uid
	uid=$(logins_uid "$1")
	logins_as root mount -t tmpfs \
		-o "size=256k,nr_inodes=200,mode=700,uid=$uid,gid=$uid" none "/home/$1"
}
# To the last byte and the last name.
fill() {
	logins_as "$1" sh -c 'cd; cat /dev/zero >fill
		i=0; while mkdir fill.$i; do i=$((i + 1)); done' 2>/dev/null
}
login() {
	TERM_OF=xterm on_tty "$1" 'rows 24 cols 80' "exec $LOGINS_SSH -tt $1"
	LAST=$1
}
has_ended() { is_gone "${PIDS[$LAST]}"; }
leave() { printf '\035' >&"${KEYS[$LAST]}"; wait_for 10 has_ended; }
end_of() { sed -n 's/.*COMMAND_EXIT_CODE="\([0-9]*\)".*/\1/p' "$TMP/$1.out"; }

for user in "${users[@]}"; do small_home "$user"; done

# --- full from the start --------------------------------------------------------

fill full
login full
ok 'where nothing can be made, a login ends' wait_for 20 has_ended
ok 'and says why' shows full 'No space left'
is 'with the status of what the system refused' "$(end_of full)" 125

# What logind gives to whoever logs in, and what was made before.
uid=$(logins_uid works)
logins_as root install -d -m 700 -o "$uid" -g "$uid" "/run/user/$uid"
logins_as works mkdir /home/works/codex-workspace
fill works
login works
ok 'where there is a place for its socket, a session begins' \
	wait_for 20 shows works 'agent of works'
ok 'who comes in is told what could not be written' \
	shows works 'this login is not on record: .*No space left'
echo hello >&"${KEYS[$LAST]}"
ok 'and works' wait_for 10 shows works 'got: hello'
ok 'until it is left' leave
login works
ok 'and comes back' wait_for 20 shows works 'got: hello'
leave

# --- full in the middle of it -----------------------------------------------------

logins_as fills mkdir -p /home/fills/.config/codex-ssh
logins_as fills tee /home/fills/.config/codex-ssh/codex-ssh.env \
	>"$TMP/settings" <<<'CODEX_SSH_RECORD=v3'
login fills
ok 'a session is recorded at home' wait_for 20 shows fills 'agent of fills'
fill fills
# The last block has room for some more.
is_cut() {
	echo more >&"${KEYS[$LAST]}"
	[ -z "$(logins_as root find /proc -maxdepth 3 -path '*/fd/*' -lname '*.cast')" ]
}
ok 'until the home is full' wait_for 30 is_cut
echo the session goes on >&"${KEYS[$LAST]}"
ok 'the session goes on' wait_for 10 shows fills 'got: the session goes on'
ok 'and is left' leave
ok 'with a word of what is not recorded' \
	shows fills 'the recording of this session is not whole: .*No space left'
ok 'which plays' "$BERTH" session play --speed 1000 \
	"$LOGINS_ROOT"/home/fills/.local/state/berth/*/recordings/*.cast
logins_as fills sh -c 'rm -r ~/fill*'
login fills
ok 'with space again its user comes back to it' \
	wait_for 20 shows fills 'got: the session goes on'
leave
