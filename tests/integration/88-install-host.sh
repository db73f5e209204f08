#!/bin/bash
# Goal: a host is set up by one script, which can be rehearsed, run again and
# undone; then a plain `ssh codex@host' is in the agent's session, each key does
# what the shipped examples say, and berthd health and validate-host agree.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/ttys.sh"
needs sshd ssh tmux script
needs_root

# A view of this machine that can be changed: its own root, and nothing else.
HOST=$TMP/host
mkdir -p "$HOST"
mount -t tmpfs none "$HOST" || skip_all 'nothing can be mounted here'
cleanup_at_exit umount -l "$HOST"
mkdir "$HOST/upper" "$HOST/work" "$HOST/root"
mount -t overlay overlay "$HOST/root" -o \
	"lowerdir=/,upperdir=$HOST/upper,workdir=$HOST/work" ||
	skip_all 'no overlay file system here'
R=$HOST/root
for what in proc dev dev/pts; do
	mount --rbind --make-rslave "/$what" "$R/$what"
done
mount -t tmpfs none "$R/run"
mkdir -p "$R/run/sshd" "$R/tmp" "$R/opt/berth/bin"
chmod 1777 "$R/tmp"
cp -r "$ROOT/scripts" "$ROOT/config" "$R/opt/berth/"
cp "$BERTHD" "$R/opt/berth/bin/berthd"
rm -rf "$R/etc/codex-ssh" "$R/var/log/berth"
in_host() {
	timeout 60 chroot "$R" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		LANG=C.UTF-8 HOME=/root "$@"
}
install_host() {
	in_host /opt/berth/scripts/install-host --no-packages "$@"
}
# A machine of its own has its own user, whatever this one has.
in_host sh -c 'getent passwd codex >/dev/null && userdel -r codex' >/dev/null 2>&1
in_host sh -c 'printf "Include /etc/ssh/sshd_config.d/*.conf\nSubsystem sftp internal-sftp\n" >/etc/ssh/sshd_config
	rm -f /etc/ssh/sshd_config.d/*; mkdir -p /etc/ssh/sshd_config.d; ssh-keygen -A' >/dev/null

# --- installing ------------------------------------------------------------------

before=$(cd "$HOST/upper" && find . | sort | md5sum)
ok 'it can be rehearsed' install_host --dry-run
is 'which changes nothing' "$(cd "$HOST/upper" && find . | sort | md5sum)" "$before"
fails 'a host that is not set up is not valid' in_host /opt/berth/scripts/validate-host
ok 'it installs' install_host
like 'and says that the agent is missing' "$(cat .out)" 'codex is not installed'
fails 'without which a host is not well' in_host /opt/berth/scripts/validate-host
cat >"$R/usr/local/bin/codex" <<'AGENT'
#!/bin/sh
[ "$1" = --version ] && echo 'codex 1.2.3' && exit
echo "codex in $PWD for $LOGNAME"
exec cat
AGENT
chmod 755 "$R/usr/local/bin/codex"
ok 'with it, all is well' in_host /opt/berth/scripts/validate-host
in_host /opt/berth/scripts/validate-host | note
echo '# edited' >>"$R/etc/codex-ssh/codex-ssh.env"
again=$(install_host)
is 'again, it does nothing' "$(grep -cv 'install-host: done' <<<"$again")" 0
ok 'settings that were edited stay' file_has "$R/etc/codex-ssh/codex-ssh.env" '# edited'
fails 'a strange user name is refused' install_host --user 'a b'
like 'a drop-in that sshd refuses is taken back' \
	"$(in_host sh -c 'cp -r /opt/berth /opt/broken &&
		echo Nonsense yes >>/opt/broken/config/codex-ssh/10-codex-ssh.conf &&
		/opt/broken/scripts/install-host --no-packages' 2>&1)" 'it is as it was'
ok 'and sshd is as it was' in_host /opt/berth/scripts/validate-host

# --- packages ---------------------------------------------------------------------

# A machine without them, whose package manager is NAME: it says what it was
# asked, and brings them all.  The real ones need a network.
bare() {
	local name
	mkdir -p "$R/opt/away" "$R/run/systemd/system"
	in_host sh -c 'mv /usr/sbin/sshd /usr/bin/tmux /usr/bin/git /usr/bin/rsync \
		/usr/bin/apt-get /opt/away' >/dev/null 2>&1
	cat >"$R/usr/local/bin/$1" <<'MANAGER'
#!/bin/sh
echo "${0##*/} $*" >>/tmp/asked
case $0 in */apt-get)
	[ "$1" = update ] && touch /tmp/updated
	[ -e /tmp/updated ] || exit 100
esac
case " $* " in *' install '*)
	for name; do case $name in
	openssh-server) mv /opt/away/sshd /usr/sbin/ ;;
	tmux|git|rsync) mv /opt/away/$name /usr/bin/ ;;
	esac; done
esac
MANAGER
	for name in systemctl loginctl; do
		printf '#!/bin/sh\necho "%s $*" >>/tmp/asked\n' $name \
			>"$R/usr/local/bin/$name"
	done
	chmod 755 "$R/usr/local/bin/$1" "$R"/usr/local/bin/{systemctl,loginctl}
	rm -f "$R/tmp/asked"
}
as_before() {
	rm -rf "$R/usr/local/bin/$1" "$R"/usr/local/bin/{systemctl,loginctl} \
		"$R/run/systemd"
	mv "$R/opt/away/apt-get" "$R/usr/bin/"
}
all='tmux git rsync openssh-server'
bare dnf
like 'packages can be rehearsed' \
	"$(in_host /opt/berth/scripts/install-host --dry-run)" "dnf install -q -y $all"
