# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# A whole machine with systemd, for tests that source this: its own processes,
# network, cgroups and name, its root a copy-on-write view of this machine's, its
# sshd with PAM and logind.  It boots in a second and can be booted again.
# Root only.
#
#	vhost_init		once; then $VHOST is its root before it boots
#	vhost_boot, vhost_halt	as often as one likes; what is on disk stays
#	vhost_run COMMAND...	as root in it
#	vhost_as USER COMMAND...	as that user, without a login
#	vhost_ssh USER		the words of an ssh command to it, in an array
#	vhost_plug		after each boot: a cable to it, $VHOST_addr there
#	vhost_unplug		and pulled out

VHOST_dir=$TMP/vhost
VHOST_key=$TMP/vhost.key
VHOST_name=berth-$$
# One of the addresses for measurements (RFC 2544), which nobody else has.
VHOST_net=198.18.$(($$ % 256))
VHOST_addr=$VHOST_net.2
VHOST_cable=vh$$

# Units of a machine that boots for a minute and has no devices.
VHOST_masked='systemd-timesyncd systemd-udevd systemd-udev-trigger
	systemd-networkd systemd-resolved systemd-networkd-wait-online
	systemd-remount-fs systemd-modules-load systemd-binfmt systemd-sysctl
	console-getty getty@tty1 ssh ssh.socket dev-hugepages.mount
	sys-kernel-debug.mount sys-kernel-tracing.mount apt-daily.timer
	apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
	fstrim.timer proc-sys-fs-binfmt_misc.automount'

VHOST_cgroup() {
	local top=/sys/fs/cgroup/unified
	[ -d $top ] || top=/sys/fs/cgroup
	echo "$top/$VHOST_name"
}

VHOST_unmount() {
	umount -l "$VHOST_dir"
	find "$(VHOST_cgroup)" -depth -type d -exec rmdir {} +
}

