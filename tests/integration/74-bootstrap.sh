#!/bin/bash
# Goal: a login that runs commands is all that a machine needs for a daemon,
# whatever its shell is, prints or lacks, and wherever it lets files run.
# Waits: for shells
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs_root
needs ssh sshd ssh-keygen zsh fish csh tcsh ksh mksh busybox
. "$ROOT/tests/logins.sh"

export BERTH_BERTHD_DIR=$TMP/programs
mkdir programs
cp "$BERTHD" programs/berthd
version=$("$BERTHD" version)

shells=(dash bash zsh fish csh tcsh ksh mksh)
for shell in "${shells[@]}"; do
	logins_add "in-$shell" "$(command -v "$shell")"
done
logins_add noisy /bin/bash
logins_add other /bin/bash
logins_add fisher /bin/bash
logins_add eater /bin/bash
logins_add nobody-home /usr/sbin/nologin
logins_add readonly /bin/bash
logins_add full /bin/sh
logins_add noexec /bin/bash
logins_add cramped /bin/bash
logins_add nowhere /bin/bash
logins_add small /bin/sh
logins_add bare /bin/sh
logins_add packaged /bin/sh
logins_add old /bin/sh
logins_add new /bin/sh
logins_add two /bin/bash
logins_add by-csh "$(command -v csh)"
logins_add by-fish "$(command -v fish)"
logins_sshd 'Match User small'
logins_sshd 'SetEnv PATH=/run/small'
logins_sshd 'Match User bare'
logins_sshd 'SetEnv PATH=/run/bare'
logins_sshd 'Match User packaged'
logins_sshd 'SetEnv PATH=/run/packaged:/usr/bin:/bin'
logins_start

# bring NAME [OPTION...]: what the bootstrap says, in up.NAME.
bring() {
	# shellcheck disable=SC2086
	timeout 60 "$BUILD/tests/tools/bootstrap" "${@:2}" $LOGINS_SSH "$1" \
		>"up.$1" 2>&1
}

# said NAME MEMBER
said() {
	sed -n "s/^$2=//p" "up.$1"
}

# ask NAME PATH: the daemon that was brought up answers its user.
ask() {
	logins_as "$1" curl -sS --max-time 10 --unix-socket "$(said "$1" socket)" \
		"http://localhost$2" "${@:3}"
}

# serves NAME: and it is the one that was told of.
serves() {
	is "$1: the daemon answers on the socket it named" \
		"$(ask "$1" /v1/hello | jq -r '"\(.uid) \(.host_id) \(.nonce)"')" \
		"$(logins_uid "$1") $(said "$1" host_id) $(said "$1" nonce)"
}

stages() {
	sed -n 's/^stage //p' "up.$1" | tr '\n' ' '
}

# --- shells -----------------------------------------------------------------

for shell in "${shells[@]}"; do
	ok "$shell: a daemon where there was nothing" bring "in-$shell" -i
	serves "in-$shell"
done
is 'its stages' "$(stages in-dash)" \
	'shell probe upload install start identity '
is 'it went where programs of a user go' "$(said in-dash program)" \
	"/home/in-dash/.local/share/berth/bin/berthd-$(uname -m)"
is 'its machine' "$(said in-dash machine)" "$(uname -sm)"
is 'it was installed' "$(said in-dash installed)" 1
nonce=$(said in-fish nonce)
ok 'a second time' bring in-fish
is 'nothing is done' "$(stages in-fish)" 'shell probe identity '
is 'it is the same daemon' "$(said in-fish nonce)" "$nonce"
is 'nothing is left of the upload' \
	"$(logins_as in-fish ls -A /home/in-fish/.local/share/berth/bin)" \
	"berthd-$(uname -m)"
is 'the program is for its user alone' \
	"$(logins_as in-fish stat -c %a /home/in-fish/.local/share/berth/bin \
		"/home/in-fish/.local/share/berth/bin/berthd-$(uname -m)" | tr '\n' ' ')" '700 700 '

# --- noise ------------------------------------------------------------------

