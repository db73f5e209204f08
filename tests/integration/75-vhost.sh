#!/bin/bash
# Goal: on a machine with systemd a daemon outlives the login that brought it,
# as far as the machine permits, and says how; after a reboot the next use finds
# what there was, and nothing that is over is taken for running.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs_root
needs ssh sshd ssh-keygen nsenter dbus-daemon
[ -x /lib/systemd/systemd ] && [ -e /lib/systemd/systemd-logind ] ||
	skip_all 'systemd is not installed (scripts/setup --tests)' systemd
. "$ROOT/tests/vhost.sh"

export BERTH_BERTHD_DIR=$TMP/programs
mkdir programs
cp "$BERTHD" programs/berthd

vhost_init
vhost_boot
for user in ann bob cat; do
	vhost_run useradd -m -s /bin/bash -p '*' $user
done

# bring USER [OPTION...]: what the bootstrap says, in up.USER.
bring() {
	vhost_ssh "$1"
	timeout 60 "$BUILD/tests/tools/bootstrap" "${@:2}" "${vhost_ssh[@]}" \
		>"up.$1" 2>&1
}

said() {
	sed -n "s/^$2=//p" "up.$1"
}

ask() {
	vhost_as "$1" curl -sS --max-time 10 --unix-socket "$(said "$1" socket)" \
		"http://localhost$2" "${@:3}"
}

nonce_of() {
	ask "$1" /v1/hello | jq -r .nonce
}

start_exec() {
	ask "$1" /v1/exec -d "{\"cmd\":\"echo begun; $HANG\"}" | jq -r .exec_id
}

state_of() {
	ask "$1" "/v1/exec/$2" | jq -r .state
}

# Nobody of this name is logged in: of a session there are processes at most.
has_left() {
	local session
	for session in $(vhost_run loginctl list-sessions --no-legend |
		awk -v user="$1" '$3 == user { print $1 }'); do
		[ "$(vhost_run loginctl show-session "$session" -p State --value)" = \
			closing ] || return
	done
}

# logind keeps a list of those who linger in a directory, which is gone.
forbid_lingering() {
	vhost_run rm -rf /var/lib/systemd/linger
	vhost_run touch /var/lib/systemd/linger
}

# --- lingering --------------------------------------------------------------

ok 'a daemon comes up' bring ann -i
is 'as a unit that lingers' "$(said ann life)" systemd-linger
is 'for which lingering was switched on' \
	"$(vhost_run loginctl show-user ann -p Linger --value)" yes
like 'its socket is in the runtime directory' "$(said ann socket)" \
	"^/run/user/$(vhost_run id -u ann)/berth/"
id=$(start_exec ann)
ok 'the login ends' wait_for 20 has_left ann
is 'the daemon does not' "$(nonce_of ann)" "$(said ann nonce)"
is 'nor does the exec' "$(state_of ann "$id")" running
nonce=$(said ann nonce)
ok 'a second login' bring ann
is 'finds it' "$(said ann nonce)" "$nonce"
is 'and how it lives' "$(said ann life)" systemd-linger
ok 'it is stopped' bring ann -d
ok 'and comes up again' bring ann
is 'the exec went on' "$(state_of ann "$id")" running

# --- a reboot ---------------------------------------------------------------

vhost_halt
vhost_boot
ok 'after a reboot the next use' bring ann
is 'brings a daemon' "$(said ann life) $(said ann installed)" 'systemd-linger 0'
is 'what ran is lost, and says so' "$(state_of ann "$id")" lost
is 'its output is there' \
	"$(ask ann "/v1/exec/$id/logs?format=raw&offset=0")" begun

# --- nobody may linger ------------------------------------------------------

forbid_lingering
ok 'a user who may not linger' bring bob -i
is 'has a detached daemon, where nobody kills it' "$(said bob life)" detached
id=$(start_exec bob)
ok 'the login ends' wait_for 20 has_left bob
is 'the exec goes on' "$(state_of bob "$id")" running
ok 'it is stopped' bring bob -d

echo '[Login]
KillUserProcesses=yes
UserStopDelaySec=0' | vhost_run tee /etc/systemd/logind.conf.d/kill.conf >/dev/null
vhost_run rm /var/lib/systemd/linger
vhost_halt
vhost_boot
forbid_lingering
ok 'where logins are swept' bring cat -i
is 'the user manager is what is best' "$(said cat life)" systemd
ok 'the login ends' wait_for 20 has_left cat
is_silent() { ! ask "$1" /v1/hello; }
ok 'and the daemon with the last of them' wait_for 20 is_silent cat

# --- and nobody has a manager -----------------------------------------------

vhost_run systemctl mask --quiet --runtime user@.service
vhost_ssh bob
rm up.bob
"$BUILD/tests/tools/bootstrap" -k "${vhost_ssh[@]}" >up.bob 2>&1 &
pid=$!
ok 'a login that stays' wait_for 30 file_has up.bob '^done'
is 'has a daemon attached' "$(said bob life) $(said bob keeps)" 'attached 1'
is 'which serves' "$(nonce_of bob)" "$(said bob nonce)"
is 'and knows that the exec of before is lost' "$(state_of bob "$id")" lost
is 'the login stays' "$(is_gone $pid 2>/dev/null; echo $?)" 1
pkill -P $pid
kill $pid
wait $pid 2>/dev/null
ok 'when it goes' wait_for 20 has_left bob
ok 'the daemon goes with it' wait_for 20 is_silent bob
