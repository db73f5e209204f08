#!/bin/bash
# Goal: what is private stays so: secrets are in no file and no argument list,
# sockets and files are the user's alone, TCP needs the token and the right
# names.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/faults/drive.sh"

use_home h
umask 022
secret=sesame-$SEED-$RANDOM$RANDOM

# --- secrets ----------------------------------------------------------------

ok 'a daemon serves' "$BERTHD" serve --detach --debug
pid=$(api GET /v1/daemon | jq -r .pid)
id=$(start_exec "$(jq -n --arg s "$secret" '{argv: ["sh", "-c",
	"test -n \"$API_TOKEN\" && echo it is there; exec tail -f /dev/null"],
	env: {API_TOKEN: $s}}')")
cli=$(API_TOKEN=$secret "$BERTH" exec start --json --env API_TOKEN -- \
	tail -f /dev/null | jq -r .exec_id)
dir=$(exec_dir "$id")
wait_for 5 file_has "$dir/out" 'it is there'
is 'its control socket is private' "$(stat -c %a "$dir/ctl")" 600
pass 'a command gets its secret'

# Every process of ours but the commands, which were given it.
ours() {
	local p
	for p in /proc/[0-9]*; do
		case $(readlink "$p/exe" 2>/dev/null) in
		*/berthd | */berth) echo "${p#/proc/}" ;;
		esac
	done
}
leaks() {
	local p
	grep -rlF -- "$1" "$BERTH_HOME" "$HOME" 2>/dev/null
	for p in $(ours); do
		! grep -qF -- "$1" "/proc/$p/cmdline" 2>/dev/null ||
			echo "the arguments of $p"
		! grep -qF -- "$1" "/proc/$p/environ" 2>/dev/null ||
			echo "the environment of $p"
	done
	api GET "/v1/exec/$id" | grep -F -- "$1"
	api GET "/v1/exec/$cli" | grep -F -- "$1"
	api GET '/v1/exec?limit=0' | grep -F -- "$1"
	api GET /metrics | grep -F -- "$1"
}
is 'the secret is in no file, argument or answer' "$(leaks "$secret")" ''
is 'its value is masked' "$(result_of "$id" env.API_TOKEN)" '***'
has_secret() { grep -qaF -- "$secret" "/proc/$(tail -n 1 "$dir/state.json" | jq .pid)/environ"; }
ok '(the search finds it where it has to be)' has_secret
"$BERTH" exec cancel "$id" >/dev/null
"$BERTH" exec cancel "$cli" >/dev/null
wait_for 5 ended "$id"
is 'nor is it after the end' "$(leaks "$secret")" ''

# What would change the programs that run for the command is dropped.
api POST /v1/exec/run -d '{"argv":["env"],"env":{"LD_PRELOAD":"/x.so",
	"BASH_ENV":"/x","GIT_SSH_COMMAND":"x","PYTHONPATH":"/x","NODE_OPTIONS":"x",
	"HARMLESS":"yes"}}' >env.out
unlike 'variables that load code are dropped' "$(cat env.out)" \
	'"line":"(LD_PRELOAD|BASH_ENV|GIT_SSH_COMMAND|PYTHONPATH|NODE_OPTIONS)='
like 'others are not' "$(cat env.out)" 'HARMLESS=yes'
like 'and the exec says which' "$(result_of last warning)" 'LD_PRELOAD'

# No debugger, no core.
if [ "$(id -u)" -eq 0 ]; then
	is 'the daemon cannot be dumped' "$(stat -c %U "/proc/$pid/environ")" root
else
	fails 'the daemon cannot be dumped' cat "/proc/$pid/environ"
fi

# --- modes ------------------------------------------------------------------

is 'the runtime directory is private' "$(stat -c %a "$BERTH_HOME/run")" 700
like 'the socket is' "$(stat -c %a "$BERTH_HOME/run/berthd.sock")" '^[0-7]00$'
open_to_others() { find "$BERTH_HOME/state" "$BERTH_HOME/run" -perm /077 ! -type l; }
is 'all that is kept is' "$(open_to_others)" ''

