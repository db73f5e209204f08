# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What a machine behind a real sshd does for every transport that speaks SSH
# and for every way in; sourced after sshd.sh, with $TRANSPORT.

# run MACHINE [OPTION...] WHAT...: what link_run says is in $TMP/said.  RUN_WRAP
# is put before it.
run() {
	timeout 60 ${RUN_WRAP:-} "$BUILD/tests/tools/link_run" \
		-T "$TRANSPORT" -s "$TMP/l" -m "$1" "${@:2}" 2>"$TMP/said"
}
said() { cat "$TMP/said"; }
works() {
	is "$1" "$(run "${@:2}" exec 'echo it is me' </dev/null)" 'it is me' ||
		note <"$TMP/said"
}
# down WHAT CODE ERE MACHINE [OPTION...]: it does not come up, and says why.
down() {
	run "${@:4}" exec true </dev/null
	like "$1" "$(said)" "(^|"$'\n'")down $2 $3"
}

sshd_start plain
is 'a command runs' "$(run plain exec 'echo out; echo err >&2; exit 3' \
	</dev/null; echo $?)" $'out\n3'
like 'and every stage is told' "$(said)" \
	'stage connect.*stage host_key.*stage auth.*stage shell.*up.*open.*(err.*exit 3|exit 3.*err).*closed'
is 'large output and input pass' \
	"$(head -c 30000000 /dev/zero | run plain exec cat | wc -c)" 30000000
is 'a terminal is one' "$(run plain tty 'tty -s && stty size' \
	</dev/null | tr -d '\r')" '24 80'
run plain exec 'kill -9 $$' </dev/null
like 'a signal that ended a command is told' "$(said)" 'exit KILL'
like 'signs of life are answered without a channel' \
	"$(run plain ping 3 </dev/null; said)" 'pong [0-9]+.*pong.*pong'

# --- streams ----------------------------------------------------------------

start_daemon
get='GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
like 'a unix socket of the machine is reached' \
	"$(printf '%b' "$get" | run plain unix "$BERTH_HOME/run/berthd.sock")" \
	'200 OK'
like 'a port of the machine is reached' \
	"$(run plain tcp 127.0.0.1 "${SSHD_PORT[plain]}" </dev/null)" '^SSH-2.0'
run plain unix "$TMP/nothing" </dev/null
like 'a socket that is not there is a refused channel' "$(said)" \
	'closed the machine refused a channel'

# --- ways in ----------------------------------------------------------------

ssh-keygen -q -t ed25519 -N 'open sesame' -f "$TMP/locked"
cat "$TMP/locked.pub" "$SSHD/key.pub" >"$TMP/keys"
sshd_start keys "AuthorizedKeysFile $TMP/keys"
works 'a key by its name in the configuration' keys -k "$SSHD/key"
works 'a key with a passphrase' keys -k "$TMP/locked" -a 'open sesame'
like 'which is asked for' "$(said)" 'prompt passphrase Enter passphrase for'
works 'a passphrase at the second try' keys -k "$TMP/locked" -a no \
	-a 'open sesame'
down 'a passphrase that nobody gives' AUTH_FAILED 'nobody answered: Enter' \
	keys -k "$TMP/locked"

SSH_AUTH_SOCK=$TMP/agent.sock
export SSH_AUTH_SOCK
eval "$(ssh-agent -a "$SSH_AUTH_SOCK")" >/dev/null
cleanup_at_exit kill "$SSH_AGENT_PID"
printf '#!/bin/sh\necho open sesame\n' >"$TMP/answer"
chmod +x "$TMP/answer"
SSH_ASKPASS=$TMP/answer SSH_ASKPASS_REQUIRE=force \
	ssh-add -q "$TMP/locked" 2>/dev/null
sshd_host agent keys "IdentityAgent $SSH_AUTH_SOCK" 'IdentitiesOnly no' \
	"IdentityFile $TMP/none"
works 'an agent' agent
is 'the agent stays here unless it is asked for' \
	"$(run agent exec 'echo "[$SSH_AUTH_SOCK]"' </dev/null)" '[]'

