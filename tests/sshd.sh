# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Real ssh servers on loopback, for integration tests; sourced after lib.sh.
#
#	sshd_start NAME [LINE...]	a server, with lines of sshd_config
#	sshd_stop NAME			the server, and who is logged in
#	sshd_restart NAME [LINE...]	on the same port
#	sshd_cut NAME			kill -9 of all of it
#	n_logins NAME			how many there have been, with a key
#	sshd_know NAME [SERVER [HOST]]	the key of SERVER (NAME) is the known
#					one at the port of NAME
#	with_file FILE PLACE		words to put before a command that is to
#					find FILE at PLACE; only if can_mount
#
# A started server is a host NAME of the ssh configuration $BERTH_SSH_CONFIG,
# reached with the key $SSHD/key; its host key is known.  So it is a machine of
# that name, and `ssh -F "$BERTH_SSH_CONFIG" NAME' works too.  A test adds hosts
# of its own by sshd_host, and may change $SSHD/known_hosts.  What there is to
# know is in ${SSHD_PORT[NAME]}, ${SSHD_PID[NAME]} and
# $SSHD/NAME/{log,sshd_config,host_key}.
#
# $SSHD_WRAP is put before the command that runs a server (a namespace, say).
# The server runs as the user of the test.  Root's can log in anybody, and can
# use PAM (UsePAM yes).  A shell started by it reads no startup files of that
# user: they belong to the person at this machine, not to the test.

SSHD=$TMP/sshd
declare -A SSHD_PORT=() SSHD_PID=()
export BERTH_SSH_CONFIG=$SSHD/ssh_config

needs sshd ssh ssh-keygen

mkdir -p "$SSHD"
chmod 700 "$SSHD"
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -C test -f "$SSHD/key"
: >"$SSHD/known_hosts"
: >"$SSHD/hosts"

# The first value of a keyword counts, so the hosts come first.
cat >"$BERTH_SSH_CONFIG" <<CONFIG
Include $SSHD/hosts
Host *
	User $(id -un)
	IdentityFile $SSHD/key
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile $SSHD/known_hosts
	GlobalKnownHostsFile /dev/null
	UpdateHostKeys no
	KexAlgorithms curve25519-sha256
CONFIG

can_mount() { [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; }

with_file() {
	printf 'unshare -m %s/with_file %s %s' "$SSHD" "$1" "$2"
}
cat >"$SSHD/with_file" <<'SCRIPT'
#!/bin/sh
mount --bind "$1" "$2" && shift 2 && exec "$@"
SCRIPT
chmod 755 "$SSHD/with_file"

# sshd_host NAME SERVER [LINE...]: one more way to reach a server.
sshd_host() {
	{
		printf 'Host %s\n\tHostName 127.0.0.1\n\tPort %s\n' "$1" \
			"${SSHD_PORT[$2]}"
		[ $# -lt 3 ] || printf '\t%s\n' "${@:3}"
	} >>"$SSHD/hosts"
}

# The default configuration of a server, after what a test asks for: the first
# value of a keyword counts.
#
# Of SetEnv, too, the first line counts alone, so SHLVL joins that of a test:
# bash reads no startup files in a shell below another.
sshd_configure() {
	local name=$1 dir=$SSHD/$1 line
	{
		for line in "${@:2}"; do
			[[ $line != SetEnv\ * ]] || line+=' SHLVL=1'
			printf '%s\n' "$line"
		done
		cat <<CONFIG
Port ${SSHD_PORT[$name]}
ListenAddress 127.0.0.1
HostKey $dir/host_key
PidFile none
AuthorizedKeysFile $SSHD/key.pub
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
MaxSessions 200
AcceptEnv LANG LC_* BERTH_*
Subsystem sftp internal-sftp
LogLevel VERBOSE
SetEnv SHLVL=1
CONFIG
	} >"$dir/sshd_config"
}

sshd_is_up() {
	grep -q '^Server listening' "$SSHD/$1/log" ||
		! kill -0 "${SSHD_PID[$1]}"
}

# Run it; fails if the port is taken.
sshd_run() {
	local name=$1 dir=$SSHD/$1
	: >"$dir/log"
	${SSHD_WRAP:-} "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -e \
		-f "$dir/sshd_config" >"$dir/log" 2>&1 &
	SSHD_PID[$name]=$!
	wait_for 10 sshd_is_up "$name" && grep -q '^Server listening' "$dir/log"
}

sshd_know() {
	echo "[${3:-127.0.0.1}]:${SSHD_PORT[$1]} $(cut -d' ' -f1,2 \
		"$SSHD/${2:-$1}/host_key.pub")" >>"$SSHD/known_hosts"
}

sshd_start() {
	local name=$1 dir=$SSHD/$1 try
	mkdir -p "$dir"
	ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$dir/host_key"
	for try in {1..20}; do
		SSHD_PORT[$name]=$((20000 + (RANDOM + $$ + try) % 12000))
		sshd_configure "$@"
		if sshd_run "$name"; then
			sshd_host "$name" "$name"
			sshd_know "$name"
			cleanup_at_exit sshd_stop "$name"
			return
		fi
	done
	fail "an ssh server starts" "$(tail -n 20 "$dir/log")"
	exit 1
}

n_logins() { grep -c 'Accepted publickey' "$SSHD/$1/log"; }

# The processes of a server: the listener and all below it that are sshd.
sshd_pids() {
	local pid=${1:?} child
	echo "$pid"
	for child in $(pgrep -x sshd -P "$pid"); do
		sshd_pids "$child"
	done
}

# What stands still cannot fork meanwhile.
# shellcheck disable=SC2086
sshd_stop() {
	local pids='' found
	[ -n "${SSHD_PID[$1]:-}" ] || return 0
	while found=$(sshd_pids "${SSHD_PID[$1]}") && [ "$found" != "$pids" ]; do
		pids=$found
		kill -STOP $pids 2>/dev/null
	done
	kill -"${2:-TERM}" $pids 2>/dev/null
	kill -CONT $pids 2>/dev/null
	wait "${SSHD_PID[$1]}" 2>/dev/null
	SSHD_PID[$1]=
}

sshd_cut() {
	sshd_stop "$1" KILL
}

sshd_restart() {
	sshd_stop "$1"
	sshd_configure "$@"
	sshd_run "$1" || fail "an ssh server starts again"
}