logins_as noisy tee /home/noisy/.bashrc >/dev/null <<'EOF'
printf 'Welcome to \033[31mHAL\033[0m\r\nberth-0123456789 program 1 {}\n'
echo 'warning: something' >&2
head -c 300000 /dev/zero | tr '\0' 'x'
timeout 0.5 tail -f /dev/null
(for i in 1 2 3 4 5 6 7 8; do
	timeout 0.1 tail -f /dev/null
	printf 'from behind'
done) &
printf 'no end of line'
EOF
ok 'a noisy login is listened through' bring noisy -i
serves noisy
echo 'exec /usr/bin/zsh' | logins_as other tee /home/other/.bashrc >/dev/null
ok 'an rc file that runs another shell' bring other -i
serves other
echo 'read -r line; read -r line' |
	logins_as eater tee /home/eater/.bashrc >/dev/null
ok 'an rc file that reads what is for us' bring eater -i
serves eater
printf 'echo dropped >&2\nexit 3\n' |
	logins_as fisher tee /home/fisher/.bashrc >/dev/null
fails 'an rc file that ends the login' bring fisher -i
like 'is told as what it is' "$(<up.fisher)" \
	'failed shell REMOTE: .*ended with status 3.*seen=dropped'
fails 'an account without a shell' bring nobody-home -i
like 'is told in its own words' "$(<up.nobody-home)" \
	'failed shell REMOTE:.*seen=.*not available'

# --- where things can go ----------------------------------------------------

logins_as root mount -t tmpfs -o ro none /home/readonly
ok 'a home that is read-only' bring readonly -i
serves readonly
is 'the daemon lives elsewhere' "$(said readonly socket)" \
	"/var/tmp/berth-$(logins_uid readonly)/run/berthd.sock"
is 'where nobody else comes in' \
	"$(logins_as root stat -c '%a %u' "/var/tmp/berth-$(logins_uid readonly)")" \
	"700 $(logins_uid readonly)"
is 'and where is told' "$(said readonly home)" "/var/tmp/berth-$(logins_uid readonly)"
like 'so that it can be used without its socket' "$(printf \
	'GET /v1/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
	logins_as readonly env "BERTH_HOME=$(said readonly home)" \
		"$(said readonly program)" stdio)" "$(said readonly nonce)"
nonce=$(said readonly nonce)
ok 'a second time' bring readonly
is 'it is found there' "$(said readonly nonce)" "$nonce"

uid=$(logins_uid full)
logins_as root mount -t tmpfs -o size=600k,mode=700,uid="$uid" none /home/full
ok 'a home without room' bring full -i
serves full
is 'at the second attempt' "$(stages full)" \
	'shell probe upload shell probe upload install start identity '
is 'the daemon lives elsewhere' "$(said full socket)" \
	"/var/tmp/berth-$uid/run/berthd.sock"
is 'what was tried is gone' \
	"$(logins_as root find /home/full -type f -size +8k)" ''

uid=$(logins_uid noexec)
logins_as root mount -t tmpfs -o noexec,mode=700,uid="$uid" none /home/noexec
ok 'a home where nothing runs' bring noexec -i
serves noexec
is 'the program is elsewhere' "$(said noexec program)" \
	"/var/tmp/berth-$uid/bin/berthd-$(uname -m)"
like 'the state is at home' "$(said noexec socket)" '^/home/noexec/\.local/state/'

# The public place is taken by somebody who waits for us there.
uid=$(logins_uid cramped)
logins_as root mount -t tmpfs -o ro none /home/cramped
logins_as noisy mkdir -m 777 "/var/tmp/berth-$uid"
logins_as noisy ln -s /home/noisy "/tmp/berth-$uid"
cleanup_at_exit rm -rf "/tmp/berth-$uid"
ok 'a public place that is taken' bring cramped -i
serves cramped
like 'is not used' "$(said cramped socket)" "^/dev/shm/berth-$uid/"
is 'and nothing was put there' \
	"$(logins_as root find "/var/tmp/berth-$uid" -mindepth 1)" ''
logins_as cramped sh -c 'kill $(pgrep -u $(id -u) berthd)'
ok 'a daemon that was stopped there' bring cramped
is 'is started there' "$(stages cramped) $(said cramped socket)" \
	"shell probe start identity  /dev/shm/berth-$uid/run/berthd.sock"
for dir in /var/tmp /tmp /dev/shm; do
	logins_as noisy mkdir "$dir/berth-$(logins_uid nowhere)"