ssh-keygen -q -t ed25519 -N '' -f "$TMP/ca"
ssh-keygen -q -t ed25519 -N '' -f "$TMP/certified"
ssh-keygen -q -s "$TMP/ca" -I me -n "$(id -un)" "$TMP/certified.pub"
sshd_start certificate "TrustedUserCAKeys $TMP/ca.pub" \
	'AuthorizedKeysFile none'
works 'a certificate' certificate -k "$TMP/certified"

if can_mount; then
	# A login of our own: two words are right, and PAM asks for them.
	cat >"$TMP/judge" <<-'JUDGE'
	#!/bin/sh
	read -r word
	[ "$word" = first ] || [ "$word" = second ]
	JUDGE
	cat >"$TMP/pam" <<-PAM
	auth required pam_exec.so quiet expose_authtok $TMP/judge
	auth required pam_permit.so
	account required pam_permit.so
	session required pam_permit.so
	PAM
	chmod 755 "$TMP/judge"
	own_pam=$(with_file "$TMP/pam" /etc/pam.d/sshd)
	SSHD_WRAP=$own_pam sshd_start password 'UsePAM yes' \
		'PasswordAuthentication yes' 'AuthenticationMethods password'
	works 'a password' password -a first
	like 'which is asked for by name' "$(said)" \
		"prompt password $(id -un)@127.0.0.1's password:"
	down 'a wrong password, three times' AUTH_FAILED \
		'the machine did not let us in' password -a 1 -a 2 -a 3
	down 'a password that nobody gives' AUTH_FAILED \
		"nobody answered: .*'s password:" password
	SSHD_WRAP=$own_pam sshd_start second 'UsePAM yes' \
		'PasswordAuthentication yes' 'KbdInteractiveAuthentication yes' \
		'AuthenticationMethods password,keyboard-interactive'
	works 'a password and a second question' second -a first -a second
	like 'both are asked for' "$(said)" \
		$'prompt password [^\n]*\nprompt password \([a-z]+@127.0.0.1\) Password'
else
	cannot 'passwords' 'needs root and namespaces for a PAM of its own'
fi

# --- narrow machines --------------------------------------------------------

sshd_start closed 'DisableForwarding yes'
sshd_start single 'MaxSessions 1'
works 'one session is enough for a command' single
sshd_start sockets 'AllowStreamLocalForwarding no'
run sockets unix "$BERTH_HOME/run/berthd.sock" </dev/null
like 'sockets may be forbidden' "$(said)" 'closed the machine refused'
works 'commands are not' sockets
run closed tcp 127.0.0.1 "${SSHD_PORT[plain]}" </dev/null
like 'all forwarding may be forbidden' "$(said)" 'closed the machine refused'
works 'and commands still run' closed

# --- host keys --------------------------------------------------------------

cp "$SSHD/known_hosts" "$TMP/known"
: >"$SSHD/known_hosts"
print=$(ssh-keygen -lf "$SSHD/plain/host_key.pub" | cut -d' ' -f2)
down 'an unknown host key that nobody accepts' HOST_KEY \
	"the host key of \[127.0.0.1\]:${SSHD_PORT[plain]} is not known" plain
like 'is asked about with its fingerprint' "$(said)" \
	"prompt host_key The authenticity.*fingerprint ${print//+/\\+}"$'\n'
down 'one that somebody declines' HOST_KEY 'the host key of .* is not known' \
	plain -a no
works 'one that somebody accepts' plain -a yes
works 'is known from then on' plain
works 'one accepted by its fingerprint' keys -a \
	"$(ssh-keygen -lf "$SSHD/keys/host_key.pub" | cut -d' ' -f2)"

sshd_host lax closed 'StrictHostKeyChecking no'
down 'a configuration that accepts anything is not followed' HOST_KEY \
	'.*not known' lax
sshd_host strict closed 'StrictHostKeyChecking yes'
down 'one that asks nobody is' HOST_KEY '.*not known' strict -a yes
unlike 'so there is no question' "$(said)" prompt

