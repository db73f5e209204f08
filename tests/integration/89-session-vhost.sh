#!/bin/bash
# Goal: who develops on a far machine starts a session there from here, leaves
# it, loses the network without a word, and is back by himself with the screen;
# the session outlives every login, and ends with the machine's power, which is
# told as it is.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs_root
needs ssh sshd ssh-keygen nsenter dbus-daemon tmux ip busybox
[ -x /lib/systemd/systemd ] && [ -e /lib/systemd/systemd-logind ] ||
	skip_all 'systemd is not installed (scripts/setup --tests)' systemd
. "$ROOT/tests/vhost.sh"
. "$ROOT/tests/terminals.sh"
unset TMUX TMUX_PANE BERTH_SESSION NO_COLOR COLORTERM

export BERTH_BERTHD_DIR=$TMP/programs BERTH_SSH_CONFIG=$TMP/ssh_config
mkdir programs
cp "$BERTHD" programs/berthd
vhost_init
boot() {
	vhost_boot
	VHOST_pid >pid
}
boot
vhost_run useradd -m -s /bin/bash -p '*' dev
mkdir -p "$VHOST/home/dev/project"
vhost_run chown dev:dev /home/dev/project

# ssh as somebody has set it up, and a machine by the name it has there.
cat >"$BERTH_SSH_CONFIG" <<SSH
Host far
	ProxyCommand nsenter -t \$(cat $TMP/pid) -n busybox nc 127.0.0.1 22
	HostKeyAlias 127.0.0.1
	User dev
	IdentityFile $VHOST_key
	IdentitiesOnly yes
	UserKnownHostsFile $TMP/vhost.known
SSH
mkdir -p "$BERTH_HOME/config"
cat >"$BERTH_HOME/config/config.yaml" <<'YAML'
defaults: {keep_alive: 1s, retry: {first: 100ms, max: 1s, limit: 1000}}
YAML
use_home "${BERTH_HOME#"$TMP"/}"
berth() { timeout 60 "$BERTH" "$@"; }
end_link() { "$BERTH" link stop far; }
cleanup_at_exit end_link

# --- a session there ----------------------------------------------------------------

terminal a 90 24 "PATH='$(dirname "$BERTH"):$PATH'"
type_ a 'berth session new -m far -a --cwd project work -- bash --norc --noprofile; echo =$?'
ok 'a session is made on a machine that was never used, and shown' \
	wait_for 40 shows a '^bash-[0-9.]*[$]'
type_ a 'pwd; id -un; tput colors; echo grün'
ok 'it is there, as who was asked for' wait_for 10 shows a '^/home/dev/project'
wait_for 10 shows a '^grün'
like 'with a terminal of colours and characters' "$(screen a | tr '\n' ' ')" 'dev +.*256 +.*grün'
type_ a 'for i in {1..9}; do echo "row $i"; done'
wait_for 10 shows a '^row 9'
key a 'C-]'
ok 'Ctrl-] leaves it' wait_for 10 shows a '^=0'
like 'and says how to come back' "$(screen a)" "berth attach -m far work"
is 'it is listed there' "$(berth session ls -m far --json | jq -r '.sessions[] | .name + " " + .state')" 'work running'
type_ a 'clear; berth session ls -m far'
ok 'and for a person, without a title that nobody gave it' \
	wait_for 10 shows a 'work +running.* bash +-$'
pid=$(berth session ls -m far --json | jq '.sessions[0].pid')

# --- the network is gone, and says nothing ---------------------------------------------

type_ a 'clear; berth attach -m far work; echo =$?'
ok 'it is attached again, with its screen' wait_for 20 shows a '^row 9'
cut() { vhost_run ip link set lo down; }
mend() { vhost_run ip link set lo up; }
cut
ok 'a network that is gone is noticed' wait_for 20 shows a 'link lost, reconnecting'
vhost_as dev tmux -S "/run/user/$(vhost_run id -u dev)/berth/session/tmux" \
	send-keys -t work: 'echo while-away' Enter
key a -l 'typed blindly'
start=${EPOCHREALTIME/./}
mend
ok 'when it is back the screen is, too, with what went by' \
	wait_for 20 shows a '^while-away'
note "after $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
ok 'and nothing is left of the note' wait_for 10 hides a 'link lost'
ok 'all of it' shows a '^row 3'
type_ a 'echo back-again'
ok 'and takes keys' wait_for 10 shows a '^back-again|back-again$'
is 'it is the same session' "$(berth session ls -m far --json | jq '.sessions[0].pid')" "$pid"
key a 'C-]'
wait_for 10 shows a '^=0'

# --- no login is left ------------------------------------------------------------------

"$BERTH" link stop far
has_left() { ! vhost_run loginctl list-sessions --no-legend | grep -w dev | grep -qvw manager; }
ok 'when the last login has ended' wait_for 20 has_left
ok 'the session goes on' vhost_run kill -0 "$pid"
type_ a 'clear; berth attach -m far work; echo =$?'
ok 'and can be had again' wait_for 20 shows a '^while-away'

# --- the power is gone -------------------------------------------------------------------

vhost_halt
ok 'that the power is gone is noticed' wait_for 20 shows a 'link lost, reconnecting'
boot
ok 'after a reboot who looked on is told that the session has ended' \
	wait_for 40 shows a '^=125'
like 'with the machine' "$(screen a)" 'ended when the machine did'
like 'and how to have it anew' "$(screen a)" 'berth session new work -m far'
is 'nothing pretends to run' \
	"$(berth session ls -m far --json | jq -r '.sessions[] | .name + " " + .state + " " + .reason')" \
	'work ended rebooted'
type_ a 'clear; berth session ls -m far'
ok 'nor for a person' wait_for 10 shows a 'work +rebooted'
