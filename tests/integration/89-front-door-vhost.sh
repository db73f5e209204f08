#!/bin/bash
# Goal: an operator makes a whole machine with systemd, PAM and logind a host
# with a front door: rehearsed, installed, checked; three keys do three things;
# the agent is started once, is met again from a second terminal, and outlives
# all logins; after a reboot nothing pretends to run, and the log is whole.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs_root
needs ssh sshd ssh-keygen nsenter dbus-daemon tmux script
[ -x /lib/systemd/systemd ] && [ -e /lib/systemd/systemd-logind ] ||
	skip_all 'systemd is not installed (scripts/setup --tests)' systemd
[ -e /lib/systemd/system/ssh.service ] ||
	skip_all 'sshd has no service here' sshd
. "$ROOT/tests/vhost.sh"
. "$ROOT/tests/terminals.sh"

vhost_init

# --- a machine as its distribution leaves it, with the files of a release --------

etc=$VHOST/etc
rm -rf "$etc/systemd/system/multi-user.target.wants/logins.service" \
	"$etc/systemd/system/ssh.service" "$etc/ssh/sshd_config.d" \
	"$etc/codex-ssh" "$VHOST/var/log/berth" "$VHOST/var/lib/systemd/linger" \
	"$VHOST/srv/codex" "$VHOST/usr/local/bin/berthd" \
	"$VHOST/usr/local/bin/codex-ssh" "$VHOST"/usr/local/bin/codex
mkdir -p "$etc/ssh/sshd_config.d" "$VHOST/opt/berth/bin"
ln -sf /lib/systemd/system/ssh.service "$etc/systemd/system/multi-user.target.wants/"
rm -f "$etc"/ssh/ssh_host_*
cp "$etc/ssh/vhost/host" "$etc/ssh/ssh_host_ed25519_key"
cat >"$etc/ssh/sshd_config" <<'SSHD'
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
SSHD
cp -r "$ROOT/scripts" "$ROOT/config" "$VHOST/opt/berth/"
cp "$BERTHD" "$VHOST/opt/berth/bin/berthd"
cp "$BERTH" "$VHOST/opt/berth/bin/berth"
VHOST_berth=/opt/berth/bin/berth
vhost_boot
vhost_run sh -c 'getent passwd codex >/dev/null && userdel -r codex' >/dev/null 2>&1

# --- installing -------------------------------------------------------------------

ops() { vhost_run timeout 60 "/opt/berth/scripts/$1" "${@:2}"; }
sshd_pid() { vhost_run systemctl show -p MainPID --value ssh; }
written() { (cd "$VHOST_dir/upper" && find . -newer "$TMP/mark" ! -type d | sort); }
touch "$TMP/mark"
ok 'it can be rehearsed' ops install-host --dry-run
cat .out >rehearsal
is 'which writes nothing' "$(written | grep -v '^./var/')" ''
before=$(sshd_pid)
ok 'it installs' ops install-host
cat .out >installed
is 'just as it was rehearsed' "$(grep -v 'is not installed' installed)" "$(cat rehearsal)"
ok 'sshd was told, by systemd' grep -q 'systemctl reload ssh' installed
is 'and is the same' "$(sshd_pid)" "$before"
ok 'that there is no agent is said' grep -q 'codex is not installed' installed
fails 'and makes a host that is not well' ops validate-host

# The real one if it is there (scripts/setup --codex), told to stay at home.
real=$ROOT/tests/agents/node_modules
if [ -e "$real/@openai/codex" ]; then
	mkdir -p "$VHOST/opt/agents/node_modules"
	mount --bind "$real" "$VHOST/opt/agents/node_modules"
	mount -o remount,bind,ro "$VHOST/opt/agents/node_modules"
	vhost_halt
	vhost_boot
	ln -s /opt/agents/node_modules/.bin/codex "$VHOST/usr/local/bin/codex"
	mkdir "$VHOST/home/codex/.codex"
	cat >"$VHOST/home/codex/.codex/config.toml" <<'TOML'
model_provider = "none"
check_for_update_on_startup = false
[model_providers.none]
name = "none"
base_url = "http://127.0.0.1:9/v1"
[features]
plugins = false
apps = false
daemon_auto_start = false
[analytics]
enabled = false
[projects."/home/codex/codex-workspace"]
trust_level = "trusted"
TOML
	vhost_run chown -R codex:codex /home/codex/.codex
	greeting='OpenAI Codex'
	version='^codex-cli [0-9]'
else
	note 'without the real codex (scripts/setup --codex)'
	is 'which is no matter but in CI' "${CI:-false}" false
	cat >"$VHOST/usr/local/bin/codex" <<'AGENT'
#!/bin/sh
[ "$1" = --version ] && echo 'codex-cli 1.2.3' && exit
echo "OpenAI Codex (not really) in $PWD"
exec cat
AGENT
	chmod 755 "$VHOST/usr/local/bin/codex"
	greeting='OpenAI Codex'
	version='^codex-cli 1.2.3$'
fi
ok 'with it, all is well' ops validate-host
note <.out
is 'again, it does nothing' "$(ops install-host | grep -cv 'install-host: done')" 0

# --- three keys --------------------------------------------------------------------