done
cleanup_at_exit rmdir "/tmp/berth-$(logins_uid nowhere)"
logins_as root mount -t tmpfs -o ro none /home/nowhere
fails 'no place at all' bring nowhere -i
like 'is told' "$(<up.nowhere)" 'failed upload REMOTE: no directory there'

# --- what is missing --------------------------------------------------------

logins_as root sh -c 'mkdir /run/small /run/bare /run/packaged
	for tool in uname mkdir chmod mv rm head; do
		ln -s '"$(command -v busybox)"' /run/small/$tool
	done
	for tool in uname mkdir chmod mv rm; do
		ln -s '"$(command -v busybox)"' /run/bare/$tool
	done'
ok 'six programs are enough' bring small -i
serves small
fails 'five are not' bring bare -i
like 'which is told' "$(<up.bare)" \
	'UNSUPPORTED: programs needed to install are missing there: head'

fails 'nothing is installed unless it may be' bring packaged
like 'which is told' "$(<up.packaged)" 'failed probe NOT_FOUND: berthd is not installed'
logins_as root cp "$BERTHD" /run/packaged/berthd
ok 'a packaged daemon serves' bring packaged
serves packaged
is 'it is the packaged one' "$(said packaged program)" /run/packaged/berthd
ok 'it is stopped' bring packaged -d
fails 'then it does not answer' ask packaged /v1/hello
ok 'stopping it again is fine' bring packaged -d

# --- versions ---------------------------------------------------------------

# as_version NUMBER: a daemon that takes itself for another release.
as_version() {
	LC_ALL=C sed "s/${version//./\\.}/$1/g" "$BERTHD" >"berthd-$1"
	chmod 755 "berthd-$1"
}
as_version 0.0.9
as_version 0.2.0

for name in old new; do
	bin=/home/$name/.local/share/berth/bin
	logins_as $name mkdir -p -m 700 $bin
	[ $name = old ] && other=0.0.9 || other=0.2.0
	logins_as $name tee "$bin/berthd-$(uname -m)" <"berthd-$other" >/dev/null
	logins_as $name chmod 700 "$bin/berthd-$(uname -m)"
	ok "$name: a daemon of version $other serves" bring $name -i
	is "$name: untouched" "$(said $name version)" $other
done
id=$(ask old /v1/exec -d '{"cmd":"read x; echo got $x; exit 7","stdin":true}' |
	jq -r .exec_id)
nonce=$(said old nonce)
ok 'an upgrade that was asked for' bring old -u
is 'happens' "$(said old version) $(said old upgraded)" "$version 1"
serves old
unlike 'by another daemon' "$(said old nonce)" "$nonce"
is 'the exec goes on' "$(ask old "/v1/exec/$id" | jq -r .state)" running
ask old "/v1/exec/$id/stdin?offset=0&eof=true" -d 'it' >/dev/null
is 'and ends as if nothing had been' \
	"$(ask old "/v1/exec/$id?wait=10" | jq -c '[.state,.exit_code]')" '["exited",7]'
ok 'an upgrade to what is older' bring new -u
is 'does not happen' "$(said new version) $(stages new)" '0.2.0 shell probe identity '

# --- by the link -------------------------------------------------------------

# Each name of the ssh configuration is a machine.
export BERTH_SSH_CONFIG=$logins_config
for name in by-csh by-fish; do
	cleanup_at_exit "$BERTH" link stop $name
	is "$name: a first command runs" \
		"$("$BERTH" run -m $name --cwd / --raw -- sh -c 'echo hello from $USER' 2>&1)" \
		"hello from $name"
done
unset BERTH_SSH_CONFIG

# --- two at once ------------------------------------------------------------

for k in 1 2 3 4; do
	# shellcheck disable=SC2086
	timeout 60 "$BUILD/tests/tools/bootstrap" -i $LOGINS_SSH two \
		>"up.two-$k" 2>&1 &
	pids[k]=$!
done
for k in 1 2 3 4; do
	wait "${pids[k]}"
	is "client $k of four at once" $? 0
done
is 'all have the same daemon' \
	"$(sed -n 's/^nonce=//p' up.two-[1-4] | sort -u | wc -l)" 1
is 'nothing is left of their uploads' \
	"$(logins_as two ls -A /home/two/.local/share/berth/bin)" \
	"berthd-$(uname -m)"
