#!/bin/bash
# Goal: machines are added, changed and removed by commands, by hand or by
# answers on a terminal; what a person wrote stays; policies hold.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs ssh tmux
PATH=$(dirname "$BERTH"):$PATH
export BERTH_SSH_CONFIG=$TMP/ssh_config
CONFIG=$BERTH_HOME/config/config.yaml
cat >"$BERTH_SSH_CONFIG" <<'SSH'
Host web *.corp
	HostName 10.1.1.1
	User deploy
Host sly
	HostName evil.example.org
SSH

# --- aliases ----------------------------------------------------------------

is 'an alias is a machine without setup' "$(berth machine ls -q)" $'web\nsly'
is 'and is shown as ssh resolves it' \
	"$(berth machine show web --json | jq -r \
		'.resolved | "\(.user)@\(.hostname):\(.port)"')" \
	'deploy@10.1.1.1:22'
is 'a tab knows it' "$(berth __complete machine w | cut -f1)" web
exits 125 'a machine that is not there is an error' berth machine show wbe
like 'with what was meant' "$(berth machine show wbe 2>&1)" \
	'did you mean "web"'

# --- add, edit, rm ----------------------------------------------------------

ok 'a machine is added' berth machine add gpu3 me@gpu3.example.com \
	--no-check --workdir /data --set retry.limit=3 --set env.A=b
is 'the file is private' "$(stat -c %a "$CONFIG")" 600
sed -i 's/^  - name: gpu3/  # with the fans\n  - name: gpu3   # three/' "$CONFIG"
ok 'another is added' berth machine add box --hostname 10.0.0.7 --port 2222 \
	--user root --no-check
ok 'the first is changed' berth machine edit gpu3 --label 'the "one"' \
	--unset default_workdir -s retry.max=9s
ok 'an alias gets settings' berth machine add web --shell bash \
	--no-check
ok 'one is removed' berth machine rm box
is 'and what was written by hand is there' "$(cat "$CONFIG")" \
	"# The machines that berth knows besides those of ~/.ssh/config.
# \`berth machine add' and \`berth machine edit' change this file, too.
machines:
  # with the fans
  - name: gpu3   # three
    ssh: me@gpu3.example.com
    retry:
      limit: 3
      max: 9s
    env:
      A: b
    label: \"the \\\"one\\\"\"
  - name: web
    default_shell: bash
    ssh: web"
is 'all of it is in force' \
	"$(berth machine show gpu3 --json |
		jq -c '.machine | [.label, .retry.max, .env.A, .default_workdir]')" \
	'["the \"one\"",9,"b",null]'
before=$(cat "$CONFIG")
exits 125 'a name is taken once' berth machine add gpu3 other
exits 78 'a wrong value is refused' berth machine edit gpu3 -s port=many
exits 64 'a wrong key is refused' berth machine edit gpu3 -s prot=1
exits 78 'what looks like an option is no host' \
	berth machine add x -- -oProxyCommand=id
exits 78 'what a shell would take is no host' \
	berth machine add x 'h;id'
exits 64 'nor a name' berth machine add 'a b' h
exits 125 'a key that is not there is noticed' \
	berth machine add x h --key-file "$TMP/none"
is 'and nothing of it was written' "$(cat "$CONFIG")" "$before"
like 'an error is JSON for who asks for JSON' \
	"$(berth machine rm none --json 2>/dev/null)" '"code":"NOT_FOUND"'
echo "    prot: 2" >>"$CONFIG"
exits 78 'a mistake by hand is found' berth config check
like 'with file, line and remedy' "$(berth config check 2>&1)" \
	"config.yaml:16: machines\[1\].prot: unknown name.*did you mean \"port\""
printf '%s\n' "$before" >"$CONFIG"

for i in 1 2 3 4 5 6; do
	berth machine add "p$i" h --no-check >/dev/null 2>&1 &
done
wait
is 'writers at the same time lose nothing' \
	"$(berth machine ls --own -q | grep -c '^p')" 6
printf '%s\n' "$before" >"$CONFIG"

# --- the wizard -------------------------------------------------------------

T="tmux -L berth-$$ -f /dev/null"
cleanup_at_exit $T kill-server
unset TMUX NO_COLOR CLICOLOR_FORCE
shows() { $T capture-pane -p -J | grep -qF -- "$1"; }
answer() {
	wait_for 10 shows "$1" || return
	$T send-keys -l "$2"
	$T send-keys Enter
}
$T new-session -d -x 100 -y 30 \
	"berth machine add; echo =\$?; exec cat"
