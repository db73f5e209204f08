#!/bin/bash
# Goal: machines without a link work too: at an address that somebody forwards,
# and through a tunnel of our own, whose fate is told and leaves nothing behind.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

sshd_start host
use_home there
ok 'a daemon listens over there' "$BERTHD" serve --detach --listen 127.0.0.1:0
address=$(api GET /v1/daemon | jq -r .listen)
token=$(cat "$BERTH_HOME"/state/*/token)

use_home here
mkdir -p "$BERTH_HOME/config"
# As people have it who came from codex-remote.
cat >"$BERTH_HOME/config/config.yaml" <<YAML
machines:
  - name: forwarded
    addr: http://$address
    token: $token
    default_workdir: $HOME/work
    default_shell: bash
    env: {FLAG: blue, PORT: left}
  - name: tunnelled
    ssh: host
    use_direct_addr: true
    daemon_port: ${address##*:}
    token: $token
  - {name: silent, ssh: host, use_direct_addr: true, daemon_port: 1}
  - {name: locked, ssh: nobody-of-that-name@host, use_direct_addr: true}
  - {name: away, ssh: gone, use_direct_addr: true}
YAML
chmod 600 "$BERTH_HOME/config/config.yaml"
mkdir -p "$HOME/work/sub"

# --- an address --------------------------------------------------------------

is 'a machine with an address is used at it' \
	"$("$BERTH" run -m forwarded --raw -- echo hello 2>err)" hello

is "it begins in the machine's directory" \
	"$("$BERTH" run -m forwarded --raw -- pwd)" "$HOME/work"
is 'to which others are relative' \
	"$("$BERTH" run -m forwarded -C sub --raw -- pwd)" "$HOME/work/sub"
is 'has its shell and its variables, below our own' \
	"$("$BERTH" run -m forwarded -e FLAG=red --raw -c \
		'echo ${BASH_VERSION:+bash} $FLAG $PORT')" 'bash red left'
unlike 'nothing is told of tunnels' "$(cat err)" local_port

# --- a tunnel ----------------------------------------------------------------

tunnels() { pgrep -f "127.0.0.1:${address##*:} -F"; }
no_tunnel() { ! tunnels; }
told() { grep '^{' err | jq -r "$1"; }

answer=$("$BERTH" exec start -m tunnelled --json --cmd 'echo hello' 2>err)
id=$(jq -r .exec_id <<<"$answer")
like 'a command starts through a tunnel' "$id" '^[0-9a-z]{26}$'
is 'which is told about' "$(told '"\(.event) \(.mode) \(.machine) \(.exec_id) \(.retry_count)"')" \
	"exec_start direct_addr_tunnel tunnelled $id 0"
like 'with its port' "$(told .local_port)" '^[1-9][0-9]+$'
like 'its process' "$(told .tunnel_pid)" '^[1-9][0-9]+$'
like 'and what it took' "$(told .health_latency)" '^[0-9.]+ms$'
is 'the answer names our end' "$(jq -r .base_url <<<"$answer")" \
	"http://127.0.0.1:$(told .local_port)"
ok 'the tunnel ends with the command' wait_for 5 no_tunnel
for what in result logs cancel; do
	"$BERTH" exec "$what" -m tunnelled --json "$id" >out 2>err
	is "exec $what tells it too" "$(told .event)" "exec_$what"
done
is 'run goes through' \
	"$("$BERTH" run -m tunnelled --raw -- echo through 2>err)" through
is 'and tells' "$(told .event)" exec_run
unlike 'the token is in no line' "$(cat err out)" "$token"

# --- cut ---------------------------------------------------------------------

mkfifo gate
"$BERTH" run -m tunnelled --raw -- sh -c 'echo one; read x <"$1"; echo two' \
	sh "$TMP/gate" >out 2>err &
pid=$!
wait_for 10 file_has out one
kill "$(tunnels | head -1)"
: >gate
wait $pid
is 'a tunnel that dies is opened again' "$?" 0
is 'and nothing is lost or doubled' "$(cat out)" $'one\ntwo'

rm out
"$BERTH" run -m tunnelled --raw -- sh -c 'echo one; read x <"$1"' \
	sh "$TMP/gate" >out 2>err &
pid=$!
wait_for 10 file_has out one
kill -9 $pid
ok 'one whose client is killed ends' wait_for 5 no_tunnel
: >gate

# --- what can be wrong -------------------------------------------------------

exits 69 'a tunnel to nothing fails' "$BERTH" run -m silent -- true
"$BERTH" run -m silent -- true >out 2>err
like 'and says what is missing' "$(cat err)" \
	'tunnel to silent: no daemon answers at the other end'
"$BERTH" run -m locked -- true >out 2>err
like "ssh's own words are passed on" "$(cat err)" 'tunnel to locked: ssh: .*denied'
"$BERTH" run -m away -- true >out 2>err
like 'of any failure' "$(cat err)" 'tunnel to away: ssh: .*gone'
ok 'no tunnel is left' no_tunnel
