#!/bin/bash
# Goal: secrets are kept in a real keyring or in a file, asked for on a real
# terminal, and are found nowhere else: no command line, no environment of a
# process, no file of berth's in clear.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs dbus-run-session gnome-keyring-daemon secret-tool tmux dbus-daemon
PATH=$(dirname "$BERTH"):$PATH
unset DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY BERTH_SECRET_STORE
SECRETS=$BERTH_HOME/config/secrets.enc

# What nobody else has, so that it can be searched for.
SECRET=planted-$RANDOM$RANDOM-$$
PASS=phrase-$RANDOM$RANDOM-$$

# Is a planted word in a process's line or environment?  Sampled while the
# commands run.  This shell knows them, and is not looked at.
watch_processes() {
	local pid
	while [ ! -e stop ]; do
		for pid in /proc/[0-9]*; do
			grep -qsaE "planted-|phrase-" "$pid/cmdline" "$pid/environ" &&
				[ "${pid#/proc/}" != $$ ] &&
				tr '\0' ' ' <"$pid/cmdline" >>seen 2>/dev/null
		done
	done
}

# --- the file ---------------------------------------------------------------

printf '%s\n' "$PASS" >pass
chmod 600 pass
export BERTH_PASSPHRASE_FILE=$TMP/pass
printf '%s\n' "$SECRET" >value
watch_processes &
watcher=$!
answer=$(berth secret set gpu3 --json <value)
is 'without a bus a secret goes to the file' "$(jq -r .store <<<"$answer")" \
	file
like 'and it is said why' "$(jq -r .why <<<"$answer")" 'no session bus'
is 'which is private' "$(stat -c %a "$SECRETS")" 600
is 'names are listed' "$(berth secret ls --json | jq -r '.secrets[].name')" \
	gpu3
like 'the store is said' "$(berth secret ls -o text 2>&1)" 'in the file'
ok 'it can be read' berth secret test gpu3
ok 'the store works' berth secret test
exits 125 'another cannot' berth secret test gpu4
exits 64 'an odd name is refused' berth secret test 'a;b'
exits 64 'an empty secret is refused' berth secret set empty </dev/null
exits 64 'a secret is not taken from the line' berth secret set gpu3 word
touch stop
wait $watcher
is 'no process showed a secret' "$(cat seen 2>/dev/null)" ''
rm -f stop

chmod 644 pass
exits 77 'a passphrase that others can read is refused' berth secret ls
chmod 600 pass
echo wrong >pass
exits 77 'a wrong passphrase is told' berth secret ls
like 'in words' "$(berth secret ls 2>&1)" 'the passphrase is wrong'
printf '%s\n' "$PASS" >pass
cp "$SECRETS" good
printf x | dd of="$SECRETS" bs=1 seek=120 conv=notrunc status=none
exits 78 'damage is told from it' berth secret ls
head -c 50 good >"$SECRETS"
exits 78 'also when the file is cut' berth secret ls
cp good "$SECRETS"
rm value pass
is 'nothing of it lies anywhere in clear' \
	"$(grep -rlaE 'planted-[0-9]|phrase-[0-9]' "$BERTH_HOME" "$HOME")" ''
unset BERTH_PASSPHRASE_FILE

# --- the terminal -----------------------------------------------------------

