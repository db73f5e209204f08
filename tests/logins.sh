# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# A machine with logins, for tests that source this: a real sshd with accounts
# of its own, in namespaces, so that nothing of this machine is changed and
# nothing outlives the test.  /home, /var/tmp and /dev/shm are its own too.
# Root only.
#
#	logins_add NAME SHELL		before the start; uids count from 4001
#	logins_sshd LINE		of sshd_config, before the start
#	logins_start
#	logins_as NAME COMMAND...	there, without a login; `root' too
#	logins_forced			before the start: logins meet the front door
#	logins_door <SCRIPT		after it: the door is there; its agent is SCRIPT
#	$LOGINS_ROOT $LOGINS_DOOR	after it: its root, seen from here; a place there
#	$LOGINS_SSH NAME ...		the words of an ssh command
#	logins_config			its configuration file

LOGINS=$TMP/logins
mkdir -p "$LOGINS"
printf 'root:x:0:0:root:/root:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n' \
	>"$LOGINS/passwd"
printf 'root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n' >"$LOGINS/shadow"
LOGINS_next=4001
logins_config=$LOGINS/ssh_config
LOGINS_SSH="ssh -F $logins_config"
LOGINS_DOOR=/run/door

logins_add() {
	echo "$1:x:$LOGINS_next:$LOGINS_next::/home/$1:$2" >>"$LOGINS/passwd"
	echo "$1:*:19000:0:99999:7:::" >>"$LOGINS/shadow"
	LOGINS_next=$((LOGINS_next + 1))
}

logins_uid() {
	sed -n "s/^$1:x:\([0-9]*\):.*/\1/p" "$LOGINS/passwd"
}

logins_sshd() {
	echo "$1" >>"$LOGINS/more"
}

logins_forced() {
	logins_sshd "ForceCommand $LOGINS_DOOR/codex-ssh --etc $LOGINS_DOOR"
}

LOGINS_free_port() {
	local port
	for port in $(shuf -i 20000-32000 -n 50); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

LOGINS_answers() {
	timeout 5 ssh-keyscan -p "$LOGINS_port" 127.0.0.1 2>/dev/null | grep -q .
}

logins_start() {
	local key=$LOGINS/key
	LOGINS_port=$(LOGINS_free_port)
	ssh-keygen -q -t ed25519 -N '' -f "$LOGINS/host"
	ssh-keygen -q -t ed25519 -N '' -f "$key"
	cat >"$LOGINS/sshd_config" <<-EOF
		Port $LOGINS_port
		ListenAddress 127.0.0.1
		HostKey $LOGINS/host
		PidFile none
		AuthorizedKeysFile /run/logins.keys
		StrictModes no
		UsePAM no
		UseDNS no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		MaxStartups 100
		AllowStreamLocalForwarding yes
		Subsystem sftp internal-sftp
	EOF
	cat "$LOGINS/more" >>"$LOGINS/sshd_config" 2>/dev/null
	echo "[127.0.0.1]:$LOGINS_port $(<"$LOGINS/host.pub")" \
		>"$LOGINS/known_hosts"
	sed -n 's/^\(.*\):x:4[0-9]*:.*/Host \1\n\tUser \1/p' \
		"$LOGINS/passwd" >"$logins_config"
	cat >>"$logins_config" <<-EOF
		Host *
		Hostname 127.0.0.1
		Port $LOGINS_port
		IdentityFile $key
		IdentitiesOnly yes
		UserKnownHostsFile $LOGINS/known_hosts
		BatchMode yes
		LogLevel ERROR
	EOF
	cat >"$LOGINS/machine" <<-'EOF'
		set -eu
		cd "$1"
		mount -t tmpfs -o mode=755 none /run
		mkdir -m 755 /run/sshd
		cp key.pub /run/logins.keys
		chmod 644 passwd /run/logins.keys
		sed 's/^\([^:]*:x:\)[0-9]*:\([0-9]*\):.*/\1\2:/' passwd >group
		for file in passwd shadow group; do
			mount --bind $file /etc/$file
		done
		mount -t tmpfs -o mode=755 none /home
		mount -t tmpfs -o mode=1777 none /var/tmp
		mount -t tmpfs -o mode=1777 none /dev/shm
		while IFS=: read -r name _ uid _ _ home _; do
			case $home in /home/*)
				mkdir -m 700 "$home"
				chown "$uid:$uid" "$home"
				;;
			esac
		done </etc/passwd
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			/usr/sbin/sshd -D -e -f "$1/sshd_config" </dev/null 2>"$1/sshd.log"
	EOF
	unshare --mount --pid --uts --ipc --fork --kill-child --mount-proc \
		--propagation private bash "$LOGINS/machine" "$LOGINS" &
	LOGINS_pid=$!
	cleanup_at_exit LOGINS_stop
	if ! wait_for 10 LOGINS_answers; then
		fail 'the machine with logins starts' "$(cat "$LOGINS/sshd.log")"
		exit 1
	fi
	LOGINS_ROOT=/proc/$(LOGINS_init)/root
}

# The kernel ends all that is in the namespace of processes.
LOGINS_stop() {
	kill -KILL "$LOGINS_pid"
	wait "$LOGINS_pid"
}

LOGINS_init() {
	pgrep -P "$LOGINS_pid"
}

logins_as() {
	local name=$1 uid=0 home=/root
	shift
	if [ "$name" != root ]; then
		uid=$(logins_uid "$name") home=/home/$name
	fi
	nsenter -t "$(LOGINS_init)" -a --wd=/ setpriv --reuid "$uid" --regid "$uid" \
		--clear-groups env -i HOME="$home" PATH=/usr/bin:/bin "$@"
}

logins_door() {
	local door=$LOGINS_ROOT$LOGINS_DOOR
	mkdir "$door"
	cp "$BERTHD" "$door/berthd"
	ln -s berthd "$door/codex-ssh"
	cat >"$door/agent"
	chmod 755 "$door/agent"
	echo "CODEX_SSH_COMMAND=$LOGINS_DOOR/agent" >"$door/codex-ssh.env"
}
