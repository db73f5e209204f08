#!/bin/bash
# Goal: a machine is looked at, brought up and down, entered and trusted from
# the command line, and what is wrong with it is said with its stage.
# Waits: for connections
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
needs ssh-keygen

use_config <<YAML
defaults: {keep_alive: 2s, retry: {first: 100ms, max: 500ms, limit: 3}}
YAML
machine_start far
machine_start other
M="$BERTH machine"

# Other names of these.
for name in new agent silent nowhere lab; do
	cleanup_at_exit "$BERTH" link stop $name
done
stage() { jq -r ".stages[] | select(.stage == \"$2\") | .$3" "$1"; }

# --- check --------------------------------------------------------------------

is 'nothing is connected by listing' \
	"$($M ls --json | jq -r '.machines[].state' | sort -u)" null
ok 'a machine is well' eval '$M check -m far >"$TMP/report"'
is 'every stage was reached' \
	"$(jq -r '[.stages[] | select(.result == "ok" or .result == "warning")]
		| length' "$TMP/report")" 11 || note <"$TMP/report"
is 'with the fingerprint of its key' "$(jq -r .host_key "$TMP/report")" \
	"$(ssh-keygen -lf "$SSHD/far/host_key.pub" | cut -d' ' -f2)"
like 'and a time for those on the way' \
	"$(stage "$TMP/report" auth ms)" '^[0-9]+$'
is 'codex-remote finds its members' "$(jq -c '[.name, .ssh_ok, .daemon_ok,
	(.latency_ms | type), (.checked_at | type), .daemon_port]' \
	"$TMP/report")" '["far",true,true,"number","string",7337]'
like 'its clock is ours' "$(jq .clock_skew_ms "$TMP/report")" \
	'^-?[0-9]{1,3}$'
like 'the list says how far it is and what runs there' \
	"$($M ls -o text | grep '^far')" 'far +active +[0-9.]+ ms +[0-9]+\.[0-9]'
like 'and showing it, too' "$($M show far -o text)" \
	'link +active.*round trip +[0-9.]+ ms.*berthd +[0-9].*host key +SHA256:.*free there +[0-9.]+ [KMGT]iB'
is 'as JSON' "$($M show far --json | jq -c '[.link.state,
	(.link.free_bytes | type), .machine.name]')" '["active","number","far"]'
is 'the list knows its link' "$($M ls --json |
	jq -r '.machines[] | select(.name == "far") | .state')" active
is 'a second look says the same' "$($M check far --json | jq -c \
	'[.ok, .machines[0].stages[3].result]')" '[true,"ok"]'

printf 'Host nowhere\n\tHostName 127.0.0.1\n\tPort 1\n' >>"$SSHD/hosts"
sshd_host silent far "ProxyCommand cat"
$M check nowhere other silent --timeout 3s --json >"$TMP/report"
is 'one that is not well is told by the status' $? 1
is 'each with its stage' "$(jq -c \
	'[.ok, (.machines[] | [.name, .ok, .failed_stage])]' "$TMP/report")" \
	'[false,["nowhere",false,"connect"],["other",true,null],["silent",false,"host_key"]]' ||
	note <"$TMP/report"
like 'and why' "$(jq -r '.machines[0].error' "$TMP/report")" refused
is 'all are looked at when none is named' \
	"$($M check --timeout 2s --json | jq '.machines | length')" 4
is 'ls can look, too' "$($M ls --check --timeout 3s --json | jq -c \
	'.machines[] | select(.name == "nowhere") | .check.failed_stage')" \
	'"connect"'

# --- up and down --------------------------------------------------------------

$M up far >"$TMP/up" 2>"$TMP/err"
is 'up changes nothing when all is well' \
	"$(jq -c '[.ok, .installed, .upgraded]' "$TMP/up")" '[true,false,false]' ||
	note <"$TMP/err"
like 'and says how the daemon lives' "$(jq -r '.life + " " + .program' \
	"$TMP/up")" '^[a-z-]+ /.*/berthd'
id=$("$BERTH" exec start -m far -- sh -c "$HANG" | jq -r .exec_id)
ok 'down stops the daemon' $M down far
ok 'it is gone' wait_for 10 eval '! T_answers "$TMP/far"'
is 'its link, too' "$($M ls --json |
	jq -r '.machines[] | select(.name == "far") | .state')" null
ok 'up starts it again' $M up far
is 'and what ran goes on' \
	"$("$BERTH" exec result -m far "$id" --json | jq -r .state)" running
"$BERTH" exec cancel -m far "$id" >"$TMP/out"

# --- ssh ----------------------------------------------------------------------

