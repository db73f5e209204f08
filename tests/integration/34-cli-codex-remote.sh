#!/bin/bash
# Goal: scripts written for codex-remote go on working, word for word.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
use_home h

mkdir bin
ln -s "$BERTH" bin/codex-remote
C=$TMP/bin/codex-remote
M='--machine local'

$C exec run $M --cmd 'echo out; echo err >&2; exit 3' >events
is 'a run that fails is a run that was made' $? 0
is 'its events' "$(jq -r .type events | tr '\n' ' ')" \
	'started log log finished '
is 'its status is in the last' "$(tail -1 events | jq .exit_code)" 3

# shellcheck disable=SC2086
$C exec start $M --cmd 'seq 1 5; echo err >&2; exit 2' --cwd "$TMP" \
	--env A=1 --env B=2 --shell sh >started
is 'a start tells exactly this' "$(jq -rc 'keys_unsorted' started)" \
	'["exec_id","machine","status","base_url"]'
id=$(jq -r .exec_id started)
wait_for 10 exec_is exited "$id"
is 'a result' "$($C exec result $M --id "$id" | jq -c \
	'[.exec_id == "'"$id"'", .status, .exit_code, .cwd]')" \
	"[true,\"finished\",2,\"$TMP\"]"
is 'logs are events' "$($C exec logs $M --id "$id" --stream stdout \
	--tail 2000 | jq -r .line | tr '\n' ' ')" '1 2 3 4 5 '
is 'standard output is what is meant' \
	"$($C exec logs $M --id "$id" | jq -r .line | tail -1)" 5
is 'tails' "$($C exec logs $M --id "$id" --tail-lines 2 | jq -r .line |
	tr '\n' ' ')" '4 5 '
is 'times' "$($C exec logs $M --id "$id" --since 10m --until 0s |
	jq -r .line | wc -l)" 5
is 'options of one dash' \
	"$($C exec logs -machine local -id "$id" -stream=stderr | jq -r .line)" err

$C exec watch $M --id "$id" --stream both --poll 1s >events
is 'watching gives the status' $? 2
is 'and a summary' "$(tail -1 events | jq -c 'del(.duration_ms)')" \
	"{\"type\":\"summary\",\"exec_id\":\"$id\",\"status\":\"finished\",\"exit_code\":2,\"stdout_log_path\":\"exec/$id/stdout.log\",\"stderr_log_path\":\"exec/$id/stderr.log\"}"
is 'after the output alone' \
	"$(jq -r .type events | sort | uniq -c | tr -s ' \n' ' ')" \
	' 6 log 1 summary '

is 'cancel of what is over' "$($C exec cancel $M --id "$id" | jq -c .canceled)" \
	false
id=$($C exec start $M --cmd "$HANG" | jq -r .exec_id)
is 'cancel of what runs' "$($C exec cancel $M --id "$id" | jq -c .canceled)" true

printf '#!/bin/sh\nexit 4\n' >script
is 'a script is sent' "$($C exec run $M --script script | tail -1 |
	jq .exit_code)" 4
$C exec doctor $M --json >report
is 'a report on the machine' "$(jq -c '[.machine, (.checks[0:2] | map(.name))]' \
	report)" '["local",["ssh","codexd_health"]]'
like 'version is a number' "$($C version)" '^[0-9]+\.[0-9.]+$'

exits 2 'no command is a wrong line' $C
exits 2 'so is an unknown one' $C exec frobnicate
exits 2 'so is a missing id' $C exec result $M
exits 1 'an unknown exec is a failure' $C exec result $M --id nope
exits 1 'an unknown machine is one' $C exec run --machine gpu1 --cmd true

# Through a forwarded port, as codex-remote reaches its daemon.
echo 'sixteen-characters' >token
chmod 600 token
use_home tcp
mkdir -p "$BERTH_HOME/config"
echo 'auth_token: sixteen-characters' >"$BERTH_HOME/config/berthd.yaml"
chmod 600 "$BERTH_HOME/config/berthd.yaml"
start_daemon --listen 127.0.0.1:0
addr=http://$(api GET /v1/daemon | jq -r .listen)
use_home h
is 'a daemon at an address is used' \
	"$("$BERTH" run --raw --addr "$addr" --token-file token -- echo hi)" hi
exits 77 'with its token only' "$BERTH" run --addr "$addr" -- true
chmod 644 token
exits 77 'which nobody else may read' \
	"$BERTH" run --addr "$addr" --token-file token -- true
