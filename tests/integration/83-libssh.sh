#!/bin/bash
# Goal: a machine with `transport: libssh' is used like any other, from its
# first question to its last byte, and what libssh cannot do is said.
# Timeout: 240
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/wire.sh"
. "$ROOT/tests/machines.sh"
. "$ROOT/tests/paced.sh"

[ -e "$BUILD/tests/unit/link/link_transport_libssh_test" ] ||
	skip_all 'built without libssh'
export TRANSPORT=libssh
. "$ROOT/tests/ssh_cases.sh"

# --- what is for ssh only ---------------------------------------------------

sshd_host far plain 'ProxyJump keys,plain'
down 'a host on the way' UNSUPPORTED 'ProxyJump is not for transport libssh' far
like 'has another transport' "$(said)" '--set transport=openssh'
down 'a forwarded agent' UNSUPPORTED 'forwarding an agent' plain -A
sshd_host listed plain "RevokedHostKeys $TMP/none"
down 'a list of revoked keys' UNSUPPORTED RevokedHostKeys listed

library=$(ldconfig -p | sed -n 's/.*libssh\.so\.4 .*=> //p' | head -n 1)
if [ -n "$library" ] && can_mount; then
	RUN_WRAP=$(with_file /dev/null "$library") run plain exec true </dev/null
	like 'where libssh is missing its package is named' "$(said)" \
		'down UNSUPPORTED libssh is not installed'
else
	cannot 'where libssh is missing' 'needs root and namespaces'
fi

# --- addresses --------------------------------------------------------------

# A name with two, of which the first swallows packets.
if can_mount; then
	wire_start swallows plain
	wire full
	port=${SSHD_PORT[swallows]}
	sshd_start second_address "ListenAddress 127.0.0.3:$port"
	SSHD_PORT[two]=$port
	sshd_know two second_address two.test
	printf '%s two.test\n' 127.0.0.1 127.0.0.3 >"$TMP/addresses"
	RUN_WRAP=$(with_file "$TMP/addresses" /etc/hosts)
	began=${EPOCHREALTIME/./}
	works 'an address that swallows packets is not the last' two \
		-d two.test -p "$port"
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	note "after $took ms"
	ok 'nor waited for' test $took -le $((10000 * ${BERTH_TEST_SLOW:-1}))
	sshd_cut second_address
	# Both were tried before this is over.
	limit=$((2 * ${BERTH_TEST_SLOW:-1}))
	down 'when none is left each is named with its cause' UNREACHABLE \
		"no connection in $limit s .*: 127.0.0.1 port $port: no answer; 127.0.0.3: Connection refused" \
		two -d two.test -p "$port" -t ${limit}000
	RUN_WRAP=
	wire_end
else
	cannot 'addresses that swallow packets' 'needs root and namespaces'
fi

sshd_host bound plain 'BindAddress 127.0.0.5' 'AddressFamily inet'
is 'BindAddress is honoured' \
	"$(run bound exec 'echo "${SSH_CONNECTION%% *}"' </dev/null)" 127.0.0.5
sshd_host six plain 'AddressFamily inet6'
down 'AddressFamily, too' UNREACHABLE 'the host has no IPv6 address' six
sshd_host by_name plain 'BindAddress localhost'
down 'an address of ours by its name is refused' UNSUPPORTED \
	'a BindAddress that is a name' by_name

# --- host keys --------------------------------------------------------------

sshd_host hashed plain 'HashKnownHosts yes' \
	"UserKnownHostsFile $TMP/new/known_hosts"
works 'a key is written to a file that was not there' hashed -a yes
is 'which is private' "$(stat -c %a "$TMP/new/known_hosts")" 600
like 'with a hashed name, if so configured' "$(cat "$TMP/new/known_hosts")" \
	'^\|1\|'
works 'that is known again' hashed
ok 'by ssh, too' ssh -F "$BERTH_SSH_CONFIG" -o BatchMode=yes hashed true
printf 'a line without an end' >"$TMP/new/known_hosts"
works 'a line is added' hashed -a yes
is 'behind one without an end' "$(wc -l <"$TMP/new/known_hosts")" 2
sshd_host named plain 'HostKeyAlias other-name'
run named exec true </dev/null
like 'HostKeyAlias is honoured' "$(said)" 'host key of other-name is not known'
ssh-keygen -q -t ecdsa -N '' -f "$TMP/second"
sshd_start two "HostKey $TMP/second"
works 'of two keys the known one is asked for' two

# --- ends -------------------------------------------------------------------

mkfifo "$TMP/hold"
"$BUILD/tests/tools/link_run" -T libssh -s "$TMP/l" -m keys up <"$TMP/hold" \
	2>"$TMP/said" &