# Another user gets nowhere, even when the directories let him through.
if [ "$(id -u)" -eq 0 ]; then
	chmod 711 "$TMP" "$BERTH_HOME"
	fails 'another user cannot connect' as_nobody curl -s --max-time 5 \
		--unix-socket "$BERTH_HOME/run/berthd.sock" http://localhost/v1/hello
	chmod 755 "$BERTH_HOME/run"
	chmod 777 "$BERTH_HOME/run/berthd.sock"
	fails 'nor where the modes were opened: the peer is looked at' \
		as_nobody curl -sf --max-time 5 --unix-socket \
		"$BERTH_HOME/run/berthd.sock" http://localhost/v1/hello
	chmod 700 "$BERTH_HOME/run"
else
	cannot 'another user cannot connect' 'needs root to be another user'
fi

# --- listeners --------------------------------------------------------------

listens() { ss -Hltnp | grep -F "pid=$1,"; }
needs ss
is 'no port is open unless asked for' "$(listens "$pid")" ''
is 'an Origin is refused on the socket' \
	"$(api_status GET /v1/hello -H 'Origin: http://localhost')" 403
ok 'it stops' "$BERTHD" stop

ok 'asked for, it listens' "$BERTHD" serve --detach --listen 127.0.0.1:0
pid=$(api GET /v1/daemon | jq -r .pid)
address=$(api GET /v1/daemon | jq -r .listen)
port=${address##*:}
is 'on that address alone' "$(listens "$pid" | awk '{ print $4 }')" "127.0.0.1:$port"
token=$(cat "$BERTH_HOME"/state/*/token)
is 'the token is private' "$(stat -c %a "$BERTH_HOME"/state/*/token)" 600
like 'and has 256 bits' "$token" '^[0-9A-Za-z_-]{43,}$'

# tcp PATH [CURL-ARGUMENT...]: the status.
tcp() {
	curl -s --max-time 5 -o "$TMP/tcp" -w '%{http_code}' \
		"http://127.0.0.1:$port$1" "${@:2}"
}
bearer="Authorization: Bearer $token"
is 'health needs no token' "$(tcp /health)" 200
is 'the rest does' "$(tcp /v1/hello)" 401
like 'and says so' "$(cat "$TMP/tcp")" '"code":"UNAUTHORIZED"|"message"'
is 'a wrong token is none' "$(tcp /v1/hello -H 'Authorization: Bearer x')" 401
is 'nor the first half' \
	"$(tcp /v1/hello -H "Authorization: Bearer ${token:0:20}")" 401
is 'nor the token and more' "$(tcp /v1/hello -H "${bearer}x")" 401
is 'nor another scheme' "$(tcp /v1/hello -H "Authorization: Basic $token")" 401
is 'nor in the URL' "$(tcp "/v1/hello?token=$token")" 401
is 'the token is' "$(tcp /v1/hello -H "$bearer")" 200
is 'a foreign Host is refused' "$(tcp /v1/hello -H "$bearer" -H 'Host: evil.example')" 421
is 'so is one that begins like ours' \
	"$(tcp /v1/hello -H "$bearer" -H "Host: 127.0.0.1.evil.example:$port")" 421
is 'or has more than a port' \
	"$(tcp /v1/hello -H "$bearer" -H "Host: localhost:$port.evil.example")" 421
is 'another port may be one that ssh forwards' \
	"$(tcp /v1/hello -H "$bearer" -H 'Host: 127.0.0.1:1')" 200
is 'localhost is ours' "$(tcp /v1/hello -H "$bearer" -H "Host: localhost:$port")" 200
is 'an Origin is refused' \
	"$(tcp /v1/hello -H "$bearer" -H "Origin: http://127.0.0.1:$port")" 403
is 'also for what needs no token' \
	"$(tcp /health -H 'Origin: http://evil.example')" 403
is 'the token is in no log' "$(grep -rlF -- "$token" "$BERTH_HOME" |
	grep -v '/token$')" ''

# A port that somebody else has is not taken for ours.
fails 'a port in use is a failure' env BERTH_HOME="$TMP/other" \
	"$BERTHD" serve --listen "127.0.0.1:$port"
like 'which names it' "$(cat "$TMP/.out")" "127.0.0.1:$port"
fails 'all interfaces must be meant' env BERTH_HOME="$TMP/other" \
	"$BERTHD" serve --listen 0.0.0.0:0
"$BERTHD" stop