logins=$(grep -c 'Accepted publickey' "$SSHD/far/log")
is 'a command runs there' "$($M ssh far --cmd 'echo "$BERTH_HOME"')" "$TMP/far"
is 'words are not read twice' "$($M ssh far -- printf '%s|' 'a b' '$c' "d'e")" \
	"a b|\$c|d'e|"
exits 7 'the status is passed on' $M ssh far --cmd 'exit 7'
is 'input, too' "$(echo in | $M ssh far -- cat)" in
is 'a terminal when it is wanted' \
	"$($M ssh far --tty --cmd 'tty -s && echo yes' </dev/null 2>/dev/null |
		tr -d '\r')" yes
is 'over the connection that there was' \
	"$(grep -c 'Accepted publickey' "$SSHD/far/log")" "$logins"
exits 255 'a machine that is not reached is 255' $M ssh nowhere -- true
eval "$(ssh-agent -a "$TMP/agent")" >/dev/null
cleanup_at_exit kill "$SSH_AGENT_PID"
is 'no agent goes along unasked' \
	"$($M ssh far --cmd 'echo "[$SSH_AUTH_SOCK]"')" '[]'
sed -i "1i Host agent\n\tHostName 127.0.0.1\n\tPort ${SSHD_PORT[far]}\n\tIdentityAgent $SSH_AUTH_SOCK" "$SSHD/hosts"
like 'but with -A' "$($M ssh -A agent --cmd 'echo "$SSH_AUTH_SOCK"' </dev/null)" \
	'^/.*agent'

# --- add ----------------------------------------------------------------------

config=$BERTH_HOME/config/config.yaml
before=$(cat "$config")
$M add lab "$(id -un)@127.0.0.1" --port 1 2>"$TMP/err"
is 'what cannot be reached is not added' "$?:$(cat "$config")" "69:$before"
like 'with stage and cause' "$(cat "$TMP/err")" 'connect: .*refused'
ok 'what can is tried and added' eval \
	'$M add lab other --set keep_alive=3s 2>"$TMP/err" >"$TMP/out"' ||
	note <"$TMP/err"
is 'no link is left of that' "$(find "$BERTH_HOME/run/link" -name 'trial.*')" ''
like 'the fingerprint is said' "$(cat "$TMP/err")" 'lab answers: SHA256:'

# What is encrypted at rest lies nowhere in clear while a machine is tried.
cat >"$TMP/spy" <<SPY
#!/bin/sh
grep -rl "a planted label" "$BERTH_HOME" "$HOME" >>"$TMP/seen"
exec "$BERTH_LINK" "\$@"
SPY
chmod 700 "$TMP/spy"
(umask 077 && echo open sesame >"$TMP/words")
export BERTH_PASSPHRASE_FILE=$TMP/words
"$BERTH" config encrypt 2>"$TMP/err" || note <"$TMP/err"
ok 'a machine is tried and added to a sealed configuration' eval \
	'BERTH_LINK=$TMP/spy $M add sealed other --label "a planted label" \
		2>"$TMP/err" >"$TMP/out"' || note <"$TMP/err"
is 'which nobody could read meanwhile' "$(cat "$TMP/seen")" ''
is 'and has the machine' "$($M show sealed --json | jq -r .machine.label)" \
	'a planted label'
$M rm sealed >"$TMP/out" 2>&1
"$BERTH" config decrypt 2>"$TMP/err" || note <"$TMP/err"
unset BERTH_PASSPHRASE_FILE
ok 'a label is changed without asking the machine' eval \
	'sshd_stop other; $M edit lab --label x >"$TMP/out" 2>"$TMP/err"'
exits 69 'a way there is not' $M edit lab --port 2
machine_restart other