RUN=$!
exec 9>"$TMP/hold"
ok 'it is up' wait_for 10 file_has "$TMP/said" '^up'
sshd_cut keys
wait "$RUN"
like 'a server that is killed is a lost connection' "$(said)" \
	'down UNREACHABLE'
exec 9>&-

# --- through berth ----------------------------------------------------------

use_config <<YAML
defaults: {keep_alive: 2s, retry: {first: 200ms, max: 1s, limit: 30}}
machines:
  - {name: there, ssh: there, transport: libssh}
YAML
machine_start there "AuthorizedKeysFile $TMP/keys"

is 'a command runs there' "$("$BERTH" run -m there --raw -- echo hello \
	2>"$TMP/err")" hello || note <"$TMP/err"
like 'by libssh' "$(link there /v1/link | jq -r .transport)" libssh
is 'and no ssh works for it' "$(pgrep -c -P "$(link there /v1/link | jq -r .pid)" \
	-x ssh)" 0
head -c 2000000 /dev/urandom >"$TMP/big"
ok 'megabytes go through, both ways' eval \
	'"$BERTH" run -m there --raw --stdin -- cat <"$TMP/big" | cmp - "$TMP/big"'

paced_start there 1000 50
paced_on 5
ok 'output comes' wait_for 10 has_lines 250
sshd_cut there
ok 'the link notices that the connection is cut' \
	wait_for 10 state_is there reconnecting
paced_on 5
sshd_run there
ok 'and is back soon after the machine is' wait_for 10 state_is there active
paced_on 15
paced_wait
is 'the command ends as if nothing had been' $? 0
ok 'without a byte lost or doubled' paced_is_whole
is 'its output can be read later' "$("$BERTH" exec logs -m there --raw \
	"$("$BERTH" exec ls -m there -q | head -n 1)" 2>"$TMP/err" | wc -l)" \
	1000 || note <"$TMP/err"

# Questions, by the API.
# answers WHAT KIND ANSWER: the question comes and is answered.
answers() {
	local id asked
	link_stop there
	"$BERTH_LINK" there
	: >"$TMP/stages"
	connect_link there >"$TMP/stages" &
	asked=$!
	wait_for 20 file_has "$TMP/stages" "\"kind\":\"$2\""
	id=$(jq -r 'select(.type=="prompt").id' "$TMP/stages")
	link there "/v1/link/prompts/$id" -X POST -d "{\"answer\":\"$3\"}" >/dev/null
	wait "$asked"
	like "$1" "$(tail -n 1 "$TMP/stages")" '"type":"active"'
}
cp "$SSHD/known_hosts" "$TMP/known"
: >"$SSHD/known_hosts"
answers 'an unknown host key is taken by an answer' host_key yes
cp "$TMP/known" "$SSHD/known_hosts"
sed -i "s#transport: libssh#&, auth: key, key_file: $TMP/locked#" \
	"$BERTH_HOME/config/config.yaml"
answers 'a passphrase is asked for' passphrase 'open sesame'
if can_mount; then
	SSHD_WRAP=$own_pam sshd_start secretly 'UsePAM yes' \
		'PasswordAuthentication yes' 'AuthenticationMethods password' \
		"SetEnv BERTH_HOME=$TMP/there"
	sed -i 's#ssh: there, .*#ssh: secretly, transport: libssh, auth: password}#' \
		"$BERTH_HOME/config/config.yaml"
	answers 'a password is asked for' password first
	sed -i 's#ssh: secretly, .*#ssh: there, transport: libssh}#' \
		"$BERTH_HOME/config/config.yaml"
else
	cannot 'a password is asked for' 'needs root and namespaces'
fi
link_stop there
echo "[127.0.0.1]:${SSHD_PORT[there]} $(cut -d' ' -f1,2 \
	"$SSHD/keys/host_key.pub")" >"$SSHD/known_hosts"
setsid -w "$BERTH" run -m there -- true >"$TMP/err" 2>&1
is 'a changed host key is a stop' $? 76
like 'with the command that ends it' "$(cat "$TMP/err")" 'ssh-keygen -R'
link_stop there
cp "$TMP/known" "$SSHD/known_hosts"
echo "@revoked * $(cut -d' ' -f1,2 "$SSHD/there/host_key.pub")" \
	>>"$SSHD/known_hosts"
setsid -w "$BERTH" run -m there -- true >"$TMP/err" 2>&1
is 'a revoked host key is a stop' $? 76
like 'that says so' "$(cat "$TMP/err")" 'is revoked'