T="tmux -L berth-$$ -f /dev/null"
cleanup_at_exit $T kill-server
unset TMUX
shows() { $T capture-pane -p -J | grep -qF -- "$1"; }
hidden() { ! shows "$1"; }
# What is typed before the shell asks for it is thrown away with the question.
is_asked() { [ "$($T capture-pane -p | grep . | tail -n 1)" = '$' ]; }
answer() {
	wait_for 10 shows "$1" || return
	$T send-keys -l "$2"
	$T send-keys Enter
}
$T new-session -d -x 120 -y 30 "env PS1='$ ' bash --norc --noprofile"
wait_for 10 shows '$ '
$T send-keys -l 'berth secret set typed; echo =$?'
$T send-keys Enter
answer 'Value of typed: ' "$SECRET"
answer 'Value of typed, again: ' "$SECRET"
answer 'Passphrase for' "$PASS"
wait_for 20 shows '=0'
unlike 'what is typed is not shown' "$($T capture-pane -p -J)" "$SECRET|$PASS"
$T send-keys -l 'clear; echo cleared'
$T send-keys Enter
wait_for 10 hidden '=0'
$T send-keys -l 'berth secret ls'
$T send-keys Enter
ok 'a list asks for the passphrase' wait_for 10 shows 'Passphrase for'
$T send-keys C-c
wait_for 10 is_asked
$T send-keys -l 'echo =$?'
$T send-keys Enter
ok 'an interrupt ends it as it should' wait_for 10 shows '=130'
$T send-keys -l 'stty -a | grep -o " echo "; echo done$((1 + 1))'
$T send-keys Enter
wait_for 10 shows 'done2'
like 'an interrupted question leaves the terminal as it was' \
	"$($T capture-pane -p -J)" $'\n echo'

# --- the keyring ------------------------------------------------------------

mkdir -m 700 bus
cat >keyring <<'SH'
printf 'kr\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null
printf '%s' "$1" >value
"$BERTH" secret set gpu3 --json <value >set.json
"$BERTH" secret test gpu3 --json >test.json
"$BERTH" secret test --json >works.json
"$BERTH" secret ls --json >ls.json
secret-tool lookup application berth name gpu3 >lookup
printf 'machines:\n  - name: hidden\n    ssh: h\n' >"$BERTH_HOME/config/config.yaml"
"$BERTH" config encrypt --keyring
grep -rq hidden "$BERTH_HOME/config" || echo sealed >sealed
"$BERTH" machine ls --own -q >names
"$BERTH" config decrypt
"$BERTH" secret rm gpu3 --json >rm.json
"$BERTH" secret test gpu3 --json >gone.json
SH
on_bus() {
	env XDG_RUNTIME_DIR="$TMP/bus" timeout 60 dbus-run-session -- "$@"
}
on_bus bash keyring "$SECRET" >keyring.log 2>&1
is 'a keyring is used where there is one' "$(jq -r .store set.json)" service
is 'a secret is there' "$(cat lookup)" "$SECRET"
is 'and can be read' "$(jq .ok test.json works.json | tr '\n' ' ')" 'true true '
is 'and is listed' "$(jq -r '.secrets[].name' ls.json)" gpu3
is 'the configuration is encrypted by it' "$(cat sealed)" sealed
is 'and read without a question' "$(cat names)" hidden
is 'and removed' "$(jq .removed rm.json)" true
is 'and gone' "$(jq -r .error.code gone.json)" NOT_FOUND

# Another home: its keyring is not unlocked, and nobody could.
mkdir -m 700 bus2
locked=$(env HOME="$TMP/home2" BERTH_HOME="$TMP/h2" XDG_RUNTIME_DIR="$TMP/bus2" timeout 60 \
	dbus-run-session -- "$BERTH" secret ls --json 2>/dev/null)
is 'a keyring that nobody can unlock is not chosen' \
	"$(jq -r .store <<<"$locked")" file
like 'and it is said why' "$(jq -r .why <<<"$locked")" 'no display|locked'

# A service that is started and never comes up: the bus waits for a minute.
mkdir -p share/dbus-1/services
cat >share/dbus-1/services/org.freedesktop.secrets.service <<SERVICE
[D-BUS Service]
Name=org.freedesktop.secrets
Exec=/bin/sh -c "echo \$\$ >>$TMP/deaf; exec tail -f /dev/null"
SERVICE
start=$EPOCHSECONDS
XDG_DATA_HOME="$TMP/share" BERTH_HOME="$TMP/h2" on_bus \
	"$BERTH" secret ls --json >deaf.json 2>/dev/null
while read -r pid; do kill "$pid"; done <"$TMP/deaf"
like 'a service that does not answer is given up' \
	"$(jq -r .why deaf.json)" 'does not answer'
ok 'in seconds' [ $((EPOCHSECONDS - start)) -lt 20 ]

exits 125 'a store that was asked for is not replaced by another' \
	env BERTH_SECRET_STORE=service berth secret ls