# The services that are there, and none of this machine's.
VHOST_furnish() {
	local unit etc=$VHOST/etc
	rm -rf "$etc"/systemd/system/*.wants "$etc"/systemd/system/*.service
	mkdir -p "$etc/systemd/system/multi-user.target.wants" \
		"$etc/systemd/logind.conf.d" "$etc/ssh/vhost" "$VHOST/run"
	for unit in $VHOST_masked; do
		[[ $unit == *.* ]] || unit=$unit.service
		ln -sf /dev/null "$etc/systemd/system/$unit"
	done
	: >"$etc/fstab"
	tr -d - </proc/sys/kernel/random/uuid >"$VHOST_dir/machine-id"
	rm -f "$etc/machine-id"
	cp "$VHOST_dir/machine-id" "$etc/machine-id"
	printf '127.0.0.1 localhost %s\n' "$VHOST_name" >"$etc/hosts"
	ssh-keygen -q -t ed25519 -N '' -f "$etc/ssh/vhost/host"
	ssh-keygen -q -t ed25519 -N '' -f "$VHOST_key"
	cp "$VHOST_key.pub" "$etc/ssh/vhost/authorized_keys"
	chmod 755 "$etc/ssh/vhost"
	cat >"$etc/ssh/vhost/config" <<-'EOF'
		HostKey /etc/ssh/vhost/host
		AuthorizedKeysFile /etc/ssh/vhost/authorized_keys
		StrictModes no
		UsePAM yes
		UseDNS no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		AllowStreamLocalForwarding yes
	EOF
	cat >"$etc/systemd/system/logins.service" <<-'EOF'
		[Unit]
		After=systemd-logind.service dbus.service
		[Service]
		RuntimeDirectory=sshd
		RuntimeDirectoryPreserve=yes
		KillMode=process
		ExecStart=/usr/sbin/sshd -D -f /etc/ssh/vhost/config
	EOF
	ln -s ../logins.service "$etc/systemd/system/multi-user.target.wants/"
	echo "127.0.0.1 $(<"$etc/ssh/vhost/host.pub")" >"$TMP/vhost.known"
}

vhost_init() {
	mkdir -p "$VHOST_dir"
	mount -t tmpfs -o mode=755 none "$VHOST_dir" ||
		skip_all 'nothing can be mounted here'
	cleanup_at_exit VHOST_unmount
	cleanup_at_exit vhost_halt
	mkdir "$VHOST_dir/upper" "$VHOST_dir/work" "$VHOST_dir/root"
	mount -t overlay overlay "$VHOST_dir/root" -o \
		"lowerdir=/,upperdir=$VHOST_dir/upper,workdir=$VHOST_dir/work" ||
		skip_all 'no overlay file system here'
	VHOST=$VHOST_dir/root
	VHOST_furnish
	cat >"$VHOST_dir/boot" <<-'EOF'
		set -eu
		cd "$1/root"
		mount -t proc proc proc
		mount -t sysfs -o ro sysfs sys
		mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
		mount -t tmpfs -o mode=755 none dev
		for node in null zero full random urandom tty; do
			touch dev/$node
			mount --bind /dev/$node dev/$node
		done
		mkdir dev/pts dev/shm
		mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
		ln -s pts/ptmx dev/ptmx
		ln -s /proc/self/fd dev/fd
		for n in 0:stdin 1:stdout 2:stderr; do
			ln -s fd/${n%:*} dev/${n#*:}
		done
		mount -t tmpfs -o mode=1777 none dev/shm
		mount -t tmpfs -o mode=755 none run
		mount -t tmpfs -o mode=1777 none tmp
		hostname "$2"
		echo "$2" >etc/hostname
		cat /proc/sys/kernel/random/uuid >"$1/boot_id"
		mount --bind "$1/boot_id" proc/sys/kernel/random/boot_id
		mkdir -p oldroot
		pivot_root . oldroot
		umount -l /oldroot
		exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			LANG=C.UTF-8 /lib/systemd/systemd --unit=multi-user.target \
			--log-target=console --show-status=0
	EOF
}

# Its first process, as seen from here.
VHOST_pid() {
	head -n 1 "$(VHOST_cgroup)/init.scope/cgroup.procs" 2>/dev/null
}

VHOST_answers() {
	[ -n "$(VHOST_pid)" ] && nsenter -t "$(VHOST_pid)" -n \
		timeout 5 ssh-keyscan 127.0.0.1 2>/dev/null | grep -q .
}

vhost_boot() {
	mkdir -p "$(VHOST_cgroup)"
	# shellcheck disable=SC2016
	setsid bash -c 'echo $$ >"$1/cgroup.procs"
		exec unshare --pid --mount --uts --ipc --net --cgroup --fork \
			--kill-child --propagation private bash "$2/boot" "$2" "$3"' \
		- "$(VHOST_cgroup)" "$VHOST_dir" "$VHOST_name" \
		>>"$TMP/vhost.log" 2>&1 </dev/null &
	VHOST_unshare=$!
	wait_for 20 VHOST_answers && return
	fail 'the machine boots' "$(tail -n 40 "$TMP/vhost.log")"
	exit 1
}

# The power goes.
vhost_halt() {
	local pid
	pid=$(VHOST_pid)
	[ -n "$pid" ] || return 0
	kill -KILL "$pid"
	wait "$VHOST_unshare"
	VHOST_is_empty() { grep -q 'populated 0' "$(VHOST_cgroup)/cgroup.events"; }
	wait_for 10 VHOST_is_empty
}

# The end here goes with the one there, when that machine does.
vhost_plug() {
	ip link add "$VHOST_cable" type veth peer name cable \
		netns "$(VHOST_pid)" &&
		ip addr add "$VHOST_net.1/24" dev "$VHOST_cable" &&
		ip link set "$VHOST_cable" up &&
		vhost_run ip addr add "$VHOST_addr/24" dev cable &&
		vhost_run ip link set cable up && return
	fail 'there is a cable to the machine'
	exit 1
}

vhost_unplug() {
	ip link del "$VHOST_cable"
}

vhost_run() {
	# -C, as nsenter's --wd is a directory of this machine.
	nsenter -t "$(VHOST_pid)" -a env -i -C / \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

vhost_as() {
	local user=$1
	shift
	vhost_run setpriv --reuid "$user" --regid "$user" --clear-groups \
		env HOME="/home/$user" "$@"
}

# vhost_ssh USER: sets the array of the same name.
vhost_ssh() {
	vhost_ssh=(nsenter -t "$(VHOST_pid)" -n ssh -F none -i "$VHOST_key"
		-o BatchMode=yes -o IdentitiesOnly=yes -o LogLevel=ERROR
		-o UserKnownHostsFile="$TMP/vhost.known" "$1@127.0.0.1")
}