ok 'and nobody is asked' test ! -e "$R/tmp/asked"
ok 'a machine of the Fedora family gets them' in_host /opt/berth/scripts/install-host
asked() { grep -vE 'is-active|^loginctl' "$R/tmp/asked"; }
is 'by dnf, and sshd runs' "$(asked)" "dnf install -q -y $all
systemctl enable --quiet --now sshd"
as_before dnf
bare apt-get
ok 'one of the Debian family, too' in_host /opt/berth/scripts/install-host
is 'by apt-get, whose lists were old' "$(asked)" \
	"apt-get install -qq -y --no-install-recommends $all
apt-get update -qq
apt-get install -qq -y --no-install-recommends $all"
as_before apt-get

# --- using it ---------------------------------------------------------------------

mkdir -p "$R/srv/codex/web" "$R/srv/codex/docs"
echo content >"$R/srv/codex/web/file"
printf 'test:\n\t@echo tested\n' >"$R/srv/codex/web/Makefile"
cp "$R/etc/codex-ssh/policy.yaml.example" "$R/etc/codex-ssh/policy.yaml"
key() {
	ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$TMP/$1.key"
	printf '%s%s\n' "${2:-}" "$(cat "$TMP/$1.key.pub")" \
		>>"$R/home/codex/.ssh/authorized_keys"
}
key alice@laptop
key wall@office
key ci
printf '  - {fingerprint: "%s", role: builder}\n' \
	"$(ssh-keygen -lf "$TMP/ci.key.pub" | cut -d' ' -f2)" >"$TMP/rule"
sed -i "/^keys:/r $TMP/rule" "$R/etc/codex-ssh/policy.yaml"
in_host chown codex:codex /home/codex/.ssh/authorized_keys
in_host chmod 600 /home/codex/.ssh/authorized_keys
ok 'the example of a policy is taken, with a rule more' \
	in_host berthd health
PORT=$((20000 + RANDOM % 12000))
chroot "$R" /usr/sbin/sshd -D -e -p $PORT -o UsePAM=no -o ListenAddress=127.0.0.1 \
	-o PidFile=none >"$TMP/sshd.log" 2>&1 &
cleanup_at_exit kill $!
wait_for 10 file_has "$TMP/sshd.log" 'Server listening'
# By its socket: its user's number is somebody else's on other machines.
end_sessions() {
	local socket
	find "$R" -xdev -type s -path '*/session/tmux' | while read -r socket; do
		in_host tmux -S "${socket#"$R"}" kill-server
	done
}
cleanup_at_exit end_sessions
on() {
	local name=$1
	shift
	ssh -F none -p $PORT -i "$TMP/$name.key" -o BatchMode=yes -o IdentitiesOnly=yes \
		-o LogLevel=ERROR -o UserKnownHostsFile="$TMP/known" \
		-o StrictHostKeyChecking=accept-new codex@127.0.0.1 "$@"
}
terminal() { # KEY NAME
	TERM_OF=xterm on_tty "$2" 'rows 30 cols 100' \
		"exec ssh -tt -F none -p $PORT -i '$TMP/$1.key' \
		-o IdentitiesOnly=yes -o LogLevel=ERROR -o UserKnownHostsFile='$TMP/known' \
		-o StrictHostKeyChecking=accept-new codex@127.0.0.1"
}
is 'a key runs what its role lists' "$(on ci make test </dev/null)" tested
like 'and nothing else' "$(on ci id </dev/null 2>&1)" 'the role "builder" may not run: id'
terminal alice@laptop first
ok 'a plain ssh is in the session of codex' \
	wait_for 15 shows first 'codex in /home/codex/codex-workspace for codex'
printf 'work is being done\r' >&"${KEYS[first]}"
wait_for 10 shows first 'work is being done'
terminal wall@office second
ok 'another key watches it' wait_for 15 shows second 'work is being done'
verify() {
	in_host runuser -u codex -- /usr/local/bin/berthd audit verify
}
ok 'all of it is on record, whole' verify
like 'in the log of the system' "$(verify)" '/var/log/berth/audit.jsonl: ok, [3-9] records|, [1-9][0-9] rec'
health() {
	in_host runuser -u codex -- env HOME=/home/codex LOGNAME=codex berthd health --json
}
detail_of() { jq -r ".checks[]|select(.name==\"$1\").detail"; }
health=$(health)
is 'berthd health is content' "$(jq .ok <<<"$health")" true
like 'and knows the agent' "$(detail_of agent <<<"$health")" 'codex 1.2.3'
like 'the drop-in' "$(detail_of sshd <<<"$health")" '10-codex-ssh.conf'
cp -p "$R/etc/codex-ssh/codex-ssh.env" "$TMP/env"
echo 'CODEX_SSH_COMMAND=twice' >>"$R/etc/codex-ssh/codex-ssh.env"
echo 'CODEX_SSH_COMMAND=twice' >>"$R/etc/codex-ssh/codex-ssh.env"
like 'settings that are wrong are told of' "$(health | detail_of login)" \
	'CODEX_SSH_COMMAND stands twice'
like 'and no agent is guessed' "$(health | detail_of agent)" 'not known'
cp -p "$TMP/env" "$R/etc/codex-ssh/codex-ssh.env"

# --- and undone -------------------------------------------------------------------

ok 'it is undone' install_host --uninstall
ok 'sshd knows nothing of it' test ! -e "$R/etc/ssh/sshd_config.d/10-codex-ssh.conf"
ok 'the work stays' test -e "$R/srv/codex/web/file"
ok 'undoing it again is no fault' install_host --uninstall