T="tmux -L berth-$$ -f /dev/null"
if command -v tmux >/dev/null; then
	cleanup_at_exit $T kill-server
	unset TMUX NO_COLOR CLICOLOR_FORCE
	shows() { $T capture-pane -p -J | grep -qF -- "$1"; }
	answer() {
		wait_for 10 shows "$1" || return
		$T send-keys -l "$2"
		$T send-keys Enter
	}
	cp "$SSHD/known_hosts" "$TMP/known"
	sed -i "/:${SSHD_PORT[other]}/d; /\\]:${SSHD_PORT[other]} /d" "$SSHD/known_hosts"
	$T new-session -d -x 100 -y 40 "$M add; echo =\$?; exec cat"
	answer 'A name for the machine' new
	answer 'Where ssh goes' other
	answer 'Log in by' auto
	answer 'Directory' ''
	answer 'Add it?' y
	answer 'fingerprint' yes
	wait_for 20 shows '=0'
	is 'the wizard connects, asking about the host key' \
		"$($M show new --json | jq -r .machine.ssh)" other ||
		$T capture-pane -p | note
	unlike 'what it waited for is not said any more' \
		"$($T capture-pane -p)" 'berth: (connecting|logging in|waiting|looking)'
	# The check before may still be trying, and be about to give up.
	"$BERTH" link stop silent
	$T new-session -d -s waits -x 100 -y 40 "$BERTH run -m silent -- true; exec cat"
	waits() { $T capture-pane -t waits -p | grep -qF -- "$1"; }
	ok 'who waits sees for what' wait_for 10 waits \
		'berth: waiting for its host key ...' ||
		$T capture-pane -t waits -p | grep . | note
	$T kill-session -t waits
	cp "$TMP/known" "$SSHD/known_hosts"
	$T new-session -d -s trust -x 100 -y 40 "sed -i /./d $SSHD/known_hosts
		$M trust other; echo =\$?; exec cat"
	shows() { $T capture-pane -t trust -p -J | grep -qF -- "$1"; }
	wait_for 10 shows 'yes/no'
	ok 'trust shows the fingerprint' shows \
		"$(ssh-keygen -lf "$SSHD/other/host_key.pub" | cut -d' ' -f2)"
	$T send-keys -t trust -l no
	$T send-keys -t trust Enter
	ok 'and a no changes nothing' eval \
		'wait_for 10 shows =77 && [ ! -s "$SSHD/known_hosts" ]'
	cp "$TMP/known" "$SSHD/known_hosts"
fi

# --- trust --------------------------------------------------------------------

"$BERTH" link stop far
old=$(cut -d' ' -f2 "$SSHD/far/host_key.pub")
rm "$SSHD/far/host_key" "$SSHD/far/host_key.pub"
ssh-keygen -q -t ed25519 -N '' -C new -f "$SSHD/far/host_key"
machine_restart far
print=$(ssh-keygen -lf "$SSHD/far/host_key.pub" | cut -d' ' -f2)
ok 'the link has ended' wait_for 10 eval '! exists "$BERTH_HOME/run/link/far.ctl"'
$M check far --json >"$TMP/report"
is 'a changed key is a failure' $? 1
is 'of that stage' "$(jq -r '.machines[0] | .failed_stage' "$TMP/report")" \
	host_key
like 'and the way out is said' "$(stage <(jq '.machines[0]' "$TMP/report") \
	host_key hint)" 'machine trust far'
exits 77 'without a terminal nothing is trusted' setsid -w $M trust far
exits 76 'nor by another fingerprint' $M trust far --fingerprint SHA256:abc
ok 'the key is still the old one' grep -q "$old" "$SSHD/known_hosts"
ok 'the right fingerprint makes it known' $M trust far --fingerprint "$print"
ok 'in the place of the old' eval '! grep -q "$old" "$SSHD/known_hosts"'
ok 'and all is well' $M check far --json
is 'trusting again changes nothing' \
	"$($M trust far --json | jq .changed)" false
"$BERTH" link stop far
cp "$SSHD/known_hosts" "$TMP/known"
echo "@revoked * $(cut -d' ' -f1,2 "$SSHD/far/host_key.pub")" \
	>"$SSHD/known_hosts"
exits 76 'a revoked key is never trusted' $M trust far --fingerprint "$print"
cp "$TMP/known" "$SSHD/known_hosts"

# --- doctor -------------------------------------------------------------------

$M doctor other --json >"$TMP/report" 2>"$TMP/err"
is 'the doctor looks at both ends' "$(jq -c '[.machine, .overall_ok,
	([.checks[].name] | index("ssh", "berth-link", "runtime", "host_key",
		"exec") | type)]' "$TMP/report")" \
	'["other",true,"number","number","number","number","number"]' ||
	note <"$TMP/report"
exits 1 'and says what is missing' "$BERTH" doctor -m nowhere

# --- as codex-remote ----------------------------------------------------------

mkdir -p bin
ln -sf "$BERTH" bin/codex-remote
C=$TMP/bin/codex-remote
is 'machine check' "$($C machine check --machine other | jq -c \
	'[.name, .ssh_ok, .daemon_ok]')" '["other",true,true]'
is 'machine up' "$($C machine up --machine other 2>"$TMP/err" | jq -c .ok)" true
is 'machine ssh' "$($C machine ssh --machine other --cmd 'echo hi; exit 3' |
	jq -c '[.ok, .forward_agent, .tty, .stdout, .code]')" \
	'[false,true,false,"hi\n",3]'
is 'machine ls' "$($C machine ls --json --timeout 8s --parallel 6 | jq -c \
	'[.total, .ssh_ok, .daemon_ok, .failed]')" '[2,2,2,0]'
like 'and its table' "$($C machine list)" 'NAME.*lab.*summary: total=2'
exits 2 'without a machine it is a wrong line' $C machine check
