#!/bin/bash
# Goal: a machine that is rebooted, or loses its power, under running commands
# is used again as soon as it is back; what ran there is lost, and who waited
# for it is told so.
# Waits: for machines to boot
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs_root
needs ssh sshd ssh-keygen nsenter dbus-daemon ip
[ -x /lib/systemd/systemd ] && [ -e /lib/systemd/systemd-logind ] ||
	skip_all 'systemd is not installed (scripts/setup --tests)' systemd
. "$ROOT/tests/vhost.sh"

export BERTH_BERTHD_DIR=$TMP/programs BERTH_SSH_CONFIG=$TMP/ssh_config
mkdir -p programs "$BERTH_HOME/config"
cp "$BERTHD" programs/berthd
vhost_init
vhost_boot
vhost_plug
vhost_run useradd -m -s /bin/bash -p '*' ann
cat >"$BERTH_SSH_CONFIG" <<CONFIG
Host box
	HostName $VHOST_addr
	HostKeyAlias 127.0.0.1
	User ann
	IdentityFile $VHOST_key
	IdentitiesOnly yes
	UserKnownHostsFile $TMP/vhost.known
CONFIG
cat >"$BERTH_HOME/config/config.yaml" <<YAML
defaults: {keep_alive: 1s, retry: {first: 100ms, max: 500ms, limit: 100}}
YAML
use_home "${BERTH_HOME#"$TMP"/}"
cleanup_at_exit "$BERTH" link stop box

status() { "$BERTH" link status box --json; }
state_is() { [ "$(status | jq -r .state)" = "$1" ]; }
there() { "$BERTH" exec result -m box "$1" --json | jq -r .state; }
# begin COMMAND: a client that waits for it, once it has said "begun".
begin() {
	"$BERTH" run -m box --raw -- sh -c "echo begun; $1" >"$TMP/out" \
		2>"$TMP/err" &
	client=$!
	wait_for 30 file_has "$TMP/out" begun
}

# what_was_lost WHAT SAID STATE: of a machine that is back.  One that goes down in
# order may end commands first, and their holders write that down: true as well.
what_was_lost() {
	local status
	ok "$1: the client ends" wait_for 30 is_gone "$client"
	wait "$client"
	status=$?
	like "$1: and says how, truly" "$status: $(cat "$TMP/err")" "$2"
	is "$1: what it had said was shown" "$(cat "$TMP/out")" begun
	like "$1: another has ended, too" "$(there "$other")" "$3"
	is "$1: its output is there" "$("$BERTH" logs -m box --raw "$other")" kept
	is "$1: the machine is used again" \
		"$("$BERTH" run -m box --raw -- echo back)" back
	is "$1: by the same link" "$(status | jq .pid)" "$link"
}
lost='125: .*lost: the machine was restarted'
killed='1(29|37|43): .*killed by SIG(HUP|KILL|TERM)'

ok 'a command runs' begin "$HANG"
link=$(status | jq .pid)
other=$("$BERTH" exec start -m box -- sh -c "echo kept; $HANG" | jq -r .exec_id)
wait_for 10 eval '[ "$("$BERTH" logs -m box --raw "$other")" = kept ]'
vhost_run systemctl reboot
wait "$VHOST_unshare"
ok 'the link sees that the machine is gone' wait_for 10 state_is reconnecting
vhost_boot
vhost_plug
what_was_lost 'a reboot' "^($lost|$killed)" '^(lost|signalled)$'

ok 'another command runs' begin "$HANG"
other=$("$BERTH" exec start -m box -- sh -c "echo kept; $HANG" | jq -r .exec_id)
wait_for 10 eval '[ "$("$BERTH" logs -m box --raw "$other")" = kept ]'
vhost_halt
ok 'the link sees that the power is gone' wait_for 15 state_is reconnecting
vhost_boot
vhost_plug
what_was_lost 'a power cut' "^$lost" '^lost$'