cp "$etc/codex-ssh/policy.yaml.example" "$etc/codex-ssh/policy.yaml"
mkdir -p "$VHOST/srv/codex/web"
printf 'test:\n\t@echo tested\n' >"$VHOST/srv/codex/web/Makefile"
make_key() {
	ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$TMP/$1.key"
	cat "$TMP/$1.key.pub" >>"$VHOST/home/codex/.ssh/authorized_keys"
}
for name in alice@laptop wall@office ci stranger; do make_key $name; done
sed -i "s|^keys:|&\n  - {fingerprint: \"$(ssh-keygen -lf ci.key.pub | cut -d' ' -f2)\", role: builder}|" \
	"$etc/codex-ssh/policy.yaml"
vhost_run chown codex:codex /home/codex/.ssh/authorized_keys
vhost_run chmod 600 /home/codex/.ssh/authorized_keys
words() { # KEY
	echo "nsenter -t $(VHOST_pid) -n ssh -F none -i $TMP/$1.key -o BatchMode=yes" \
		"-o IdentitiesOnly=yes -o LogLevel=ERROR" \
		"-o UserKnownHostsFile=$TMP/vhost.known codex@127.0.0.1"
}
on() { timeout 30 $(words "$1") "${@:2}" </dev/null; }

login() { # NAME KEY [WORD...]
	terminal_of "$1" 100 30 \
		"$(words "$2") -tt ${*:3}; echo \"=\$?\"; exec cat"
}
agents() { vhost_run pgrep -u codex -fc '[c]odex$|/codex/codex'; }

login one alice@laptop
ok 'a plain ssh is in the session, where codex runs' wait_for 30 shows one "$greeting"
key one -l 'work is being done'
ok 'an operator types to it' wait_for 10 shows one 'work is being done'
pid_of() { vhost_as codex tmux -S "$(session_socket)" list-panes -a -F '#{pane_pid}'; }
session_socket() { echo "/run/user/$(vhost_run id -u codex)/berth/session/tmux"; }
agent=$(pid_of)
login two alice@laptop
ok 'and meets it from a second terminal' wait_for 20 shows two 'work is being done'
[ "$T_failed" -eq 0 ] || { screen one && screen two; } | note
login three wall@office
ok 'a viewer sees it' wait_for 20 shows three 'work is being done'
key three -l 'not allowed'
is 'a runner runs what its role lists' "$(on ci make test)" tested
like 'and nothing else' "$(on ci id 2>&1)" 'the role "builder" may not run: id'
like 'a key without a role is refused' "$(on stranger 2>&1)" 'this key has no role here'
unlike 'what the viewer types arrives nowhere' "$(screen one)" 'not allowed'
is 'there is one agent' "$(pid_of)" "$agent"

# Both terminals are closed: with lingering, nobody notices.
for name in one two three; do
	key $name 'C-]'
	ok "$name leaves" wait_for 10 shows $name '^=0'
done
has_left() { ! vhost_run loginctl list-sessions --no-legend | grep -w codex; }
ok 'nobody is logged in' wait_for 20 has_left
login four alice@laptop
ok 'and the next login meets the agent where it was' \
	wait_for 20 shows four 'work is being done'
is 'the same' "$(pid_of)" "$agent"

# --- is it well? --------------------------------------------------------------------

as_codex() { vhost_run runuser -u codex -- env -C / HOME=/home/codex LOGNAME=codex \
	PATH=/usr/local/bin:/usr/bin:/bin "$@"; }
ok 'the log is whole' as_codex berthd audit verify
show=$(as_codex berthd audit show)
is 'with four logins to sessions' "$(grep -c ' login .*session=codex' <<<"$show")" 4
is 'and two refusals' "$(grep -c ' refused ' <<<"$show")" 2
health=$(as_codex berthd health --json)
is 'berthd health is content' "$(jq .ok <<<"$health")" true
detail() { jq -r --arg n "$1" '.checks[] | select(.name == $n).detail' <<<"$health"; }
like 'and knows the agent' "$(detail agent)" "$version"
like 'its session' "$(detail tmux)" '1 sessions, 0 ended'
is 'lingering' "$(detail linger)" 'sessions outlive their logins'

# --- the machine reboots ---------------------------------------------------------------

vhost_halt
vhost_boot
list=$(as_codex "$VHOST_berth" session ls --json)
is 'after a reboot the session has ended' \
	"$(jq -r '.sessions[] | .name + " " + .state + " " + .reason' <<<"$list")" \
	'codex ended rebooted'
is 'nothing pretends to run' "$(vhost_run pgrep -u codex -fc tmux)" 0
is 'nor is a session stale' \
	"$(as_codex berthd health --json | jq -r '.checks[] | select(.name == "tmux").detail' | grep -c '0 sessions')" 1
ok 'the log is whole' as_codex berthd audit verify
login five alice@laptop
ok 'a login starts a new one' wait_for 30 shows five "$greeting"
unlike 'which knows nothing of before' "$(screen five)" 'work is being done'
ok 'all is well' ops validate-host

# --- undone --------------------------------------------------------------------------

ok 'it is undone' ops install-host --uninstall
like 'sshd was told' "$(cat .out)" 'systemctl reload ssh'
# sshd that reads its configuration anew is not there for a moment.
is_out() { on wall@office echo in 2>&1 | grep -q 'Permission denied'; }
is_in() { [ "$(on ci make test)" = tested ]; }
ok 'and no key is one to a shell now' wait_for 10 is_out
ok 'it comes back' ops install-host
ok 'with its keys' wait_for 10 is_in
