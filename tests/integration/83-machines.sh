#!/bin/bash
# Goal: fifty machines at once, ten clients for one link, servers that forbid
# half of what we use, and hosts that are not who they should be.
# Timeout: 180
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"

use_config <<YAML
defaults: {keep_alive: 1s, retry: {first: 100ms, max: 1s, limit: 1000}}
YAML

stop_links() {
	local ctl
	for ctl in "$BERTH_HOME"/run/link/*.ctl; do
		[ -e "$ctl" ] || continue
		"$BERTH" link stop "$(basename "$ctl" .ctl)" >/dev/null
	done
}
n_links() { find "$BERTH_HOME/run/link" -name '*.ctl' | wc -l; }
links_are() { [ "$(n_links)" -eq "$1" ]; }

# --- many --------------------------------------------------------------------

for server in a b c; do
	machine_start "$server"
done
cleanup_at_exit stop_links
for i in $(seq 50); do
	case $((i % 3)) in 0) server=a ;; 1) server=b ;; *) server=c ;; esac
	sshd_host "m$i" "$server"
done

for i in $(seq 10); do
	"$BERTH" run -m a --raw -- echo "$i" >"$TMP/ten.$i" 2>&1 &
	jobs[i]=$!
done
wait "${jobs[@]}"
is 'ten clients at once are served' "$(cat "$TMP"/ten.* | sort -n | tr '\n' ' ')" \
	'1 2 3 4 5 6 7 8 9 10 '
is 'over one connection' "$(n_logins a)" 1
is 'by one link' "$(n_links)" 1

for i in $(seq 50); do
	"$BERTH" run -m "m$i" --raw -- echo "m$i" >"$TMP/many.$i" 2>&1 &
	jobs[i]=$!
done
wait "${jobs[@]}"
is 'fifty machines at once run a command each' \
	"$(cat "$TMP"/many.* | sort | tr '\n' ' ')" \
	"$(seq -f 'm%g' 50 | sort | tr '\n' ' ')"
is 'by a link each' "$(n_links)" 51
stop_links
ok 'which end' wait_for 20 links_are 0
is 'and leave nothing in their directory' \
	"$(find "$BERTH_HOME/run/link" -type s | wc -l)" 0
for server in a b c; do
	logged_off() { ! pgrep -x sshd -P "${SSHD_PID[$server]}"; }
	ok "nobody stays logged in on $server" wait_for 10 logged_off
done

# --- servers that forbid -----------------------------------------------------

machine_start one_session 'MaxSessions 1'
machine_start no_sockets 'AllowStreamLocalForwarding no'
machine_start nothing 'DisableForwarding yes'
machine_start frugal 'DisableForwarding yes' 'MaxSessions 3'
for name in one_session no_sockets nothing frugal; do
	head -c 300000 /dev/urandom >"$TMP/bytes"
	ok "with $name bytes go both ways" eval \
		'"$BERTH" run -m $name --raw --stdin -- cat <"$TMP/bytes" |
			cmp - "$TMP/bytes"'
	is "with $name a status comes through" "$("$BERTH" run -m "$name" -- \
		sh -c 'exit 7' >"$TMP/err" 2>&1; echo $?)" 7 || note <"$TMP/err"
	id=$("$BERTH" exec start -m "$name" --json -- sh -c 'echo far' |
		jq -r .exec_id)
	is "with $name output is followed" \
		"$("$BERTH" exec logs -m "$name" --follow --raw "$id")" far
done
stop_links

# --- names -------------------------------------------------------------------

for name in "-oProxyCommand=touch\${IFS}$TMP/owned" -l ''; do
	fails "a name as '${name:0:14}' is refused" \
		"$BERTH" run "--machine=$name" -- true
done
cp "$BERTH_HOME/config/config.yaml" "$TMP/config"
for key in ssh hostname user; do
	cat "$TMP/config" - >"$BERTH_HOME/config/config.yaml" <<-YAML
		machines:
		  - {name: bad, hostname: h, $key: "-oProxyCommand=touch\${IFS}$TMP/owned"}
	YAML
	[ $key != hostname ] || sed -i 's/hostname: h, //' \
		"$BERTH_HOME/config/config.yaml"
	fails "as a machine's '$key', too" "$BERTH" run -m bad -- true
done
cp "$TMP/config" "$BERTH_HOME/config/config.yaml"
fails 'and is not run' test -e "$TMP/owned"

# --- who is it ---------------------------------------------------------------

# A socket where the daemon's would be, of one that says it is the daemon but
# for a member that the login tells otherwise.  It must be asked for nothing.
machine_start false
is 'a machine' "$("$BERTH" run -m false --raw -- echo true)" true
socket=$TMP/false/run/berthd.sock
cat >"$TMP/impostor.js" <<'JS'
const fs = require('node:fs');
const [socket, hello, member, value, asked] = process.argv.slice(2);
fs.rmSync(socket, { force: true });
const answer = { ...JSON.parse(fs.readFileSync(hello)),
	[member]: JSON.parse(value) };
require('node:http').createServer((req, res) => {
	fs.appendFileSync(asked, req.url + '\n');
	res.setHeader('Content-Type', 'application/json');
	res.end(JSON.stringify(answer));
}).listen(socket, () => console.log('listens'));
JS
if command -v node >/dev/null; then
	while read -r member value; do
		curl -sS --unix-socket "$socket" http://localhost/v1/hello \
			>"$TMP/hello"
		link_stop false
		kill -KILL "$(jq .pid "$TMP/hello")"
		: >"$TMP/asked"
		node "$TMP/impostor.js" "$socket" "$TMP/hello" "$member" \
			"$value" "$TMP/asked" >"$TMP/listens" &
		impostor=$!
		wait_for 10 file_has "$TMP/listens" listens
		timeout 30 "$BERTH" run -m false --raw -- echo true >"$TMP/said" \
			2>"$TMP/err"
		note "status $?: $(cat "$TMP/said" "$TMP/err")"
		fails "a socket of another $member is given nothing" \
			grep -v '^/v1/hello$' "$TMP/asked"
		kill "$impostor"
		wait "$impostor" 2>/dev/null
		is 'and the machine is used again without it' \
			"$(timeout 30 "$BERTH" run -m false --raw -- echo true)" true
	done <<-'ROWS'
		uid 12345
	ROWS
fi

# The real daemon of another user, with a socket that lets anybody in, where
# ours would be: a way through it would run our commands as that user.
if [ "$(id -u)" -eq 0 ]; then
	theirs=$TMP/theirs
	mkdir "$theirs"
	chown 65534:65534 "$theirs"
	chmod 755 "$TMP"
	link_stop false
	BERTH_HOME=$TMP/false "$BERTHD" stop
	BERTH_HOME=$theirs setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$BERTHD" serve >"$TMP/theirs.log" 2>&1 &
	stranger=$!
	wait_for 10 test -S "$theirs/run/berthd.sock"
	chmod 755 "$theirs/run"
	chmod 666 "$theirs/run/berthd.sock"
	ln -sf "$theirs/run/berthd.sock" "$socket"
	timeout 60 "$BERTH" run -m false --raw -- id -u >"$TMP/said" 2>"$TMP/err"
	is "where another user's daemon listens nothing is run" \
		"$?:$(cat "$TMP/said")" 125:
	like 'and it is said whose it is' "$(cat "$TMP/err")" \
		'served by uid 65534, not uid 0'
	is 'theirs has run nothing' "$(find "$theirs/state" -path '*exec/*' -type d | wc -l)" 0
	kill "$stranger"
	wait "$stranger" 2>/dev/null
	rm "$socket"
	is 'without it the machine is used again' \
		"$(timeout 60 "$BERTH" run -m false --raw -- echo true)" true
else
	cannot "another user's daemon" 'needs root'
fi

# The key of the host changes under a link that runs.
machine_start changed
is 'a machine with a key' "$("$BERTH" run -m changed --raw -- echo yes)" yes
sshd_cut changed
rm "$SSHD/changed/host_key" "$SSHD/changed/host_key.pub"
ssh-keygen -q -t ed25519 -N '' -f "$SSHD/changed/host_key"
sshd_run changed
ok 'a changed key ends the link for good' wait_for 20 state_is changed disconnected
like 'for that reason' "$(link changed /v1/link | jq -r .error.code)" HOST_KEY
"$BERTH" run -m changed -- true >"$TMP/err" 2>&1
is 'who wants it then is told' $? 76
like 'with what resolves it' "$(cat "$TMP/err")" 'trust|ssh-keygen'
stop_links