cp "$TMP/known" "$SSHD/known_hosts"
echo "[127.0.0.1]:${SSHD_PORT[plain]} $(cut -d' ' -f1,2 \
	"$SSHD/keys/host_key.pub")" >"$SSHD/known_hosts"
down 'a changed host key' HOST_KEY \
	".*not the one that is known \($SSHD/known_hosts, line 1\)" plain -a yes
like 'is a stop with the command that ends it' "$(said)" \
	"ssh-keygen -R '\[127.0.0.1\]:${SSHD_PORT[plain]}' -f .*known_hosts.*berth machine trust plain"
unlike 'and no question' "$(said)" prompt
eval "$(grep -o "ssh-keygen -R [^;]*" "$TMP/said")" >"$TMP/out" 2>&1
works 'which is right' plain -a yes
echo "@revoked * $(cut -d' ' -f1,2 "$SSHD/plain/host_key.pub")" \
	>>"$SSHD/known_hosts"
down 'a revoked host key' HOST_KEY '.*is revoked' plain -a yes
cp "$TMP/known" "$SSHD/known_hosts"

ssh-keygen -q -H -f "$SSHD/known_hosts" 2>"$TMP/out"
works 'a host whose name is hashed' plain
is 'is not asked about' "$(grep -c '^|1|' "$SSHD/known_hosts"; grep prompt \
	"$TMP/said")" "$(grep -c . "$TMP/known")"

# Known by who certifies them alone.
ssh-keygen -q -t ed25519 -N '' -f "$TMP/authority"
ssh-keygen -q -s "$TMP/authority" -I it -h -n '127.0.0.1,[127.0.0.1]' \
	"$SSHD/plain/host_key.pub"
ssh-keygen -q -s "$TMP/authority" -I other -h -n other "$SSHD/keys/host_key.pub"
sshd_start vouched "HostKey $SSHD/plain/host_key" \
	"HostCertificate $SSHD/plain/host_key-cert.pub"
sshd_start mistaken "HostKey $SSHD/keys/host_key" \
	"HostCertificate $SSHD/keys/host_key-cert.pub"
authority="$(cut -d' ' -f1,2 "$TMP/authority.pub")"
echo "@cert-authority * $authority" >"$SSHD/known_hosts"
if [ "$TRANSPORT" = openssh ]; then
	works 'a certificate of a host' vouched
	unlike 'is not asked about' "$(said)" prompt
	down 'one of another host' HOST_KEY '.*certificate.*does not hold' \
		mistaken -a no
	like 'which is said with the question' "$(said)" \
		'prompt host_key Certificate invalid: [^\n]*name[^\n]*'
	echo "@revoked * $authority" >>"$SSHD/known_hosts"
	down 'one by a revoked authority' HOST_KEY '.*revoked' vouched -a yes
else
	down 'a host that is known by its certificate alone' UNSUPPORTED \
		'.*certificates of hosts.*--set transport=openssh' vouched -a yes
	unlike 'is not asked about' "$(said)" prompt
	echo "[127.0.0.1]:${SSHD_PORT[vouched]} $(cut -d' ' -f1,2 \
		"$SSHD/plain/host_key.pub")" >>"$SSHD/known_hosts"
	works 'but one that is known by its key, too' vouched
fi
cp "$TMP/known" "$SSHD/known_hosts"

# --- what cannot work -------------------------------------------------------

down 'a name that begins with a dash' INVALID '.*(must not|begins with)' dash \
	-d -oProxyCommand=touch
down 'a name with a command in it' INVALID '.*(no place|has the character)' name -d 'a;b'
down 'a host that does not exist' UNREACHABLE '.*Could not resolve' none \
	-d berth.invalid
down 'a port where nobody listens' UNREACHABLE '.*refused' none \
	-d 127.0.0.1 -p 1
down 'keys that do not fit' AUTH_FAILED \
	'the machine did not let us in \(it takes: publickey' certificate \
	-k "$SSHD/key"
sshd_host typo plain 'NoSuchOption yes'
down 'a configuration with a mistake' CONFIG '.*' typo
sed -i '/NoSuchOption/d' "$SSHD/hosts"