answer 'A name for the machine' 'a b'
answer 'is no name of a machine' lab
answer 'Where ssh goes' 'me@lab;id'
answer 'has the character' me@lab.example.com
answer 'Log in by' magic
answer 'one of auto' auto
answer 'Directory' /srv
answer 'Add it?' y
answer 'all the same?' y
wait_for 10 shows '=0'
is 'a person is asked step by step' \
	"$(berth machine show lab --json |
		jq -r '.machine | .ssh + " " + .default_workdir')" \
	'me@lab.example.com /srv'
ssh-keygen -q -t ed25519 -N '' -f "$TMP/open"
ssh-keygen -q -t ed25519 -N 'pass phrase' -f "$TMP/locked"
add_with_key() { # NAME FILE: up to the question after the key
	$T respawn-pane -k "berth machine add; echo =\$?; exec cat"
	answer 'A name for the machine' "$1"
	answer 'Where ssh goes' "$1.example.com"
	answer 'Log in by' key
	answer 'Private key:' "$2"
}
add_with_key open "$TMP/open"
ok 'a key that is not locked has no passphrase to ask about' \
	wait_for 10 shows 'Directory'
unlike '... at all' "$($T capture-pane -p)" passphrase
add_with_key locked "$TMP/locked"
ok 'one that is locked has' wait_for 10 shows 'Keep its passphrase'
exits 64 'without a terminal a name is needed' berth machine add

# --- policy -----------------------------------------------------------------

export BERTH_POLICY=$TMP/policy.yaml
printf 'allow_hosts: ["10.*", "*.example.com"]\nallow_password: false\n' \
	>"$BERTH_POLICY"
chmod 600 "$BERTH_POLICY"
exits 77 'a policy forbids a host by what it resolves to' \
	berth machine add sly sly
exits 77 'also with --no-check' berth machine add sly sly --no-check
exits 77 'and passwords' berth machine add pw web --auth password
ok 'and allows the rest' berth machine add web2 web --no-check
printf 'policy:\n  allow_hosts: ["*"]\n%s\n' "$before" >"$CONFIG"
exits 77 'the own configuration cannot widen it' berth machine add sly sly
chmod 666 "$BERTH_POLICY"
exits 77 'a policy that anybody can write is none' berth machine ls
unset BERTH_POLICY

# --- other files ------------------------------------------------------------

cp "$ROOT/fuzz/corpus/registry/codex-remote" old.yaml
ok "codex-remote's file is taken" berth config check --config old.yaml
mkdir -p "$HOME/.config/codex-remote"
mv old.yaml "$HOME/.config/codex-remote/config.yaml"
mv "$CONFIG" kept
ln -sf "$BERTH" codex-remote
is 'and read by the program of that name' \
	"$(./codex-remote machine ls --own -q)" gpu1
is 'but not by ours' "$(berth machine ls --own -q)" ''
echo '{"machines":[{"name":"j","ssh":"h"}]}' >"${CONFIG%.yaml}.json"
ok 'JSON is changed, too' berth machine edit j --port 22 \
	--no-check
is 'and read' "$(berth machine show j --json | jq .machine.port)" 22
mv kept "$CONFIG"
exits 78 'two files are one too many' berth machine ls
rm "${CONFIG%.yaml}.json"

# A machine takes twenty bytes here, and six hundred with all its keys.
{
	echo machines:
	seq 16000 | sed 's/.*/- {name: m&, ssh: h}/'
} >many.yaml
is 'many machines are all shown' "$(berth config show --json --config many.yaml |
	jq '.machines | map(select(.ssh == "h")) | length')" \
	16000
is 'and listed' "$(berth machine ls --own --json --config many.yaml |
	jq '.machines | length')" 16000

# --- encryption -------------------------------------------------------------

echo 'pass phrase' >pass
chmod 600 pass
export BERTH_PASSPHRASE_FILE=$TMP/pass
names=$(berth machine ls -q)
ok 'the configuration is encrypted' berth config encrypt
fails 'and no longer in clear' grep -rq gpu3 "$BERTH_HOME/config"
is 'and read all the same' "$(berth machine ls -q)" "$names"
ok 'and changed' berth machine edit gpu3 --label new
is 'and still encrypted' "$(berth config path)" "$CONFIG.enc"
echo wrong >pass
exits 77 'a wrong passphrase is said' berth machine ls
unset BERTH_PASSPHRASE_FILE
exits 77 'without a terminal there is no one to ask' \
	setsid -w "$BERTH" machine ls
like 'and it is said what to do' "$(setsid -w "$BERTH" machine ls 2>&1)" \
	BERTH_PASSPHRASE_FILE
echo 'pass phrase' >pass
ok 'and it is decrypted' env BERTH_PASSPHRASE_FILE="$TMP/pass" \
	berth config decrypt
like 'as it was' "$(cat "$CONFIG")" '# with the fans.*label: new'
